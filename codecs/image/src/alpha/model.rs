//! The context model of an alpha plane.
//!
//! A plane is mostly runs of one value with outlines between them. Blocks of one value are said as
//! such; other pixels are first compared with their left neighbour, in the context of which pixels
//! of a template around them equal it (for a binary mask that is JBIG's template), then with the nearest other
//! value around, and only then is the difference from a gradient predictor coded.

use super::range::{Chance, Coder};

/// Side of a block.
const BLOCK: usize = 16;
/// Template of pixels that may equal the left neighbour, as (columns left, rows up).
const TEMPLATE: [(isize, usize); 10] =
    [(0, 1), (1, 1), (-1, 1), (2, 0), (0, 2), (1, 2), (-1, 2), (2, 1), (-2, 1), (3, 0)];
/// Kinds of value: transparent, opaque, between.
const KINDS: usize = 3;
/// Contexts of the difference, by how much the neighbours differ.
const ACTIVITIES: usize = 6;

/// A plane `[y][x]` that is read (encoder) or filled (decoder) by the walk.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<u8>,
}

impl Plane {
    /// The value `left` columns to the left and `up` rows up of a pixel; 0 outside of the plane.
    fn near(&self, (x, y): (usize, usize), (left, up): (isize, usize)) -> u8 {
        match (x.checked_add_signed(-left), y.checked_sub(up)) {
            (Some(x), Some(y)) if x < self.width => self.values[y * self.width + x],
            _ => 0,
        }
    }

    fn block_rows(&self, x: usize, y: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (width, right) = (self.width, (x + BLOCK).min(self.width));
        (y..(y + BLOCK).min(self.height)).map(move |y| y * width + x..y * width + right)
    }

    fn is_uniform(&self, x: usize, y: usize) -> bool {
        let first = self.values[y * self.width + x];
        self.block_rows(x, y).all(|row| self.values[row].iter().all(|&v| v == first))
    }
}

/// All adaptive probabilities of a plane.
struct Model {
    uniform: [Chance; 9],
    same_block: [Chance; 2],
    above_block: [Chance; 1],
    block: Vec<Chance>,
    same: Vec<Chance>,
    other: Vec<Chance>,
    difference: Vec<Chance>,
}

impl Model {
    fn new() -> Self {
        Self {
            uniform: [Chance::NEW; 9],
            same_block: [Chance::NEW; 2],
            above_block: [Chance::NEW; 1],
            block: vec![Chance::NEW; 256],
            same: vec![Chance::NEW; KINDS << TEMPLATE.len()],
            other: vec![Chance::NEW; KINDS * KINDS * 8],
            difference: vec![Chance::NEW; ACTIVITIES * 256],
        }
    }
}

/// Codes the whole plane: with an encoder, writes its values; with a decoder, fills them in.
///
/// `go_on` is asked after each row of blocks; the walk ends early when it says no.
pub(super) fn walk<C: Coder>(coder: &mut C, plane: &mut Plane, mut go_on: impl FnMut(&C) -> bool) {
    let mut model = Model::new();
    let columns = plane.width.div_ceil(BLOCK);
    let mut above = vec![0; columns];
    for top in (0..plane.height).step_by(BLOCK) {
        let uniform = block_map(coder, plane, &mut model, top, &above);
        for y in top..plane.height.min(top + BLOCK) {
            for x in 0..plane.width {
                if uniform[x / BLOCK] == 0 {
                    pixel(coder, plane, &mut model, (x, y));
                }
            }
        }
        if !go_on(coder) {
            return;
        }
        above = uniform;
    }
}

/// Codes which blocks of a row are of one value, and which; fills them. 1 for each such block, else 0.
fn block_map<C: Coder>(coder: &mut C, plane: &mut Plane, model: &mut Model, top: usize, above: &[usize]) -> Vec<usize> {
    let mut map = vec![0; above.len()];
    let mut last = None;
    for column in 0..above.len() {
        let x = column * BLOCK;
        // 2 is for no neighbour.
        let left = column.checked_sub(1).map_or(2, |left| map[left]);
        let over = if top == 0 { 2 } else { above[column] };
        let chance = &mut model.uniform[left * 3 + over];
        if !coder.code(plane.is_uniform(x, top), chance) {
            continue;
        }
        map[column] = 1;
        let wanted = plane.values[top * plane.width + x];
        let up = plane.near((x, top), (0, 1));
        let guess = last.unwrap_or(up);
        let same = &mut model.same_block[usize::from(guess == up)];
        let value = if coder.code(wanted == guess, same) {
            guess
        } else if guess != up && coder.code(wanted == up, &mut model.above_block[0]) {
            up
        } else {
            coder.code_tree(wanted, 8, &mut model.block)
        };
        for row in plane.block_rows(x, top) {
            plane.values[row].fill(value);
        }
        last = Some(value);
    }
    map
}

fn pixel<C: Coder>(coder: &mut C, plane: &mut Plane, model: &mut Model, at: (usize, usize)) {
    let index = at.1 * plane.width + at.0;
    let wanted = plane.values[index];
    let west = plane.near(at, (1, 0));
    let mut context = kind(west);
    for place in TEMPLATE {
        context = context << 1 | usize::from(plane.near(at, place) == west);
    }
    if coder.code(wanted == west, &mut model.same[context]) {
        plane.values[index] = west;
        return;
    }
    let [north, north_west, north_east] = [(0, 1), (1, 1), (-1, 1)].map(|place| plane.near(at, place));
    let around = [north, north_east, north_west, plane.near(at, (2, 0)), plane.near(at, (0, 2))];
    // The commonest case, an outline of a mask: the value is that of the other side.
    let other = around.into_iter().find(|&value| value != west).unwrap_or(255 - west);
    if other != west {
        let agreement =
            [north, north_east, north_west].into_iter().fold(0, |bits, value| bits << 1 | usize::from(value == other));
        let context = (kind(west) * KINDS + kind(other)) * 8 + agreement;
        if coder.code(wanted == other, &mut model.other[context]) {
            plane.values[index] = other;
            return;
        }
    }
    let guess = predict(west, north, north_west);
    let activity = u32::from(west.abs_diff(north_west))
        + u32::from(north.abs_diff(north_west))
        + u32::from(north.abs_diff(north_east));
    let activity = [2, 8, 24, 64, 160].iter().filter(|&&step| activity > step).count();
    let chances = &mut model.difference[activity * 256..][..256];
    let difference = wanted.wrapping_sub(guess).wrapping_add(128);
    let difference = coder.code_tree(difference, 8, chances);
    plane.values[index] = difference.wrapping_sub(128).wrapping_add(guess);
}

fn kind(value: u8) -> usize {
    match value {
        0 => 0,
        255 => 1,
        _ => 2,
    }
}

/// The median of west, north and their gradient (LOCO-I, Weinberger et al., 2000).
fn predict(west: u8, north: u8, north_west: u8) -> u8 {
    let (low, high) = (west.min(north), west.max(north));
    if north_west >= high {
        low
    } else if north_west <= low {
        high
    } else {
        // Between low and high, because north_west is.
        (i16::from(west) + i16::from(north) - i16::from(north_west)) as u8
    }
}
