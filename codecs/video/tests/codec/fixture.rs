//! One codec for all tests of a process, and videos made of photos.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};
use tessera_core::container::Modality;
use tessera_image::{IoLimits, Metadata, Picture, io};
use tessera_models::{Pack, Store};
use tessera_video::{
    CodecOptions, DecodeOptions, Decoded, EncodeOptions, Encoded, Frame, Rational, Result, Sink, Source, StreamInfo,
    VideoCodec,
};

static CODEC: LazyLock<VideoCodec> = LazyLock::new(|| new_codec(2));

pub fn new_codec(threads: usize) -> VideoCodec {
    VideoCodec::new(pack(), CodecOptions { threads }).expect("a codec of the pack")
}

pub fn codec() -> &'static VideoCodec {
    &CODEC
}

pub fn pack() -> Arc<Pack> {
    let pack = match std::env::var_os("TESSERA_TEST_PACK") {
        Some(path) => Pack::open(Path::new(&path)).map(Arc::new),
        None => Store::standard(None).default_for(Modality::Image),
    };
    pack.expect("these tests need an image pack: install one, or name it in TESSERA_TEST_PACK")
}

/// A frame pack of graphs so small that one can say what they do: a decoder that is a 5x5 convolution over both latents, and an encoder of that name.
pub fn frame_pack(base: [u8; 8], margin: u32, encoder: Option<&str>) -> Pack {
    let folder = tempfile::tempdir().unwrap();
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    let mut manifest = format!(
        "format = 1\nid = \"test-video\"\nversion = \"1\"\nmodality = \"video\"\nlicence = \"MIT\"\nsummary = \"For tests.\"\ncard = \"CARD.md\"\n\
         [video]\nbase = \"{}\"\nstride = 16\ndim = 16\ndepth = 12\nmargin = {margin}\ntrunk = \"trunk.onnx\"\nhead = \"head.onnx\"\ndouble = \"head-double.onnx\"\n",
        hex(&base)
    );
    encoder.iter().for_each(|name| writeln!(manifest, "encoder = \"{name}\"").unwrap());
    let graphs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/additions");
    let parts = ["trunk.onnx", "head.onnx", "head-double.onnx"]
        .into_iter()
        .chain(encoder)
        .map(|name| (name, std::fs::read(graphs.join(name)).unwrap()));
    let parts: BTreeMap<_, _> = parts.chain([("CARD.md", b"# for tests".to_vec())]).collect();
    for (name, data) in parts {
        let digest = hex(&Sha256::digest(&data));
        write!(manifest, "[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        std::fs::write(folder.path().join(name), data).unwrap();
    }
    std::fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    let pack = Pack::open(folder.path()).unwrap();
    pack.verify().unwrap();
    // The folder may go only when all is read, so it stays.
    let _ = folder.keep();
    pack
}

pub fn photo(name: &str) -> Picture {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "samples"].iter().collect();
    let bytes = std::fs::read(folder.join(name)).expect("a sample");
    io::read(&bytes, &IoLimits::default(), Metadata::Strip).expect("a readable sample")
}

/// A part of a photo.
pub fn crop(photo: &Picture, (left, top): (u32, u32), (width, height): (u32, u32)) -> Vec<u8> {
    let pixels = photo.rgb.as_chunks::<3>().0;
    let row = |y: u32| (0..width).flat_map(move |x| pixels[((top + y) * photo.width + left + x) as usize]);
    (0..height).flat_map(row).collect()
}

/// Frames in memory, at 25 a second with a tick of 1/100 s.
#[derive(Clone)]
pub struct Clip {
    pub info: StreamInfo,
    pub frames: Vec<Frame>,
    next: usize,
}

impl Clip {
    pub fn new((width, height): (u32, u32), pictures: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let frames: Vec<Frame> = (0..).zip(pictures).map(|(n, rgb)| Frame { rgb, time: 4 * n }).collect();
        let info = StreamInfo {
            width,
            height,
            time_base: Rational { num: 1, den: 100 },
            frame_rate: Some(Rational { num: 25, den: 1 }),
            frames: Some(frames.len() as u64),
            duration: None,
        };
        Self { info, frames, next: 0 }
    }

    /// A camera that stands still, with the noise of its sensor, before which something passes.
    pub fn still(count: u32) -> Self {
        let (size, photo) = ((112, 80), photo("foliage.jpg"));
        let thing = crop(&self::photo("coral.png"), (40, 40), (20, 20));
        let background = crop(&photo, (30, 30), size);
        let pictures = (0..count).map(|n| {
            let mut rgb = background.clone();
            for (i, sample) in rgb.iter_mut().enumerate() {
                let noise = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(n.wrapping_mul(40_503)) >> 9 & 3;
                *sample = sample.saturating_add(noise as u8);
            }
            for (y, row) in thing.chunks_exact(60).enumerate() {
                rgb[((40 + y) * 112 + 5 + 2 * n as usize) * 3..][..60].copy_from_slice(row);
            }
            rgb
        });
        Self::new(size, pictures)
    }

    /// A camera that pans.
    pub fn pan(count: u32) -> Self {
        let (size, photo) = ((96, 64), photo("sky.jpg"));
        Self::new(size, (0..count).map(|n| crop(&photo, (2 * n, 60 + n), size)))
    }

    /// One scene, then another.
    pub fn cut(first: u32, second: u32) -> Self {
        let (one, other) = (Self::still(first), photo("face.jpg"));
        let rest = (0..second).map(|n| crop(&other, (60 + n, 50), (112, 80)));
        let pictures = one.frames.into_iter().map(|frame| frame.rgb).chain(rest);
        Self::new((112, 80), pictures.collect::<Vec<_>>())
    }

    pub fn rewound(&self) -> Self {
        Self { next: 0, ..self.clone() }
    }
}

impl Source for Clip {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        self.next += 1;
        Ok(self.frames.get(self.next - 1).cloned())
    }
}

/// Frames as they came.
#[derive(Debug, Default)]
pub struct Kept {
    pub frames: Vec<Frame>,
    pub end: Option<i64>,
}

impl Sink for Kept {
    fn write_frame(&mut self, frame: &Frame) -> Result<()> {
        self.frames.push(frame.clone());
        Ok(())
    }

    fn finish(&mut self, end: i64) -> Result<()> {
        self.end = Some(end);
        Ok(())
    }
}

pub fn encode_with(codec: &VideoCodec, clip: &Clip, options: &EncodeOptions) -> Result<(Vec<u8>, Encoded)> {
    let mut bytes = Vec::new();
    let encoded = codec.encode(&mut clip.rewound(), &mut bytes, options)?;
    assert_eq!(encoded.bytes, bytes.len() as u64);
    Ok((bytes, encoded))
}

pub fn encode(clip: &Clip, options: &EncodeOptions) -> (Vec<u8>, Encoded) {
    encode_with(codec(), clip, options).unwrap()
}

pub fn decode_with(codec: &VideoCodec, bytes: &[u8], options: &DecodeOptions) -> Result<(Kept, Decoded)> {
    let mut kept = Kept::default();
    let decoded = codec.decode(bytes, &mut kept, options)?;
    assert_eq!(decoded.frames, kept.frames.len() as u64);
    Ok((kept, decoded))
}

pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<(Kept, Decoded)> {
    decode_with(codec(), bytes, options)
}

/// Mean squared error of samples.
pub fn error(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    one.iter().zip(other).map(square).sum::<f64>() / one.len() as f64
}
