//! Splats beside SPZ: bytes of written files, both decoded, and what is seen of them.
//!
//!     cargo run --release -p tessera-geometry --example splats -- OBJ… [--out FOLDER] [--splats N] [--degree 0..3] [--rounds N]
//!
//! Licensed splats are rare, so they are made here: fitted to pictures of a textured mesh, from chance sizes and opacities, by gradient descent. A `.ply` or
//! `.spz` of splats is taken as it is, without a truth to compare with. PSNR in dB over eight views that were not fitted to: of the splats to the mesh
//! ("truth"), and of what came back to the splats ("back").

mod fit;
mod scene;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use tessera_geometry::io::{self, Format};
use tessera_geometry::metrics::views::{Camera, View, psnr, render};
use tessera_geometry::{DecodeOptions, EncodeOptions, Shape, Splats, Target, decode, encode};

const QUALITIES: [f64; 6] = [10.0, 25.0, 40.0, 50.0, 60.0, 80.0];
/// Pixels of a side of the pictures.
const SIZE: usize = 160;
/// Views that are fitted to.
const VIEWS: usize = 40;

struct Options {
    out: Option<PathBuf>,
    splats: usize,
    degree: u8,
    rounds: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options { out: None, splats: 6000, degree: 2, rounds: 60 };
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--out" => options.out = Some(value()?.into()),
            "--splats" => options.splats = value()?.parse()?,
            "--degree" => options.degree = value()?.parse()?,
            "--rounds" => options.rounds = value()?.parse()?,
            _ => files.push(PathBuf::from(argument)),
        }
    }
    println!(
        "{:<24} {:<9} {:>7} {:>9} {:>8} {:>9} {:>9}",
        "splats", "codec", "splats", "bytes", "B/splat", "truth dB", "back dB"
    );
    for file in &files {
        compare(file, &options)?;
    }
    Ok(())
}

fn compare(file: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (splats, truth) = match file.extension().is_some_and(|ending| ending == "obj") {
        true => {
            let (splats, truth) = fitted(&scene::Scene::read(file)?, options);
            (splats, Some(truth))
        }
        false => match io::read(&fs::read(file)?, &Default::default(), &|_| None)?.shape {
            Shape::Splats(splats) => (splats, None),
            _ => return Err(format!("{} holds no splats", file.display()).into()),
        },
    };
    let shape = Shape::Splats(splats.clone());
    let ply = io::write(&shape, Format::Ply)?.bytes;
    let spz = io::write(&shape, Format::Spz)?.bytes;
    if let Some(folder) = &options.out {
        fs::create_dir_all(folder)?;
        fs::write(folder.join(format!("{name}.ply")), &ply)?;
        fs::write(folder.join(format!("{name}.spz")), &spz)?;
    }
    let row = |codec: &str, bytes: usize, back: &Splats| {
        let seen = truth.as_ref().map_or("-".to_owned(), |truth| format!("{:.2}", truth.psnr(back)));
        let each = bytes as f64 / splats.len() as f64;
        println!(
            "{name:<24} {codec:<9} {:>7} {bytes:>9} {each:>8.2} {seen:>9} {:>9.2}",
            back.len(),
            psnr(&splats, back, SIZE)
        );
    };
    row("PLY", ply.len(), &splats);
    row("SPZ", spz.len(), &splats_of(io::read(&spz, &Default::default(), &|_| None)?.shape)?);
    for quality in QUALITIES {
        let encoded = encode(&shape, &EncodeOptions { target: Target::Quality(quality), ..EncodeOptions::default() })?;
        let decoded = splats_of(decode(&encoded.bytes, &DecodeOptions::default())?.shape)?;
        row(&format!("ours q{quality}"), encoded.bytes.len(), &decoded);
        if std::env::var_os("PARTS").is_some() {
            let held = tessera_geometry::inspect(&encoded.bytes, &Default::default())?;
            let parts = held.parts.iter().filter(|part| part.name.ends_with("payload"));
            println!(
                "    {}",
                parts.map(|part| format!("{} {}", part.name, part.bytes)).collect::<Vec<_>>().join(", ")
            );
        }
    }
    Ok(())
}

fn splats_of(shape: Shape) -> Result<Splats, Box<dyn Error>> {
    match shape {
        Shape::Splats(splats) => Ok(splats),
        _ => Err("no splats came back".into()),
    }
}

/// Pictures of a mesh that no splats were fitted to.
struct Truth {
    cameras: Vec<Camera>,
    pictures: Vec<View>,
}

impl Truth {
    fn psnr(&self, splats: &Splats) -> f64 {
        let squares: f64 = self
            .cameras
            .iter()
            .zip(&self.pictures)
            .map(|(camera, picture)| picture.squares(&render(splats, camera)))
            .sum();
        -10.0 * (squares / (3 * SIZE * SIZE * self.cameras.len()) as f64).log10()
    }
}

fn fitted(scene: &scene::Scene, options: &Options) -> (Splats, Truth) {
    let corners = Splats { positions: scene.places(), ..Splats::default() };
    let cameras = Camera::ring(&corners, SIZE);
    let pictures = cameras.iter().map(|camera| scene.view(camera)).collect();
    let truth = Truth { cameras, pictures };
    let samples = scene.samples(options.splats);
    let bounds = tessera_geometry::Bounds::of(&corners.positions);
    let (middle, extent) = bounds.map_or(([0.0; 3], 1.0), |b| {
        (std::array::from_fn(|n| (f64::from(b.min[n]) + f64::from(b.max[n])) / 2.0), b.diagonal())
    });
    let distance = truth.cameras.first().map_or(1.0, |camera| {
        let from = scene::sub(camera.place, middle);
        scene::dot(from, from).sqrt()
    });
    let views: Vec<Camera> = (0..VIEWS)
        .map(|n| {
            let rise = [-25.0, 0.0, 20.0, 55.0][n % 4];
            Camera::around(middle, distance * (0.85 + 0.1 * (n % 3) as f64), 360.0 * n as f64 * 0.381_966, rise, SIZE)
        })
        .collect();
    let wanted: Vec<View> = views.iter().map(|camera| scene.view(camera)).collect();
    let mut splats = fit::first(&samples, extent / (options.splats as f64).sqrt(), options.degree);
    fit::fit(&mut splats, &views, &wanted, extent, options.rounds);
    (splats, truth)
}
