//! Live speech over WebSocket: samples in and tokens out, or tokens in and samples out, as they come.
//!
//! ```text
//! client ──PCM──▶ session ──▶ encoding ──workers──▶ tokens ──▶ client        /v1/encode
//! client ──tokens──▶ session ──▶ decoding ──workers──▶ PCM ──▶ client        /v1/decode
//! ```
//!
//! - [`Server`]: listens, serves the page and the streams, ends in order.
//! - [`Options`]: where it listens, who may use it, and what a client may ask for.
//! - [`wire`]: the messages, for clients written in Rust. docs/live.md describes them for all others.
//!
//! Every stream is one loop: a message is read, worked on and answered before the next one is read. So a client that sends faster
//! than the machine codes, or reads more slowly than it sends, is held back by TCP, and memory per stream is bounded. The networks
//! run on as many threads as the codec has sessions, a stream's turn at a time, in the order in which streams ask.

mod access;
mod error;
mod fault;
mod job;
mod options;
mod pace;
mod page;
mod routes;
mod server;
mod session;
pub mod wire;
mod workers;

pub use error::{Error, Result};
pub use options::Options;
pub use server::Server;
