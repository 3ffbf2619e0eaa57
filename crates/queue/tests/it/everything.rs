//! Everything an operator can do to a room, in any order, while visitors come, ask, leave and come again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::{Mode, Schedule};
use anteroom_queue::snapshot::{Phase, Standing};
use anteroom_queue::{
    AdmittedBy, Command, KeyDigest, Lane, Outcome, Place, PlaceNumber, Settings, SpentReason,
};
use proptest::prelude::*;

use crate::room::{Room, id};

const SLIVERS_PER_PLACE: u64 = 60_000;

#[derive(Clone, Debug)]
enum Deed {
    Join { lane: u8, key: Option<u8> },
    Claim(usize),
    Leave(usize),
    Wait(u64),
    Crash(u64),
    Pause(bool),
    Reset,
    Beacon,
    Set(Change),
}

#[derive(Clone, Debug)]
enum Change {
    Outflow(u32),
    Burst(Option<u32>),
    Weights(Vec<u32>),
    Max(Option<u32>),
    Ramp(u32),
    Mode(Mode),
    Starts(Option<u64>),
    Ends(Option<u64>),
    Unique(bool),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (1_u32..3_000).prop_map(Change::Outflow),
        prop::option::of(1_u32..50).prop_map(Change::Burst),
        prop::collection::vec(1_u32..1_000, 0..5).prop_map(Change::Weights),
        prop::option::of(1_u32..20).prop_map(Change::Max),
        (0_u32..60).prop_map(Change::Ramp),
        prop_oneof![3 => Just(Mode::Queue), 1 => Just(Mode::Closed), 1 => Just(Mode::Passthrough)]
            .prop_map(Change::Mode),
        prop::option::of(0_u64..60).prop_map(Change::Starts),
        prop::option::of(0_u64..60).prop_map(Change::Ends),
        any::<bool>().prop_map(Change::Unique),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        16 => (0_u8..4, prop::option::weighted(0.2, 0_u8..5)).prop_map(|(lane, key)| Deed::Join { lane, key }),
        24 => any::<usize>().prop_map(Deed::Claim),
        2 => any::<usize>().prop_map(Deed::Leave),
        12 => (0_u64..3_000).prop_map(Deed::Wait),
        1 => (0_u64..600_000).prop_map(Deed::Crash),
        1 => any::<bool>().prop_map(Deed::Pause),
        1 => Just(Deed::Reset),
        1 => Just(Deed::Beacon),
        4 => change().prop_map(Deed::Set),
    ]
}

/// What the checks know of a room, from outside.
struct World {
    room: Room,
    settings: Settings,
    is_paused: bool,
    held: Vec<(u64, Place, u64)>,
    /// The most that may have been let in by turn since the room began.
    allowed: u64,
    by_turn: u64,
    admissions: BTreeMap<u64, u32>,
}

impl World {
    fn new() -> Self {
        let settings = Settings::with_outflow(300);
        let burst = u64::from(settings.burst_places());
        Self {
            room: Room::new(settings.clone()),
            settings,
            is_paused: false,
            held: Vec::new(),
            allowed: burst * SLIVERS_PER_PLACE,
            by_turn: 0,
            admissions: BTreeMap::new(),
        }
    }

    fn do_it(&mut self, number: u64, deed: Deed) -> Result<(), TestCaseError> {
        match deed {
            Deed::Join { lane, key } => self.join(number, lane, key)?,
            Deed::Claim(_) | Deed::Leave(_) if self.held.is_empty() => {}
            Deed::Claim(at) => self.claim(at % self.held.len())?,
            Deed::Leave(at) => {
                let (number, ..) = self.held[at % self.held.len()];
                prop_assert_eq!(self.room.ask(Command::Cancel { queue_id: id(number) }), Outcome::Done);
            }
            Deed::Wait(millis) => {
                let until = self.room.now.saturating_add(Duration::from_millis(millis));
                self.allowed += u64::from(self.settings.outflow_per_minute) * millis;
                self.room.wait(until.saturating_since(self.room.now));
            }
            Deed::Crash(millis) => self.room.crash(Duration::from_millis(millis)),
            Deed::Pause(pauses) => {
                self.room.ask(if pauses {
                    Command::Pause { message: "Wait.".to_owned() }
                } else {
                    Command::Resume
                });
                self.is_paused = pauses;
            }
            Deed::Reset => {
                let epoch = self.room.figures().epoch;
                prop_assert_eq!(self.room.ask(Command::Reset { epoch }), Outcome::Done);
            }
            Deed::Beacon => {
                self.room.ask(Command::Beacon { value: "4711".to_owned() });
            }
            Deed::Set(change) => self.set(change)?,
        }
        Ok(())
    }

    fn join(&mut self, number: u64, lane: u8, key: Option<u8>) -> Result<(), TestCaseError> {
        let lane = Lane::new(lane).expect("a lane's number");
        let key = key.map(|key| KeyDigest::from_bytes([key; 16]));
        match self.room.try_join(number, lane, key) {
            Outcome::Placed { queue_id, place, epoch, .. } if queue_id == id(number) => {
                // Nobody else holds this place.
                prop_assert!(self.held.iter().all(|(_, other, of)| (*other, *of) != (place, epoch)));
                self.held.push((number, place, epoch));
            }
            // A key that somebody has brought before.
            Outcome::Placed { queue_id, place, epoch, .. } => {
                prop_assert!(self.settings.unique_keys);
                let is_known =
                    |held: &(u64, Place, u64)| (id(held.0), held.1, held.2) == (queue_id, place, epoch);
                prop_assert!(self.held.iter().any(is_known));
            }
            Outcome::Refused(refusal) => prop_assert!(refusal.is_as_set(), "{refusal}"),
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
        Ok(())
    }

    fn claim(&mut self, at: usize) -> Result<(), TestCaseError> {
        let (number, place, epoch) = self.held[at];
        let before = self.room.figures();
        let inside = before.active;
        let outcome = self.room.ask(Command::Claim { queue_id: id(number), place, epoch });
        let is_new = self.room.figures().admitted_total > before.admitted_total;
        match outcome {
            Outcome::Admitted { why, .. } if is_new => {
                prop_assert!(!self.is_paused && self.settings.mode != Mode::Closed);
                let times = self.admissions.entry(number).or_default();
                *times += 1;
                prop_assert!(*times <= 1 + self.settings.re_entry_limit, "let in {times} times");
                if why == AdmittedBy::Turn {
                    self.by_turn += 1;
                    prop_assert_eq!(self.room.figures().phase, Phase::Running);
                    prop_assert!(self.by_turn * SLIVERS_PER_PLACE <= self.allowed);
                    let has_room = inside.zip(self.settings.max_active);
                    // Who is inside already may come again to a full room.
                    prop_assert!(has_room.is_none_or(|(inside, max)| inside < u64::from(max) || *times > 1));
                }
            }
            Outcome::Placed { queue_id, place, epoch, .. } => {
                prop_assert_eq!(queue_id, id(number));
                prop_assert!(matches!(self.held[at].1.number, PlaceNumber::Entry(_)));
                self.held[at] = (number, place, epoch);
            }
            Outcome::Spent(SpentReason::OtherEpoch) => prop_assert!(epoch < before.epoch),
            Outcome::Refused(refusal) => prop_assert!(refusal.is_as_set(), "{refusal}"),
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, change: Change) -> Result<(), TestCaseError> {
        let now = self.room.now;
        let moment = |seconds: u64| now.saturating_add(Duration::from_secs(seconds));
        let before = self.settings.clone();
        match change {
            Change::Outflow(outflow) => self.settings.outflow_per_minute = outflow,
            Change::Burst(burst) => self.settings.burst = burst,
            Change::Weights(weights) => self.settings.lane_weights = weights,
            Change::Max(max) => self.settings.max_active = max,
            Change::Ramp(seconds) => self.settings.ramp_seconds = seconds,
            Change::Mode(mode) => self.settings.mode = mode,
            Change::Starts(seconds) => {
                let starts_at = seconds.map(moment);
                let pre_queue_at = starts_at.map(|_| Timestamp::EPOCH);
                self.settings.schedule = Schedule { pre_queue_at, starts_at, ends_at: None };
            }
            Change::Ends(seconds) => {
                // After the start, as a schedule must be.
                let starts_at = self.settings.schedule.starts_at.unwrap_or(now);
                self.settings.schedule.ends_at = seconds
                    .map(|seconds| moment(seconds).max(starts_at.saturating_add(Duration::from_millis(1))));
            }
            Change::Unique(unique) => self.settings.unique_keys = unique,
        }
        // A larger burst may be filled, and the gate of a smaller one is never refilled for nothing.
        let (was, is) = (u64::from(before.burst_places()), u64::from(self.settings.burst_places()));
        self.allowed += is.saturating_sub(was) * SLIVERS_PER_PLACE;
        prop_assert_eq!(self.room.ask(Command::Configure(self.settings.clone())), Outcome::Done);
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let snapshot = self.room.snapshot();
        let present = snapshot.epoch();
        // I4: the draw and the line give no place twice.
        let places: Vec<Place> = self
            .held
            .iter()
            .filter(|(_, _, epoch)| *epoch == present)
            .map(|(_, place, epoch)| snapshot.drawn(*place, *epoch).unwrap_or(*place))
            .collect();
        let distinct: BTreeSet<&Place> = places.iter().collect();
        prop_assert_eq!(distinct.len(), places.len());
        // I2: in each lane the called are the beginning of it.
        if snapshot.settings().mode == Mode::Queue {
            for lane in Lane::ALL {
                let mut of_lane: Vec<&Place> = places.iter().filter(|place| place.lane == lane).collect();
                of_lane.sort();
                let called = |place: &&Place| {
                    snapshot.standing(**place, present, self.room.now) == Standing::Admissible
                };
                prop_assert!(of_lane.iter().map(called).is_sorted_by(|one, next| one >= next));
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn i1_i2_i4_hold_whatever_is_done_to_a_room(deeds in prop::collection::vec(deed(), 1..250)) {
        let mut world = World::new();
        for (number, deed) in (0..).zip(deeds) {
            world.do_it(number, deed)?;
            if number % 16 == 0 {
                world.check()?;
            }
        }
        world.check()?;
        world.room.crash(Duration::from_secs(1));
    }
}
