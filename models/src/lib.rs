//! Model packs and ONNX Runtime sessions.
//!
//! A *pack* is everything that one codec needs to know: ONNX graphs, codebook, trained prior, licence and model card, held
//! together by a manifest (`pack.toml`) that carries the SHA-256 of every part. The first eight bytes of the manifest's own
//! SHA-256 name the pack inside coded files, so a file can say exactly which weights it needs. A *metric pack* is found and
//! verified like any other, but holds one graph that compares two pictures or listens to a sound. A *refiner*, a *masked-token
//! model* and a *frame decoder* of videos are packs that add to an image pack and name it by hash.
//!
//! `fetch` (a cargo feature) gets published models by name: a registry says where their files lie and what proves them whole.
//!
//! [`Store`] finds packs (a folder, the user's packs, those built into the program), [`Pack`] verifies and reads one,
//! [`runtime`] finds and loads the ONNX Runtime library, [`Session`] runs a graph, [`StepSession`] one that goes frame by
//! frame, [`ArraySession`] one of any one array, [`ConditionedSession`] one that is told something beside a picture,
//! [`SurroundSession`] one over scattered blocks, [`NoiseEstimator`] the two of a diffusion model.
//!
//! ```no_run
//! use tessera_core::container::Modality;
//! use tessera_models::{Session, Store};
//!
//! let pack = Store::standard(None).default_for(Modality::Image)?;
//! let image = pack.image()?;
//! let mut decoder = Session::load(&image.decoder, 2)?;
//! let latent = ndarray::Array4::<f32>::zeros((1, image.codebook.dim(), 4, 6));
//! let picture = decoder.run(latent.view())?;
//! assert_eq!(picture.shape(), [1, 3, 64, 96]);
//! # Ok::<(), tessera_models::Error>(())
//! ```

mod embedded;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
mod noise;
mod pack;
pub mod runtime;
mod session;
mod step;
mod store;
mod surround;

pub use error::{Error, Result};
pub use noise::NoiseEstimator;
pub use pack::{
    Addition, AudioPack, AudioSection, GeometryPack, GeometrySection, Graph, ImagePack, ImageSection, InterestSection,
    Manifest, MaskedPack, MaskedSection, MetricInput, MetricSection, Pack, Part, PictureInput, PixelSection, Refined,
    RefinerGraphs, RefinerPack, RefinerSection, RelayGraphs, RelaySection, SoundFeatures, SoundInput, VideoPack,
    VideoSection, WholeGraphs, WholePictures, WholeSection,
};
pub use session::{ArraySession, ConditionedSession, PairSession, Session};
pub use step::StepSession;
pub use store::{Found, Origin, Store};
pub use surround::{AROUND, SurroundSession};
