//! One stream, from its first message to its last.

use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::fault::Fault;
use crate::job::Job;
use crate::options::Options;
use crate::pace::Pace;
use crate::wire::{Ready, Reply, Request};
use crate::workers::Workers;

/// How long a client may take to answer the end of a stream.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a stream needs from the server.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub options: Options,
    pub workers: Workers,
    /// True once the server ends.
    pub ending: watch::Receiver<bool>,
}

/// Ready once the server ends.
pub(crate) async fn ended(mut ending: watch::Receiver<bool>) {
    // A server that is gone has ended too.
    let _ = ending.wait_for(|ending| *ending).await;
}

/// Why a stream is over.
enum Over {
    /// The client went away, or takes nothing: there is nobody to tell.
    Gone,
    Failed(Fault),
}

impl From<Fault> for Over {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// What came from the client.
enum Incoming {
    Data(axum::body::Bytes),
    Length(u64),
    End,
    /// Pings and pongs, which the WebSocket answers itself.
    Nothing,
}

/// Runs a stream to its end.
pub(crate) async fn run(socket: WebSocket, job: Box<dyn Job>, ready: Ready, surroundings: Surroundings) {
    let now = Instant::now();
    let Options { max_speed, burst, .. } = surroundings.options;
    let mut session = Session { socket, pace: Pace::new(max_speed, burst, now), surroundings };
    match session.serve(job, ready).await {
        Ok(code) => session.part(code, "").await,
        Err(Over::Failed(fault)) => {
            let reply = Reply::Error { code: fault.code.to_owned(), message: fault.message.clone() };
            if session.reply(&reply).await.is_ok() {
                session.part(fault.close, fault.code).await;
            }
        }
        Err(Over::Gone) => {}
    }
}

struct Session {
    socket: WebSocket,
    pace: Pace,
    surroundings: Surroundings,
}

impl Session {
    /// Returns the code to close with.
    async fn serve(&mut self, mut job: Box<dyn Job>, ready: Ready) -> Result<u16, Over> {
        self.reply(&Reply::Ready(ready)).await?;
        let mut deadline = Instant::now() + self.surroundings.options.idle;
        loop {
            let ending = ended(self.surroundings.ending.clone());
            let left = deadline.saturating_duration_since(Instant::now());
            let received = tokio::select! {
                received = timeout(left, self.socket.recv()) => received,
                () = ending => return self.finish(job, "shutdown").await,
            };
            let incoming = match received {
                Err(_) => return Err(Fault::idle(self.surroundings.options.idle.as_secs_f64()).into()),
                Ok(received) => self.read(received)?,
            };
            match incoming {
                Incoming::Nothing => continue,
                Incoming::End => return self.finish(job, "finished").await,
                Incoming::Length(samples) => job.set_length(samples)?,
                Incoming::Data(message) => job.take(&message)?,
            }
            let ended = self.gather(&mut *job).await?;
            job = self.work(job).await?;
            if ended {
                return self.finish(job, "finished").await;
            }
            deadline = Instant::now() + self.surroundings.options.idle;
        }
    }

    /// Takes the messages that are here already, so that a stream that is behind works on several at once. Returns whether the
    /// last one was the end.
    async fn gather(&mut self, job: &mut dyn Job) -> Result<bool, Over> {
        let mut bytes = 0;
        while bytes < self.surroundings.options.max_message {
            let Ok(received) = timeout(Duration::ZERO, self.socket.recv()).await else { break };
            match self.read(received)? {
                Incoming::Nothing => bytes += 1,
                Incoming::Length(samples) => {
                    bytes += 1;
                    job.set_length(samples)?;
                }
                Incoming::Data(message) => {
                    bytes += message.len().max(1);
                    job.take(&message)?;
                }
                Incoming::End => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Works until nothing waits, a turn at a time, and sends what comes of it.
    async fn work(&mut self, mut job: Box<dyn Job>) -> Result<Box<dyn Job>, Over> {
        while job.waiting() > 0 {
            let (back, turn) = self.surroundings.workers.run(job, |job| job.work()).await?;
            job = back;
            let turn = turn?;
            for message in turn.messages {
                self.send(Message::Binary(message.into())).await?;
            }
            let wait = self.pace.charge(turn.seconds, Instant::now());
            if !wait.is_zero() {
                tokio::select! {
                    () = sleep(wait) => {}
                    // What is here is still worked on, without waiting.
                    () = ended(self.surroundings.ending.clone()) => {}
                }
            }
        }
        Ok(job)
    }

    async fn finish(&mut self, job: Box<dyn Job>, reason: &str) -> Result<u16, Over> {
        let (job, messages) = self.surroundings.workers.run(job, |job| job.finish()).await?;
        let messages = messages?;
        if let Some(samples) = job.length() {
            self.reply(&Reply::Length { samples }).await?;
        }
        for message in messages {
            self.send(Message::Binary(message.into())).await?;
        }
        self.reply(&Reply::End(job.ended(reason))).await?;
        Ok(if reason == "shutdown" { close_code::AWAY } else { close_code::NORMAL })
    }

    fn read(&self, received: Option<Result<Message, axum::Error>>) -> Result<Incoming, Over> {
        match received {
            None | Some(Ok(Message::Close(_))) => Err(Over::Gone),
            Some(Err(error)) => Err(self.explain(&error)),
            Some(Ok(Message::Binary(bytes))) => Ok(Incoming::Data(bytes)),
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                Ok(Request::End {}) => Ok(Incoming::End),
                Ok(Request::Length { samples }) => Ok(Incoming::Length(samples)),
                Err(_) => Err(Fault::message("a text message that is no request of the protocol; send bytes").into()),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Incoming::Nothing),
        }
    }

    /// A broken message is the client's fault; a broken connection is the end.
    fn explain(&self, error: &axum::Error) -> Over {
        // axum hides the WebSocket's error type; its words are what is left.
        let text = error.to_string().to_lowercase();
        if text.contains("too long") || text.contains("too big") {
            return Fault::size(self.surroundings.options.max_message).into();
        }
        if text.contains("utf-8") || text.contains("protocol error") {
            return Fault::message("a message that breaks the rules of WebSocket").into();
        }
        Over::Gone
    }

    async fn reply(&mut self, reply: &Reply) -> Result<(), Over> {
        let text = serde_json::to_string(reply).map_err(|_| Fault::crashed())?;
        self.send(Message::Text(text.into())).await
    }

    /// A client that does not read for too long is gone.
    async fn send(&mut self, message: Message) -> Result<(), Over> {
        match timeout(self.surroundings.options.stall, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over::Gone),
        }
    }

    /// Closes, and gives the client a moment to read what it was sent and to close too.
    async fn part(&mut self, code: u16, reason: &'static str) {
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let farewell = async {
            self.socket.send(close).await?;
            while let Some(Ok(_)) = self.socket.recv().await {}
            Ok::<_, axum::Error>(())
        };
        // Whether the client answers or not, this was all.
        let _ = timeout(FAREWELL, farewell).await;
    }
}
