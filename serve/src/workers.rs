//! The threads that run the networks.

use std::sync::Arc;
use std::thread;

use tessera_audio::AudioCodec;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::fault::Fault;

/// As many at once as there are sessions; streams take turns in the order in which they ask.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    free: Arc<Semaphore>,
}

impl Workers {
    pub fn new(threads: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(threads.max(1))) }
    }

    /// Runs work that takes milliseconds, and gives back what it was given.
    pub async fn run<T: Send + 'static, R: Send + 'static>(
        &self,
        mut given: T,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<(T, R), Fault> {
        // The semaphore is never closed.
        let _turn = self.free.acquire().await.map_err(|_| Fault::crashed())?;
        let job = spawn_blocking(move || {
            let made = work(&mut given);
            (given, made)
        });
        job.await.map_err(|_| Fault::crashed())
    }
}

/// Makes the sessions of `threads` streams at once, so that the first clients need not wait for them.
pub(crate) fn warm(codec: &AudioCodec, threads: usize) -> tessera_audio::Result<()> {
    let stream = || -> tessera_audio::Result<()> {
        let bits = *codec.bits().end();
        let tokens = codec.stream_encoder(bits)?.push(&vec![0.0; codec.hop()])?;
        codec.stream_decoder(bits)?.push(&tokens)?;
        Ok(())
    };
    thread::scope(|scope| {
        let streams: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(stream)).collect();
        // A stream that panicked would panic for a client too; there it ends that stream alone.
        streams.into_iter().try_for_each(|stream| stream.join().unwrap_or(Ok(())))
    })
}
