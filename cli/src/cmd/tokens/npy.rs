//! Arrays of whole numbers in NumPy's file format, version 1.0.

/// What stands before the numbers of an array of a type and a shape.
pub fn head(kind: &str, shape: &[usize]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", sides.join(", "));
    // The data starts at a multiple of 64 bytes.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.bytes());
    out
}

/// `[row, column]` of little-endian `u16` or, where they do not fit, `u32`.
pub fn write(rows: &[Vec<u32>]) -> Vec<u8> {
    let columns = rows.first().map_or(0, Vec::len);
    let wide = rows.iter().flatten().any(|&value| value > u32::from(u16::MAX));
    let mut out = head(if wide { "<u4" } else { "<u2" }, &[rows.len(), columns]);
    for &value in rows.iter().flatten() {
        match wide {
            true => out.extend(value.to_le_bytes()),
            false => out.extend((value as u16).to_le_bytes()),
        }
    }
    out
}

/// Rows of `dim` little-endian `f32`.
pub fn vectors(values: &[f32], dim: usize) -> Vec<u8> {
    let mut out = head("<f4", &[values.len() / dim.max(1), dim]);
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    out
}

/// Rows of an array of one or two axes of whole numbers; what is wrong, otherwise.
pub fn read(bytes: &[u8]) -> Result<Vec<Vec<u32>>, String> {
    let short = || "the array ends too early".to_owned();
    let major = *bytes.get(6).ok_or_else(short)?;
    let (len, start) = match major {
        1 => (
            usize::from(u16::from_le_bytes([*bytes.get(8).ok_or_else(short)?, *bytes.get(9).ok_or_else(short)?])),
            10_usize,
        ),
        2 | 3 => {
            let len: [u8; 4] = bytes.get(8..12).and_then(|len| len.try_into().ok()).ok_or_else(short)?;
            (u32::from_le_bytes(len) as usize, 12)
        }
        other => return Err(format!("version {other} of the format is not known")),
    };
    let header = start.checked_add(len).and_then(|end| bytes.get(start..end)).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| "the header is no text".to_owned())?;
    if !header.contains("'fortran_order': False") {
        return Err("only arrays in C order are read".to_owned());
    }
    let kind = after(header, "'descr':").and_then(|rest| rest.trim_start().strip_prefix('\'')?.split('\'').next());
    let (size, signed) = match kind {
        Some("<u2") => (2, false),
        Some("<u4") => (4, false),
        Some("<i4") => (4, true),
        Some("<i8" | "<u8") => (8, true),
        other => return Err(format!("numbers of type {} are not read; use uint16 or uint32", other.unwrap_or("?"))),
    };
    let shape = after(header, "'shape':").and_then(|rest| rest.trim_start().strip_prefix('(')?.split(')').next());
    let shape = shape.ok_or("the header has no shape")?;
    let sides: Vec<usize> = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
    let (rows, columns) = match sides[..] {
        [columns] => (1, columns),
        [rows, columns] if (1..=2).contains(&rows) => (rows, columns),
        _ => return Err(format!("an array of shape ({shape}) is not [channel, token] of 1 or 2 channels")),
    };
    let data = &bytes[start + len..];
    if rows.checked_mul(columns).and_then(|n| n.checked_mul(size)) != Some(data.len()) {
        return Err(format!("{} bytes of data do not fit the shape ({shape})", data.len()));
    }
    let value = |bytes: &[u8]| {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(bytes);
        let value = u64::from_le_bytes(wide);
        // A negative number of 32 bits would look large.
        let negative = signed && size == 4 && value > i32::MAX as u64;
        u32::try_from(value).ok().filter(|_| !negative).ok_or_else(|| "a number is no token".to_owned())
    };
    let numbers = data.chunks_exact(size).map(value).collect::<Result<Vec<u32>, _>>()?;
    Ok(numbers.chunks(columns.max(1)).map(<[u32]>::to_vec).collect())
}

fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_once(key).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_back() {
        for rows in [vec![vec![1, 2, 4095]], vec![vec![7], vec![70_000]], vec![(0..100).collect(), (5..105).collect()]]
        {
            let bytes = write(&rows);
            assert_eq!(bytes.len() % 2, 0);
            assert_eq!(read(&bytes).unwrap(), rows);
        }
    }

    #[test]
    fn arrays_that_lie_are_refused() {
        let good = write(&[vec![1, 2, 3]]);
        for len in 6..good.len() {
            assert!(read(&good[..len]).is_err(), "{len}");
        }
        let edited = |from: &str, to: &str| {
            let text: Vec<u8> = good.clone();
            let at = text.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
            [&text[..at], to.as_bytes(), &text[at + from.len()..]].concat()
        };
        for (from, to) in [
            ("(1, 3)", "(9, 3)"),
            ("(1, 3)", "(1, 4)"),
            ("<u2", "<f4"),
            ("False", "True "),
            ("(1, 3)", "(99999999999999999999,)"),
        ] {
            assert!(read(&edited(from, to)).is_err(), "{to}");
        }
    }
}
