//! Files of the family of MP4: a row of boxes, each with its length.

use std::io::{Read, Result, Seek, SeekFrom};

/// What keeps a file from being a whole one; `None` of a whole one, and of what is no MP4.
pub fn missing(file: &mut (impl Read + Seek)) -> Result<Option<&'static str>> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut at, mut indexed) = (0, false);
    while at < end {
        file.seek(SeekFrom::Start(at))?;
        let mut head = Vec::new();
        file.by_ref().take(16).read_to_end(&mut head)?;
        let (Some(length), Some(name)) = (head.first_chunk(), head.get(4..8)) else {
            return Ok((at > 0).then_some("it ends within a box"));
        };
        if at == 0 && name != b"ftyp" {
            return Ok(None);
        }
        let length = match u32::from_be_bytes(*length) {
            0 => end - at,
            1 => head.get(8..).and_then(<[u8]>::first_chunk).map_or(u64::MAX, |length| u64::from_be_bytes(*length)),
            length => u64::from(length),
        };
        if length < 8 {
            return Ok(Some("a box has an impossible length"));
        }
        indexed |= [&b"moov"[..], b"moof"].contains(&name);
        if length > end - at {
            return Ok(Some(if indexed { "it ends within a box" } else { "it ends before its index" }));
        }
        at += length;
    }
    Ok((end > 0 && !indexed).then_some("it has no index"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    fn missing(bytes: &[u8]) -> Option<&'static str> {
        super::missing(&mut Cursor::new(bytes)).unwrap()
    }

    fn file(boxes: &[(&[u8; 4], usize)]) -> Vec<u8> {
        let one = |&(name, length): &(&[u8; 4], usize)| {
            [&(length as u32 + 8).to_be_bytes(), &name[..], &vec![0; length]].concat()
        };
        boxes.iter().flat_map(one).collect()
    }

    #[test]
    fn a_whole_file_lacks_nothing_and_every_part_of_it_lacks_something() {
        let whole = file(&[(b"ftyp", 8), (b"mdat", 40), (b"moov", 20)]);
        assert_eq!(missing(&whole), None);
        for length in 8..whole.len() {
            assert!(missing(&whole[..length]).is_some(), "{length}");
        }
        assert_eq!(missing(&file(&[(b"ftyp", 8), (b"moov", 20), (b"mdat", 40)])), None);
        assert_eq!(missing(b"RIFF....WAVEfmt "), None);
        assert_eq!(missing(b""), None);
    }

    #[test]
    fn lengths_that_cannot_be_end_the_walk() {
        let mut bytes = file(&[(b"ftyp", 8), (b"moov", 20)]);
        for length in [2u32, 7, u32::MAX] {
            bytes[16..20].copy_from_slice(&length.to_be_bytes());
            assert!(missing(&bytes).is_some());
        }
        bytes[16..20].copy_from_slice(&1u32.to_be_bytes());
        bytes[24..32].copy_from_slice(&u64::MAX.to_be_bytes());
        assert!(missing(&bytes).is_some());
    }
}
