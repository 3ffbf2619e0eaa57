//! The limit on actual redirects (I1). Knows nothing of places.
//!
//! A bucket of slivers: it holds the burst at most, fills at the outflow rate, and each admission takes a whole place
//! out. So in any span of time no more can be admitted than the burst and what the outflow brought meanwhile,
//! whoever asks and however often.
//!
//! Whoever finds it empty is told when to come back: one after the other, a place's worth of time apart, so that
//! a crowd that wakes at once does not come back at once. They come just when their place is free, neither earlier (it
//! would not be) nor later (with a burst of one, every moment that the place stays free is lost for good). Somebody who asks
//! again before that, or from a second tab, is told the same moment again: one visitor who books place after place would
//! look like a crowd, and in a small room stop the line for it.

use std::collections::VecDeque;
use std::time::Duration;

use anteroom_protocol::place::Lane;
use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::broken::{self, Broken};
use crate::settings::SLIVERS_PER_PLACE;

/// The shortest and the longest time after which somebody who was held is asked to come back.
const ASK_AGAIN_MIN: Duration = Duration::from_millis(500);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(30);
/// More held visitors than go in within so many seconds, and than so many places, are a crowd: nobody further is called
/// until it has gone in. Fewer are wanted: they are there when somebody else is not.
const CROWD: Duration = Duration::from_secs(4);
const CROWD_PLACES: u64 = 3;
/// The newest writes of a store that may be lost (one of Redis' usual settings syncs once a second).
const LOST_WRITES: Duration = Duration::from_secs(2);

/// Bookings that are remembered by whose they are. More visitors than these are held only where a few that are booked
/// twice do not matter.
const BOOKINGS_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    /// What may be admitted at once, in slivers.
    level: u64,
    /// Until when the places to come are spoken for by visitors who were held.
    booked_until: Timestamp,
    /// The newest bookings: for which place, and until when.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    bookings: VecDeque<((Lane, u64), Timestamp)>,
    /// For how long it has been full although people waited, in milliseconds.
    unused_ms: u64,
}

impl Gate {
    /// Full: nobody was admitted yet.
    pub(crate) const fn new(burst: u32) -> Self {
        Self {
            level: capacity(burst),
            booked_until: Timestamp::EPOCH,
            bookings: VecDeque::new(),
            unused_ms: 0,
        }
    }

    /// Time has passed, and brought so much. Says how long now the gate has been full although people waited.
    pub(crate) fn pass_time(
        &mut self,
        span_ms: u64,
        slivers: u64,
        burst: u32,
        is_anybody_waiting: bool,
    ) -> Duration {
        let is_unused = self.is_full(burst) && is_anybody_waiting;
        self.unused_ms = if is_unused { self.unused_ms.saturating_add(span_ms) } else { 0 };
        self.level = self.level.saturating_add(slivers).min(capacity(burst));
        Duration::from_millis(self.unused_ms)
    }

    /// How much of these slivers would find the bucket full.
    pub(crate) const fn overflow(&self, slivers: u64, burst: u32) -> u64 {
        self.level.saturating_add(slivers).saturating_sub(capacity(burst))
    }

    /// The burst was changed.
    pub(crate) fn narrow(&mut self, burst: u32) {
        self.level = self.level.min(capacity(burst));
    }

    /// The outflow was changed: what is spoken for is so many places, and they come sooner or later now. Without this
    /// a crowd held at a slow gate would keep a fast one shut until the times it was told are over.
    pub(crate) fn change_outflow(&mut self, now: Timestamp, before_per_minute: u32, per_minute: u32) {
        let changed = |until: Timestamp| {
            let booked = until.saturating_since(now).as_millis();
            let booked = booked * u128::from(before_per_minute) / u128::from(per_minute.max(1));
            let booked = Duration::from_millis(u64::try_from(booked).unwrap_or(u64::MAX)).min(ASK_AGAIN_MAX);
            now.saturating_add(booked)
        };
        self.booked_until = changed(self.booked_until);
        self.bookings.iter_mut().for_each(|(_, until)| *until = changed(*until));
    }

    /// Admits one, if that may be.
    pub(crate) fn take(&mut self) -> bool {
        if broken::is(Broken::GateForgets) {
            return true;
        }
        match self.level.checked_sub(SLIVERS_PER_PLACE) {
            Some(left) => {
                self.level = left;
                true
            }
            None => false,
        }
    }

    /// Somebody passes whom the gate does not limit: what they leave of it counts for those after them.
    pub(crate) fn pass(&mut self) {
        self.level = self.level.saturating_sub(SLIVERS_PER_PLACE);
    }

    /// Those who were told to come back will not: the line began anew.
    pub(crate) fn forget_held(&mut self) {
        self.booked_until = Timestamp::EPOCH;
        self.bookings.clear();
    }

    /// When the holder of this place, who found the gate empty, shall come back; speaks for the next place that is not
    /// spoken for, unless one is kept for them already.
    pub(crate) fn hold(&mut self, place: (Lane, u64), now: Timestamp, outflow_per_minute: u32) -> Duration {
        let told = |until: Timestamp| until.saturating_since(now).clamp(ASK_AGAIN_MIN, ASK_AGAIN_MAX);
        self.bookings.retain(|(_, until)| *until > now);
        if let Some((_, until)) = self.bookings.iter().find(|(booked, _)| *booked == place) {
            return told(*until);
        }
        let span =
            |slivers: u64| Duration::from_millis(slivers.div_ceil(u64::from(outflow_per_minute.max(1))));
        let next_free = now.saturating_add(span(SLIVERS_PER_PLACE.saturating_sub(self.level)));
        let behind_others = self.booked_until.saturating_add(span(SLIVERS_PER_PLACE));
        self.booked_until = next_free.max(behind_others).min(now.saturating_add(ASK_AGAIN_MAX));
        if self.bookings.len() >= BOOKINGS_MAX {
            self.bookings.pop_front();
        }
        self.bookings.push_back((place, self.booked_until));
        told(self.booked_until)
    }

    /// Whether somebody who asked now would be let in, and nobody else is expected for the place.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.level >= SLIVERS_PER_PLACE && !self.is_booked(now)
    }

    /// Whether somebody who was held is still to come back.
    pub(crate) fn is_booked(&self, now: Timestamp) -> bool {
        self.booked_until > now
    }

    /// Whether more have been called already than go in within the next seconds.
    pub(crate) fn is_crowded(&self, now: Timestamp, outflow_per_minute: u32) -> bool {
        self.booked_until.saturating_since(now)
            > CROWD.max(time_for(CROWD_PLACES * SLIVERS_PER_PLACE, outflow_per_minute))
    }

    pub(crate) const fn is_full(&self, burst: u32) -> bool {
        self.level >= capacity(burst)
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.bookings.len() <= BOOKINGS_MAX
    }

    pub(crate) const fn booked_until(&self) -> Timestamp {
        self.booked_until
    }

    /// Somebody without a memory reads a state that was written `ago`: admissions of the newest writes may have been
    /// lost with them, so what is certain is only what the outflow has brought since.
    pub(crate) fn distrust(&mut self, ago: Duration, outflow_per_minute: u32) {
        let certain =
            ago.saturating_sub(LOST_WRITES).as_millis().saturating_mul(u128::from(outflow_per_minute));
        self.level = self.level.min(u64::try_from(certain).unwrap_or(u64::MAX));
    }

    /// Takes the stricter of two.
    pub(crate) fn take_stricter(&mut self, other: &Self) {
        self.level = self.level.min(other.level);
        if self.booked_until < other.booked_until {
            self.booked_until = other.booked_until;
            self.bookings = other.bookings.clone();
        }
        self.unused_ms = self.unused_ms.min(other.unused_ms);
    }
}

/// How long the outflow takes to bring so much, rounded up.
fn time_for(slivers: u64, outflow_per_minute: u32) -> Duration {
    Duration::from_millis(slivers.div_ceil(u64::from(outflow_per_minute.max(1))))
}

const fn capacity(burst: u32) -> u64 {
    burst as u64 * SLIVERS_PER_PLACE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn those_who_are_held_come_back_one_after_the_other() {
        let now = Timestamp::from_seconds(1_000);
        let mut gate = Gate::new(1);
        assert!(gate.take());
        assert!(!gate.take());
        let spans: Vec<u64> =
            (0..33).map(|tag| gate.hold((Lane::ORDINARY, tag), now, 60).as_secs()).collect();
        assert!(spans.iter().copied().eq((1..=30).chain([30, 30, 30])), "{spans:?}");
        assert!(
            gate.is_crowded(now, 60) && !gate.is_crowded(now.saturating_add(Duration::from_secs(26)), 60)
        );
    }

    #[test]
    fn who_asks_again_before_their_moment_is_told_the_same_moment() {
        let now = Timestamp::from_seconds(1_000);
        let mut gate = Gate::new(1);
        assert!(gate.take());
        let first = gate.hold((Lane::ORDINARY, 1), now, 60);
        let second = gate.hold((Lane::ORDINARY, 2), now, 60);
        for _ in 0..100 {
            assert_eq!(gate.hold((Lane::ORDINARY, 1), now, 60), first);
        }
        assert_eq!((gate.hold((Lane::ORDINARY, 2), now, 60), gate.bookings.len()), (second, 2));
        // Once it has passed, the moment is over.
        let later = now.saturating_add(second);
        assert!(gate.hold((Lane::ORDINARY, 1), later, 60) >= Duration::from_secs(1));
        for tag in 0..1_000 {
            gate.hold((Lane::ORDINARY, tag), later, 60);
            assert!(gate.is_sound());
        }
    }

    #[test]
    fn crowd_at_a_slow_gate_does_not_keep_a_fast_one_shut() {
        let now = Timestamp::from_seconds(1_000);
        let mut gate = Gate::new(1);
        assert!(gate.take());
        for tag in 0..20 {
            gate.hold((Lane::ORDINARY, tag), now, 60);
        }
        assert!(gate.is_crowded(now, 60));
        gate.change_outflow(now, 60, 600);
        assert_eq!(gate.booked_until(), now.saturating_add(Duration::from_secs(2)));
        assert!(!gate.is_crowded(now, 600));
        gate.change_outflow(now, 600, 1);
        assert_eq!(gate.booked_until(), now.saturating_add(ASK_AGAIN_MAX));
    }

    #[test]
    fn state_of_unknown_freshness_admits_only_what_is_certain() {
        let mut gate = Gate::new(2);
        gate.distrust(Duration::from_secs(3), 60);
        assert!(gate.take());
        assert!(!gate.take());
        let mut gate = Gate::new(2);
        gate.distrust(Duration::from_secs(60), 60);
        assert!(gate.is_full(2));
    }

    proptest! {
        /// Whatever is asked of it when, no span of time sees more than its share.
        #[test]
        fn i1_no_interval_exceeds_rate_times_length_plus_burst(
            rate in 1_u32..100_000,
            burst in 1_u32..50,
            steps in prop::collection::vec((0_u64..5_000, 0_usize..100), 1..200),
        ) {
            let mut gate = Gate::new(burst);
            let mut now = 0;
            let mut admitted = Vec::new();
            for (pause, asks) in steps {
                now += pause;
                gate.pass_time(pause, u64::from(rate) * pause, burst, true);
                admitted.extend((0..asks).filter(|_| gate.take()).map(|_| now));
            }
            for (at, first) in admitted.iter().enumerate() {
                for (end, last) in admitted.iter().enumerate().skip(at) {
                    let count = (end - at + 1) as u64;
                    let allowed = u64::from(rate) * (last - first) + capacity(burst);
                    prop_assert!(count * SLIVERS_PER_PLACE <= allowed);
                }
            }
        }
    }
}
