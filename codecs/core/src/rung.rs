//! The rate ladder: which residual levels are sent, and how deep the last one goes.

/// One rung of the rate ladder: `levels` residual levels, all but the last at the codebook's full
/// depth, the last at `depth` bits.
///
/// Rungs order by rising bits per position, as long as no `depth` exceeds the full depth.
///
/// ```
/// use tessera_core::Rung;
/// assert_eq!(Rung { levels: 2, depth: 5 }.depths(12), [12, 5]);
/// assert!(Rung { levels: 1, depth: 12 } < Rung { levels: 2, depth: 3 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rung {
    /// Residual levels sent, at least 1.
    pub levels: u8,
    /// Bits per token of the last level, 1 to the full depth.
    pub depth: u8,
}

impl Rung {
    /// Bits per token of each level, first level first: `full_depth` for all but the last.
    pub fn depths(self, full_depth: u8) -> Vec<u8> {
        let mut depths = vec![full_depth; usize::from(self.levels)];
        if let Some(last) = depths.last_mut() {
            *last = self.depth;
        }
        depths
    }

    /// The rung of so many bits per latent position, at least 1.
    ///
    /// ```
    /// use tessera_core::Rung;
    /// assert_eq!(Rung::of_bits(17, 12), Rung { levels: 2, depth: 5 });
    /// assert_eq!(Rung::of_bits(24, 12).bits_per_position(12), 24);
    /// ```
    pub fn of_bits(bits: u8, full_depth: u8) -> Self {
        let (bits, full_depth) = (bits.max(1), full_depth.max(1));
        let levels = bits.div_ceil(full_depth);
        Self { levels, depth: bits - (levels - 1) * full_depth }
    }

    /// Bits of a token of the first level.
    pub fn first_depth(self, full_depth: u8) -> u8 {
        if self.levels == 1 { self.depth } else { full_depth }
    }

    /// Bits per latent position before entropy coding.
    pub fn bits_per_position(self, full_depth: u8) -> u32 {
        u32::from(self.levels.saturating_sub(1)) * u32::from(full_depth) + u32::from(self.depth)
    }
}

/// All rungs by rising bits: every depth from `min_depth` to `full_depth` of one level, then of a second, …
///
/// ```
/// let rungs = tessera_core::ladder(3, 12, 2);
/// assert_eq!(rungs.len(), 20);
/// assert!(rungs.is_sorted());
/// ```
pub fn ladder(min_depth: u8, full_depth: u8, max_levels: u8) -> Vec<Rung> {
    (1..=max_levels).flat_map(|levels| (min_depth..=full_depth).map(move |depth| Rung { levels, depth })).collect()
}
