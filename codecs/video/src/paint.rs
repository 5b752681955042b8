//! Latents to pictures: whole frames, and what changed of them.
//!
//! A network's picture depends on tokens up to a margin away. Where none of those changed, the last picture stands. What changed is covered with
//! windows, each of which sees the margin around what is kept of it, so that the result is that of painting the whole frame, up to rounding.

use std::ops::Range;

use tessera_core::LatentShape;
use tessera_image::{Canvas, Patch, Span, Tokenizer, Window};
use tessera_models::{ConditionedSession, Session, VideoPack};

use crate::error::Result;

/// Tokens of a block that is painted or not, along each side.
const BLOCK: u32 = 4;
/// Tokens that a window costs beyond those that it sees.
const FEE: u64 = 40;
/// Most windows that are looked at for what to join.
const MOST: usize = 48;

/// Which network paints.
#[derive(Debug)]
pub(crate) enum Painter {
    /// The image pack's own decoder, which knows nothing of the frame before.
    Image(Box<Tokenizer>),
    /// A frame decoder: its trunk and one of its heads.
    Frame(ConditionedSession, Session),
}

/// How a network sees and paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Pixels of a token along each side.
    pub stride: u32,
    /// Longest side of a window in tokens, and tokens that a token's pixels depend on, on every side; `None` for all of a frame.
    pub window: Option<(u32, u32)>,
    /// Whether the frame before is seen too.
    pub before: bool,
}

/// Longest side of a frame decoder's window, in tokens.
const WINDOW: u32 = 96;

impl Painter {
    /// A frame decoder with a session of its own.
    pub fn frame(pack: &VideoPack, double: bool) -> Result<Self> {
        let head = if double { &pack.double } else { &pack.head };
        let trunk = ConditionedSession::load(&pack.trunk, 1).map_err(tessera_image::Error::from)?;
        Ok(Self::Frame(trunk, Session::load(head, 1).map_err(tessera_image::Error::from)?))
    }

    /// Paints windows of a frame from its latents and those of the frame before, `[y][x][dim]`.
    pub fn paint(
        &mut self,
        (now, before): (&[f32], &[f32]),
        (columns, dim): (u32, usize),
        (canvas, stride): (Canvas, u32),
        windows: &[Window],
    ) -> Result<Vec<Patch>> {
        let columns = columns as usize;
        let paint = |window: &Window| {
            let now = window.gather(now, columns, dim);
            let output = match self {
                Self::Image(tokenizer) => tokenizer.synthesise_window(now.view())?,
                Self::Frame(trunk, head) => {
                    let before = window.gather(before, columns, dim);
                    let features = trunk.run(now.view(), before.view()).map_err(tessera_image::Error::from)?;
                    head.run(features.view()).map_err(tessera_image::Error::from)?
                }
            };
            Ok(window.cut(&output, canvas, stride)?)
        };
        windows.iter().map(paint).collect()
    }
}

impl Reach {
    /// That of the image pack's decoder.
    pub fn of_image(tokenizer: &Tokenizer) -> Self {
        Self { stride: tokenizer.stride(), window: tokenizer.window(), before: false }
    }

    /// That of a frame decoder.
    pub fn of_pack(pack: &VideoPack, double: bool) -> Self {
        let margin = pack.section.margin;
        let times = if double { 2 } else { 1 };
        Self { stride: times * pack.section.stride, window: Some((WINDOW.max(3 * margin), margin)), before: true }
    }

    /// Windows of a frame of which the marked places `[y][x]` are new to the network; all of it if `fresh`.
    pub fn windows(&self, grid: LatentShape, fresh: bool, new: impl Fn(usize) -> bool) -> Vec<Window> {
        let everything = Area { down: 0..grid.y, across: 0..grid.x };
        let any = || (0..grid.len() as usize).any(&new);
        let Some((longest, margin)) = self.window else {
            return if fresh || any() { vec![everything.window(grid, 0)] } else { Vec::new() };
        };
        let areas = if fresh { vec![everything] } else { changed(grid, margin, new) };
        areas
            .iter()
            .flat_map(|area| area.cut(longest.saturating_sub(2 * margin).max(1), grid))
            .map(|a| a.window(grid, margin))
            .collect()
    }
}

/// A rectangle of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Area {
    down: Range<u32>,
    across: Range<u32>,
}

impl Area {
    fn joined(&self, other: &Self) -> Self {
        let join = |a: &Range<u32>, b: &Range<u32>| a.start.min(b.start)..a.end.max(b.end);
        Self { down: join(&self.down, &other.down), across: join(&self.across, &other.across) }
    }

    /// Tokens that a window sees that keeps this, and the fee.
    fn cost(&self, grid: LatentShape, margin: u32) -> u64 {
        let window = self.window(grid, margin);
        window.down.seen.len() as u64 * window.across.seen.len() as u64 + FEE
    }

    fn window(&self, grid: LatentShape, margin: u32) -> Window {
        let span = |kept: &Range<u32>, most: u32| Span {
            seen: kept.start.saturating_sub(margin)..kept.end.saturating_add(margin).min(most),
            kept: kept.clone(),
        };
        Window { down: span(&self.down, grid.y), across: span(&self.across, grid.x) }
    }

    /// In pieces whose sides are at most `longest`; a frame that fits with nothing around it stays whole.
    fn cut(&self, longest: u32, _: LatentShape) -> Vec<Self> {
        let pieces = |range: &Range<u32>| {
            let count = (range.end - range.start).div_ceil(longest).max(1);
            let at =
                |n: u32| range.start + (u64::from(range.end - range.start) * u64::from(n) / u64::from(count)) as u32;
            (0..count).map(move |n| at(n)..at(n + 1)).collect::<Vec<_>>()
        };
        let across = pieces(&self.across);
        let rows = pieces(&self.down);
        rows.iter()
            .flat_map(|down| across.iter().map(|across| Self { down: down.clone(), across: across.clone() }))
            .collect()
    }
}

/// Areas that hold all places within a margin of new ones: few, and of little cost.
fn changed(grid: LatentShape, margin: u32, new: impl Fn(usize) -> bool) -> Vec<Area> {
    let (down, across) = (grid.y.div_ceil(BLOCK), grid.x.div_ceil(BLOCK));
    let mut dirty = vec![false; (down * across) as usize];
    for y in 0..grid.y {
        for x in 0..grid.x {
            if !new((y * grid.x + x) as usize) {
                continue;
            }
            let blocks = |at: u32, most: u32| at.saturating_sub(margin) / BLOCK..=(at + margin).min(most - 1) / BLOCK;
            for row in blocks(y, grid.y) {
                let columns = blocks(x, grid.x);
                dirty[(row * across + columns.start()) as usize..=(row * across + columns.end()) as usize].fill(true);
            }
        }
    }
    let mut areas: Vec<Area> = Vec::new();
    for row in 0..down {
        let mut column = 0;
        while column < across {
            if !dirty[(row * across + column) as usize] {
                column += 1;
                continue;
            }
            let first = column;
            while column < across && dirty[(row * across + column) as usize] {
                column += 1;
            }
            let area = Area {
                down: row * BLOCK..((row + 1) * BLOCK).min(grid.y),
                across: first * BLOCK..(column * BLOCK).min(grid.x),
            };
            // Runs that lie under each other are one area.
            match areas.iter_mut().rev().find(|above| above.down.end == area.down.start && above.across == area.across)
            {
                Some(above) => above.down.end = area.down.end,
                None => areas.push(area),
            }
        }
    }
    if areas.len() > MOST {
        return areas.iter().cloned().reduce(|a, b| a.joined(&b)).into_iter().collect();
    }
    // Joins the two that gain most by it, as long as any do.
    while let Some((one, other)) = best_join(&areas, grid, margin) {
        let joined = areas[one].joined(&areas[other]);
        areas.remove(other);
        areas[one] = joined;
    }
    areas
}

/// The two areas, the first one first, that save most if they are one.
fn best_join(areas: &[Area], grid: LatentShape, margin: u32) -> Option<(usize, usize)> {
    let costs: Vec<u64> = areas.iter().map(|area| area.cost(grid, margin)).collect();
    let mut best = (0, None);
    for one in 0..areas.len() {
        for other in one + 1..areas.len() {
            let joined = areas[one].joined(&areas[other]).cost(grid, margin);
            let saved = (costs[one] + costs[other]).saturating_sub(joined);
            if saved > best.0 {
                best = (saved, Some((one, other)));
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: LatentShape = LatentShape { t: 1, y: 23, x: 40 };

    fn reach(longest: u32, margin: u32) -> Reach {
        Reach { stride: 16, window: Some((longest, margin)), before: false }
    }

    #[test]
    fn windows_hold_all_that_a_change_reaches_and_see_all_around() {
        for (longest, margin) in [(96, 3), (20, 4), (64, 12)] {
            for new in [vec![0], vec![5 * 40 + 7], vec![22 * 40 + 39, 3], (0..920).step_by(97).collect(), vec![]] {
                let windows = reach(longest, margin).windows(GRID, false, |place| new.contains(&place));
                let holds =
                    |y: u32, x: u32| windows.iter().any(|w| w.down.kept.contains(&y) && w.across.kept.contains(&x));
                for y in 0..23u32 {
                    for x in 0..40u32 {
                        let near =
                            |n: usize| (n as u32 / 40).abs_diff(y) <= margin && (n as u32 % 40).abs_diff(x) <= margin;
                        assert!(holds(y, x) || !new.iter().any(|&n| near(n)));
                    }
                }
                for Window { down, across } in &windows {
                    for (span, most) in [(down, 23), (across, 40)] {
                        assert_eq!(span.seen.start, span.kept.start.saturating_sub(margin));
                        assert_eq!(span.seen.end, (span.kept.end + margin).min(most));
                        assert!(span.seen.len() as u32 <= longest);
                    }
                }
                assert_eq!(windows.is_empty(), new.is_empty());
            }
        }
    }

    #[test]
    fn a_small_change_is_a_small_window_and_far_ones_are_not_joined() {
        let seen = |new: &[usize]| -> usize {
            let windows = reach(96, 3).windows(GRID, false, |place| new.contains(&place));
            windows.iter().map(|w| w.down.seen.len() * w.across.seen.len()).sum()
        };
        assert!(seen(&[10 * 40 + 20]) <= 18 * 18);
        assert!(seen(&[0, 22 * 40 + 39]) < 23 * 40 / 2);
        assert_eq!(reach(96, 3).windows(GRID, true, |_| false).len(), 1);
    }
}
