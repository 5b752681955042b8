//! Why a server cannot run.

use std::net::SocketAddr;

/// Why a server cannot run. What a client does wrong ends its stream alone and never comes here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken or not one of this machine.
    #[error("cannot listen on {address} ({source}); choose another address")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The address can be reached from other machines, and anyone could use it.
    #[error("{address} can be reached from other machines; set a key that clients must know, or listen on 127.0.0.1")]
    Unprotected {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// An option is out of its range.
    #[error("{what}")]
    Option {
        /// Which option, and its range.
        what: String,
    },
    /// The networks do not run.
    #[error(transparent)]
    Codec(#[from] tessera_audio::Error),
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
