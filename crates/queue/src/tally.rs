//! How many were let in, for those who look on. Decides nothing.

use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds that are told one by one.
const SECONDS: usize = 60;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tally {
    pub(crate) total: u64,
    /// The Unix second of the newest entry.
    newest: u64,
    /// Admissions of that second and those before it, oldest first; at most [`SECONDS`].
    per_second: Vec<u32>,
}

impl Tally {
    pub(crate) const fn new() -> Self {
        Self { total: 0, newest: 0, per_second: Vec::new() }
    }

    pub(crate) fn add(&mut self, now: Timestamp) {
        self.total = self.total.saturating_add(1);
        self.per_second = self.until(now);
        self.newest = now.as_seconds().max(self.newest);
        if let Some(newest) = self.per_second.last_mut() {
            *newest = newest.saturating_add(1);
        }
    }

    /// Admissions of each of the last 60 seconds, the present one last.
    pub(crate) fn until(&self, now: Timestamp) -> Vec<u32> {
        let passed =
            usize::try_from(now.as_seconds().saturating_sub(self.newest)).unwrap_or(SECONDS).min(SECONDS);
        let kept = self.per_second.len().min(SECONDS - passed);
        let mut seconds = vec![0; SECONDS - passed - kept];
        seconds.extend_from_slice(&self.per_second[self.per_second.len() - kept..]);
        seconds.resize(SECONDS, 0);
        seconds
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.per_second.len() <= SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_move_to_the_left_and_fall_off() {
        let at = Timestamp::from_seconds;
        let mut tally = Tally::new();
        for second in [100, 100, 101, 103] {
            tally.add(at(second));
        }
        assert_eq!(tally.until(at(103))[56..], [2, 1, 0, 1]);
        assert_eq!(tally.until(at(105))[54..], [2, 1, 0, 1, 0, 0]);
        assert_eq!(tally.until(at(162)).iter().sum::<u32>(), 1);
        assert_eq!(tally.until(at(163)).iter().sum::<u32>(), 0);
        // A clock that seems to go back changes nothing.
        assert_eq!(tally.until(at(50)).len(), 60);
        assert_eq!(tally.total, 4);
    }
}
