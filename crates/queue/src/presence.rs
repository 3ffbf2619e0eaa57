//! Who has been called, who came, and who did not (I5).
//!
//! In each lane tags are called in their order, so those called within one second are a range: a bucket. Whoever is present
//! asks to be let in within a few seconds; what a bucket is then still missing counts as not having come, and so
//! many others are called instead. For buckets that are not counted yet the share of late is expected to repeat
//! itself. Counting is by bucket, never by visitor (I7).
//!
//! Somebody of a counted bucket who comes after all was replaced already: that admission is owed, and calling waits
//! until it is made good. What the front has called is thus always the capacity so far, and those who did not come,
//! less those who came late. What the gate has lost because nobody stood there is nobody's debt any more.
//!
//! Marks over ranges of tags remember until when a place that was called may still be claimed. They measure *open* time,
//! in which whoever asked would have been let in: neither a pause nor a crash nor a crowd at the gate makes anybody late.

use std::collections::VecDeque;
use std::time::Duration;

use anteroom_protocol::place::Lane;
use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::broken::{self, Broken};
use crate::per_lane::PerLane;
use crate::settings::SLIVERS_PER_PLACE;

/// How long a called visitor who is present takes at the most to ask: near the front a page asks every two seconds,
/// and a slow line or a busy browser may cost some more.
const COME_WITHIN: Duration = Duration::from_secs(8);
const BUCKET: Duration = Duration::from_secs(1);
/// Buckets kept: those of [`COME_WITHIN`], the open one, and one that is due.
const BUCKETS_MAX: usize = 10;
/// A late window is measured in about so many steps; a visitor may come later by one of them.
const MARKS_PER_WINDOW: u32 = 16;
const MARK_MIN: Duration = Duration::from_secs(2);
/// Marks kept: a window's worth of steps of open time, as many of real time, and those at the ends.
const MARKS_MAX: usize = 2 * MARKS_PER_WINDOW as usize + 4;
/// How long the room may stand still without anybody becoming late by it. Ids that were admitted are kept for so
/// much longer than the late window, because a place that can be claimed must not be claimed twice (I4).
pub(crate) const STANDSTILL_FORGIVEN: Duration = Duration::from_secs(30 * 60);
/// What is owed or to be replaced is counted up to so many places.
const BALANCE_PLACES_MAX: i64 = 1_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Presence {
    /// Running time of the room, in milliseconds.
    run_ms: u64,
    /// The part of it in which nobody was held, in milliseconds.
    open_ms: u64,
    /// The newest tags that were called, as far as it was noted.
    called: PerLane,
    /// The newest tags of those that were counted.
    counted: PerLane,
    buckets: VecDeque<Bucket>,
    /// In slivers: above zero, others are to be called for those who did not come; below, some came late and calling
    /// waits.
    balance: i64,
    /// Of a thousand who were called, how many did not come, as of the last minute or so.
    no_shows_per_mille: u16,
    /// The newest tags that are late.
    late: PerLane,
    marks: VecDeque<Mark>,
}

/// Tags that were called within one second: those above the bucket before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    opened_run_ms: u64,
    through: PerLane,
    admitted: u32,
}

/// Tags that were called within one step of the late window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    opened_open_ms: u64,
    opened_at: Timestamp,
    through: PerLane,
    /// How long after its opening the mark is late, in milliseconds of open time. As set when it was opened.
    late_after_ms: u64,
}

impl Mark {
    fn new(open_ms: u64, now: Timestamp, through: PerLane, late_window: Duration) -> Self {
        let late_after_ms = millis(late_window.saturating_add(step(late_window)));
        Self { opened_open_ms: open_ms, opened_at: now, through, late_after_ms }
    }

    /// The moment at which it is late even when the room stood still.
    fn late_at(&self) -> Timestamp {
        self.opened_at
            .saturating_add(Duration::from_millis(self.late_after_ms))
            .saturating_add(STANDSTILL_FORGIVEN)
    }

    fn is_late(&self, open_ms: u64, now: Timestamp) -> bool {
        open_ms.saturating_sub(self.opened_open_ms) > self.late_after_ms || now > self.late_at()
    }
}

impl Presence {
    /// Nobody was called yet.
    pub(crate) const fn new() -> Self {
        Self {
            run_ms: 0,
            open_ms: 0,
            called: PerLane::ZERO,
            counted: PerLane::ZERO,
            buckets: VecDeque::new(),
            balance: 0,
            no_shows_per_mille: 0,
            late: PerLane::ZERO,
            marks: VecDeque::new(),
        }
    }

    /// The room ran for this long.
    pub(crate) fn run(&mut self, span_ms: u64, is_open: bool) {
        if is_open {
            self.open_ms = self.open_ms.saturating_add(span_ms);
        }
        self.run_ms = self.run_ms.saturating_add(span_ms);
        while let Some(due) = self.buckets.front().copied().filter(|bucket| self.is_due(bucket)) {
            self.buckets.pop_front();
            self.count(due);
        }
    }

    /// All tags up to this one are called now. `late_window` holds for those that are new.
    pub(crate) fn note_called(&mut self, through: PerLane, now: Timestamp, late_window: Duration) {
        self.retire_marks(now);
        if self.called.reaches(&through) {
            return;
        }
        let through = self.called.max(through);
        self.called = through;
        let run_ms = self.run_ms;
        let is_full = self.buckets.len() >= BUCKETS_MAX;
        match self.buckets.back_mut() {
            Some(open) if is_full || run_ms.saturating_sub(open.opened_run_ms) < millis(BUCKET) => {
                open.through = through;
            }
            _ => self.buckets.push_back(Bucket { opened_run_ms: run_ms, through, admitted: 0 }),
        }
        let is_full = self.marks.len() >= MARKS_MAX;
        let mark_ms = millis(step(late_window));
        // While open time stands still, the bound in real time is measured in steps too.
        let standstill_ms = millis(late_window.saturating_add(STANDSTILL_FORGIVEN) / MARKS_PER_WINDOW);
        let open_ms = self.open_ms;
        match self.marks.back_mut() {
            Some(open)
                if is_full
                    || (open_ms.saturating_sub(open.opened_open_ms) < mark_ms
                        && millis(now.saturating_since(open.opened_at)) < standstill_ms) =>
            {
                open.through = through;
            }
            _ => self.marks.push_back(Mark::new(open_ms, now, through, late_window)),
        }
    }

    /// The late window was changed: what is called from now on is measured by the new one.
    pub(crate) fn close_mark(&mut self, now: Timestamp, late_window: Duration) {
        if !self.marks.is_empty() && self.marks.len() < MARKS_MAX {
            self.marks.push_back(Mark::new(self.open_ms, now, self.called, late_window));
        }
    }

    /// The holder of this tag was let in for the first time.
    pub(crate) fn note_admitted(&mut self, lane: Lane, tag: u64) {
        if !self.count_in(lane, tag) {
            self.owe_one();
        }
    }

    /// The holder of this tag was let in, and if nobody counts on them any more, nobody was called for it.
    pub(crate) fn note_passed(&mut self, lane: Lane, tag: u64) {
        self.count_in(lane, tag);
    }

    fn count_in(&mut self, lane: Lane, tag: u64) -> bool {
        let bucket = self.buckets.iter_mut().find(|bucket| tag <= bucket.through[lane]);
        let counted = bucket.filter(|_| tag > self.counted[lane]);
        counted.map(|bucket| bucket.admitted = bucket.admitted.saturating_add(1)).is_some()
    }

    /// Somebody was let in on whose place nobody counted: a late visitor, or one who came again.
    pub(crate) fn owe_one(&mut self) {
        self.add_to_balance(-sliver_balance(1));
    }

    /// Withholds from what time brought what is owed, and returns the rest.
    pub(crate) fn after_debt(&mut self, slivers: u64) -> u64 {
        let owed = u64::try_from(-self.foreseen().min(0)).unwrap_or(0);
        let paid = owed.min(slivers);
        self.add_to_balance(i64::try_from(paid).unwrap_or(i64::MAX));
        slivers - paid
    }

    /// So much capacity was lost: as much of what is owed is forgiven.
    pub(crate) fn forgive(&mut self, slivers: u64) {
        let owed = u64::try_from(-self.balance.min(0)).unwrap_or(0);
        self.add_to_balance(i64::try_from(owed.min(slivers)).unwrap_or(i64::MAX));
    }

    /// How many slivers' worth of others are to be called for those who did not come.
    pub(crate) fn to_replace(&self) -> u64 {
        if broken::is(Broken::NoReplacement) {
            return 0;
        }
        u64::try_from(self.foreseen().max(0)).unwrap_or(0)
    }

    /// The balance as it will be once those called in the last seconds are counted, when as many of them do not come
    /// as of late. Waiting for the count itself would leave the gate without visitors for those seconds.
    fn foreseen(&self) -> i64 {
        let open = self.called.since(&self.counted);
        let missing =
            u128::from(open) * u128::from(self.no_shows_per_mille) * u128::from(SLIVERS_PER_PLACE) / 1000;
        self.balance.saturating_add(i64::try_from(missing).unwrap_or(i64::MAX))
    }

    /// So many were called.
    pub(crate) fn replaced(&mut self, slivers: u64) {
        self.add_to_balance(-i64::try_from(slivers).unwrap_or(i64::MAX));
    }

    /// Nobody waits: there is nobody to call instead.
    pub(crate) fn forget_unused(&mut self) {
        self.balance = self.balance.min(0);
    }

    /// Whether the place can no longer be claimed.
    pub(crate) fn is_late(&self, lane: Lane, tag: u64) -> bool {
        tag <= self.late[lane] || (broken::is(Broken::LateAtOnce) && tag <= self.counted[lane])
    }

    /// From when on a called tag is surely late.
    pub(crate) fn late_at(&self, lane: Lane, tag: u64, now: Timestamp, late_window: Duration) -> Timestamp {
        let unmarked = || Mark::new(self.open_ms, now, self.called, late_window).late_at();
        self.marks.iter().find(|mark| tag <= mark.through[lane]).map_or_else(unmarked, Mark::late_at)
    }

    /// Called within the last seconds, and nothing is known of them yet.
    pub(crate) fn expected(&self) -> u64 {
        let admitted: u64 = self.buckets.iter().map(|bucket| u64::from(bucket.admitted)).sum();
        self.called.since(&self.counted).saturating_sub(admitted)
    }

    pub(crate) const fn no_shows_per_mille(&self) -> u16 {
        self.no_shows_per_mille
    }

    /// Whether nobody was called in any other lane than the ordinary one.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.called.is_ordinary()
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.buckets.len() <= BUCKETS_MAX
            && self.marks.len() <= MARKS_MAX + 1
            && self.no_shows_per_mille <= 1000
            && self.called.reaches(&self.counted)
    }

    fn is_due(&self, bucket: &Bucket) -> bool {
        self.run_ms.saturating_sub(bucket.opened_run_ms) > millis(BUCKET + COME_WITHIN)
    }

    fn count(&mut self, bucket: Bucket) {
        let called = bucket.through.since(&self.counted);
        let missing = called.saturating_sub(u64::from(bucket.admitted));
        self.counted = bucket.through.max(self.counted);
        self.add_to_balance(sliver_balance(missing));
        // A moving average over some ten buckets.
        if let Some(share) = (missing * 1000).checked_div(called) {
            let average = (u64::from(self.no_shows_per_mille) * 9 + share.min(1000)) / 10;
            self.no_shows_per_mille = u16::try_from(average).unwrap_or(1000);
        }
    }

    fn retire_marks(&mut self, now: Timestamp) {
        while let Some(mark) = self.marks.front().filter(|mark| mark.is_late(self.open_ms, now)) {
            self.late = self.late.max(mark.through);
            self.marks.pop_front();
        }
    }

    fn add_to_balance(&mut self, slivers: i64) {
        let max = BALANCE_PLACES_MAX * sliver_balance(1);
        self.balance = self.balance.saturating_add(slivers).clamp(-max, max);
    }
}

fn step(late_window: Duration) -> Duration {
    (late_window / MARKS_PER_WINDOW).max(MARK_MIN)
}

fn sliver_balance(places: u64) -> i64 {
    i64::try_from(places.saturating_mul(SLIVERS_PER_PLACE)).unwrap_or(i64::MAX)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: Lane = Lane::ORDINARY;
    const WINDOW: Duration = Duration::from_secs(320);

    /// Tags of the ordinary lane.
    fn through(tag: u64) -> PerLane {
        PerLane::of(|lane| if lane == ORDINARY { tag } else { 0 })
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn who_did_not_come_is_replaced_once_and_owed_when_late() {
        let mut presence = Presence::new();
        presence.note_called(through(10), at(0), WINDOW);
        for tag in 1..=7 {
            presence.note_admitted(ORDINARY, tag);
        }
        assert_eq!((presence.expected(), presence.to_replace()), (3, 0));
        presence.run(9_001, true);
        assert_eq!((presence.expected(), presence.to_replace()), (0, 3 * SLIVERS_PER_PLACE));
        presence.replaced(3 * SLIVERS_PER_PLACE);
        presence.note_admitted(ORDINARY, 8);
        assert_eq!(presence.after_debt(SLIVERS_PER_PLACE + 5), 5);
        assert_eq!(presence.after_debt(5), 5);
    }

    #[test]
    fn place_is_late_after_the_window_and_a_step_of_open_time() {
        let mut presence = Presence::new();
        presence.note_called(through(5), at(0), WINDOW);
        presence.run(340_000, true);
        presence.run(1_000_000, false);
        presence.note_called(through(6), at(1_340), WINDOW);
        assert!(!presence.is_late(ORDINARY, 5));
        presence.run(1, true);
        presence.note_called(through(6), at(1_341), WINDOW);
        assert!(presence.is_late(ORDINARY, 5) && !presence.is_late(ORDINARY, 6));
    }

    #[test]
    fn standstill_makes_nobody_late_until_it_is_too_long_to_forgive() {
        let mut presence = Presence::new();
        presence.note_called(through(5), at(0), WINDOW);
        let late_at = presence.late_at(ORDINARY, 5, at(0), WINDOW);
        assert!(late_at >= at(340 + 1_800));
        presence.note_called(through(5), late_at, WINDOW);
        assert!(!presence.is_late(ORDINARY, 5));
        presence.note_called(through(5), late_at.saturating_add(Duration::from_millis(1)), WINDOW);
        assert!(presence.is_late(ORDINARY, 5));
    }

    #[test]
    fn longer_window_does_not_reach_back() {
        let mut presence = Presence::new();
        presence.note_called(through(5), at(0), WINDOW);
        let late_at = presence.late_at(ORDINARY, 5, at(0), WINDOW);
        presence.close_mark(at(1), WINDOW * 10);
        presence.note_called(through(6), at(1), WINDOW * 10);
        assert_eq!(presence.late_at(ORDINARY, 5, at(2), WINDOW), late_at);
        presence.run(340_001, true);
        presence.note_called(through(6), at(342), WINDOW * 10);
        assert!(presence.is_late(ORDINARY, 5) && !presence.is_late(ORDINARY, 6));
    }

    #[test]
    fn crowd_of_hours_makes_nobody_late_who_was_just_called() {
        for open_each in [u64::MAX, 2, 50] {
            let mut presence = Presence::new();
            for second in 1..20_000 {
                presence.run(1_000, second % open_each == 1);
                presence.note_called(through(second), at(second), WINDOW);
                assert!(presence.is_sound());
                assert!(
                    !presence.is_late(ORDINARY, second.saturating_sub(320).max(1)),
                    "{second} s, open each {open_each}"
                );
            }
        }
    }

    #[test]
    fn memory_stays_bounded_whatever_the_pace() {
        let mut presence = Presence::new();
        for step in 0..10_000 {
            presence.run(step % 3_000, step % 3 == 0);
            presence.note_called(through(step), at(step * 7), Duration::from_secs(30));
            assert!(presence.is_sound());
        }
    }
}
