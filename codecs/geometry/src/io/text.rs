//! Lines of words and numbers.

use crate::error::{Error, Result};

/// The lines of a text that is not empty, with their numbers from 1; comments, from `#` on, are cut off.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = bytes.split(|&byte| byte == b'\n' || byte == b'\r').enumerate();
    lines.map(|(n, line)| {
        let end = line.iter().position(|&byte| byte == b'#').unwrap_or(line.len());
        (n + 1, line[..end].trim_ascii())
    })
}

/// The words of a line, between blanks, tabs or commas.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t' | b',' | b';')).filter(|word| !word.is_empty())
}

/// A number as files spell them; `None` for anything else.
pub(super) fn number(word: &[u8]) -> Option<f32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// `N` numbers from words.
pub(super) fn numbers<'a, const N: usize>(
    words: &mut impl Iterator<Item = &'a [u8]>,
    line: usize,
    what: &str,
) -> Result<[f32; N]> {
    let mut values = [0.0; N];
    for value in &mut values {
        *value = words.next().and_then(number).ok_or_else(|| {
            Error::shape(format!("line {line} does not hold the {N} numbers of {what}; repair the file"))
        })?;
    }
    Ok(values)
}

/// The first lines with content of what may be a text, each cut at a whole line; none if it is none.
pub(super) fn first_lines(bytes: &[u8], count: usize) -> Vec<&[u8]> {
    let head = &bytes[..bytes.len().min(1 << 14)];
    let text = head.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t'));
    if !text {
        return Vec::new();
    }
    // The last line may be cut.
    let whole = match bytes.len() > head.len() {
        true => head.iter().rposition(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(0),
        false => head.len(),
    };
    lines(&head[..whole]).map(|(_, line)| line).filter(|line| !line.is_empty()).take(count).collect()
}

/// A number in the shortest form that reads back the same.
pub(super) fn put(out: &mut Vec<u8>, values: impl IntoIterator<Item = f32>) {
    use std::io::Write;
    for value in values {
        // Writing to a vector does not fail.
        let _ = write!(out, " {value}");
    }
}
