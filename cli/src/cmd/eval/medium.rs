//! What an evaluation needs to know of each medium.

use tessera_eval::{
    Clip, Form, Rgb8, Solid, Speech, anchors,
    metrics::{self, Metric},
    ours::{CLIP_RATES, RATES},
};
use tessera_models::{Store, runtime};

use super::{DEFAULT_CODEC, Eval};
use crate::{
    engine::Shared,
    failure::{Failure, Result},
};

/// The metric of a name.
pub type MetricOf<M> = Box<dyn Fn(&str, &Eval) -> tessera_eval::Result<Box<dyn Metric<M>>> + Sync>;

/// What an evaluation needs to know of a medium.
pub struct Medium<M> {
    pub anchors: &'static [&'static str],
    /// The anchor that a report compares with first, where it is at hand.
    pub strongest: &'static str,
    /// Names of all metrics.
    pub metrics: Vec<&'static str>,
    pub metric: MetricOf<M>,
    /// Bits per pixel of our usual ladder.
    pub rates: &'static [f64],
    /// Whether decoded files are kept for the report.
    pub keeps: bool,
    /// Id of a pack of ours.
    pub pack: fn(&Shared, Option<&str>) -> Result<String>,
    /// Whether packs of ours may have a refiner.
    pub refines: bool,
    /// What a worker is told of it.
    pub worker: Vec<String>,
    /// What was measured, in words.
    pub what: &'static str,
    pub how: &'static str,
}

pub fn picture() -> Medium<Rgb8> {
    Medium {
        anchors: anchors::NAMES,
        strongest: "avif-aom",
        metrics: metrics::names(),
        metric: Box::new(|name, arguments| {
            let _ = runtime::load(arguments.runtime.ort_lib.as_deref()); // a metric that needs it says that it is missing
            metrics::by_name_in(name, &Store::standard(arguments.models.models.as_deref()))
        }),
        rates: RATES,
        keeps: true,
        pack: |shared, name| Ok(shared.pack_to_encode_with(name)?.id().to_owned()),
        refines: true,
        worker: Vec::new(),
        what: "pictures",
        how: "quality is that of the pictures decoded from them, in 8-bit sRGB",
    }
}

pub fn sound(arguments: &Eval) -> Medium<Speech> {
    Medium {
        anchors: anchors::SPEECH_NAMES,
        strongest: "opus",
        metrics: metrics::speech_names(),
        metric: Box::new(|name, arguments| {
            let _ = runtime::load(arguments.runtime.ort_lib.as_deref()); // as for pictures
            metrics::speech_by_name_in(name, &Store::standard(arguments.models.models.as_deref()))
        }),
        rates: RATES,
        keeps: true,
        pack: |shared, name| Ok(shared.sound_pack(name)?.id().to_owned()),
        refines: false,
        worker: vec!["--sound".to_owned(), listed(&arguments.depths)],
        what: "sounds",
        how: "quality is that of the sounds decoded from them, one channel of 16 bits at 16 kHz",
    }
}

pub fn clip() -> Medium<Clip> {
    Medium {
        anchors: anchors::CLIP_NAMES,
        strongest: "half-svt-av1",
        metrics: metrics::CLIPS.to_vec(),
        metric: Box::new(|name, arguments| {
            let _ = runtime::load(arguments.runtime.ort_lib.as_deref()); // as for pictures
            metrics::clip_by_name_in(name, &Store::standard(arguments.models.models.as_deref()))
        }),
        rates: CLIP_RATES,
        keeps: false,
        pack: |shared, name| Ok(shared.pack_to_encode_with(name)?.id().to_owned()),
        refines: false,
        worker: vec!["--clip".to_owned()],
        what: "videos",
        how: "quality is that of the frames decoded from them, in 8-bit sRGB; the first 96 frames, at most 640 x 360, are coded; anchors are bare streams \
              without a container, our files are whole",
    }
}

pub fn solid(form: Form, arguments: &Eval) -> Medium<Solid> {
    let mut worker = vec!["--shape".to_owned(), form.name().to_owned()];
    if !arguments.steps.is_empty() {
        worker.extend(["--steps".to_owned(), listed(&arguments.steps)]);
    }
    let (strongest, how) = match form {
        Form::Mesh => ("decimate-draco", "quality is that of the surfaces decoded from them"),
        Form::Cloud => ("draco", "quality is that of the points decoded from them"),
        Form::Splats => ("spz", "quality is that of views rendered from them"),
    };
    Medium {
        anchors: anchors::shape_names(form),
        strongest,
        metrics: metrics::shape_names(form),
        metric: Box::new(move |name, _| metrics::shape_by_name(form, name)),
        rates: RATES,
        keeps: true,
        pack: match form {
            Form::Mesh => surface_pack,
            Form::Cloud | Form::Splats => no_pack,
        },
        refines: false,
        worker,
        what: form.name(),
        how,
    }
}

/// Meshes do without a pack, so that the default one needs no name.
fn surface_pack(shared: &Shared, name: Option<&str>) -> Result<String> {
    let Some(name) = name else { return Ok(DEFAULT_CODEC.to_owned()) };
    let pack = shared.surface_pack(Some(name))?;
    let pack = pack.ok_or_else(|| {
        Failure::usage(format!("model pack {name} does not code surfaces"), "choose another with --codec")
    })?;
    Ok(pack.id().to_owned())
}

fn no_pack(_: &Shared, name: Option<&str>) -> Result<String> {
    match name {
        None => Ok(DEFAULT_CODEC.to_owned()),
        Some(_) => {
            Err(Failure::usage("--codec does not apply", "clouds and splats are coded without a pack: leave it out"))
        }
    }
}

pub fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}
