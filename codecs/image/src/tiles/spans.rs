//! Windows along one axis.

use std::ops::Range;

use super::Tiling;

/// One window along one axis, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What the network sees.
    pub seen: Range<u32>,
    /// What is kept of its output.
    pub kept: Range<u32>,
}

/// Windows whose kept parts fill `0..total`, in order.
pub(crate) fn spans(total: u32, tiling: Tiling) -> Vec<Span> {
    let Tiling { window, margin } = tiling;
    let window = window.min(total);
    let mut spans: Vec<Span> = Vec::new();
    let mut next = 0;
    while next < total {
        // The last window is moved back into the picture.
        let start = next.saturating_sub(margin).min(total - window);
        let end = start + window;
        let keep_to = if end == total { total } else { end - margin };
        spans.push(Span { seen: start..end, kept: next..keep_to });
        next = keep_to;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_parts_fill_the_axis_and_keep_their_distance_from_cuts() {
        for (window, margin) in [(96, 8), (10, 4), (7, 0), (5, 2)] {
            for total in 1..400 {
                let spans = spans(total, Tiling { window, margin });
                let mut next = 0;
                for Span { seen, kept } in spans {
                    assert_eq!(kept.start, next);
                    assert!(kept.end > kept.start);
                    next = kept.end;
                    assert_eq!(seen.end - seen.start, window.min(total));
                    assert!(seen.start == 0 || kept.start - seen.start >= margin);
                    assert!(seen.end == total || seen.end - kept.end >= margin);
                }
                assert_eq!(next, total);
            }
        }
    }
}
