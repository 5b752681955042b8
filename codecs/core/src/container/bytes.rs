//! Reading and writing the container's primitive fields.

use crate::error::{Error, Result};

/// A position in bytes of unknown origin. Every read is checked.
#[derive(Debug, Clone)]
pub(super) struct Bytes<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }

    /// Offset of the next byte.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn remaining(&self) -> usize {
        self.data.len() - self.at
    }

    /// Everything from `start` to the next byte.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.data[start..self.at]
    }

    pub fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8]> {
        if len > self.remaining() {
            return Err(Error::truncated(format!("{what} needs {len} bytes, {} are left", self.remaining())));
        }
        let taken = &self.data[self.at..][..len];
        self.at += len;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub fn byte(&mut self, what: &str) -> Result<u8> {
        Ok(self.array::<1>(what)?[0])
    }

    pub fn u32(&mut self, what: &str) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    /// A LEB128 number below 2^32 in its shortest form.
    pub fn varint(&mut self, what: &str) -> Result<u32> {
        let value = self.leb128(what, 5)?;
        u32::try_from(value).map_err(|_| Error::corrupt(format!("{what} exceeds 32 bits")))
    }

    /// A LEB128 number below 2^63 in its shortest form.
    pub fn varint64(&mut self, what: &str) -> Result<u64> {
        self.leb128(what, 9)
    }

    fn leb128(&mut self, what: &str, most: usize) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..).step_by(7).take(most) {
            let byte = self.byte(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(Error::corrupt(format!("{what} is not in its shortest form")));
                }
                return Ok(value);
            }
        }
        Err(Error::corrupt(format!("{what} takes more than {most} bytes")))
    }
}

/// Appends a LEB128 number in its shortest form.
pub(super) fn put_varint(out: &mut Vec<u8>, value: u32) {
    put_varint64(out, value.into());
}

/// Appends a LEB128 number below 2^63 in its shortest form.
pub(super) fn put_varint64(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_survive_and_only_their_shortest_form_is_read() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, u32::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut bytes = Bytes::new(&out, 0);
            assert_eq!(bytes.varint("n"), Ok(value));
            assert_eq!(bytes.remaining(), 0);
            for cut in 0..out.len() {
                let error = Bytes::new(&out[..cut], 0).varint("n").unwrap_err();
                assert!(matches!(error, Error::Truncated { .. }));
            }
        }
        for bad in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff; 6], &[0xff, 0xff, 0xff, 0xff, 0x1f]] {
            let error = Bytes::new(bad, 0).varint("n").unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }));
        }
    }
}
