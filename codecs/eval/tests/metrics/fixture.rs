//! Reference pictures, what is done to them, and the values that `reference.py` measured.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::Deserialize;
use tessera_eval::{
    Rgb8,
    metrics::{self, Metric},
};

/// What `reference.py` measured with one metric.
#[derive(Deserialize)]
pub struct Reference {
    /// Package, version and options.
    pub by: String,
    /// `<picture> <distortion>` to value.
    pub values: BTreeMap<String, f64>,
}

pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/metrics").join(name)
}

pub fn reference(metric: &str) -> Reference {
    let mut all: BTreeMap<String, Reference> = serde_json::from_slice(&fs::read(file("values.json")).unwrap()).unwrap();
    all.remove(metric).unwrap()
}

pub fn metric(name: &str) -> Box<dyn Metric> {
    metrics::by_name(name).unwrap()
}

pub fn picture(name: &str) -> Rgb8 {
    let picture = image::open(file(&format!("pictures/{name}.png"))).unwrap().into_rgb8();
    Rgb8::new(picture.width(), picture.height(), picture.into_raw()).unwrap()
}

/// Original and distorted picture of one reference value.
pub fn pair(name: &str) -> (Rgb8, Rgb8) {
    let (name, how) = name.split_once(' ').unwrap();
    let original = picture(name);
    let distorted = match how {
        "blur" => blur(&original),
        "quantise" => map(&original, |v| v / 32 * 32 + 16),
        "noise" => noise(&original),
        other => panic!("reference.py knows {other}, this file does not"),
    };
    (original, distorted)
}

/// A picture of one colour.
pub fn flat(width: u32, height: u32, value: u8) -> Rgb8 {
    Rgb8::new(width, height, vec![value; 3 * width as usize * height as usize]).unwrap()
}

fn map(picture: &Rgb8, to: impl FnMut(u8) -> u8) -> Rgb8 {
    Rgb8::new(picture.width(), picture.height(), picture.data().iter().copied().map(to).collect()).unwrap()
}

fn blur(picture: &Rgb8) -> Rgb8 {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut data = Vec::with_capacity(picture.data().len());
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)];
                let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
                let at = |y: usize, x: usize| u32::from(picture.data()[(y * width + x) * 3 + channel]);
                let sum: u32 = rows.iter().flat_map(|y| columns.map(|x| at(*y, x))).sum();
                data.push(u8::try_from((sum + 4) / 9).unwrap());
            }
        }
    }
    Rgb8::new(picture.width(), picture.height(), data).unwrap()
}

fn noise(picture: &Rgb8) -> Rgb8 {
    let mut state = 0x9E37_79B9_u32;
    map(picture, |value| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let added = i32::try_from((state >> 16) % 31).unwrap() - 15;
        u8::try_from((i32::from(value) + added).clamp(0, 255)).unwrap()
    })
}
