//! Running many jobs on a few workers: results come back in input order, one
//! failure never stops the others, and the pixels in flight stay bounded.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use serde::Serialize;

use crate::{
    failure::{Exit, Failure, Result},
    files::Job,
    print,
};

/// A shared allowance that workers draw on before they hold something large.
///
/// A request beyond the whole allowance is granted when nothing else is held, so that it runs alone.
pub struct Allowance {
    free: Mutex<u64>,
    total: u64,
    freed: Condvar,
}

impl Allowance {
    pub fn new(total: u64) -> Self {
        Self { free: Mutex::new(total), total, freed: Condvar::new() }
    }

    /// Waits until `amount` is free.
    pub fn take(&self, amount: u64) -> Taken<'_> {
        let amount = amount.min(self.total);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < amount {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= amount;
        Taken { allowance: self, amount }
    }
}

/// Part of an [`Allowance`], returned on drop.
pub struct Taken<'a> {
    allowance: &'a Allowance,
    amount: u64,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.allowance.free.lock().unwrap_or_else(PoisonError::into_inner) += self.amount;
        self.allowance.freed.notify_all();
    }
}

/// Runs `work` over `jobs` on `workers` threads; `worker()` makes what one thread keeps between jobs.
///
/// `done` sees every result in the order of `jobs`. After a failure that would hit every file alike
/// ([`Exit::Runtime`]) no further job is started. Returns the failures.
pub fn run<J: Sync, W, T: Send>(
    jobs: &[J],
    workers: usize,
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &J) -> Result<T> + Sync,
    mut done: impl FnMut(&J, &Result<T>, &ProgressBar),
) -> Vec<Failure> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let bar = progress_bar(jobs.len());
    let mut failures = Vec::new();
    thread::scope(|scope| {
        let (results, finished) = mpsc::channel();
        for _ in 0..workers.clamp(1, jobs.len().max(1)) {
            let results = results.clone();
            let (next, stop, worker, work) = (&next, &stop, &worker, &work);
            scope.spawn(move || {
                let mut state = worker();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index).filter(|_| !stop.load(Ordering::Relaxed)) else { break };
                    let result = work(&mut state, job);
                    if matches!(&result, Err(failure) if failure.exit == Exit::Runtime) {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if results.send((index, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        let mut waiting = BTreeMap::new();
        let mut shown = 0;
        for (index, result) in finished {
            bar.inc(1);
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&shown) {
                done(&jobs[shown], &result, &bar);
                failures.extend(result.err());
                shown += 1;
            }
        }
        // After a stop the order has holes; what was finished is still reported.
        for (index, result) in waiting {
            done(&jobs[index], &result, &bar);
            failures.extend(result.err());
        }
    });
    bar.finish_and_clear();
    failures
}

/// Reports one result: a JSON line where asked for, else a line for a person who watches.
///
/// Failures are listed by [`conclude`]; in JSON they also take their place among the results.
pub fn report<T: Serialize>(job: &Job, result: &Result<T>, json: bool, bar: &ProgressBar, line: impl Fn(&T) -> String) {
    bar.suspend(|| match result {
        _ if json => {
            let line = match result {
                Ok(report) => print::json(report),
                Err(failure) => print::json(&serde_json::json!({
                    "input": job.source.to_string(),
                    "error": failure.to_string(),
                    "exit_code": failure.exit as u8,
                })),
            };
            if let Err(failure) = line {
                let _ = writeln!(io::stderr(), "tessera: {failure}");
            }
        }
        Ok(report) if io::stderr().is_terminal() => {
            let _ = writeln!(io::stderr(), "{}", line(report));
        }
        _ => {}
    });
}

/// What was dropped on the way: a line each on standard error, watched or not. `--json` has it in the report.
pub fn notes(job: &Job, notes: &[String], json: bool, bar: &ProgressBar) {
    if json {
        return;
    }
    bar.suspend(|| {
        for note in notes {
            let _ = writeln!(io::stderr(), "tessera: {}: note: {note}", job.source);
        }
    });
}

/// A bar on standard error, only where there is a terminal and more than one job.
fn progress_bar(jobs: usize) -> ProgressBar {
    if jobs < 2 || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(jobs as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} files  {elapsed} elapsed, {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Prints the failures of a batch, and for several jobs how many there were. The exit code is the one
/// they share, or [`Exit::Failed`] when they differ.
pub fn conclude(jobs: usize, failures: &[Failure]) -> std::result::Result<(), Exit> {
    let Some(first) = failures.first() else { return Ok(()) };
    let mut stderr = io::stderr().lock();
    for failure in failures {
        let _ = writeln!(stderr, "tessera: {failure}");
    }
    if jobs > 1 {
        let rest = if first.exit == Exit::Runtime { "stopped there" } else { "the others are done" };
        let _ = writeln!(stderr, "tessera: {} of {jobs} files failed; {rest}", failures.len());
    }
    Err(if failures.iter().all(|failure| failure.exit == first.exit) { first.exit } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_input_order_and_failures_do_not_stop_the_rest() {
        let jobs: Vec<u64> = (0..40).collect();
        let mut seen = Vec::new();
        let work = |_: &mut (), job: &u64| {
            thread::sleep(Duration::from_micros((40 - job) * 20));
            if job % 7 == 3 { Err(Failure::new(Exit::Input, job.to_string(), "")) } else { Ok(*job) }
        };
        let failures = run(&jobs, 4, || (), work, |job, _, _| seen.push(*job));
        assert_eq!(seen, jobs);
        assert_eq!(failures.len(), 6);
        assert_eq!(conclude(jobs.len(), &failures), Err(Exit::Input));
    }

    #[test]
    fn a_missing_runtime_stops_the_batch() {
        let jobs: Vec<u64> = (0..1000).collect();
        let failures = run(&jobs, 2, || (), |(), _| Err::<(), _>(Failure::new(Exit::Runtime, "", "")), |_, _, _| {});
        assert!(failures.len() <= 4, "{}", failures.len());
    }

    #[test]
    fn an_allowance_is_never_overdrawn_and_larger_requests_run_alone() {
        let allowance = Allowance::new(10);
        let held = AtomicUsize::new(0);
        thread::scope(|scope| {
            for amount in [3, 5, 7, 100, 4, 10, 1] {
                let (allowance, held) = (&allowance, &held);
                scope.spawn(move || {
                    let taken = allowance.take(amount);
                    let now = held.fetch_add(taken.amount as usize, Ordering::SeqCst) + taken.amount as usize;
                    assert!(now <= 10, "{now}");
                    held.fetch_sub(taken.amount as usize, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(*allowance.free.lock().unwrap(), 10);
    }
}
