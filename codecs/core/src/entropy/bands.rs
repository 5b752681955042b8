//! Independent bands of a grid: damage stays in one, threads share them.
//!
//! A band is a run of whole rows, over all levels and frames, of at most [`MAX_BAND_TOKENS`] tokens
//! but at least one row. Each band is a grid of its own and is coded from a fresh prior. How a grid is
//! cut depends on its shape alone, so files do not depend on the number of threads.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::coding::{decode_tokens, encode_tokens};
use super::prior::TokenPrior;
use super::searched::{Search, encode_searched};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::rung::Rung;
use crate::token::{GridShape, LatentShape, TokenGrid};
use crate::vq::ResidualCodebook;

/// Most tokens of a band that has more than one row.
pub const MAX_BAND_TOKENS: u64 = 16_384;

/// A run of rows of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// The rows.
    pub rows: Range<u32>,
    /// The band's own shape: that of the grid with `y` the number of rows.
    pub shape: GridShape,
}

/// A band's stream and the CRC of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedBand {
    /// Output of [`encode_tokens`] for the band's own grid.
    pub bytes: Vec<u8>,
    /// [`TokenGrid::crc`] of the band's own grid.
    pub token_crc: u32,
}

/// Cuts a shape into bands, top to bottom. Their heights differ by at most one row.
///
/// # Errors
/// [`Error::Parameter`] for an empty axis, [`Error::Limit`] for more tokens than `limits` allow.
///
/// ```
/// use tessera_core::{GridShape, Limits, entropy::bands};
/// let shape = GridShape { levels: 2, t: 1, y: 100, x: 200 };
/// let rows: Vec<_> = bands::split(shape, &Limits::default())?.into_iter().map(|b| b.rows).collect();
/// assert_eq!(rows, [0..33, 33..66, 66..100]);
/// # Ok::<(), tessera_core::Error>(())
/// ```
pub fn split(shape: GridShape, limits: &Limits) -> Result<Vec<Band>> {
    let tokens = shape.check(limits)? as u64;
    let tokens_per_row = tokens / u64::from(shape.y);
    let rows_per_band = (MAX_BAND_TOKENS / tokens_per_row).max(1);
    let count = u64::from(shape.y).div_ceil(rows_per_band);
    // At most `y`, which is 32 bits wide.
    let row = |band: u64| (band * u64::from(shape.y) / count) as u32;
    Ok((0..count)
        .map(|band| {
            let rows = row(band)..row(band + 1);
            let shape = GridShape { y: rows.end - rows.start, ..shape };
            Band { rows, shape }
        })
        .collect())
}

/// Codes a grid band by band on up to `threads` threads; the result does not depend on `threads`.
///
/// # Errors
/// As [`TokenPrior::session`].
pub fn encode_bands(grid: &TokenGrid, prior: &dyn TokenPrior, threads: usize) -> Result<Vec<CodedBand>> {
    let bands = split(grid.shape(), &UNLIMITED)?;
    in_parallel(bands.len(), threads, |n| {
        let band = extract(grid, &bands[n])?;
        Ok(CodedBand { bytes: encode_tokens(&band, prior)?, token_crc: band.crc() })
    })
}

/// Decodes the bands of a grid, in order, on up to `threads` threads.
///
/// To keep what survives of a damaged file, decode band by band: [`split`], [`decode_band`], [`insert`].
///
/// # Errors
/// [`Error::Corrupt`] if the number of streams is not that of the shape's bands, and those of
/// [`decode_band`].
pub fn decode_bands(
    coded: &[CodedBand],
    shape: GridShape,
    depths: &[u8],
    prior: &dyn TokenPrior,
    limits: &Limits,
    threads: usize,
) -> Result<TokenGrid> {
    let mut grid = TokenGrid::with_limits(shape, depths, limits)?;
    let bands = split(shape, limits)?;
    if coded.len() != bands.len() {
        return Err(Error::corrupt(format!("{} streams for a grid of {} bands", coded.len(), bands.len())));
    }
    let decoded = in_parallel(bands.len(), threads, |n| decode_band(&bands[n], &coded[n], depths, prior, limits))?;
    for (band, tokens) in bands.iter().zip(&decoded) {
        insert(&mut grid, band, tokens)?;
    }
    Ok(grid)
}

/// Decodes one band and checks its tokens against their CRC.
///
/// # Errors
/// [`Error::Mismatch`] if the tokens' CRC differs: the payload is intact, as the container has
/// verified, so the model is not the one it was coded with. Otherwise as [`decode_tokens`].
pub fn decode_band(
    band: &Band,
    coded: &CodedBand,
    depths: &[u8],
    prior: &dyn TokenPrior,
    limits: &Limits,
) -> Result<TokenGrid> {
    let tokens = decode_tokens(&coded.bytes, band.shape, depths, prior, limits)?;
    if tokens.crc() != coded.token_crc {
        return Err(Error::mismatch(
            "the tokens do not match their checksum, so they were coded with another model pack",
        ));
    }
    Ok(tokens)
}

/// [`encode_searched`] band by band on up to `threads` threads, so that bits are counted as
/// [`encode_bands`] will spend them.
///
/// # Errors
/// As [`encode_searched`].
pub fn search_bands(
    latents: &[f32],
    shape: LatentShape,
    rung: Rung,
    codebook: &ResidualCodebook,
    prior: &dyn TokenPrior,
    search: Search,
    threads: usize,
) -> Result<TokenGrid> {
    let mut grid = codebook.grid_for(latents, shape, rung)?;
    let bands = split(grid.shape(), &UNLIMITED)?;
    let values_per_row = shape.x as usize * codebook.dim();
    let found = in_parallel(bands.len(), threads, |n| {
        let rows = &bands[n].rows;
        let mut own = Vec::new();
        for frame in latents.chunks_exact(shape.y as usize * values_per_row) {
            let values = rows.start as usize * values_per_row..rows.end as usize * values_per_row;
            own.extend_from_slice(&frame[values]);
        }
        let shape = bands[n].shape.positions();
        encode_searched(&own, shape, rung, codebook, prior, search)
    })?;
    for (band, tokens) in bands.iter().zip(&found) {
        insert(&mut grid, band, tokens)?;
    }
    Ok(grid)
}

/// The band as a grid of its own.
///
/// # Errors
/// [`Error::Parameter`] if the band is not one of the grid's.
pub fn extract(grid: &TokenGrid, band: &Band) -> Result<TokenGrid> {
    check_band(grid, band)?;
    let mut tokens = Vec::new();
    for frame in grid.tokens().chunks_exact(frame_len(grid)) {
        tokens.extend_from_slice(&frame[frame_range(grid, band)]);
    }
    TokenGrid::from_tokens(band.shape, grid.depths(), tokens)
}

/// Puts a band's tokens into their place in the whole grid.
///
/// # Errors
/// [`Error::Parameter`] if the band is not one of the grid's, or `tokens` not the band's.
pub fn insert(grid: &mut TokenGrid, band: &Band, tokens: &TokenGrid) -> Result<()> {
    check_band(grid, band)?;
    if tokens.shape() != band.shape || tokens.depths() != grid.depths() {
        return Err(Error::parameter("tokens that are not of the band"));
    }
    let (len, range) = (frame_len(grid), frame_range(grid, band));
    let frames = grid.tokens_mut().chunks_exact_mut(len);
    for (frame, own) in frames.zip(tokens.tokens().chunks_exact(range.len())) {
        frame[range.clone()].copy_from_slice(own);
    }
    Ok(())
}

pub(super) const UNLIMITED: Limits = Limits {
    max_tokens: u64::MAX,
    max_pixels: u64::MAX,
    max_samples: u64::MAX,
    max_points: u64::MAX,
    max_chunk_bytes: u64::MAX,
    max_chunks: u32::MAX,
    max_metadata_bytes: u64::MAX,
};

fn check_band(grid: &TokenGrid, band: &Band) -> Result<()> {
    let expected = GridShape { y: band.rows.end.saturating_sub(band.rows.start), ..grid.shape() };
    if band.shape != expected || expected.y == 0 || band.rows.end > grid.shape().y {
        return Err(Error::parameter("a band that is not of the grid"));
    }
    Ok(())
}

fn frame_len(grid: &TokenGrid) -> usize {
    grid.shape().y as usize * grid.shape().x as usize
}

fn frame_range(grid: &TokenGrid, band: &Band) -> Range<usize> {
    let x = grid.shape().x as usize;
    band.rows.start as usize * x..band.rows.end as usize * x
}

/// Runs `0..count` on up to `threads` threads and returns the results in order, or the first error.
pub(super) fn in_parallel<T: Send>(
    count: usize,
    threads: usize,
    job: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = threads.min(count);
    if threads <= 1 {
        return (0..count).map(job).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        break;
                    }
                    let result = job(n);
                    let mut done = done.lock().unwrap_or_else(|poison| poison.into_inner());
                    done.push((n, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(|poison| poison.into_inner());
    done.sort_unstable_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, result)| result).collect()
}
