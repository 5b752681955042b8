//! The threads that run the networks.

use std::sync::Arc;

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
