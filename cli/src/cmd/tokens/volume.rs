//! Files of numbers over time and place: tokens or labels of a video, frame by frame.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
};

use serde_json::{Map, Value};

use super::{form::Form, npy, tar};
use crate::failure::{Exit, Failure, Result};

/// Numbers of a video on their way to a file. They wait in a temporary file without a name: a long video never lies in memory.
pub struct Volume {
    numbers: BufWriter<File>,
    frames: usize,
    /// Axes of a frame and their lengths.
    axes: Vec<usize>,
    greatest: u32,
}

/// What is written beside the numbers.
pub struct Beside {
    /// Name of the numbers: `tokens` or `labels`.
    pub name: &'static str,
    pub about: Map<String, Value>,
    /// `[label][value]`, where the numbers are labels of vectors, and the values of one.
    pub vectors: Option<(Vec<f32>, usize)>,
}

fn lost(error: &io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("tokens cannot be kept in a temporary file ({error})"),
        "free space where TMPDIR points",
    )
}

impl Volume {
    pub fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| lost(&error))?;
        Ok(Self { numbers: BufWriter::new(file), frames: 0, axes: Vec::new(), greatest: 0 })
    }

    /// Takes the next frame. All have the same axes.
    pub fn put(&mut self, axes: &[usize], numbers: impl Iterator<Item = u32>) -> Result<()> {
        self.axes = axes.to_vec();
        self.frames += 1;
        for number in numbers {
            self.greatest = self.greatest.max(number);
            self.numbers.write_all(&number.to_le_bytes()).map_err(|error| lost(&error))?;
        }
        Ok(())
    }

    /// Frames so far.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Numbers of a frame.
    fn each(&self) -> usize {
        self.axes.iter().product()
    }

    /// Writes a file; of an archive, the members of the sample `key`.
    pub fn write(self, form: Form, key: &str, beside: &Beside, out: &mut dyn Write) -> Result<()> {
        let unwritable = |error: io::Error| {
            Failure::new(Exit::Failed, format!("cannot write it ({error})"), "check the disk, and what reads it")
        };
        match form {
            Form::Jsonl => self.json(beside, out).map_err(unwritable),
            Form::Txt => self.text(out).map_err(unwritable),
            Form::Npy => self.array(out).map_err(unwritable),
            Form::Safetensors => self.tensors(beside, out).map_err(unwritable),
            Form::Tar => {
                let about = serde_json::to_vec(&beside.about).map_err(|error| unwritable(error.into()))?;
                let mut numbers = Vec::new();
                self.array(&mut numbers).map_err(unwritable)?;
                let vectors = beside.vectors.as_ref().map(|(values, dim)| npy::vectors(values, *dim));
                let mut members: Vec<(&str, &[u8])> = vec![("json", &about), ("npy", &numbers)];
                members.extend(vectors.as_ref().map(|bytes| ("codebook.npy", &bytes[..])));
                out.write_all(&tar::sample(key, &members).map_err(unwritable)?).map_err(unwritable)
            }
        }
    }

    /// The frames again, each given to `each`.
    fn replay(self, mut each: impl FnMut(usize, &[u32]) -> io::Result<()>) -> io::Result<()> {
        let (frames, count) = (self.frames, self.each());
        let mut file = self.numbers.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let (mut bytes, mut numbers) = (vec![0; 4 * count], vec![0; count]);
        for n in 0..frames {
            file.read_exact(&mut bytes)?;
            for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *number = u32::from_le_bytes(*bytes);
            }
            each(n, &numbers)?;
        }
        Ok(())
    }

    fn is_wide(&self) -> bool {
        self.greatest > u32::from(u16::MAX)
    }

    /// Little-endian `u16` or, where they do not fit, `u32`.
    fn raw(self, out: &mut dyn Write) -> io::Result<()> {
        let wide = self.is_wide();
        let mut out = BufWriter::new(out);
        self.replay(|_, numbers| {
            numbers.iter().try_for_each(|&number| match wide {
                true => out.write_all(&number.to_le_bytes()),
                false => out.write_all(&(number as u16).to_le_bytes()),
            })
        })?;
        out.flush()
    }

    fn shape(&self) -> Vec<usize> {
        std::iter::once(self.frames).chain(self.axes.iter().copied()).collect()
    }

    fn array(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&npy::head(if self.is_wide() { "<u4" } else { "<u2" }, &self.shape()))?;
        self.raw(out)
    }

    /// One object on one line.
    fn json(self, beside: &Beside, out: &mut dyn Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        let about = serde_json::to_string(&beside.about)?;
        out.write_all(about.strip_suffix('}').unwrap_or(&about).as_bytes())?;
        if let Some((values, dim)) = &beside.vectors {
            let rows: Vec<&[f32]> = values.chunks_exact(*dim).collect();
            write!(out, ",\"codebook\":{}", serde_json::to_string(&rows)?)?;
        }
        write!(out, ",\"{}\":[", beside.name)?;
        let axes = self.axes.clone();
        self.replay(|n, numbers| {
            if n > 0 {
                out.write_all(b",")?;
            }
            nested(&mut out, &axes, numbers)
        })?;
        out.write_all(b"]}\n")?;
        out.flush()
    }

    /// A line per frame.
    fn text(self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        self.replay(|_, numbers| {
            let line: Vec<String> = numbers.iter().map(u32::to_string).collect();
            writeln!(out, "{}", line.join(" "))
        })?;
        out.flush()
    }

    /// The header of the format says where each tensor lies, so that what follows it can come as it is read.
    fn tensors(self, beside: &Beside, out: &mut dyn Write) -> io::Result<()> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let about: Map<String, Value> =
            beside.about.iter().map(|(key, value)| (key.clone(), Value::String(text(value)))).collect();
        let kind = if self.is_wide() { ("U32", 4) } else { ("U16", 2) };
        let length = self.frames * self.each() * kind.1;
        let mut header = Map::new();
        header.insert("__metadata__".to_owned(), Value::Object(about));
        let mut begin = 0;
        // Wider numbers come first, so that each is where its width asks it to be.
        if let Some((values, dim)) = &beside.vectors {
            begin = 4 * values.len();
            let shape = [values.len() / dim, *dim];
            let tensor = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [0, begin] });
            header.insert("codebook".to_owned(), tensor);
        }
        let offsets = [begin, begin + length];
        let tensor = serde_json::json!({ "dtype": kind.0, "shape": self.shape(), "data_offsets": offsets });
        header.insert(beside.name.to_owned(), tensor);
        let mut header = serde_json::to_vec(&header)?;
        header.resize(header.len().next_multiple_of(8), b' ');
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        if let Some((values, _)) = &beside.vectors {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            out.write_all(&bytes)?;
        }
        self.raw(out)
    }
}

/// Numbers as lists in lists.
fn nested(out: &mut dyn Write, axes: &[usize], numbers: &[u32]) -> io::Result<()> {
    let Some((&length, rest)) = axes.split_first() else {
        return write!(out, "{}", numbers.first().copied().unwrap_or_default());
    };
    out.write_all(b"[")?;
    for (n, part) in numbers.chunks((numbers.len() / length.max(1)).max(1)).enumerate() {
        if n > 0 {
            out.write_all(b",")?;
        }
        nested(out, rest, part)?;
    }
    out.write_all(b"]")
}

#[cfg(test)]
mod tests {
    use safetensors::{Dtype, SafeTensors};

    use super::*;

    fn volume(add: u32) -> Volume {
        let mut volume = Volume::new().unwrap();
        for t in 0..3u32 {
            volume.put(&[2, 2, 1], (0..4).map(|n| 10 * t + n + add)).unwrap();
        }
        volume
    }

    fn written(add: u32, form: Form, vectors: Option<(Vec<f32>, usize)>) -> Vec<u8> {
        let about = serde_json::json!({ "pack": "p", "levels": 1 });
        let beside = Beside { name: "tokens", about: about.as_object().unwrap().clone(), vectors };
        let mut out = Vec::new();
        volume(add).write(form, "key", &beside, &mut out).unwrap();
        out
    }

    #[test]
    fn lists_and_lines_hold_every_number_at_its_place() {
        let value: Value = serde_json::from_slice(&written(0, Form::Jsonl, Some((vec![1.5, -2.0], 2)))).unwrap();
        assert_eq!(
            value["tokens"],
            serde_json::json!([[[[0], [1]], [[2], [3]]], [[[10], [11]], [[12], [13]]], [[[20], [21]], [[22], [23]]]])
        );
        assert_eq!((&value["pack"], &value["codebook"]), (&serde_json::json!("p"), &serde_json::json!([[1.5, -2.0]])));
        assert_eq!(written(0, Form::Txt, None), b"0 1 2 3\n10 11 12 13\n20 21 22 23\n");
    }

    #[test]
    fn arrays_and_tensors_are_as_wide_as_the_numbers_need() {
        for (add, kind, name) in [(0, Dtype::U16, "<u2"), (70_000, Dtype::U32, "<u4")] {
            let file = written(add, Form::Safetensors, Some((vec![0.5; 6], 3)));
            let tensors = SafeTensors::deserialize(&file).unwrap();
            let tokens = tensors.tensor("tokens").unwrap();
            assert_eq!((tokens.dtype(), tokens.shape()), (kind, &[3, 2, 2, 1][..]));
            let width = if kind == Dtype::U16 { 2 } else { 4 };
            let number =
                tokens.data().chunks(width).map(|b| b.iter().rev().fold(0u32, |sum, &b| sum << 8 | u32::from(b)));
            assert!(number.eq((0..3).flat_map(|t| (0..4).map(move |n| 10 * t + n + add))));
            assert_eq!(tensors.tensor("codebook").unwrap().shape(), [2, 3]);
            let array = written(add, Form::Npy, None);
            let head = String::from_utf8_lossy(&array[..128]).into_owned();
            assert!(head.contains(name) && head.contains("(3, 2, 2, 1)"), "{head}");
            assert_eq!(array.len(), 128 + 12 * width);
        }
    }
}
