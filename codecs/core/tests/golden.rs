//! Streams and files that every version must read and write bit for bit.
//!
//! A failure here is a change of the format: bump its version. To add a case, write its files with
//! `cargo test -p tessera-core --test golden -- --ignored`; existing files are left as they are.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;

use common::{REAL, SMALL, network, random_grid, sampled_grid};
use tessera_core::container::live::PacketWriter;
use tessera_core::container::{
    Channels, Chunk, ChunkKind, Color, Duration, FileWriter, GopEntry, GopIndex, GopTimes, Header, Live, MediaShape,
    PackRef, PriorKind, VideoShape, chunk_at, read, write,
};
use tessera_core::entropy::bands::CodedBand;
use tessera_core::entropy::{TokenPrior, UniformPrior, bands, decode_gop, decode_tokens, encode_gop, encode_tokens};
use tessera_core::{GridShape, Limits, Rung, TokenGrid};

/// A stream: `NAME.tokens` holds the tokens as little-endian u16, `NAME.stream` what they are coded to.
struct Case {
    name: &'static str,
    prior: Box<dyn TokenPrior>,
    /// What the tokens were drawn from when the case was made.
    source: fn(GridShape, &[u8], &dyn TokenPrior) -> TokenGrid,
    shape: GridShape,
    depths: &'static [u8],
}

fn cases() -> Vec<Case> {
    let sampled = |shape, depths: &[u8], prior: &dyn TokenPrior| sampled_grid(shape, depths, prior, 20_261_123);
    let random = |shape, depths: &[u8], _: &dyn TokenPrior| random_grid(shape, depths, 7);
    let shape = |levels, t, y, x| GridShape { levels, t, y, x };
    vec![
        Case {
            name: "uniform",
            prior: Box::new(UniformPrior),
            source: random,
            shape: shape(2, 1, 5, 7),
            depths: &[12, 5],
        },
        Case {
            name: "network_image",
            prior: Box::new(network(REAL, 1)),
            source: sampled,
            shape: shape(1, 1, 12, 17),
            depths: &[12],
        },
        Case {
            name: "network_shallow",
            prior: Box::new(network(REAL, 1)),
            source: random,
            shape: shape(1, 1, 9, 8),
            depths: &[3],
        },
        Case {
            name: "network_levels_frames",
            prior: Box::new(network(SMALL, 2)),
            source: sampled,
            shape: shape(2, 3, 6, 5),
            depths: &[6, 4],
        },
        Case {
            name: "network_foreign_tokens",
            prior: Box::new(network(SMALL, 2)),
            source: random,
            shape: shape(2, 1, 16, 16),
            depths: &[6, 6],
        },
    ]
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/core").join(file)
}

fn golden(file: &str) -> Vec<u8> {
    let path = path(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn golden_grid(case: &Case) -> TokenGrid {
    let bytes = golden(&format!("{}.tokens", case.name));
    let tokens = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    TokenGrid::from_tokens(case.shape, case.depths, tokens).unwrap()
}

fn image_file(grid: &TokenGrid, prior: &dyn TokenPrior) -> Vec<u8> {
    let header = Header {
        pack: PackRef { hash: *b"\0golden\xff", id: Some("test".into()) },
        rung: Rung { levels: 1, depth: 12 },
        prior: PriorKind::Trained,
        media: MediaShape::Image { width: 270, height: 191, color: Color::Gray, alpha: true },
    };
    let band = bands::encode_bands(grid, prior, 1).unwrap().remove(0);
    let chunks = [
        Chunk::new(ChunkKind::Icc, b"profile".to_vec()),
        Chunk::new(ChunkKind::Exif, b"MM\0*".to_vec()),
        Chunk::new(ChunkKind::Alpha, vec![0x80; 5]),
        Chunk::tokens(0, band),
    ];
    write(&header, &chunks).unwrap()
}

/// Bytes of an index of one point.
const INDEX: usize = 8;

/// A whole sound, a live stream of long packets, and one of short ones under a header with everything in it.
fn sound_files(grid: &TokenGrid, prior: &dyn TokenPrior) -> [(&'static str, Vec<u8>); 3] {
    let header = |channels, duration| Header {
        pack: PackRef { hash: *b"\0golden\xff", id: None },
        rung: Rung { levels: 1, depth: 12 },
        prior: PriorKind::Trained,
        media: MediaShape::Audio { rate: 16_000, channels, duration },
    };
    let duration = Duration::Samples { samples: 68_001, source: Some((44_100, 187_428)) };
    let coded = CodedBand { bytes: encode_tokens(grid, prior).unwrap(), token_crc: grid.crc() };
    let chunks = [Chunk::tokens(0, coded.clone()), Chunk::tokens(1, coded)];
    let whole = write(&header(Channels::MidSide, duration), &chunks).unwrap();
    let mut writer = PacketWriter::new(&header(Channels::Mono, Duration::Live(Live::plain(4)))).unwrap();
    let mut live = writer.joining_packet(&[1, 2, 3, 4, 5, 6]).unwrap();
    live.extend(writer.joining_packet(&[0x80]).unwrap());
    // An index may be missing.
    let closing = writer.closing(601, &[7, 8, 9]).unwrap();
    live.extend(&closing[INDEX..]);
    let all = Live { packet_frames: 4, interleave: 2, repeat: 6, bits_per_second: Some(700) };
    let mut writer = PacketWriter::new(&header(Channels::Mono, Duration::Live(all))).unwrap();
    let mut short = writer.joining_packet(&[1, 2, 3]).unwrap();
    for n in 1..70u8 {
        short.extend(match n % 40 {
            0 => writer.joining_packet(&[n; 5]).unwrap(),
            _ => writer.packet(&vec![n; usize::from(n)]).unwrap(),
        });
    }
    short.extend(writer.closing(601, &[7, 8, 9]).unwrap());
    [("sound.tsr", whole), ("live.tsr", live), ("live_short.tsr", short)]
}

#[test]
fn the_golden_sounds_are_written_and_read() {
    let case = &cases()[1];
    for (name, bytes) in sound_files(&golden_grid(case), &*case.prior) {
        assert!(bytes == golden(name), "{name}");
        let read = read(&bytes, &Limits::default()).unwrap();
        assert_eq!(read.header.media.is_live(), name.starts_with("live"));
    }
}

/// The shape of the golden group of frames.
const GROUP: GridShape = GridShape { levels: 2, t: 7, y: 9, x: 11 };

/// A wall that stays, what moves a column every other frame before it, and noise.
fn group() -> TokenGrid {
    let noise = random_grid(GROUP, &[6, 5], 11);
    let (t, y, x) = (GROUP.t as usize, GROUP.y as usize, GROUP.x as usize);
    let mut tokens = noise.tokens().to_vec();
    for n in 0..tokens.len() {
        let (frame, column) = (n / (y * x) % t, n % x);
        match column {
            0..4 if frame > 0 => tokens[n] = tokens[n - y * x],
            4..8 => tokens[n] = ((column + 20 - frame / 2) * 5 % 32) as u16,
            _ => {}
        }
    }
    TokenGrid::from_tokens(GROUP, &[6, 5], tokens).unwrap()
}

fn golden_group() -> TokenGrid {
    let bytes = golden("group.tokens");
    let tokens = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    TokenGrid::from_tokens(GROUP, &[6, 5], tokens).unwrap()
}

/// A video of one group with uneven times.
fn video_file(grid: &TokenGrid) -> Vec<u8> {
    let video = VideoShape { width: 350, height: 281, tick: (1, 90_000), rate: Some((30_000, 1001)), eighths: 4 };
    let header = Header {
        pack: PackRef { hash: *b"\0golden\xff", id: None },
        rung: Rung { levels: 2, depth: 5 },
        prior: PriorKind::Trained,
        media: MediaShape::Video(video),
    };
    let times = GopTimes { start: 0, ticks: vec![3003, 3003, 6006, 3003, 1, 3003, 3003] };
    let mut payload = Vec::new();
    times.put(&mut payload).unwrap();
    payload.extend(encode_gop(grid, &network(SMALL, 2)).unwrap().bytes);
    let (mut writer, mut out) = FileWriter::new(&header).unwrap();
    let entry = GopEntry { frames: GROUP.t, start: 0, offset: writer.offset() };
    let chunk = Chunk { kind: ChunkKind::Gop, sequence: 0, token_crc: Some(grid.crc()), payload };
    out.extend(writer.chunk(&chunk).unwrap());
    let index = GopIndex { entries: vec![entry], end: times.end() };
    out.extend(writer.last(&index.chunk().unwrap()).unwrap());
    out
}

#[test]
fn the_golden_video_is_written_and_read() {
    let (grid, file) = (golden_group(), golden("video.tsr"));
    assert!(video_file(&grid) == file);
    let limits = Limits::default();
    let index = GopIndex::of_file(&file, &limits).unwrap();
    let chunk = chunk_at(&file, index.entries[0].offset, &limits).unwrap();
    assert_eq!(chunk, read(&file, &limits).unwrap().chunks[0]);
    let (times, stream) = GopTimes::split(&chunk.payload).unwrap();
    assert_eq!((times.ticks.len() as u32, times.end()), (index.entries[0].frames, index.end));
    let (back, _) = decode_gop(stream, GROUP, &[6, 5], &network(SMALL, 2), &limits).unwrap();
    assert_eq!(back, grid);
}

#[test]
fn golden_tokens_code_to_golden_streams_and_back() {
    for case in cases() {
        let grid = golden_grid(&case);
        let stream = golden(&format!("{}.stream", case.name));
        let coded = encode_tokens(&grid, &*case.prior).unwrap();
        assert!(coded == stream, "{} codes to other bytes", case.name);
        let limits = Limits::default();
        let back = decode_tokens(&stream, case.shape, case.depths, &*case.prior, &limits);
        assert!(back.unwrap() == grid, "{} decodes to other tokens", case.name);
    }
}

#[test]
fn the_golden_file_is_written_and_read() {
    let case = &cases()[1];
    let grid = golden_grid(case);
    let file = golden("image.tsr");
    assert!(image_file(&grid, &*case.prior) == file);
    let limits = Limits::default();
    let read = read(&file, &limits).unwrap();
    assert_eq!(read.chunks.len(), 4);
    let bands = read.bands().unwrap();
    let back = bands::decode_bands(&bands, case.shape, case.depths, &*case.prior, &limits, 1);
    assert_eq!(back.unwrap(), grid);
}

#[test]
#[ignore = "writes golden files that do not exist yet"]
fn write_missing_golden_files() {
    let save = |file: &str, bytes: &[u8]| {
        let path = path(file);
        if !path.exists() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    for case in cases() {
        let grid = (case.source)(case.shape, case.depths, &*case.prior);
        let tokens: Vec<u8> = grid.tokens().iter().flat_map(|t| t.to_le_bytes()).collect();
        save(&format!("{}.tokens", case.name), &tokens);
        let grid = golden_grid(&case);
        let stream = encode_tokens(&grid, &*case.prior).unwrap();
        save(&format!("{}.stream", case.name), &stream);
    }
    let tokens: Vec<u8> = group().tokens().iter().flat_map(|t| t.to_le_bytes()).collect();
    save("group.tokens", &tokens);
    save("video.tsr", &video_file(&golden_group()));
    let case = &cases()[1];
    save("image.tsr", &image_file(&golden_grid(case), &*case.prior));
    for (name, bytes) in sound_files(&golden_grid(case), &*case.prior) {
        save(name, &bytes);
    }
}
