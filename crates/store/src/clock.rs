//! The store's clock as one process carries it on.
//!
//! It shows the machine's wall clock, run on by the steady clock: when the wall clock is set back, it goes on as
//! before; when the wall clock is set forward (a wrong clock put right after the start, a machine that slept),
//! it follows, because what it shows is also written into texts that other machines judge by their own clocks.
//! Only a large step is followed: a room tells it from time that passed by its size, and lets it bring no capacity
//! (I1). A small one would pass for time. The clock never starts behind the newest moment that the store has seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anteroom_protocol::time::Timestamp;

/// How far the wall clock must be ahead to be followed: more than the gap by which a room's node knows a step
/// (`queue::node`), and little enough that no token is misjudged by it.
const FOLLOWED_STEP_MIN: Duration = Duration::from_millis(2_500);

/// A clock that never goes back.
#[derive(Debug)]
pub(crate) struct Clock {
    steady: Option<Instant>,
    /// Milliseconds of Unix time at which the steady clock stood at zero. Only grows.
    zero_at: AtomicU64,
}

impl Clock {
    /// The machine's clock, but not behind this moment.
    pub(crate) fn start(not_before: Timestamp) -> Self {
        let zero_at = not_before.max(wall_clock());
        Self { steady: Some(Instant::now()), zero_at: AtomicU64::new(zero_at.as_millis()) }
    }

    /// A clock that moves only when told to.
    pub(crate) fn stopped(now: Timestamp) -> Self {
        Self { steady: None, zero_at: AtomicU64::new(now.as_millis()) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self.steady {
            Some(steady) => self.follow(steady.elapsed(), wall_clock()),
            None => Timestamp::from_millis(self.zero_at.load(Ordering::Relaxed)),
        }
    }

    /// Goes forward to this moment, when it is not there yet.
    pub(crate) fn raise_to(&self, moment: Timestamp) {
        let elapsed = self.steady.map_or(Duration::ZERO, |steady| steady.elapsed());
        self.read(elapsed, moment);
    }

    /// How far this clock is ahead of the machine's.
    pub(crate) fn ahead(&self) -> Duration {
        self.now().saturating_since(wall_clock())
    }

    fn follow(&self, elapsed: Duration, wall: Timestamp) -> Timestamp {
        let own = self.read(elapsed, Timestamp::EPOCH);
        if wall.saturating_since(own) < FOLLOWED_STEP_MIN { own } else { self.read(elapsed, wall) }
    }

    fn read(&self, elapsed: Duration, at_least: Timestamp) -> Timestamp {
        let zero_at = at_least.saturating_sub(elapsed).as_millis();
        // Relaxed is enough: the value only grows, and each reading uses the largest it has seen.
        let zero_at = self.zero_at.fetch_max(zero_at, Ordering::Relaxed).max(zero_at);
        Timestamp::from_millis(zero_at).saturating_add(elapsed)
    }
}

fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn clock_goes_on_when_the_wall_clock_is_set_back() {
        let clock = Clock::stopped(at(0));
        assert_eq!(clock.read(Duration::from_secs(0), at(1_000)), at(1_000));
        assert_eq!(clock.read(Duration::from_secs(10), at(400)), at(1_010));
        assert_eq!(clock.read(Duration::from_secs(20), at(410)), at(1_020));
    }

    #[test]
    fn clock_follows_the_wall_clock_forward() {
        let clock = Clock::stopped(at(0));
        assert_eq!(clock.read(Duration::from_secs(0), at(1_000)), at(1_000));
        assert_eq!(clock.read(Duration::from_secs(10), at(5_000)), at(5_000));
        assert_eq!(clock.read(Duration::from_secs(11), at(1_011)), at(5_001));
    }

    #[test]
    fn small_step_of_the_wall_clock_is_not_followed() {
        let clock = Clock::stopped(at(1_000));
        assert_eq!(clock.follow(Duration::from_secs(10), at(1_012)), at(1_010));
        assert_eq!(clock.follow(Duration::from_secs(10), at(1_013)), at(1_013));
    }

    #[test]
    fn clock_starts_at_the_newest_moment_the_store_has_seen() {
        let clock = Clock::start(at(100_000_000_000));
        assert!(clock.now() >= at(100_000_000_000));
        assert!(clock.ahead() > Duration::from_secs(1));
        clock.raise_to(at(5));
        assert!(clock.now() >= at(100_000_000_000));
    }
}
