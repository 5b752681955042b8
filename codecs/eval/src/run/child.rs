//! A worker process, seen from the run.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::protocol::{Answer, Ask, Hello};
use crate::{Error, Result};

/// One worker; it ends when this is dropped.
pub(super) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts a worker and hears its first line.
    pub(super) fn start(mut command: Command) -> Result<(Self, Hello)> {
        // SVT-AV1 prints its settings otherwise.
        command.env("SVT_LOG", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| Error::Failed(format!("a worker could not be started: {error}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Failed("a worker has no pipes".to_owned()));
        };
        let mut worker = Self { child, input: Some(input), output: BufReader::new(output) };
        let hello = worker.hear()?;
        Ok((worker, hello))
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The worker is gone: it must not be asked again.
    pub(super) fn ask(&mut self, ask: &Ask) -> Result<Answer> {
        let mut line = serde_json::to_string(ask).map_err(|error| Error::Failed(error.to_string()))?;
        line.push('\n');
        let sent = self.input.as_mut().map(|input| input.write_all(line.as_bytes()).and_then(|()| input.flush()));
        match sent {
            Some(Ok(())) => self.hear(),
            _ => Err(self.gone()),
        }
    }

    fn hear<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) | Err(_) => Err(self.gone()),
            Ok(_) => serde_json::from_str(&line).map_err(|_| {
                Error::Failed(format!("a worker said something else: {}", line.chars().take(200).collect::<String>()))
            }),
        }
    }

    fn gone(&mut self) -> Error {
        self.input = None;
        let _ = self.child.kill();
        Error::Failed(match self.child.wait() {
            Ok(status) => format!("the codec's process ended ({status})"),
            Err(error) => format!("the codec's process is gone: {error}"),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}
