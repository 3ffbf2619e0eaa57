//! Moments, in whole milliseconds of Unix time, with arithmetic that stops at the ends instead of wrapping.
//! Nothing here reads a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The first moment there is.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds of Unix time.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds of Unix time; what cannot be written in milliseconds becomes the last moment there is.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds of Unix time.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds of Unix time, rounded down, as the wire writes them.
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This much later, in whole milliseconds.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This much earlier, in whole milliseconds, not before the epoch.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// The time since an earlier moment; zero when that moment lies ahead.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_both_ends() {
        let last = Timestamp::from_millis(u64::MAX);
        assert_eq!(last.saturating_add(Duration::from_secs(1)), last);
        assert_eq!(Timestamp::EPOCH.saturating_sub(Duration::from_secs(1)), Timestamp::EPOCH);
        assert_eq!(Timestamp::EPOCH.saturating_since(last), Duration::ZERO);
        assert_eq!(Timestamp::from_seconds(u64::MAX), last);
    }

    #[test]
    fn seconds_are_rounded_down() {
        assert_eq!(Timestamp::from_millis(1_999).as_seconds(), 1);
    }
}
