//! Virtual time and tags.
//!
//! Tags are given in the order of arrival, one after the other. The *front* is how many places the room has had the
//! capacity to call so far; a tag is called, and its holder admissible, once the front has reached it. The front
//! grows at the outflow rate while the room runs and never goes back.
//!
//! It runs ahead of the newest tag by the burst at most: an idle room lets a burst of visitors straight through,
//! and an empty hour is not hoarded for a stampede afterwards. In the words of the design: `V = front - burst`, and a
//! tag is `max(V, last) + 1`, which is always `last + 1` because V is kept from passing `last`.

use serde::{Deserialize, Serialize};

use crate::broken::{self, Broken};
use crate::settings::SLIVERS_PER_PLACE;

/// The highest tag a room gives. Beyond it slivers would no longer fit into 64 bits; at ten thousand visitors a second
/// it is reached after three hundred years.
pub(crate) const TAG_MAX: u64 = 100_000_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    /// Capacity so far, in slivers of a place.
    front: u64,
    /// The newest tag given.
    last: u64,
}

impl Line {
    /// Nobody has come yet, and a burst of visitors would go straight through.
    pub(crate) const fn new(burst: u32) -> Self {
        Self { front: (burst as u64) * SLIVERS_PER_PLACE, last: 0 }
    }

    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    /// Places the front has passed, whether anybody holds them or not.
    pub(crate) const fn front_places(&self) -> u64 {
        self.front / SLIVERS_PER_PLACE
    }

    /// The newest tag that was given and called.
    pub(crate) fn called(&self) -> u64 {
        self.front_places().min(self.last)
    }

    /// Visitors in line who have not been called.
    pub(crate) fn waiting(&self) -> u64 {
        self.last - self.called()
    }

    /// Gives the next tag; nothing when a room has given all there are.
    pub(crate) fn give(&mut self) -> Option<u64> {
        if self.last >= TAG_MAX {
            return None;
        }
        self.last += 1;
        if broken::is(Broken::LineIgnoresOrder) {
            self.last += 1;
            return Some(if self.last.is_multiple_of(8) { self.last - 5 } else { self.last });
        }
        if broken::is(Broken::GivesTwice) && self.last.is_multiple_of(4) {
            return Some(self.last - 1);
        }
        Some(self.last)
    }

    /// A genuine ticket proves that this tag was given.
    pub(crate) fn heal(&mut self, tag: u64) {
        if !broken::is(Broken::NoHealing) {
            self.last = self.last.max(tag.min(TAG_MAX));
        }
    }

    /// Capacity that came with time.
    pub(crate) fn advance(&mut self, slivers: u64, burst: u32) {
        let limit = self.last.saturating_add(u64::from(burst)).saturating_mul(SLIVERS_PER_PLACE);
        // A burst that was made smaller leaves the front where it is: who was called stays called.
        self.front = self.front.saturating_add(slivers).min(limit).max(self.front);
    }

    /// Calls others in place of those who did not come: up to so many slivers, and not beyond the newest tag.
    /// Returns how many were used.
    pub(crate) fn call_more(&mut self, slivers: u64) -> u64 {
        let room = self.last.saturating_mul(SLIVERS_PER_PLACE).saturating_sub(self.front);
        let used = slivers.min(room);
        self.front += used;
        used
    }

    /// Whether nobody waits and a burst would go straight through.
    pub(crate) fn is_settled(&self, burst: u32) -> bool {
        self.front_places() >= self.last.saturating_add(u64::from(burst))
    }

    /// Takes the further of two: neither figure may go back.
    pub(crate) fn take_further(&mut self, other: &Self) {
        self.front = self.front.max(other.front);
        self.last = self.last.max(other.last);
    }

    pub(crate) const fn is_sound(&self) -> bool {
        self.last <= TAG_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_room_calls_a_burst_at_once_and_hoards_no_more() {
        let mut line = Line::new(2);
        line.advance(1_000 * SLIVERS_PER_PLACE, 2);
        assert!(line.is_settled(2));
        for _ in 0..5 {
            line.give().unwrap();
        }
        assert_eq!((line.called(), line.waiting()), (2, 3));
        line.advance(SLIVERS_PER_PLACE - 1, 2);
        assert_eq!(line.called(), 2);
        line.advance(1, 2);
        assert_eq!(line.called(), 3);
    }

    #[test]
    fn smaller_burst_uncalls_nobody() {
        let mut line = Line::new(10);
        for _ in 0..20 {
            line.give().unwrap();
        }
        assert_eq!(line.called(), 10);
        line.advance(0, 1);
        assert_eq!(line.called(), 10);
    }

    #[test]
    fn others_are_called_up_to_the_newest_tag() {
        let mut line = Line::new(1);
        for _ in 0..3 {
            line.give().unwrap();
        }
        assert_eq!(line.call_more(5 * SLIVERS_PER_PLACE), 2 * SLIVERS_PER_PLACE);
        assert_eq!(line.waiting(), 0);
    }

    #[test]
    fn line_ends_at_the_last_tag_there_is() {
        let mut line = Line::new(1);
        line.heal(u64::MAX);
        assert_eq!((line.last(), line.give()), (TAG_MAX, None));
        line.advance(u64::MAX, u32::MAX);
        line.advance(u64::MAX, u32::MAX);
        assert!(line.called() <= TAG_MAX);
    }
}
