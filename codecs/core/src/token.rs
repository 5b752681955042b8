//! Token grids: what every codec of the suite turns its media into.
//!
//! This module fixes the axis order and the ranges for the whole workspace.

use crate::error::{Error, Result};
use crate::limits::{self, Limits};

/// Deepest tree, and so most bits, a token may have.
pub const MAX_DEPTH: u8 = 16;

/// Extent of a latent grid: frames, rows, columns. An image has `t == 1`, audio `y == x == 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LatentShape {
    /// Frames.
    pub t: u32,
    /// Rows.
    pub y: u32,
    /// Columns.
    pub x: u32,
}

impl LatentShape {
    /// Number of latent positions, saturating at `u64::MAX`.
    pub fn len(self) -> u64 {
        u64::from(self.t).saturating_mul(u64::from(self.y)).saturating_mul(u64::from(self.x))
    }

    /// Whether an axis is zero.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The token grid with `levels` residual levels over these positions.
    pub fn grid(self, levels: u8) -> GridShape {
        GridShape { levels, t: self.t, y: self.y, x: self.x }
    }
}

/// Extent of a token grid. Axis order, slowest first: level, t, y, x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GridShape {
    /// Residual levels, at least 1.
    pub levels: u8,
    /// Frames, at least 1.
    pub t: u32,
    /// Rows, at least 1.
    pub y: u32,
    /// Columns, at least 1.
    pub x: u32,
}

impl GridShape {
    /// Number of tokens, saturating at `u64::MAX` so that any limit catches an absurd claim.
    ///
    /// ```
    /// let shape = tessera_core::GridShape { levels: 2, t: 1, y: 32, x: 48 };
    /// assert_eq!(shape.len(), 3072);
    /// ```
    pub fn len(self) -> u64 {
        self.positions().len().saturating_mul(u64::from(self.levels))
    }

    /// Whether an axis is zero.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The latent positions that one level covers.
    pub fn positions(self) -> LatentShape {
        LatentShape { t: self.t, y: self.y, x: self.x }
    }

    /// Checks that no axis is zero and that the token count is within `limits`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a zero axis, [`Error::Limit`] for too many tokens.
    pub fn check(self, limits: &Limits) -> Result<usize> {
        if self.is_empty() {
            return Err(Error::parameter(format!(
                "token grid {}x{}x{}x{} has an empty axis",
                self.levels, self.t, self.y, self.x
            )));
        }
        limits::check("number of tokens", self.len(), limits.max_tokens)?;
        usize::try_from(self.len()).map_err(|_| Error::Limit {
            what: "number of tokens".into(),
            claimed: self.len(),
            limit: usize::MAX as u64,
        })
    }
}

/// A grid of discrete tokens with a depth in bits per level.
///
/// Tokens are `u16` in the order `[level][t][y][x]`, the last axis fastest. A token of a level with
/// depth `d` is the path of its codeword in the nested codebook, most significant bit first, so
/// `token < 2^d`, and `token >> k` is the same token known to depth `d - k`.
///
/// ```
/// use tessera_core::{GridShape, TokenGrid};
/// let shape = GridShape { levels: 1, t: 1, y: 2, x: 2 };
/// let grid = TokenGrid::from_tokens(shape, &[3], vec![0, 5, 7, 2])?;
/// assert_eq!(grid.get(0, 0, 1, 0), Some(7));
/// assert_eq!(grid.raw_bits(), 12);
/// # Ok::<(), tessera_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGrid {
    shape: GridShape,
    depths: Vec<u8>,
    tokens: Vec<u16>,
}

impl TokenGrid {
    /// A grid of zeros. `depths` holds the bits per token of each level, 1 to 16.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an empty axis or a bad depth, [`Error::Limit`] when the shape
    /// exceeds the default [`Limits`].
    pub fn new(shape: GridShape, depths: &[u8]) -> Result<Self> {
        Self::with_limits(shape, depths, &Limits::default())
    }

    /// A grid of zeros whose size is checked against `limits` before it is allocated.
    ///
    /// # Errors
    /// As for [`TokenGrid::new`].
    pub fn with_limits(shape: GridShape, depths: &[u8], limits: &Limits) -> Result<Self> {
        let len = shape.check(limits)?;
        check_depths(shape, depths)?;
        Ok(Self { shape, depths: depths.to_vec(), tokens: vec![0; len] })
    }

    /// A grid of the given tokens, in the order `[level][t][y][x]`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an empty axis, a bad depth, a wrong count or a token that needs
    /// more bits than its level's depth.
    pub fn from_tokens(shape: GridShape, depths: &[u8], tokens: Vec<u16>) -> Result<Self> {
        check_depths(shape, depths)?;
        if shape.is_empty() || shape.len() != tokens.len() as u64 {
            return Err(Error::parameter(format!("{} tokens for a grid of {}", tokens.len(), shape.len())));
        }
        let grid = Self { shape, depths: depths.to_vec(), tokens };
        for (level, &depth) in depths.iter().enumerate() {
            if let Some(token) = grid.level(level).iter().find(|&&t| t >> (depth - 1) > 1) {
                return Err(Error::parameter(format!("token {token} of level {level} needs more than {depth} bits")));
            }
        }
        Ok(grid)
    }

    /// The extent of the grid.
    pub fn shape(&self) -> GridShape {
        self.shape
    }

    /// Bits per token of each level.
    pub fn depths(&self) -> &[u8] {
        &self.depths
    }

    /// All tokens, in the order `[level][t][y][x]`.
    pub fn tokens(&self) -> &[u16] {
        &self.tokens
    }

    /// The tokens of one level, in the order `[t][y][x]`.
    ///
    /// # Panics
    /// If `level` is not below the number of levels.
    pub fn level(&self, level: usize) -> &[u16] {
        let len = self.tokens.len() / self.depths.len();
        &self.tokens[level * len..][..len]
    }

    /// The token at a position, or `None` outside the grid.
    pub fn get(&self, level: u8, t: u32, y: u32, x: u32) -> Option<u16> {
        self.index(level, t, y, x).map(|i| self.tokens[i])
    }

    /// Replaces the token at a position.
    ///
    /// # Errors
    /// [`Error::Parameter`] outside the grid or for a token of more bits than the level's depth.
    pub fn set(&mut self, level: u8, t: u32, y: u32, x: u32, token: u16) -> Result<()> {
        let index = self
            .index(level, t, y, x)
            .ok_or_else(|| Error::parameter(format!("no position ({level}, {t}, {y}, {x})")))?;
        let depth = self.depths[usize::from(level)];
        if token >> (depth - 1) > 1 {
            return Err(Error::parameter(format!("token {token} needs more than {depth} bits")));
        }
        self.tokens[index] = token;
        Ok(())
    }

    /// CRC-32C of the grid: levels (u8), t, y, x (u32), the depths (u8 each), the tokens (u16), all little endian.
    pub fn crc(&self) -> u32 {
        let mut head = vec![self.shape.levels];
        for axis in [self.shape.t, self.shape.y, self.shape.x] {
            head.extend(axis.to_le_bytes());
        }
        head.extend(&self.depths);
        let mut crc = crc32c::crc32c(&head);
        let mut bytes = [0; 512];
        for tokens in self.tokens.chunks(bytes.len() / 2) {
            for (pair, token) in bytes.chunks_exact_mut(2).zip(tokens) {
                pair.copy_from_slice(&token.to_le_bytes());
            }
            crc = crc32c::crc32c_append(crc, &bytes[..tokens.len() * 2]);
        }
        crc
    }

    /// Bits of the grid before entropy coding: the sum of all tokens' depths.
    pub fn raw_bits(&self) -> u64 {
        let per_position: u64 = self.depths.iter().map(|&d| u64::from(d)).sum();
        self.shape.positions().len() * per_position
    }

    fn index(&self, level: u8, t: u32, y: u32, x: u32) -> Option<usize> {
        let s = self.shape;
        if level >= s.levels || t >= s.t || y >= s.y || x >= s.x {
            return None;
        }
        let row = (level as usize * s.t as usize + t as usize) * s.y as usize + y as usize;
        Some(row * s.x as usize + x as usize)
    }

    pub(crate) fn tokens_mut(&mut self) -> &mut [u16] {
        &mut self.tokens
    }
}

/// Checks that there is one depth per level, each from 1 to [`MAX_DEPTH`].
pub(crate) fn check_depths(shape: GridShape, depths: &[u8]) -> Result<()> {
    if depths.len() != usize::from(shape.levels) {
        return Err(Error::parameter(format!("{} depths for {} levels", depths.len(), shape.levels)));
    }
    match depths.iter().find(|&&d| d == 0 || d > MAX_DEPTH) {
        Some(depth) => Err(Error::parameter(format!("depth {depth} is not from 1 to {MAX_DEPTH}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: GridShape = GridShape { levels: 2, t: 1, y: 2, x: 3 };

    #[test]
    fn a_token_that_needs_more_bits_than_its_level_is_refused() {
        let mut tokens = vec![0; 12];
        tokens[6] = 8;
        assert!(TokenGrid::from_tokens(SHAPE, &[4, 4], tokens.clone()).is_ok());
        assert!(TokenGrid::from_tokens(SHAPE, &[4, 3], tokens.clone()).is_err());
        let mut grid = TokenGrid::from_tokens(SHAPE, &[4, 4], tokens).unwrap();
        assert!(grid.set(0, 0, 0, 0, 16).is_err());
        assert!(grid.set(0, 0, 2, 0, 1).is_err());
        assert!(grid.set(0, 0, 1, 2, 15).is_ok());
        assert_eq!(grid.level(0)[5], 15);
    }

    #[test]
    fn sixteen_bit_tokens_use_the_whole_range() {
        let shape = GridShape { levels: 1, ..SHAPE };
        let grid = TokenGrid::from_tokens(shape, &[16], vec![u16::MAX; 6]).unwrap();
        assert_eq!(grid.raw_bits(), 96);
    }

    #[test]
    fn a_huge_claim_is_a_limit_error_not_an_allocation() {
        let shape = GridShape { levels: u8::MAX, t: u32::MAX, y: u32::MAX, x: u32::MAX };
        let depths = vec![12; 255];
        let error = TokenGrid::new(shape, &depths).unwrap_err();
        assert!(matches!(error, Error::Limit { claimed: u64::MAX, .. }));
    }

    #[test]
    fn the_crc_covers_shape_depths_and_tokens() {
        let grid = TokenGrid::new(SHAPE, &[4, 4]).unwrap();
        let turned = GridShape { y: 3, x: 2, ..SHAPE };
        assert_ne!(grid.crc(), TokenGrid::new(turned, &[4, 4]).unwrap().crc());
        assert_ne!(grid.crc(), TokenGrid::new(SHAPE, &[4, 3]).unwrap().crc());
        let mut other = grid.clone();
        other.set(1, 0, 1, 2, 1).unwrap();
        assert_ne!(grid.crc(), other.crc());
    }
}
