//! The store's clock as one process carries it on: the servers' time, run on by this machine's steady clock.
//!
//! No wall clock of a node gets in, so a node whose clock is wrong harms nobody. What a node knows of the servers' time
//! is an interval: it was read between the question and the answer. While the clock shown agrees with that, nothing is
//! done. A small difference (steady clocks drift) is made up for by running a thousandth faster or slower, which no
//! room can tell from time that passed (I1) and which never goes back. A server that is far ahead is followed at once,
//! as a room tells so large a step from time; one that is far behind (it was set back, or another one took over) is not
//! followed at all: the clock goes on from where it was, and the marks that saves leave behind tell others.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anteroom_protocol::time::Timestamp;

/// How far the servers must be ahead to be followed at once: more than the gap by which a room's node knows a step.
const FOLLOWED_STEP_MIN: i64 = 2_500_000;
/// Servers that are further behind were set back; waiting for them would hold up every line.
const WAITED_FOR_MAX: i64 = 2_500_000;
/// One part in so many is how much faster or slower the clock runs to make up for a difference.
const CORRECTION: i64 = 1_000;

/// A clock that never goes back. All figures are microseconds.
#[derive(Debug)]
pub(super) struct ServerClock {
    steady: Instant,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    /// When this was last brought up to date, on the steady clock.
    at: i64,
    /// What the clock showed then.
    shown: i64,
    /// How much it is still to gain (or lose).
    to_gain: i64,
    has_begun: bool,
}

impl ServerClock {
    pub(super) fn new() -> Self {
        Self { steady: Instant::now(), shown: Mutex::default() }
    }

    /// The moment, in whole milliseconds.
    pub(super) fn now(&self) -> Timestamp {
        in_milliseconds(self.with(Shown::read))
    }

    /// A mark for [`saw`](Self::saw): when the question was asked.
    pub(super) fn asked(&self) -> i64 {
        self.with(Shown::read)
    }

    /// Takes in what a server's clock showed between `asked` and now.
    pub(super) fn saw(&self, asked: i64, server: Duration) {
        self.with(|shown, at| shown.saw(at, asked, micros(server)));
    }

    /// Goes forward to this moment, at which somebody is known to have saved, when it is not there yet.
    pub(super) fn raise_to(&self, moment: Timestamp) {
        let moment = micros(Duration::from_millis(moment.as_millis()));
        self.with(|shown, at| shown.shown += (moment - shown.read(at)).max(0));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shown, i64) -> T) -> T {
        let at = micros(self.steady.elapsed());
        act(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner), at)
    }
}

impl Shown {
    /// What the clock shows.
    fn read(&mut self, at: i64) -> i64 {
        let passed = (at - self.at).max(0);
        let gained = self.to_gain.clamp(-(passed / CORRECTION), passed / CORRECTION);
        if self.to_gain == 0 || gained != 0 {
            self.at += passed;
            self.shown += passed + gained;
            self.to_gain -= gained;
            return self.shown;
        }
        // Too little has passed to gain anything by; it counts the next time.
        self.shown + passed
    }

    fn saw(&mut self, at: i64, asked: i64, server: i64) {
        let shown = self.read(at);
        let (ahead, behind) = (server - shown, asked - server);
        if !self.has_begun || ahead >= FOLLOWED_STEP_MIN {
            self.has_begun = true;
            self.shown += ahead.max(0);
            self.to_gain = 0;
        } else if ahead > 0 {
            self.to_gain = ahead;
        } else if (1..WAITED_FOR_MAX).contains(&behind) {
            self.to_gain = -behind;
        } else {
            self.to_gain = 0;
        }
    }
}

fn in_milliseconds(micros: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(micros / 1_000).unwrap_or(0))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const BEGUN: i64 = 1_700_000_000 * SECOND;

    /// A clock that has begun, at zero of the steady clock.
    fn begun() -> Shown {
        let mut shown = Shown::default();
        shown.saw(0, 0, BEGUN);
        shown
    }

    #[test]
    fn clock_begins_with_the_server_and_runs_on() {
        let mut shown = begun();
        assert_eq!(shown.read(0), BEGUN);
        assert_eq!(shown.read(5 * SECOND), BEGUN + 5 * SECOND);
        assert_eq!(shown.read(4 * SECOND), BEGUN + 5 * SECOND, "it never goes back");
    }

    #[test]
    fn an_answer_that_agrees_changes_nothing() {
        let mut shown = begun();
        shown.saw(10_000, BEGUN, BEGUN + 4_000);
        assert_eq!(shown.to_gain, 0);
    }

    #[test]
    fn drift_is_made_up_for_slowly_and_never_backwards() {
        for drift in [-50_000, 50_000] {
            let mut shown = begun();
            let mut last = shown.read(0);
            shown.saw(1, BEGUN + 1, BEGUN + 1 + drift);
            for millisecond in 1..100_000 {
                let now = shown.read(millisecond * 1_000);
                assert!((0..=1_001).contains(&(now - last)), "{last} {now}");
                last = now;
            }
            let expected = BEGUN + 99_999_000 + drift;
            assert!((last - expected).abs() < 2_000, "{last} {expected}");
        }
    }

    #[test]
    fn server_far_ahead_is_followed_and_one_set_back_is_not() {
        let mut shown = begun();
        let hour = 3_600 * SECOND;
        shown.saw(SECOND, BEGUN + SECOND - 1, BEGUN + hour);
        assert_eq!(shown.read(SECOND), BEGUN + hour);
        shown.saw(2 * SECOND, BEGUN + hour + SECOND, BEGUN + 2 * SECOND);
        assert_eq!(shown.read(4 * SECOND), BEGUN + hour + 3 * SECOND);
    }

    #[test]
    fn mark_of_a_save_is_never_in_the_future() {
        let clock = ServerClock::new();
        clock.saw(clock.asked(), Duration::from_secs(1_000));
        clock.raise_to(Timestamp::from_seconds(5_000));
        assert!(clock.now() >= Timestamp::from_seconds(5_000));
    }
}
