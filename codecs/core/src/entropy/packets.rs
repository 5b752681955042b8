//! Interleaved packets of a grid: whatever is lost with one of them leaves neighbours all around.
//!
//! Each band of [`bands`](super::bands) is dealt to the places of a small lattice: with one of 4 by 4, every fourth token of
//! every fourth row goes into the same packet, which has tokens of all levels, is a grid of its own and is coded from fresh
//! state. How a grid is dealt depends on its shape alone.

use std::ops::Range;

use super::bands::{self, UNLIMITED, in_parallel};
use super::coding::{decode_tokens, encode_tokens};
use super::prior::TokenPrior;
use super::searched::{Search, encode_searched};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::rung::Rung;
use crate::token::{GridShape, LatentShape, TokenGrid};
use crate::vq::ResidualCodebook;

/// Longest side of a lattice, as a power of two.
const MAX_SIDE_LOG: u32 = 2;
/// Positions that a packet has on average, at least.
const LEAST_POSITIONS: u64 = 32;

/// Tokens of a grid that travel together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Rows of the band.
    rows: Range<u32>,
    /// First row, within the band, and first column.
    first: (u32, u32),
    /// From one row and one column to the next.
    step: (u32, u32),
    /// The packet's own shape.
    shape: GridShape,
}

impl Packet {
    /// The packet's own shape.
    pub fn shape(&self) -> GridShape {
        self.shape
    }

    /// The places of the packet's columns and rows in one frame of a grid of `columns` columns, in coding order.
    pub fn places(&self, columns: u32) -> impl Iterator<Item = usize> {
        let (rows, first, step, shape) = (self.rows.clone(), self.first, self.step, self.shape);
        (0..shape.y).flat_map(move |y| {
            let row = rows.start as usize + (first.0 + y * step.0) as usize;
            (0..shape.x).map(move |x| row * columns as usize + (first.1 + x * step.1) as usize)
        })
    }
}

/// Deals a grid to packets, band by band. Packets that follow each other hold no neighbours where there are more than two.
///
/// # Errors
/// As [`bands::split`].
///
/// ```
/// use tessera_core::{GridShape, Limits, entropy::packets};
/// let shape = GridShape { levels: 1, t: 1, y: 32, x: 48 };
/// assert_eq!(packets::split(shape, &Limits::default())?.len(), 16);
/// # Ok::<(), tessera_core::Error>(())
/// ```
pub fn split(shape: GridShape, limits: &Limits) -> Result<Vec<Packet>> {
    let mut packets = Vec::new();
    for band in bands::split(shape, limits)? {
        let (down, across) = lattice(band.shape);
        for number in 0..1 << (down + across) {
            let first = place(number, down, across);
            let step = (1 << down, 1 << across);
            let own = GridShape {
                y: (band.shape.y - first.0).div_ceil(step.0),
                x: (band.shape.x - first.1).div_ceil(step.1),
                ..band.shape
            };
            packets.push(Packet { rows: band.rows.clone(), first, step, shape: own });
        }
    }
    Ok(packets)
}

/// Rows and columns of a band's lattice, as powers of two: doubled in turn, columns first, as long as packets stay large enough.
fn lattice(shape: GridShape) -> (u32, u32) {
    let (mut down, mut across) = (0, 0);
    let positions = shape.positions().len();
    while positions >> (down + across + 1) >= LEAST_POSITIONS {
        let may = |log: u32, side: u32| log < MAX_SIDE_LOG && side >> (log + 1) > 0;
        match (may(across, shape.x), may(down, shape.y)) {
            (true, down_may) if across <= down || !down_may => across += 1,
            (_, true) => down += 1,
            _ => break,
        }
    }
    (down, across)
}

/// Row and column of a packet in its lattice: the bits of its number, from the lowest, are the highest ones of each in turn.
fn place(number: u32, down: u32, across: u32) -> (u32, u32) {
    let (mut row, mut column) = (0, 0);
    let (mut down_left, mut across_left) = (down, across);
    for bit in 0..down + across {
        let value = number >> bit & 1;
        if down_left >= across_left {
            down_left -= 1;
            row |= value << down_left;
        } else {
            across_left -= 1;
            column |= value << across_left;
        }
    }
    (row, column)
}

/// Codes a grid packet by packet on up to `threads` threads; the result does not depend on `threads`.
///
/// # Errors
/// As [`TokenPrior::session`].
pub fn encode_packets(grid: &TokenGrid, prior: &dyn TokenPrior, threads: usize) -> Result<Vec<Vec<u8>>> {
    let packets = split(grid.shape(), &UNLIMITED)?;
    in_parallel(packets.len(), threads, |n| encode_tokens(&extract(grid, &packets[n])?, prior))
}

/// Decodes the packets of a grid, in order, on up to `threads` threads.
///
/// To keep what arrives of them, decode packet by packet: [`split`], [`decode_packet`], [`insert`].
///
/// # Errors
/// [`Error::Corrupt`] if the number of streams is not that of the shape's packets, and those of [`decode_packet`].
pub fn decode_packets(
    coded: &[&[u8]],
    shape: GridShape,
    depths: &[u8],
    prior: &dyn TokenPrior,
    limits: &Limits,
    threads: usize,
) -> Result<TokenGrid> {
    let mut grid = TokenGrid::with_limits(shape, depths, limits)?;
    let packets = split(shape, limits)?;
    if coded.len() != packets.len() {
        return Err(Error::corrupt(format!("{} of {} packets of tokens are there", coded.len(), packets.len())));
    }
    let job = |n: usize| decode_packet(&packets[n], coded[n], depths, prior, limits);
    for (packet, tokens) in packets.iter().zip(in_parallel(packets.len(), threads, job)?) {
        insert(&mut grid, packet, &tokens)?;
    }
    Ok(grid)
}

/// Decodes one packet's own tokens.
///
/// # Errors
/// As [`decode_tokens`].
pub fn decode_packet(
    packet: &Packet,
    coded: &[u8],
    depths: &[u8],
    prior: &dyn TokenPrior,
    limits: &Limits,
) -> Result<TokenGrid> {
    decode_tokens(coded, packet.shape, depths, prior, limits)
}

/// [`encode_searched`] packet by packet on up to `threads` threads, so that bits are counted as [`encode_packets`] will
/// spend them.
///
/// # Errors
/// As [`encode_searched`].
pub fn search_packets(
    latents: &[f32],
    shape: LatentShape,
    rung: Rung,
    codebook: &ResidualCodebook,
    prior: &dyn TokenPrior,
    search: Search,
    threads: usize,
) -> Result<TokenGrid> {
    let mut grid = codebook.grid_for(latents, shape, rung)?;
    let packets = split(grid.shape(), &UNLIMITED)?;
    let dim = codebook.dim();
    let values_per_frame = shape.y as usize * shape.x as usize * dim;
    let found = in_parallel(packets.len(), threads, |n| {
        let mut own = Vec::new();
        for frame in latents.chunks_exact(values_per_frame) {
            for place in packets[n].places(shape.x) {
                own.extend_from_slice(&frame[place * dim..][..dim]);
            }
        }
        encode_searched(&own, packets[n].shape.positions(), rung, codebook, prior, search)
    })?;
    for (packet, tokens) in packets.iter().zip(&found) {
        insert(&mut grid, packet, tokens)?;
    }
    Ok(grid)
}

/// The packet as a grid of its own.
///
/// # Errors
/// [`Error::Parameter`] if the packet is not one of the grid's.
pub fn extract(grid: &TokenGrid, packet: &Packet) -> Result<TokenGrid> {
    check(grid, packet)?;
    let shape = grid.shape();
    let mut tokens = Vec::new();
    for frame in grid.tokens().chunks_exact(shape.y as usize * shape.x as usize) {
        tokens.extend(packet.places(shape.x).map(|place| frame[place]));
    }
    TokenGrid::from_tokens(packet.shape, grid.depths(), tokens)
}

/// Puts a packet's tokens into their places in the whole grid.
///
/// # Errors
/// [`Error::Parameter`] if the packet is not one of the grid's, or `tokens` not the packet's.
pub fn insert(grid: &mut TokenGrid, packet: &Packet, tokens: &TokenGrid) -> Result<()> {
    check(grid, packet)?;
    if tokens.shape() != packet.shape || tokens.depths() != grid.depths() {
        return Err(Error::parameter("tokens that are not of the packet"));
    }
    let shape = grid.shape();
    let own_len = packet.shape.y as usize * packet.shape.x as usize;
    let frames = grid.tokens_mut().chunks_exact_mut(shape.y as usize * shape.x as usize);
    for (frame, own) in frames.zip(tokens.tokens().chunks_exact(own_len)) {
        for (place, token) in packet.places(shape.x).zip(own) {
            frame[place] = *token;
        }
    }
    Ok(())
}

fn check(grid: &TokenGrid, packet: &Packet) -> Result<()> {
    let (whole, own) = (grid.shape(), packet.shape);
    let last_row = packet.rows.start + packet.first.0 + (own.y.max(1) - 1) * packet.step.0;
    let last_column = packet.first.1 + (own.x.max(1) - 1) * packet.step.1;
    let fits = own.levels == whole.levels && own.t == whole.t && !own.is_empty();
    if !fits || packet.rows.end > whole.y || last_row >= packet.rows.end || last_column >= whole.x {
        return Err(Error::parameter("a packet that is not of the grid"));
    }
    Ok(())
}
