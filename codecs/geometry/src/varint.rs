//! Numbers in as few bytes as they need: seven bits a byte, lowest first.

use crate::error::{Error, Result};

pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number below 2^63, and the rest of the bytes.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else {
            return Err(Error::Core(tessera_core::Error::Truncated { what: "a number ends early".into() }));
        };
        *bytes = rest;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(value);
        }
    }
    Err(Error::corrupt("a number is too long"))
}

/// As [`put`], small magnitudes in few bytes.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value << 1 ^ value >> 63) as u64);
}

/// What [`put_signed`] wrote.
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Result<i64> {
    let zigzag = take(bytes)?;
    Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
}
