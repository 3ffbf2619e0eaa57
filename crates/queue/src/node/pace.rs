//! How long a node gathers, and what it knows of the time.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;

/// The window in which commands are gathered, while nobody else saves and when many do. Beyond the widest one, those who
/// wait would notice.
const WINDOW_MIN: Duration = Duration::from_millis(4);
const WINDOW_MAX: Duration = Duration::from_millis(250);
/// So many attempts a save are no reason to widen: a refusal costs a round trip, and brings along what the next attempt
/// needs. A wider window costs everybody in it more than that.
const ATTEMPTS_FINE: u32 = 2;
/// A window of this width is halved by one batch that went well at once.
const HALVED_AT: Duration = Duration::from_millis(400);
/// Each attempt beyond those widens it by one part in twenty, and a batch by four of them at the most.
const WIDENING_PARTS: u32 = 20;
const WIDENING_MAX: u32 = 4;
/// A longer silence between two calls is not time that was watched: the process slept, or a clock was set.
pub(super) const GAP_MAX: Duration = Duration::from_secs(2);

/// A node asks the store each second; a longer silence of it is not time in which anybody was let in.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The width of the window.
#[derive(Debug)]
pub(super) struct Window(Duration);

impl Default for Window {
    fn default() -> Self {
        Self(WINDOW_MIN)
    }
}

impl Window {
    pub(super) const fn width(&self) -> Duration {
        self.0
    }

    /// Learns how many attempts a batch has taken. When the first went well, the node saves a little more often: by the
    /// same amount whatever its window is, so that the widest narrows soonest and all nodes come to the same. When it
    /// took several, the window widens by a share, the more the longer it took.
    ///
    /// The steps are small. Doubling with each refusal and narrowing by a quarter was tried: one stall of the store's disk
    /// refuses several in a row, the window was at its widest for seconds, and nodes with a narrow one went first all
    /// the time.
    pub(super) fn learn(&mut self, attempts: u32) {
        self.0 = match attempts {
            0 | 1 => {
                let (now, halved) = (self.0.as_micros(), HALVED_AT.as_micros());
                Duration::from_micros(u64::try_from(now * halved / (now + halved)).unwrap_or(u64::MAX))
            }
            _ => self.0 + self.0 * attempts.saturating_sub(ATTEMPTS_FINE).min(WIDENING_MAX) / WIDENING_PARTS,
        }
        .clamp(WINDOW_MIN, WINDOW_MAX);
    }
}

/// Watches the clock and the store, and knows since when it did so without a gap.
///
/// Time in which the store did not answer is a gap too: nobody could be let in, so it must make nobody late, and
/// whom it would have called need not all be called at once when it is over.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Timestamp,
    /// When the store last answered.
    heard: Timestamp,
    steady_since: Timestamp,
}

impl Watch {
    pub(super) const fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) const fn steady_since(&self) -> Timestamp {
        self.steady_since
    }

    /// The store has answered. What time it is.
    pub(super) fn hear(&mut self, now: Timestamp) -> Timestamp {
        let now = self.look(now);
        if now.saturating_since(self.heard) > SILENCE_MAX {
            self.steady_since = now;
        }
        self.heard = now;
        now
    }

    /// What time it is; never earlier than it was.
    pub(super) fn look(&mut self, now: Timestamp) -> Timestamp {
        let now = now.max(self.last);
        if now.saturating_since(self.last) > GAP_MAX {
            self.steady_since = now;
        }
        self.last = now;
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_widens_with_attempts_and_narrows_again() {
        let mut window = Window::default();
        window.learn(1);
        window.learn(ATTEMPTS_FINE);
        assert_eq!(window.width(), WINDOW_MIN, "few attempts cost less than waiting");
        window.learn(3);
        assert_eq!(window.width(), WINDOW_MIN * 21 / 20);
        (0..100).for_each(|_| window.learn(100));
        assert_eq!(window.width(), WINDOW_MAX);
        window.learn(1);
        assert!(window.width() < WINDOW_MAX * 2 / 3, "the widest narrows soonest");
        (0..200).for_each(|_| window.learn(1));
        assert_eq!(window.width(), WINDOW_MIN);
    }
}
