//! What the commands of one run share: the packs at hand, the runtime, and the codecs that a worker keeps between files.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
};

use tessera_audio::AudioCodec;
use tessera_geometry::SurfaceCodec;

use tessera_core::{
    container::{Header, Modality, PriorKind},
    entropy::{TokenPrior, UniformPrior},
};
use tessera_image::{CodecOptions, ImageCodec};
use tessera_models::{Addition, ImagePack, ImageSection, Pack, Store, runtime};
use tessera_video::{Networks, VideoCodec};

use crate::{
    args::{ModelArgs, RuntimeArgs},
    batch::{Allowance, Taken},
    explain,
    failure::{Exit, Failure, Result},
};

/// Pixels that all workers together may hold: about 1 GB with what a codec needs per pixel.
const PIXELS_IN_FLIGHT: u64 = 120_000_000;

/// Samples of sounds that all workers together may hold: about 1 GB with what decoding and resampling need.
const SAMPLES_IN_FLIGHT: u64 = 80_000_000;

/// Points that all workers together may hold: about 1 GB with what sorting and coding need.
const POINTS_IN_FLIGHT: u64 = 12_000_000;

/// Packs, runtime and memory that all workers share.
pub struct Shared {
    store: Store,
    ort_lib: Option<PathBuf>,
    threads: usize,
    pixels: Allowance,
    sounds: Allowance,
    shapes: Allowance,
    /// The codec of sounds that was asked for last. Clones share its networks.
    sound: Mutex<Option<([u8; 8], AudioCodec)>>,
    /// The codec of surfaces that was asked for last.
    surface: Mutex<Option<Arc<SurfaceCodec>>>,
}

impl Shared {
    /// For a run of `workers` workers; the processor's threads are divided among them.
    pub fn new(models: &ModelArgs, runtime: &RuntimeArgs, workers: usize) -> Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            ort_lib: runtime.ort_lib.clone(),
            threads: (cores / workers.max(1)).max(1),
            ..Self::for_packs(models)?
        })
    }

    /// Threads of one worker.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// For commands that look at packs and run no graph.
    pub fn for_packs(models: &ModelArgs) -> Result<Self> {
        if let Some(folder) = models.models.as_deref().filter(|path| !path.exists()) {
            return Err(Failure::new(Exit::Pack, "there is no such folder", "name a folder with model packs")
                .at(folder.display()));
        }
        let store = Store::standard(models.models.as_deref());
        Ok(Self {
            store,
            ort_lib: None,
            threads: 1,
            pixels: Allowance::new(PIXELS_IN_FLIGHT),
            sounds: Allowance::new(SAMPLES_IN_FLIGHT),
            shapes: Allowance::new(POINTS_IN_FLIGHT),
            sound: Mutex::new(None),
            surface: Mutex::new(None),
        })
    }

    /// The pack that was named, or the default one.
    pub fn pack_to_encode_with(&self, name: Option<&str>) -> Result<PackHandle> {
        let pack = name.map_or_else(|| self.store.default_for(Modality::Image), |name| self.store.find(name));
        pack.map_err(|error| explain::models(&error)).and_then(PackHandle::new)
    }

    /// The pack that a picture was made with.
    pub fn find(&self, header: &Header) -> Result<PackHandle> {
        self.find_pack(header).and_then(PackHandle::new)
    }

    /// The pack that a file was made with.
    pub fn find_pack(&self, header: &Header) -> Result<Arc<Pack>> {
        let pack = self.store.find_hash(header.pack.hash, header.pack.id.as_deref());
        pack.map_err(|error| explain::models(&error))
    }

    /// The pack to encode sounds with that was named, or the default one.
    pub fn sound_pack(&self, name: Option<&str>) -> Result<Arc<Pack>> {
        let pack = name.map_or_else(|| self.store.default_for(Modality::Audio), |name| self.store.find(name));
        let pack = pack.map_err(|error| explain::models(&error))?;
        if pack.manifest().audio.is_none() {
            let what = format!("model pack {} does not code sounds", pack.id());
            return Err(Failure::new(Exit::Pack, what, "choose another with --pack"));
        }
        Ok(pack)
    }

    /// The pack that was named to say what is of interest, and the runtime loaded.
    pub fn interest_pack(&self, name: &str) -> Result<Arc<Pack>> {
        let pack = self.store.find(name).map_err(|error| explain::models(&error))?;
        if pack.manifest().interest.is_none() {
            let what = format!("model pack {} does not say what is of interest", pack.id());
            return Err(Failure::new(Exit::Pack, what, "choose another with --interest"));
        }
        runtime::load(self.ort_lib.as_deref()).map_err(|error| explain::models(&error))?;
        Ok(pack)
    }

    /// A pack to encode sounds with, and the runtime loaded.
    pub fn ready_sound_pack(&self, name: Option<&str>) -> Result<Arc<Pack>> {
        let pack = self.sound_pack(name)?;
        runtime::load(self.ort_lib.as_deref()).map_err(|error| explain::models(&error))?;
        Ok(pack)
    }

    /// The codec of a pack for sounds, its tables read but no network loaded.
    pub fn sound_tables(&self, pack: &Arc<Pack>) -> Result<AudioCodec> {
        let mut held = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((hash, codec)) = &*held
            && *hash == pack.hash8()
        {
            return Ok(codec.clone());
        }
        let options = tessera_audio::CodecOptions::default();
        let codec = AudioCodec::new(Arc::clone(pack), options).map_err(|error| explain::sound(&error))?;
        *held = Some((pack.hash8(), codec.clone()));
        Ok(codec)
    }

    /// The codec of a pack for sounds, ready to run.
    pub fn sound_codec(&self, pack: &Arc<Pack>) -> Result<AudioCodec> {
        let codec = self.sound_tables(pack)?;
        runtime::load(self.ort_lib.as_deref()).map_err(|error| explain::models(&error))?;
        Ok(codec)
    }

    /// The packs at hand.
    #[cfg(feature = "ffmpeg")]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The codec of a pack for videos, ready to run, with the frame pack that adds to it where the networks that are wanted may be of it.
    pub fn video_codec(&self, pack: &PackHandle, wanted: Networks) -> Result<VideoCodec> {
        runtime::load(self.ort_lib.as_deref()).map_err(|error| explain::models(&error))?;
        let mut codec = self.video_tables(pack)?;
        if let Some(found) = self.frame_pack(&pack.pack, wanted)? {
            codec.add(&found).map_err(|error| explain::video(&error))?;
        }
        Ok(codec)
    }

    /// The frame pack for another, where one may be wanted and is at hand.
    pub fn frame_pack(&self, base: &Pack, wanted: Networks) -> Result<Option<Arc<Pack>>> {
        if wanted == Networks::Image {
            return Ok(None);
        }
        match self.addition(Addition::Video, base) {
            Err(tessera_models::Error::PackMissing { .. }) if wanted == Networks::Best => Ok(None),
            found => found.map(Some).map_err(|error| explain::models(&error)),
        }
    }

    /// The codec of a pack for videos, its tables read but no network loaded.
    pub fn video_tables(&self, pack: &PackHandle) -> Result<VideoCodec> {
        let options = tessera_video::CodecOptions { threads: self.threads };
        VideoCodec::new(Arc::clone(&pack.pack), options).map_err(|error| explain::video(&error))
    }

    /// The pack to encode surfaces with that was named, or the default one; `None` where the name is that of a pack for something else, and where
    /// there is none.
    pub fn surface_pack(&self, name: Option<&str>) -> Result<Option<Arc<Pack>>> {
        let pack = name.map_or_else(|| self.store.default_for(Modality::Geometry), |name| self.store.find(name));
        match pack {
            Ok(pack) => Ok(Some(pack).filter(|pack| pack.manifest().geometry.is_some())),
            Err(tessera_models::Error::PackMissing { .. }) if name.is_none() => Ok(None),
            Err(error) => Err(explain::models(&error)),
        }
    }

    /// The codec of a pack for surfaces, and the runtime loaded.
    pub fn surface_codec(&self, pack: &Arc<Pack>) -> Result<Arc<SurfaceCodec>> {
        runtime::load(self.ort_lib.as_deref()).map_err(|error| explain::models(&error))?;
        let mut held = self.surface.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(codec) = held.as_ref().filter(|codec| codec.pack().hash8() == pack.hash8()) {
            return Ok(Arc::clone(codec));
        }
        let codec = SurfaceCodec::new(Arc::clone(pack), self.threads).map_err(|error| explain::shape(&error))?;
        Ok(Arc::clone(held.insert(Arc::new(codec))))
    }

    /// Waits until the workers' sounds leave room for `samples` more.
    pub fn hold_samples(&self, samples: u64) -> Taken<'_> {
        self.sounds.take(samples)
    }

    /// Waits until the workers' shapes leave room for `points` more.
    pub fn hold_points(&self, points: u64) -> Taken<'_> {
        self.shapes.take(points)
    }

    /// A pack to encode with, and the runtime loaded.
    pub fn ready_pack(&self, name: Option<&str>) -> Result<Arc<Pack>> {
        let handle = self.pack_to_encode_with(name)?;
        runtime::load(self.ort_lib.as_deref()).map_err(|error| explain::models(&error))?;
        Ok(handle.pack)
    }

    /// The pack that adds this to another.
    pub fn addition(&self, addition: Addition, base: &Pack) -> tessera_models::Result<Arc<Pack>> {
        self.store.addition(addition, base.hash8(), base.id())
    }

    /// What one worker keeps.
    pub fn engine(&self) -> Engine<'_> {
        Engine { shared: self, loaded: None }
    }
}

/// A pack, its tables read when they are first needed.
#[derive(Clone)]
pub struct PackHandle {
    pack: Arc<Pack>,
    section: ImageSection,
    image: Arc<OnceLock<ImagePack>>,
}

impl PackHandle {
    fn new(pack: Arc<Pack>) -> Result<Self> {
        let section = pack.manifest().image.clone();
        let section = section.ok_or_else(|| {
            Failure::new(
                Exit::Pack,
                format!("model pack {} does not code images", pack.id()),
                "choose another with --pack",
            )
        })?;
        Ok(Self { pack, section, image: Arc::default() })
    }

    pub fn id(&self) -> &str {
        self.pack.id()
    }

    pub fn hash8(&self) -> [u8; 8] {
        self.pack.hash8()
    }

    pub fn stride(&self) -> u32 {
        self.section.stride
    }

    /// Whether its networks see pictures of so many positions in windows, though they should see them whole.
    pub fn is_windowed(&self, positions: u64) -> bool {
        self.section.whole.is_some_and(|whole| positions > whole.exact_tokens)
    }

    pub fn full_depth(&self) -> u8 {
        self.section.depth
    }

    pub fn search_lambda(&self) -> f32 {
        self.section.search_lambda
    }

    /// The prior that a file's tokens are coded with.
    pub fn prior(&self, kind: PriorKind) -> Result<&dyn TokenPrior> {
        if kind == PriorKind::Uniform {
            return Ok(&UniformPrior);
        }
        if self.image.get().is_none() {
            let image = self.pack.image().map_err(|error| explain::models(&error))?;
            let _ = self.image.set(image); // another thread may have been first; its tables are the same
        }
        self.image
            .get()
            .map(|image| &image.prior as &dyn TokenPrior)
            .ok_or_else(|| Failure::new(Exit::Pack, "the prior is not loaded", ""))
    }
}

/// Whether something is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is not.
    No,
    /// It makes things better.
    IfAtHand,
    /// Nothing goes without it.
    Yes,
}

/// One worker's codec, kept while the files ask for the same pack.
pub struct Engine<'a> {
    shared: &'a Shared,
    loaded: Option<([u8; 8], ImageCodec)>,
}

impl<'a> Engine<'a> {
    /// What all workers share.
    pub fn shared(&self) -> &'a Shared {
        self.shared
    }

    /// Waits until the workers' pixels leave room for `pixels` more.
    pub fn hold(&self, pixels: u64) -> Taken<'a> {
        self.shared.pixels.take(pixels)
    }

    /// The pack that a file was made with.
    pub fn pack_of(&self, header: &Header) -> Result<PackHandle> {
        self.shared.find(header)
    }

    /// The codec of a pack. The first call loads the runtime and the networks.
    pub fn codec(&mut self, pack: &PackHandle) -> Result<&mut ImageCodec> {
        let hash = pack.pack.hash8();
        let codec = match self.loaded.take().filter(|(loaded, _)| *loaded == hash) {
            Some((_, codec)) => codec,
            None => {
                runtime::load(self.shared.ort_lib.as_deref()).map_err(|error| explain::models(&error))?;
                let options = CodecOptions { threads: self.shared.threads };
                ImageCodec::new(Arc::clone(&pack.pack), options).map_err(|error| explain::image(&error))?
            }
        };
        Ok(&mut self.loaded.insert((hash, codec)).1)
    }

    /// The codec of a pack with what adds to it. What is not needed is left out where there is none.
    pub fn codec_with(&mut self, pack: &PackHandle, wanted: &[(Addition, Need)]) -> Result<&mut ImageCodec> {
        let shared = self.shared;
        let codec = self.codec(pack)?;
        for &(addition, need) in wanted {
            if need == Need::No || codec.has(addition) {
                continue;
            }
            match shared.addition(addition, &pack.pack) {
                Ok(found) => codec.add(&found).map_err(|error| explain::image(&error))?,
                Err(tessera_models::Error::PackMissing { .. }) if need == Need::IfAtHand => {}
                Err(error) => return Err(explain::models(&error)),
            }
        }
        Ok(codec)
    }
}
