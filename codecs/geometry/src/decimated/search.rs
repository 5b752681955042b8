//! As near to the original as a size allows, or as small as an error allows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::prelude::*;

use super::simplify::{Until, fit, rung, simplified};
use super::{LATTICE, Payload, decode, encode_faces};
use crate::error::{Error, Result};
use crate::likeness::{ALL_NEAR, Likeness, Original};
use crate::shape::Mesh;

/// Steps that are tried. On coarse lattices vertices come to one place so often that it is tried, too, to keep them apart: else the surface may be joined
/// in ways that take many bits.
const STEPS: [Steps; 11] = [
    Steps::new(0.01, 32),
    Steps::new(0.016, 32),
    Steps::new(0.026, 32),
    Steps::new(0.042, 32),
    Steps::new(0.07, 32),
    Steps::new(0.025, LATTICE),
    Steps::new(0.06, LATTICE),
    Steps::new(0.14, LATTICE),
    Steps::new(0.25, LATTICE),
    Steps { apart: true, ..Steps::new(0.14, LATTICE) },
    Steps { apart: true, ..Steps::new(0.25, LATTICE) },
];
/// Rounds of fitting, at least: with few points there are more.
const ROUNDS: usize = 3;
/// Points of the original to fit a face to, and of how many in all at least.
const FACE_POINTS: usize = 16;
const LEAST_POINTS: usize = 3000;
/// Points of all rounds.
const ROUND_POINTS: usize = 18_000;
/// Each number of faces that is tried is so much more than the one before.
const MORE: f64 = 1.02;
/// A part of the budget that is left without another try.
const SLACK: f64 = 0.01;
/// Tries to meet a budget by how bytes grow with faces; after them the middle of what is left is tried.
const TRIES: usize = 4;
/// Numbers of faces below and above the greatest that fits with certain steps whose meshes are compared with the original, too, where they fit.
const AROUND: [usize; 2] = [9, 5];
/// What is looked at in that way leaves of an F-score of 1 so many times what the best leaves at most, and a little: most steps are too coarse or too fine,
/// and most meshes are nearer where they are fitted.
const WORTH: (f64, f64) = (1.5, 0.01);
/// How far below the greatest that fits is the number of faces of a mesh that is simplified from all faces at once.
const BELOW: usize = 2;
/// Faces up to which there are as many: with more faces there is less to gain.
const FEW_FACES: usize = 300;
/// Bits a face takes, to begin with.
const FACE_BITS: f64 = 9.0;
/// Faces that are left of the smallest mesh.
const LEAST: usize = 4;
/// Finest step, as a part of the mean edge.
const FINEST: f64 = 0.0005;

/// A coded mesh.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coded {
    pub payload: Payload,
    pub vertices: usize,
    /// Mean distance between its surface and the original's, there and back, in units of the mesh.
    pub error: f64,
    pub likeness: Likeness,
}

/// Few bytes for a surface that is off by about `error`, in diagonals of the mesh's bounds.
pub(crate) fn within_error(whole: &Mesh, error: f64) -> Result<Coded> {
    let original = Original::new(whole);
    let step = error * original.diagonal;
    let mut mesh = simplified(whole, Until::Error(step as f32));
    if mesh.faces.is_empty() {
        mesh = simplified(whole, Until::Faces(LEAST));
    }
    let rounds = if mesh.faces.len() < whole.faces.len() { ROUNDS } else { 0 };
    fit(&mut mesh, &original.samples.points, rounds);
    coded(&original, encode_faces(&mesh, step, 32, false)?)
}

/// About how many faces so many bytes hold.
pub(crate) fn faces_of(bytes: usize) -> usize {
    (bytes as f64 * 8.0 / FACE_BITS) as usize
}

/// The surface of which most is near the original's, then nearest to it, in at most so many bytes. The ladder is that of the mesh.
///
/// # Errors
/// [`Error::Shape`] if nothing fits.
pub(crate) fn within_bytes(ladder: &[Mesh], original: &Original, bytes: usize) -> Result<Coded> {
    let mut fits = Fits::new(ladder, original);
    let mut trials = STEPS.map(|steps| Trial::new(steps, bytes, &fits.counts));
    // In turns, so that what is fitted for one serves all.
    loop {
        let wanted: BTreeSet<usize> = trials.iter().filter_map(Trial::wanted).collect();
        if wanted.is_empty() {
            break;
        }
        fits.make(wanted);
        trials.par_iter_mut().try_for_each(|trial| trial.take(&fits))?;
    }
    let glanced = |fits: &Fits, trials: &[Trial], range: &dyn Fn(&Trial) -> Range<usize>| -> Result<_> {
        let meshes = trials.iter().flat_map(|trial| trial.meshes(fits, range(trial)));
        let payloads: Vec<(Way, Payload)> = meshes
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(way, mesh)| Ok((way, encode_at(mesh, way.steps)?)))
            .collect::<Result<_>>()?;
        let fitting = payloads.into_iter().filter(|(_, payload)| payload.bytes.len() <= bytes).collect();
        original.glanced(fitting, |(_, payload)| decode(&payload.bytes, payload.faces))
    };
    let mut seen = glanced(&fits, &trials, &|trial| trial.range(&fits, [0; 2]))?;
    let most = seen.iter().map(|seen| seen.likeness.f_score).fold(0.0, f64::max);
    if most < ALL_NEAR {
        for trial in &mut trials {
            let worth = |fitted: &bool| {
                let way = Way { steps: trial.steps, fitted: *fitted };
                seen.iter()
                    .any(|seen| seen.of.0 == way && 1.0 - seen.likeness.f_score <= WORTH.0 * (1.0 - most) + WORTH.1)
            };
            trial.fitted = [true, false].into_iter().filter(worth).collect();
        }
        // How near a few triangles are is much a matter of luck: a surface of fewer faces may be the nearer one, and one that is not fitted may take
        // fewer bytes.
        let trials: Vec<Trial> = trials.into_iter().filter(|trial| !trial.fitted.is_empty()).collect();
        fits.make(trials.iter().flat_map(|trial| trial.range(&fits, AROUND)).collect());
        seen = glanced(&fits, &trials, &|trial| trial.range(&fits, AROUND))?;
        // What is simplified from all faces at once takes longer and keeps more, if there are not too few.
        if ladder.len() > 1 {
            let mut whole = Fits::new(&ladder[..1], original);
            let below = |trial: &Trial| match trial.best {
                Some((n, _)) if fits.counts[n] > FEW_FACES => n - BELOW..n - BELOW + 1,
                _ => 0..0,
            };
            whole.make(trials.iter().flat_map(&below).collect());
            seen.extend(glanced(&whole, &trials, &below)?);
        }
    }
    let best = original.best(seen);
    let best = best.ok_or_else(|| Error::shape(format!("the mesh does not fit {bytes} bytes; ask for more")))?;
    let mut best = Coded::new(best.of.1, &best.mesh, best.likeness, original);
    // Where all faces fit, the rest goes into finer steps.
    if best.payload.faces == ladder[0].faces.len()
        && let Some(payload) = finest(&ladder[0], bytes)?
    {
        best = coded(original, payload)?;
    }
    Ok(best)
}

/// All faces with the finest steps that fit, if finer ones than the ordinary do.
fn finest(whole: &Mesh, bytes: usize) -> Result<Option<Payload>> {
    let mut best = None;
    let mut steps = STEPS[0];
    while steps.away > FINEST {
        steps.away /= 2.0;
        let payload = encode_at(whole, steps)?;
        if payload.bytes.len() > bytes {
            break;
        }
        best = Some(payload);
    }
    Ok(best)
}

impl Coded {
    fn new(payload: Payload, mesh: &Mesh, likeness: Likeness, original: &Original) -> Self {
        Self { payload, vertices: mesh.positions.len(), error: likeness.error * original.diagonal, likeness }
    }
}

fn coded(original: &Original, payload: Payload) -> Result<Coded> {
    let mesh = decode(&payload.bytes, payload.faces)?;
    let likeness = original.compared(&mesh);
    Ok(Coded::new(payload, &mesh, likeness, original))
}

fn encode_at(mesh: &Mesh, steps: Steps) -> Result<Payload> {
    encode_faces(mesh, steps.away * mean_edge(mesh), steps.ratio, steps.apart)
}

/// A mesh of fewer faces, and what it becomes when its vertices are fitted to the original. That brings most surfaces nearer, but not what is thin.
struct Fit {
    plain: Mesh,
    fitted: Mesh,
}

/// Meshes of fewer faces.
struct Fits<'a> {
    ladder: &'a [Mesh],
    original: &'a Original,
    /// Numbers of faces that may be asked for.
    counts: Vec<usize>,
    /// What was made, by the place of its number.
    made: BTreeMap<usize, Fit>,
}

impl<'a> Fits<'a> {
    fn new(ladder: &'a [Mesh], original: &'a Original) -> Self {
        let all = ladder[0].faces.len();
        let grown = (0..).map(|n| (LEAST as f64 * MORE.powi(n)) as usize).take_while(|&count| count < all);
        let mut counts: Vec<usize> = grown.chain([all]).collect();
        counts.dedup();
        Self { ladder, original, counts, made: BTreeMap::new() }
    }

    /// Makes those that are missing.
    fn make(&mut self, mut wanted: BTreeSet<usize>) {
        wanted.retain(|n| !self.made.contains_key(n));
        let made: Vec<(usize, Fit)> = wanted.into_par_iter().map(|n| (n, self.fit(self.counts[n]))).collect();
        self.made.extend(made);
    }

    fn fit(&self, faces: usize) -> Fit {
        let plain = simplified(rung(self.ladder, 2 * faces), Until::Faces(faces));
        let mut fitted = plain.clone();
        if plain.faces.len() < self.ladder[0].faces.len() {
            let points = &self.original.samples.points;
            let wanted = (FACE_POINTS * faces).max(LEAST_POINTS).min(points.len());
            let few: Vec<_> = (0..wanted).map(|n| points[n * points.len() / wanted]).collect();
            fit(&mut fitted, &few, (ROUND_POINTS / wanted.max(1)).max(ROUNDS));
        }
        Fit { plain, fitted }
    }
}

/// What vertices are rounded to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Steps {
    /// Away from the surface, as a part of the mean edge.
    away: f64,
    /// Along the surface, in sixteenths of that. Equal ones keep to a lattice, which suits what is made of boxes.
    ratio: u8,
    /// Whether vertices that come to one place stay apart.
    apart: bool,
}

impl Steps {
    const fn new(away: f64, ratio: u8) -> Self {
        Self { away, ratio, apart: false }
    }
}

/// How a mesh of fewer faces is coded.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Way {
    steps: Steps,
    fitted: bool,
}

/// The search for the most faces that fit with certain steps.
struct Trial {
    steps: Steps,
    /// Whether what is looked at is fitted: both, or what is worth it.
    fitted: Vec<bool>,
    bytes: usize,
    /// The place of the number, and the most faces that fit.
    best: Option<(usize, usize)>,
    /// Places of numbers of faces of which it is not known whether they fit.
    open: Range<usize>,
    next: usize,
    tries: usize,
}

impl Trial {
    fn new(steps: Steps, bytes: usize, counts: &[usize]) -> Self {
        let first = place(counts, bytes as f64 * 8.0 / FACE_BITS);
        Self { steps, fitted: vec![true, false], bytes, best: None, open: 0..counts.len(), next: first, tries: 0 }
    }

    /// The place of the number of faces to try.
    fn wanted(&self) -> Option<usize> {
        (!self.open.is_empty()).then_some(self.next)
    }

    /// Places of numbers of faces, up to so many before and after the greatest that fits.
    fn range(&self, fits: &Fits, around: [usize; 2]) -> Range<usize> {
        let Some((n, _)) = self.best else { return 0..0 };
        let [before, after] = around.map(|places| places.min(places * FEW_FACES / fits.counts[n]));
        n.saturating_sub(before)..fits.counts.len().min(n + after + 1)
    }

    /// What was made of numbers of faces, and how it is to be coded.
    fn meshes<'a>(&'a self, fits: &'a Fits, places: Range<usize>) -> impl Iterator<Item = (Way, &'a Mesh)> {
        let made = fits.made.range(places).map(|(_, fit)| fit).filter(|fit| !fit.plain.faces.is_empty());
        made.flat_map(move |fit| {
            let mesh = |fitted| if fitted { &fit.fitted } else { &fit.plain };
            self.fitted.iter().map(move |&fitted| (Way { steps: self.steps, fitted }, mesh(fitted)))
        })
    }

    /// Tries what was wanted.
    fn take(&mut self, fits: &Fits) -> Result<()> {
        let Some(n) = self.wanted() else { return Ok(()) };
        let mesh = &fits.made[&n].fitted;
        let mut share = f64::INFINITY;
        if !mesh.faces.is_empty() {
            let payload = encode_at(mesh, self.steps)?;
            share = self.bytes as f64 / payload.bytes.len() as f64;
            if share >= 1.0 && self.best.is_none_or(|(_, faces)| payload.faces > faces) {
                self.best = Some((n, payload.faces));
            }
        }
        match share >= 1.0 {
            true if share < 1.0 + SLACK => self.open = n..n,
            true => self.open.start = n + 1,
            false => self.open.end = n,
        }
        self.tries += 1;
        let next = match self.tries < TRIES {
            true => place(&fits.counts, fits.counts[n] as f64 * share),
            false => self.open.start.midpoint(self.open.end),
        };
        self.next = next.clamp(self.open.start, self.open.end.saturating_sub(1).max(self.open.start));
        Ok(())
    }
}

/// The place of the last number that is not greater, or 0.
fn place(counts: &[usize], faces: f64) -> usize {
    counts.partition_point(|&count| count as f64 <= faces).saturating_sub(1)
}

fn mean_edge(mesh: &Mesh) -> f64 {
    let edges = mesh.faces.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]);
    let lengths = edges.map(|(a, b)| {
        let (a, b) = (mesh.positions[a as usize], mesh.positions[b as usize]);
        (0..3).map(|n| (f64::from(a[n]) - f64::from(b[n])).powi(2)).sum::<f64>().sqrt()
    });
    lengths.sum::<f64>() / (3 * mesh.faces.len()).max(1) as f64
}
