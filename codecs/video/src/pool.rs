//! Work on a few threads whose results come back in the order in which it was handed out, with a bound on how much is under way.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use crate::error::{Error, Result};

type Job<I, O> = (I, SyncSender<Result<O>>);

/// A few threads, each with a worker of its own.
pub(crate) struct Pool<I, O> {
    jobs: Sender<Job<I, O>>,
    waiting: VecDeque<Receiver<Result<O>>>,
    most: usize,
}

impl<I: Send, O: Send> Pool<I, O> {
    /// Starts `threads` threads in a scope; `worker` makes what one keeps between jobs. At most `most` jobs are under way or wait to be taken.
    pub fn new<'scope, 'env, W>(
        scope: &'scope Scope<'scope, 'env>,
        threads: usize,
        most: usize,
        worker: impl Fn() -> W + Send + Sync + 'scope,
        work: impl Fn(&mut W, I) -> Result<O> + Send + Sync + 'scope,
    ) -> Self
    where
        I: 'scope,
        O: 'scope,
    {
        let (jobs, todo) = channel::<Job<I, O>>();
        let todo = Arc::new(Mutex::new(todo));
        let how = Arc::new((worker, work));
        for _ in 0..threads.max(1) {
            let (todo, how) = (Arc::clone(&todo), Arc::clone(&how));
            scope.spawn(move || {
                let (worker, work) = &*how;
                let mut worker = worker();
                loop {
                    // One thread waits with the lock held; the others wait for the lock.
                    let job = todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((job, done)) = job else { break };
                    // Whoever asked may be gone.
                    let _ = done.send(work(&mut worker, job));
                }
            });
        }
        Self { jobs, waiting: VecDeque::new(), most: most.max(1) }
    }

    /// Whether a result must be taken before another job is handed out.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.most
    }

    /// Hands out a job.
    pub fn put(&mut self, job: I) {
        let (done, result) = sync_channel(1);
        // Without any thread left, taking the result says so.
        let _ = self.jobs.send((job, done));
        self.waiting.push_back(result);
    }

    /// Waits for the oldest result; `None` if nothing is under way.
    pub fn take(&mut self) -> Option<Result<O>> {
        let result = self.waiting.pop_front()?;
        Some(result.recv().unwrap_or_else(|_| Err(Error::video("a worker thread has ended; try again"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_they_take() {
        std::thread::scope(|scope| {
            let mut pool = Pool::new(
                scope,
                3,
                5,
                || 0,
                |count: &mut u32, n: u64| {
                    *count += 1;
                    std::thread::sleep(std::time::Duration::from_millis(n % 4));
                    Ok(n * n)
                },
            );
            let mut results = Vec::new();
            for n in 0..40 {
                if pool.is_full() {
                    results.push(pool.take().unwrap().unwrap());
                }
                pool.put(n);
            }
            while let Some(result) = pool.take() {
                results.push(result.unwrap());
            }
            assert!(results.into_iter().eq((0..40).map(|n| n * n)));
        });
    }

    #[test]
    fn whoever_stops_early_does_not_wait() {
        std::thread::scope(|scope| {
            let mut pool =
                Pool::new(scope, 2, 8, || (), |(), n: u32| if n == 3 { Err(Error::video("no")) } else { Ok(n) });
            (0..8).for_each(|n| pool.put(n));
            assert!((0..3).all(|n| pool.take().unwrap().unwrap() == n));
            assert!(pool.take().unwrap().is_err());
        });
    }
}
