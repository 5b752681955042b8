//! What frames cost.

/// What the frames of a video cost on average.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// Mean bits of a key frame's tokens.
    pub key_bits: f64,
    /// Mean bits of the tokens of any other frame; 0 if there are none.
    pub inter_bits: f64,
    /// Share of the places of other frames whose tokens are coded.
    pub changed: f64,
    keys: u64,
    inters: u64,
    places: u64,
}

impl Tally {
    /// Adds the bits and coded places of the frames of a group, the key frame first, of so many places each.
    pub(super) fn add(&mut self, bits: &[f64], changed: &[u32], places: u64) {
        for (n, (&bits, &changed)) in bits.iter().zip(changed).enumerate() {
            if n == 0 {
                self.key_bits += bits;
                self.keys += 1;
            } else {
                self.inter_bits += bits;
                self.inters += 1;
                self.changed += f64::from(changed);
                self.places += places;
            }
        }
    }

    /// The sums that were added up, as means.
    pub(super) fn means(mut self) -> Self {
        let mean = |sum: f64, count: u64| if count == 0 { 0.0 } else { sum / count as f64 };
        self.key_bits = mean(self.key_bits, self.keys);
        self.inter_bits = mean(self.inter_bits, self.inters);
        self.changed = mean(self.changed, self.places);
        self
    }
}
