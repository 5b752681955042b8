//! What stands in for tokens that are lost, and for what coarse tokens do not say.

mod likely;
mod neighbours;

pub(crate) use likely::{Told, heal, likely};
pub(crate) use neighbours::{mean, repeat};

/// Which tokens of a grid arrived.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Whether the tokens of a position are there, `[y][x]`.
    pub positions: Vec<bool>,
    /// Columns.
    pub columns: usize,
}

impl Known {
    /// Nothing is known yet.
    pub fn nothing(rows: usize, columns: usize) -> Self {
        Self { positions: vec![false; rows * columns], columns }
    }

    /// Everything is known.
    pub fn everything(rows: usize, columns: usize) -> Self {
        Self { positions: vec![true; rows * columns], columns }
    }

    /// Positions that are not known.
    pub fn lost(&self) -> usize {
        self.positions.iter().filter(|known| !**known).count()
    }

    /// Whether a position within `reach` columns and rows is known.
    fn is_near(&self, place: usize, reach: usize) -> bool {
        let (y, x) = (place / self.columns, place % self.columns);
        let rows = self.positions.len() / self.columns;
        let across = x.saturating_sub(reach)..(x + reach + 1).min(self.columns);
        (y.saturating_sub(reach)..(y + reach + 1).min(rows))
            .any(|y| self.positions[y * self.columns..][across.clone()].contains(&true))
    }
}
