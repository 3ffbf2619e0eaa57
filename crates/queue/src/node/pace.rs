//! How long a node gathers, and what it knows of the time.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;

/// The window in which commands are gathered, while nobody else saves and when many do.
const WINDOW_MIN: Duration = Duration::from_millis(4);
const WINDOW_MAX: Duration = Duration::from_millis(500);
/// A longer silence between two calls is not time that was watched: the process slept, or a clock was set.
pub(super) const GAP_MAX: Duration = Duration::from_secs(2);

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

    pub(super) fn widen(&mut self) {
        self.0 = (self.0 * 2).min(WINDOW_MAX);
    }

    pub(super) fn narrow(&mut self) {
        self.0 = (self.0 * 3 / 4).max(WINDOW_MIN);
    }
}

/// Watches the clock, and knows since when it did so without a gap.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Timestamp,
    steady_since: Timestamp,
}

impl Watch {
    pub(super) const fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) const fn steady_since(&self) -> Timestamp {
        self.steady_since
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
