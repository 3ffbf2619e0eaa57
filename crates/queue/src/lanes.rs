//! Virtual time and tags, lane by lane, and how the lanes share the capacity.
//!
//! In a lane tags are given in the order of arrival, one after the other. Its *front* is how much capacity it has had so
//! far; a tag is called, and its holder admissible, once the front has reached it. Capacity grows at the outflow rate
//! while the room runs, and no front ever goes back.
//!
//! Capacity goes to the lanes in which somebody waits, in proportion to their weights, as if it were a fluid: a lane with
//! weight 3 beside one with weight 1 gets three quarters of every moment. What a lane cannot use because nobody waits in
//! it any more flows to the others. Nothing is rounded away: slivers that cannot be split are given in turn, so that
//! as long as the same lanes wait, each has its exact share to within a sliver. When other lanes begin to wait the turns
//! begin anew, which may cost a lane one sliver, a sixty-thousandth of a place.
//!
//! What no lane can use is *spare*, up to the burst: an idle room lets a burst of visitors straight through, whatever
//! lanes they come in, and an empty hour is not hoarded for a stampede afterwards. In the words of the design:
//! `V = front + spare - burst`, and a tag is `max(V, last) + 1`, which is always `last + 1` because V is kept from
//! passing `last`.

use anteroom_protocol::place::{LANES_MAX, Lane};
use serde::{Deserialize, Serialize};

use crate::broken::{self, Broken};
use crate::per_lane::PerLane;
use crate::settings::{SLIVERS_PER_PLACE, Settings};

/// The highest tag a room gives. Beyond it slivers would no longer fit into 64 bits; at ten thousand visitors a second
/// it is reached after three hundred years.
pub(crate) const TAG_MAX: u64 = 100_000_000_000_000;

/// Slivers without a limit.
pub(crate) const NO_LIMIT: u64 = u64::MAX;

/// The lanes' shares of the outflow, in relation to each other.
pub(crate) type Weights = [u32; LANES_MAX];

pub(crate) fn weights(settings: &Settings) -> Weights {
    Lane::ALL.map(|lane| settings.lane_weight(lane))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub(crate) struct Lanes {
    lines: [Line; LANES_MAX],
    /// Capacity that no lane could use, in slivers.
    spare: u64,
    /// The lanes that shared the capacity last, as bits.
    sharing: u8,
}

/// One lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Capacity so far, in slivers of a place; never beyond the newest tag.
    front: u64,
    /// The newest tag given.
    last: u64,
    /// What the lane has got too little of so far, times the weights of all that share. Together they are nothing.
    #[serde(default)]
    credit: i64,
}

impl Line {
    const fn wants(&self) -> u64 {
        (self.last * SLIVERS_PER_PLACE).saturating_sub(self.front)
    }
}

/// The written form. With one lane it is that of the time before there were lanes: its front includes the spare.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    One(OneLine),
    Many(ManyLines),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneLine {
    front: u64,
    last: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyLines {
    lanes: [Line; LANES_MAX],
    spare: u64,
    sharing: u8,
}

impl Lanes {
    /// Nobody has come yet, and a burst of visitors would go straight through.
    pub(crate) fn new(burst: u32) -> Self {
        Self { lines: [Line::default(); LANES_MAX], spare: capacity(burst), sharing: 0 }
    }

    /// The newest tags given.
    pub(crate) fn last(&self) -> PerLane {
        PerLane::of(|lane| self.lines[lane.index()].last)
    }

    /// The newest tags that were given and called.
    pub(crate) fn called(&self) -> PerLane {
        PerLane::of(|lane| self.lines[lane.index()].front / SLIVERS_PER_PLACE)
    }

    /// Visitors in line who have not been called, lane by lane.
    pub(crate) fn waiting(&self) -> PerLane {
        let (last, called) = (self.last(), self.called());
        PerLane::of(|lane| last[lane] - called[lane])
    }

    /// Whether nobody was ever given a place.
    pub(crate) fn is_untouched(&self) -> bool {
        self.last() == PerLane::ZERO
    }

    /// Whether somebody waits who could use capacity.
    pub(crate) fn is_anybody_waiting(&self) -> bool {
        self.lines.iter().any(|line| line.wants() > 0)
    }

    /// Places the fronts have passed, whether anybody holds them or not.
    pub(crate) fn front_places(&self) -> u64 {
        let fronts = self.lines.iter().fold(self.spare, |sum, line| sum.saturating_add(line.front));
        fronts / SLIVERS_PER_PLACE
    }

    /// Gives the lane's next tag; nothing when all there are were given.
    pub(crate) fn give(&mut self, lane: Lane) -> Option<u64> {
        let line = &mut self.lines[lane.index()];
        if line.last >= TAG_MAX {
            return None;
        }
        line.last += 1;
        if broken::is(Broken::LineIgnoresOrder) {
            line.last += 1;
            return Some(if line.last.is_multiple_of(8) { line.last - 5 } else { line.last });
        }
        if broken::is(Broken::GivesTwice) && line.last.is_multiple_of(4) {
            return Some(line.last - 1);
        }
        Some(line.last)
    }

    /// A genuine ticket proves that this tag was given.
    pub(crate) fn heal(&mut self, lane: Lane, tag: u64) {
        if !broken::is(Broken::NoHealing) {
            let line = &mut self.lines[lane.index()];
            line.last = line.last.max(tag.min(TAG_MAX));
        }
    }

    /// Gives so many tags of each lane at once. Returns the first of each.
    pub(crate) fn give_drawn(&mut self, entrants: PerLane) -> PerLane {
        let first = PerLane::of(|lane| self.lines[lane.index()].last.saturating_add(1));
        for lane in Lane::ALL {
            let line = &mut self.lines[lane.index()];
            line.last = line.last.saturating_add(entrants[lane]).min(TAG_MAX);
        }
        first
    }

    /// Capacity that came with time. Not more than `limit` of it and of the spare goes to those who wait; returns how
    /// much did.
    pub(crate) fn advance(&mut self, slivers: u64, burst: u32, limit: u64, weights: Weights) -> u64 {
        let all = self.spare.saturating_add(slivers);
        let used = self.share(all.min(limit), weights);
        // A burst that was made smaller takes nothing away.
        self.spare = (all - used).min(capacity(burst).max(self.spare));
        used
    }

    /// Lets those who wait have of the spare, up to the limit.
    pub(crate) fn use_spare(&mut self, limit: u64, weights: Weights) {
        let used = self.share(self.spare.min(limit), weights);
        self.spare -= used;
    }

    /// Calls others in place of those who did not come: up to so many slivers, and not beyond the newest tags.
    /// Returns how many were used.
    pub(crate) fn call_more(&mut self, slivers: u64, weights: Weights) -> u64 {
        self.share(slivers, weights)
    }

    /// Calls all there are.
    pub(crate) fn call_all(&mut self) {
        for line in &mut self.lines {
            line.front += line.wants();
        }
    }

    /// The burst was made smaller for a while: less is spare.
    pub(crate) fn narrow(&mut self, burst: u32) {
        self.spare = self.spare.min(capacity(burst));
    }

    /// The weights have changed: the turns begin anew.
    pub(crate) fn forget_turns(&mut self) {
        self.sharing = 0;
        self.lines.iter_mut().for_each(|line| line.credit = 0);
    }

    /// Whether nobody waits and a burst would go straight through.
    pub(crate) fn is_settled(&self, burst: u32) -> bool {
        !self.is_anybody_waiting() && self.spare >= capacity(burst)
    }

    /// Takes the further of two: no figure may go back. The spare is nobody's yet, so the smaller one is safe.
    pub(crate) fn take_further(&mut self, other: &Self) {
        for (line, other) in self.lines.iter_mut().zip(&other.lines) {
            line.front = line.front.max(other.front);
            line.last = line.last.max(other.last);
        }
        self.spare = self.spare.min(other.spare);
        self.forget_turns();
    }

    /// Whether only the ordinary lane was ever used, and the form of the time before there were lanes says it all.
    pub(crate) fn is_ordinary(&self) -> bool {
        let [ordinary, others @ ..] = &self.lines;
        others.iter().all(|line| *line == Line::default())
            && ordinary.credit == 0
            && self.sharing == 0
            && (self.spare == 0 || ordinary.wants() == 0)
    }

    pub(crate) fn is_sound(&self) -> bool {
        const CREDIT_MAX: i64 = (LANES_MAX as i64) * 1_000 * 2;
        self.lines.iter().all(|line| {
            line.last <= TAG_MAX
                && line.front <= line.last * SLIVERS_PER_PLACE
                && (-CREDIT_MAX..=CREDIT_MAX).contains(&line.credit)
        })
    }

    /// How many slivers the whole room needs until this tag of the lane is called, while nobody else comes. `tag` may be
    /// one that is not given yet.
    pub(crate) fn slivers_until(&self, lane: Lane, tag: u64, weights: Weights) -> u64 {
        let target = u128::from(tag.min(TAG_MAX)) * u128::from(SLIVERS_PER_PLACE);
        let covered = u128::from(self.lines[lane.index()].front) + u128::from(self.spare);
        let mut wants = self.lines.map(|line| u128::from(line.wants()));
        wants[lane.index()] = target.saturating_sub(covered);
        let is_alone = (0..LANES_MAX).all(|at| at == lane.index() || wants[at] == 0);
        if is_alone {
            return u64::try_from(wants[lane.index()]).unwrap_or(u64::MAX);
        }
        let mut needed = 0;
        // In each round a lane runs dry, at the latest this one.
        for _ in 0..LANES_MAX {
            let own = wants[lane.index()];
            let total = total_weight(&wants, weights);
            // What flows until the first lane runs dry, and whether that is this one.
            let dry_after = |at: usize| (wants[at] * total).div_ceil(u128::from(weights[at].max(1)));
            let first = (0..LANES_MAX).filter(|&at| wants[at] > 0).map(dry_after).min().unwrap_or(0);
            if own == 0 {
                break;
            }
            if dry_after(lane.index()) <= first {
                needed += first;
                break;
            }
            needed += first;
            for (want, weight) in wants.iter_mut().zip(weights) {
                *want = want.saturating_sub(first * u128::from(weight) / total.max(1));
            }
        }
        u64::try_from(needed).unwrap_or(u64::MAX)
    }

    /// Shares capacity among the lanes in which somebody waits; returns how much they could use.
    fn share(&mut self, slivers: u64, weights: Weights) -> u64 {
        let mut left = slivers;
        while left > 0 {
            let wants = self.lines.map(|line| u128::from(line.wants()));
            let total = total_weight(&wants, weights);
            if total == 0 {
                break;
            }
            let is_filled =
                |at: usize| wants[at] > 0 && wants[at] * total <= u128::from(left) * u128::from(weights[at]);
            let filled: [bool; LANES_MAX] = std::array::from_fn(is_filled);
            if !filled.contains(&true) {
                self.share_exactly(left, &wants, total, weights);
                return slivers;
            }
            for (line, _) in self.lines.iter_mut().zip(filled).filter(|(_, is_filled)| *is_filled) {
                left -= line.wants();
                line.front += line.wants();
            }
        }
        slivers - left
    }

    /// Each lane that waits gets its part of the slivers, and none is filled by it. What cannot be split goes to the lane
    /// that has got too little so far.
    fn share_exactly(&mut self, slivers: u64, wants: &[u128; LANES_MAX], total: u128, weights: Weights) {
        // A lane alone has no turns to keep, and the state is then written as it was before there were lanes.
        let bits = (0..LANES_MAX).filter(|&at| wants[at] > 0).fold(0_u8, |bits, at| bits | 1 << at);
        let sharing = if bits.is_power_of_two() { 0 } else { bits };
        if sharing != self.sharing {
            self.forget_turns();
            self.sharing = sharing;
        }
        let total = i128::try_from(total).unwrap_or(1);
        let mut due = [0_i128; LANES_MAX];
        let mut given = [0_i128; LANES_MAX];
        for at in (0..LANES_MAX).filter(|&at| wants[at] > 0) {
            due[at] = i128::from(self.lines[at].credit) + i128::from(slivers) * i128::from(weights[at]);
            given[at] = due[at].div_euclid(total).max(0);
        }
        let mut left = i128::from(slivers) - given.iter().sum::<i128>();
        while left != 0 {
            let owed = |at: &usize| due[*at] - given[*at] * total;
            let chosen = if left > 0 {
                let has_room = |at: &usize| given[*at] < i128::try_from(wants[*at]).unwrap_or(0);
                (0..LANES_MAX).filter(has_room).max_by_key(owed)
            } else {
                (0..LANES_MAX).filter(|&at| given[at] > 0).min_by_key(owed)
            };
            let Some(chosen) = chosen else { break };
            given[chosen] += left.signum();
            left -= left.signum();
        }
        for (at, line) in self.lines.iter_mut().enumerate().filter(|(at, _)| wants[*at] > 0) {
            line.front += u64::try_from(given[at]).unwrap_or(0);
            line.credit = i64::try_from(due[at] - given[at] * total).unwrap_or(0);
        }
    }
}

fn total_weight(wants: &[u128; LANES_MAX], weights: Weights) -> u128 {
    wants
        .iter()
        .zip(weights)
        .filter(|(want, _)| **want > 0)
        .map(|(_, weight)| u128::from(weight.max(1)))
        .sum()
}

const fn capacity(burst: u32) -> u64 {
    burst as u64 * SLIVERS_PER_PLACE
}

impl From<Lanes> for Form {
    fn from(lanes: Lanes) -> Self {
        if lanes.is_ordinary() {
            let Line { front, last, .. } = lanes.lines[0];
            Self::One(OneLine { front: front.saturating_add(lanes.spare), last })
        } else {
            Self::Many(ManyLines { lanes: lanes.lines, spare: lanes.spare, sharing: lanes.sharing })
        }
    }
}

impl From<Form> for Lanes {
    fn from(form: Form) -> Self {
        match form {
            Form::One(OneLine { front, last }) => {
                let used = front.min(last.saturating_mul(SLIVERS_PER_PLACE));
                let mut lines = [Line::default(); LANES_MAX];
                lines[0] = Line { front: used, last, credit: 0 };
                Self { lines, spare: front - used, sharing: 0 }
            }
            Form::Many(ManyLines { lanes, spare, sharing }) => Self { lines: lanes, spare, sharing },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Weights = [1; LANES_MAX];
    const ORDINARY: Lane = Lane::ORDINARY;
    const FAST: Lane = Lane::ALL[1];

    fn give(lanes: &mut Lanes, lane: Lane, count: u64) {
        for _ in 0..count {
            lanes.give(lane).unwrap();
            lanes.use_spare(NO_LIMIT, ONE);
        }
    }

    fn called(lanes: &Lanes) -> (u64, u64) {
        (lanes.called()[ORDINARY], lanes.called()[FAST])
    }

    #[test]
    fn idle_room_calls_a_burst_at_once_and_hoards_no_more() {
        let mut lanes = Lanes::new(2);
        lanes.advance(1_000 * SLIVERS_PER_PLACE, 2, NO_LIMIT, ONE);
        assert!(lanes.is_settled(2));
        give(&mut lanes, ORDINARY, 5);
        assert_eq!((called(&lanes), lanes.waiting().sum()), ((2, 0), 3));
        lanes.advance(SLIVERS_PER_PLACE - 1, 2, NO_LIMIT, ONE);
        assert_eq!(called(&lanes), (2, 0));
        lanes.advance(1, 2, NO_LIMIT, ONE);
        assert_eq!(called(&lanes), (3, 0));
    }

    #[test]
    fn burst_is_shared_by_all_lanes() {
        let mut lanes = Lanes::new(3);
        give(&mut lanes, FAST, 2);
        give(&mut lanes, ORDINARY, 2);
        assert_eq!(called(&lanes), (1, 2));
    }

    #[test]
    fn smaller_burst_uncalls_nobody() {
        let mut lanes = Lanes::new(10);
        give(&mut lanes, ORDINARY, 20);
        assert_eq!(called(&lanes).0, 10);
        lanes.advance(0, 1, NO_LIMIT, ONE);
        assert_eq!(called(&lanes).0, 10);
    }

    #[test]
    fn others_are_called_up_to_the_newest_tag() {
        let mut lanes = Lanes::new(1);
        give(&mut lanes, ORDINARY, 3);
        assert_eq!(lanes.call_more(5 * SLIVERS_PER_PLACE, ONE), 2 * SLIVERS_PER_PLACE);
        assert_eq!(lanes.waiting().sum(), 0);
    }

    #[test]
    fn lane_ends_at_the_last_tag_there_is() {
        let mut lanes = Lanes::new(1);
        lanes.heal(FAST, u64::MAX);
        assert_eq!((lanes.last()[FAST], lanes.give(FAST)), (TAG_MAX, None));
        lanes.advance(u64::MAX, u32::MAX, NO_LIMIT, ONE);
        lanes.advance(u64::MAX, u32::MAX, NO_LIMIT, ONE);
        assert!(called(&lanes).1 <= TAG_MAX && lanes.is_sound());
    }

    #[test]
    fn weights_are_met_to_the_sliver_and_unused_share_flows_on() {
        let weights = [1, 3, 1, 1];
        let mut lanes = Lanes::new(0);
        give(&mut lanes, ORDINARY, 100);
        give(&mut lanes, FAST, 30);
        let mut given = 0;
        for step in 1..=39 {
            lanes.advance(step * 1_001, 0, NO_LIMIT, weights);
            given += step * 1_001;
            let fronts = lanes.lines.map(|line| line.front);
            assert_eq!(fronts[0] + fronts[1], given, "nothing is lost");
            assert!((fronts[1] * 4).abs_diff(given * 3) < 4, "{fronts:?} of {given}");
        }
        // The fast lane runs dry, and the other one gets it all.
        lanes.advance(100 * SLIVERS_PER_PLACE, 0, NO_LIMIT, weights);
        assert_eq!(called(&lanes).1, 30);
        assert_eq!(lanes.lines[0].front, given + 100 * SLIVERS_PER_PLACE - 30 * SLIVERS_PER_PLACE);
    }

    #[test]
    fn what_is_needed_until_a_tag_is_called_counts_the_other_lanes() {
        let weights = [1, 3, 1, 1];
        let mut lanes = Lanes::new(0);
        give(&mut lanes, ORDINARY, 100);
        give(&mut lanes, FAST, 30);
        let places = |lane, tag| lanes.slivers_until(lane, tag, weights) / SLIVERS_PER_PLACE;
        assert_eq!((places(FAST, 30), places(ORDINARY, 10), places(ORDINARY, 100)), (40, 40, 130));
        assert_eq!((places(ORDINARY, 5), places(Lane::ALL[2], 1)), (20, 5));
    }

    #[test]
    fn one_lane_is_written_as_before_there_were_lanes() {
        let mut lanes = Lanes::new(2);
        assert_eq!(serde_json::to_string(&lanes).unwrap(), r#"{"front":120000,"last":0}"#);
        for lane in [ORDINARY, ORDINARY, ORDINARY, FAST] {
            give(&mut lanes, lane, 1);
            lanes.advance(20_001, 2, NO_LIMIT, ONE);
            let written = serde_json::to_string(&lanes).unwrap();
            assert_eq!(serde_json::from_str::<Lanes>(&written).unwrap(), lanes, "{written}");
            assert_eq!(written.contains("lanes"), lane == FAST);
        }
    }
}
