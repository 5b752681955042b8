//! A process that codes pictures, sounds or shapes with one codec as it is asked to.

use std::{
    fs,
    io::{BufRead, Write},
    path::Path,
    time::Instant,
};

use super::protocol::{Answer, Ask, Hello};
use crate::{Error, Media, Result, anchors::Codec, anchors::Rate};

/// Serves `codec` to the run that started this process, until its standard input ends.
///
/// Errors of single files are answers; only a broken pipe ends the service early.
///
/// # Errors
/// The pipes broke.
pub fn serve<M: Media>(
    codec: Result<Box<dyn Codec<M>>>,
    input: impl BufRead,
    mut output: impl Write,
) -> std::io::Result<()> {
    let mut say = |line: String| {
        output.write_all(line.as_bytes())?;
        output.write_all(b"\n")?;
        output.flush()
    };
    let mut codec = match codec {
        Ok(codec) => codec,
        Err(Error::Missing(why)) => return say(serde_json::to_string(&Hello::Missing(why))?),
        Err(error) => return say(serde_json::to_string(&Hello::Failed(error.to_string()))?),
    };
    let ladder = codec.ladder().into_iter().map(|rate| (rate.name, rate.value)).collect();
    let (settings, extension) = (codec.describe(), codec.extension().to_owned());
    say(serde_json::to_string(&Hello::Ready { settings, extension, ladder })?)?;
    for line in input.lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(ask) => answer(codec.as_mut(), &ask).unwrap_or_else(|error| Answer::Failed(error.to_string())),
            Err(error) => Answer::Failed(format!("a line that is no request: {error}")),
        };
        say(serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

fn answer<M: Media>(codec: &mut dyn Codec<M>, ask: &Ask) -> Result<Answer> {
    let original = M::read(&ask.path)?;
    let rate = Rate { name: ask.rate.0.clone(), value: ask.rate.1 };
    forget_peak();
    let start = Instant::now();
    let coded = codec.encode(&original, &rate)?;
    let encode_seconds = start.elapsed().as_secs_f64();
    write(&ask.coded, &coded)?;
    // What is decoded is the written file.
    let coded = fs::read(&ask.coded).map_err(Error::at(&ask.coded))?;
    let start = Instant::now();
    let decoded = codec.decode(&coded)?;
    let decode_seconds = start.elapsed().as_secs_f64();
    let peak_bytes = peak();
    if !original.is_comparable(&decoded) {
        return Err(Error::Failed(format!("decoded to {} instead of {}", decoded.extent(), original.extent())));
    }
    write(&ask.decoded, &decoded.to_file()?)?;
    Ok(Answer::Done { bytes: coded.len() as u64, encode_seconds, decode_seconds, peak_bytes })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(Error::at(path))
}

/// Makes the system's mark of the largest resident memory start anew (Linux).
fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Largest resident memory since [`forget_peak`] (Linux).
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
