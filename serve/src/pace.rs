//! How fast a stream may go.

use std::time::{Duration, Instant};

/// A leaky bucket of seconds of sound: it runs out at `speed`, and may hold `burst` before a client waits.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    speed: f64,
    burst: f64,
    level: f64,
    at: Instant,
}

impl Pace {
    pub fn new(speed: f64, burst: f64, now: Instant) -> Self {
        Self { speed, burst, level: 0.0, at: now }
    }

    /// Adds seconds of sound; returns how long to wait before more is taken.
    pub fn charge(&mut self, seconds: f64, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level - passed * self.speed).max(0.0) + seconds;
        self.at = now;
        Duration::from_secs_f64(((self.level - self.burst) / self.speed).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_never_waits_and_faster_streams_are_held_to_their_speed() {
        let start = Instant::now();
        let mut pace = Pace::new(4.0, 1.0, start);
        for n in 0..1000 {
            assert_eq!(pace.charge(0.1, start + n * Duration::from_millis(100)), Duration::ZERO);
        }
        let mut pace = Pace::new(4.0, 1.0, start);
        let mut now = start;
        for _ in 0..100 {
            now += pace.charge(1.0, now);
        }
        let taken = (now - start).as_secs_f64();
        assert!((taken - (100.0 - 1.0) / 4.0).abs() < 0.01, "{taken}");
    }
}
