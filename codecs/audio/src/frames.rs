//! Frames of tokens: of each the first level's, then the next one's.
//!
//! Grids hold level after level; streams and lists go frame by frame.

use tessera_core::{GridShape, TokenGrid};

use crate::error::{Error, Result};

/// The grid of `frames` frames.
pub(crate) fn shape(levels: u8, frames: u32) -> GridShape {
    GridShape { levels, t: frames, y: 1, x: 1 }
}

/// A grid's tokens, frame by frame.
pub(crate) fn interleaved(grid: &TokenGrid) -> Vec<u16> {
    let frames = grid.level(0).len();
    (0..frames).flat_map(|frame| grid.tokens().iter().skip(frame).step_by(frames)).copied().collect()
}

/// The grid of tokens of `depths` bits that go frame by frame.
pub(crate) fn grid(tokens: &[u16], depths: &[u8]) -> Result<TokenGrid> {
    let frames = u32::try_from(tokens.len() / depths.len());
    let frames = frames.map_err(|_| Error::parameter("tokens of too many frames"))?;
    // A depth is one of at most 15 levels.
    let shape = shape(depths.len() as u8, frames);
    let levels = (0..depths.len()).flat_map(|level| tokens.iter().skip(level).step_by(depths.len()));
    Ok(TokenGrid::from_tokens(shape, depths, levels.copied().collect())?)
}

/// Checks that tokens are those of whole frames, and none has more bits than its level.
pub(crate) fn check(tokens: &[u16], depths: &[u8]) -> Result<()> {
    if !tokens.len().is_multiple_of(depths.len()) {
        return Err(Error::parameter(format!("{} tokens are no frames of {}", tokens.len(), depths.len())));
    }
    for (&token, depth) in tokens.iter().zip(depths.iter().cycle()) {
        if u32::from(token) >> depth != 0 {
            return Err(Error::parameter(format!("token {token} needs more than {depth} bits")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_grids_hold_the_same() {
        let tokens = [1, 100, 2, 200, 3, 300];
        let grid = grid(&tokens, &[3, 9]).unwrap();
        assert_eq!((grid.level(0), grid.level(1)), (&[1, 2, 3][..], &[100, 200, 300][..]));
        assert_eq!(interleaved(&grid), tokens);
        assert!(check(&tokens, &[3, 9]).is_ok());
        assert!(check(&tokens, &[3, 8]).is_err());
        assert!(check(&tokens[1..], &[9, 9]).is_err());
    }
}
