//! Rooms with a start and an end, the draw at the start, and schedules that are changed while people wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::draw::{Draw, commitment, context};
use anteroom_queue::engine::{RoomState, apply};
use anteroom_queue::settings::{Mode, Schedule};
use anteroom_queue::snapshot::{Phase, Snapshot, Standing};
use anteroom_queue::{Command, Lane, Outcome, Place, PlaceNumber, Refusal, Settings};
use proptest::prelude::*;

use crate::room::{EPOCH, Room, id, seconds};

const ORDINARY: Lane = Lane::ORDINARY;
const FAST: Lane = Lane::ALL[1];

/// A pre-queue in a minute, the start in two.
fn scheduled() -> Room {
    let at = Timestamp::from_seconds(1_700_000_000);
    Room::new(Settings {
        schedule: Schedule {
            pre_queue_at: Some(at.saturating_add(seconds(60))),
            starts_at: Some(at.saturating_add(seconds(120))),
            ends_at: None,
        },
        ..Settings::with_outflow(60)
    })
}

/// The same, with the pre-queue open and so many in it.
fn with_entrants(count: u64) -> (Room, Vec<Place>) {
    let mut room = scheduled();
    room.wait(seconds(60));
    let entries = (0..count).map(|number| room.join_lane(number, ORDINARY)).collect();
    (room, entries)
}

fn phase(room: &Room) -> Phase {
    room.snapshot().phase(room.now)
}

fn drawn(room: &Room, entry: Place) -> Option<u64> {
    room.snapshot().drawn(entry, EPOCH).and_then(Place::tag)
}

#[test]
fn nobody_joins_before_the_pre_queue_and_everybody_waits_for_the_start() {
    let mut room = scheduled();
    let (opens_at, starts_at) = (room.now.saturating_add(seconds(60)), room.now.saturating_add(seconds(120)));
    assert_eq!(phase(&room), Phase::Before { pre_queue_at: Some(opens_at), starts_at });
    let refused = room.try_join(1, ORDINARY, None);
    assert_eq!(refused, Outcome::Refused(Refusal::NotOpenYet { opens_at }));
    assert!(refused_is_as_set(&refused));

    room.wait(seconds(60));
    assert_eq!(phase(&room), Phase::PreQueue { starts_at });
    let entry = room.join_lane(1, ORDINARY);
    assert_eq!(entry.number, PlaceNumber::Entry(0));
    assert_eq!(room.claim_place(1, entry), Outcome::NotYet);
    let Standing::NotStarted { starts_at: told, ask_again_after } = room.standing_of(entry) else {
        unreachable!("it has not started")
    };
    assert_eq!((told, ask_again_after), (starts_at, seconds(30)));
    assert_eq!(room.figures().entrants, 1);
    assert_eq!(room.figures().expected_wait_of_new_visitor, None);

    room.wait(seconds(60));
    assert_eq!(phase(&room), Phase::Running);
    assert_eq!(room.standing_of(entry), Standing::Admissible);
    assert!(matches!(room.claim_place(1, entry), Outcome::Admitted { .. }));
}

fn refused_is_as_set(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(refusal) if refusal.is_as_set())
}

#[test]
fn room_without_a_pre_queue_opens_at_its_start() {
    let mut room = scheduled();
    room.set(|settings| settings.schedule.pre_queue_at = None);
    let starts_at = room.now.saturating_add(seconds(120));
    room.wait(seconds(119));
    let refused = room.try_join(1, ORDINARY, None);
    assert_eq!(refused, Outcome::Refused(Refusal::NotOpenYet { opens_at: starts_at }));
    room.wait(seconds(1));
    assert_eq!(room.join_lane(1, ORDINARY), Place::ordinary(1));
}

#[test]
fn i6_what_is_published_proves_every_place() {
    let (mut room, entries) = with_entrants(50);
    assert_eq!(room.ask(Command::Beacon { value: "4711".to_owned() }), Outcome::Done);
    let before = room.snapshot().draw("acme", "spring24").expect("a draw lies ahead");
    assert_eq!((before.key, before.lanes[0].first_tag, before.lanes[0].entrants), (None, None, 50));
    assert_eq!(drawn(&room, entries[0]), None);
    room.wait(seconds(60));
    let after = room.snapshot().draw("acme", "spring24").expect("the draw was held");
    assert_eq!(after.commitment, before.commitment);
    let key = after.key.expect("the key is published");
    assert_eq!(commitment(&key, context("acme", "spring24", EPOCH).as_bytes()), before.commitment);
    let draw = Draw::new(&key, after.beacon.as_deref(), 0, after.lanes[0].entrants);
    let first = after.lanes[0].first_tag.expect("the line has begun");
    for (index, entry) in (0..).zip(&entries) {
        assert_eq!(drawn(&room, *entry), Some(first + draw.place(index)));
    }
    let late = Outcome::Refused(Refusal::NoDrawAhead);
    assert_eq!(room.ask(Command::Beacon { value: "4712".to_owned() }), late);
}

#[test]
fn beacon_decides_and_has_a_length() {
    let places = |beacon: Option<&str>| {
        let (mut room, entries) = with_entrants(40);
        if let Some(value) = beacon {
            assert_eq!(room.ask(Command::Beacon { value: value.to_owned() }), Outcome::Done);
        }
        room.wait(seconds(60));
        entries.iter().map(|entry| drawn(&room, *entry)).collect::<Vec<_>>()
    };
    assert_ne!(places(None), places(Some("1")));
    assert_ne!(places(Some("2")), places(Some("1")));
    assert_eq!(places(Some("1")), places(Some("1")));
    let (mut room, _) = with_entrants(1);
    for found_bytes in [0, 201] {
        let refused = room.ask(Command::Beacon { value: "x".repeat(found_bytes) });
        assert_eq!(refused, Outcome::Refused(Refusal::BeaconLength { found_bytes }));
    }
}

#[test]
fn who_comes_after_the_start_stands_behind_the_drawn() {
    let (mut room, entries) = with_entrants(30);
    room.wait(seconds(60));
    assert_eq!(room.join_lane(100, ORDINARY), Place::ordinary(31));
    let tags: BTreeSet<u64> = entries.iter().filter_map(|entry| drawn(&room, *entry)).collect();
    assert_eq!(tags, (1..=30).collect());
}

#[test]
fn capacity_counts_from_the_start_however_late_the_step_comes() {
    let (mut room, entries) = with_entrants(50);
    // One step, from three seconds before the start to four seconds after it.
    room.wait(seconds(57));
    room.now = room.now.saturating_add(seconds(7));
    room.ask(Command::Resume);
    let called = entries.iter().filter(|entry| room.standing_of(**entry) == Standing::Admissible).count();
    assert_eq!(called, 2 + 4, "the burst, and four seconds of one a second");
    // After a crash over the start the time before it was watched again brings nothing.
    let (mut room, entries) = with_entrants(50);
    room.crash(seconds(600));
    room.wait(seconds(1));
    let called = entries.iter().filter(|entry| room.standing_of(**entry) == Standing::Admissible).count();
    assert_eq!(called, 2 + 1);
}

/// Two processes find the start due at different moments, with different entropy; both draw the same places.
#[test]
fn i6_start_is_the_same_whoever_makes_it() {
    let (room, entries) = with_entrants(200);
    let start = |after: u64, entropy: [u8; 32]| {
        let now = room.now.saturating_add(Duration::from_millis(60_000 + after));
        let applied = apply(room.state.as_ref(), &BTreeMap::new(), &[], now, room.steady_since, entropy);
        assert!(applied.must_save, "a start is to be saved, whether or not anybody asks");
        let state = applied.state.expect("configured");
        let written = RoomState::decode(&state.encode()).expect("what was written is read");
        assert_eq!(written, state);
        Snapshot::new(state)
    };
    let (one, other) = (start(0, [1; 32]), start(1_700, [2; 32]));
    for entry in &entries {
        assert_eq!(one.drawn(*entry, EPOCH), other.drawn(*entry, EPOCH));
        assert!(one.drawn(*entry, EPOCH).is_some());
    }
    assert_eq!(one.draw("a", "b"), other.draw("a", "b"));
}

#[test]
fn start_wakes_a_room_in_which_nobody_asks() {
    let (mut room, _) = with_entrants(3);
    let state = room.state.as_ref().expect("configured");
    assert_eq!(state.next_moment(), Some(room.now.saturating_add(seconds(60))));
    room.wait(seconds(60));
    assert_eq!(room.state.as_ref().expect("configured").next_moment(), None);
}

// The rows of the table in the engine's `schedule`, in their order.

#[test]
fn start_moved_later_keeps_the_entries_and_may_shut_the_pre_queue() {
    let (mut room, entries) = with_entrants(10);
    let now = room.now;
    room.set(|settings| {
        settings.schedule.pre_queue_at = Some(now.saturating_add(seconds(600)));
        settings.schedule.starts_at = Some(now.saturating_add(seconds(900)));
    });
    assert!(refused_is_as_set(&room.try_join(50, ORDINARY, None)));
    assert!(matches!(room.standing_of(entries[3]), Standing::NotStarted { .. }));
    room.wait(seconds(600));
    assert_eq!(room.join_lane(50, ORDINARY).number, PlaceNumber::Entry(10));
    room.wait(seconds(300));
    assert!(entries.iter().all(|entry| drawn(&room, *entry).is_some()));
}

#[test]
fn start_moved_earlier_comes_earlier() {
    let (mut room, entries) = with_entrants(10);
    let starts_at = room.now.saturating_add(seconds(5));
    room.set(|settings| settings.schedule.starts_at = Some(starts_at));
    room.wait(seconds(4));
    assert_eq!(drawn(&room, entries[0]), None);
    room.wait(seconds(1));
    assert!(drawn(&room, entries[0]).is_some());
}

#[test]
fn start_moved_into_the_past_or_taken_away_is_now() {
    for take_away in [false, true] {
        let (mut room, entries) = with_entrants(50);
        let past = room.now.saturating_sub(seconds(40));
        room.set(|settings| {
            settings.schedule = if take_away {
                Schedule::default()
            } else {
                Schedule { pre_queue_at: None, starts_at: Some(past), ends_at: None }
            };
        });
        let called = entries.iter().filter(|entry| room.standing_of(**entry) == Standing::Admissible).count();
        assert_eq!(called, 2, "a burst, and nothing for the forty seconds");
    }
}

#[test]
fn pre_queue_taken_away_lets_nobody_further_in_and_draws_those_who_are() {
    let (mut room, entries) = with_entrants(10);
    room.set(|settings| settings.schedule.pre_queue_at = None);
    assert!(refused_is_as_set(&room.try_join(50, ORDINARY, None)));
    assert!(matches!(room.standing_of(entries[3]), Standing::NotStarted { .. }));
    room.wait(seconds(60));
    let tags: BTreeSet<u64> = entries.iter().filter_map(|entry| drawn(&room, *entry)).collect();
    assert_eq!(tags, (1..=10).collect());
}

#[test]
fn started_room_stays_started_whatever_start_is_set() {
    let (mut room, entries) = with_entrants(10);
    room.wait(seconds(60));
    let before: Vec<_> = entries.iter().map(|entry| drawn(&room, *entry)).collect();
    let later = room.now.saturating_add(seconds(600));
    room.set(|settings| settings.schedule.starts_at = Some(later));
    assert_eq!(phase(&room), Phase::Running);
    assert_eq!(entries.iter().map(|entry| drawn(&room, *entry)).collect::<Vec<_>>(), before);
    // Neither does one that never had a start, once somebody has joined.
    let mut room = Room::new(Settings::with_outflow(60));
    let tag = room.join(1);
    room.set(|settings| settings.schedule.starts_at = Some(later));
    assert_eq!(phase(&room), Phase::Running);
    assert!(matches!(room.claim(1, tag), Outcome::Admitted { .. }));
    // A reset begins anew, and so waits for that start.
    room.ask(Command::Reset { epoch: EPOCH });
    assert_eq!(phase(&room), Phase::Before { pre_queue_at: None, starts_at: later });
}

#[test]
fn room_that_was_just_made_can_still_be_scheduled_with_a_key_of_its_own() {
    let mut room = scheduled();
    let first = room.snapshot().draw("a", "b").expect("a draw lies ahead").commitment;
    room.wait(seconds(120));
    assert_eq!(phase(&room), Phase::Running);
    assert!(room.snapshot().draw("a", "b").expect("it was held").key.is_some());
    let later = room.now.saturating_add(seconds(600));
    room.entropy = [8; 32];
    room.set(|settings| settings.schedule.starts_at = Some(later));
    assert_eq!(phase(&room), Phase::PreQueue { starts_at: later });
    let again = room.snapshot().draw("a", "b").expect("a draw lies ahead");
    assert_eq!(again.key, None);
    assert_ne!(again.commitment, first, "the key that is known is not used again");
}

#[test]
fn end_can_be_moved_both_ways_and_costs_nobody_the_place() {
    let mut room = Room::new(Settings::with_outflow(60));
    let tags: Vec<u64> = (1..=20).map(|number| room.join(number)).collect();
    let first = room.claim(1, tags[0]);
    let soon = room.now.saturating_add(Duration::from_millis(3_500));
    room.set(|settings| settings.schedule.ends_at = Some(soon));
    room.wait(seconds(60));
    assert_eq!(phase(&room), Phase::Ended);
    assert_eq!(room.standing(tags[19]), Standing::Ended);
    assert_eq!(room.try_join(50, ORDINARY, None), Outcome::Refused(Refusal::Ended));
    assert_eq!(room.claim(2, tags[1]), Outcome::Refused(Refusal::Ended));
    assert_eq!(room.claim(1, tags[0]), first, "who was let in before hears of it");
    let called = 2 + 3;
    assert_eq!(room.figures().virtual_time, called, "three and a half seconds, to the end");

    let later = room.now.saturating_add(seconds(600));
    room.set(|settings| settings.schedule.ends_at = Some(later));
    assert_eq!(phase(&room), Phase::Running);
    assert!(matches!(room.standing(tags[19]), Standing::Waiting { ahead: 14, .. }));
    assert!(matches!(room.claim(2, tags[1]), Outcome::Admitted { .. }));
}

#[test]
fn ended_room_admits_nobody_even_right_at_the_end() {
    let mut room = Room::new(Settings::with_outflow(60));
    let tag = room.join(1);
    let end = room.now.saturating_add(seconds(2));
    room.set(|settings| settings.schedule.ends_at = Some(end));
    room.wait(seconds(2));
    assert_eq!(room.claim(1, tag), Outcome::Refused(Refusal::Ended));
}

#[test]
fn closed_and_passthrough_come_before_the_schedule() {
    let (mut room, entries) = with_entrants(3);
    room.set(|settings| settings.mode = Mode::Closed);
    assert!(matches!(room.standing_of(entries[0]), Standing::Closed { ahead: None, .. }));
    room.set(|settings| settings.mode = Mode::Passthrough);
    assert_eq!(room.standing_of(entries[0]), Standing::Admissible);
    assert!(matches!(room.claim_place(0, entries[0]), Outcome::Admitted { .. }));
    let place = room.join_lane(50, ORDINARY);
    assert!(matches!(room.claim_place(50, place), Outcome::Admitted { .. }));
    // The others are drawn all the same, behind those who have passed.
    room.set(|settings| settings.mode = Mode::Queue);
    room.wait(seconds(60));
    let tags: BTreeSet<u64> = entries.iter().filter_map(|entry| drawn(&room, *entry)).collect();
    assert_eq!(tags, (2..=4).collect());
}

#[test]
fn i3_entry_that_the_store_lost_is_healed_before_the_start() {
    let (mut room, _) = with_entrants(5);
    let earlier = room.state.clone();
    let lost: Vec<Place> = (5..9).map(|number| room.join_lane(number, ORDINARY)).collect();
    room.state = earlier;
    assert_eq!(room.standing_of(lost[3]), Standing::Ahead);
    let present = Command::Present { queue_id: id(8), place: lost[3], epoch: EPOCH };
    assert_eq!(room.ask(present), Outcome::Done);
    assert_eq!(room.figures().entrants, 9);
    assert_eq!(room.join_lane(20, ORDINARY).number, PlaceNumber::Entry(9));
    room.wait(seconds(60));
    assert!(lost.iter().all(|entry| drawn(&room, *entry).is_some()));
}

#[test]
fn i4_entry_that_the_store_lost_gets_a_place_at_the_end_after_the_start() {
    let (mut room, entries) = with_entrants(5);
    let earlier = room.state.clone();
    let lost: Vec<Place> = (5..9).map(|number| room.join_lane(number, ORDINARY)).collect();
    room.state = earlier;
    room.wait(seconds(60));
    let mut taken: BTreeSet<u64> = entries.iter().filter_map(|entry| drawn(&room, *entry)).collect();
    assert_eq!(taken.len(), 5);
    for (number, entry) in (5..).zip(&lost) {
        assert_eq!(room.standing_of(*entry), Standing::Ahead);
        let command = if number % 2 == 0 {
            Command::Present { queue_id: id(number), place: *entry, epoch: EPOCH }
        } else {
            Command::Claim { queue_id: id(number), place: *entry, epoch: EPOCH }
        };
        match room.ask(command) {
            Outcome::Placed { queue_id, place, .. } => {
                assert_eq!(queue_id, id(number));
                assert!(taken.insert(place.tag().expect("a place in line")), "{place:?} twice");
            }
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(room.join(50), 10);
}

#[test]
fn i3_ticket_given_after_a_start_that_was_lost_keeps_its_place() {
    let (mut room, entries) = with_entrants(5);
    let earlier = room.state.clone();
    room.wait(seconds(60));
    let after = room.join_lane(50, ORDINARY);
    room.state = earlier;
    room.now = room.now.saturating_sub(seconds(1));
    // The start is due again at once, and it is the same one.
    let before: Vec<_> = entries.iter().map(|entry| drawn(&room, *entry)).collect();
    assert!(before.iter().all(Option::is_none));
    room.wait(seconds(1));
    room.claim_place(50, after);
    let tags: BTreeSet<u64> = entries.iter().filter_map(|entry| drawn(&room, *entry)).collect();
    assert_eq!((tags, after), ((1..=5).collect(), Place::ordinary(6)));
    assert_eq!(room.join(51), 7);
}

#[test]
fn i7_state_stays_small_with_everything_in_use() {
    // A pause message is two thousand bytes of it at the most, four lanes and a limit of people inside are the rest.
    const STATE_BYTES_MAX: usize = 12 * 1024;
    let mut room = scheduled();
    room.set(|settings| {
        settings.lane_weights = vec![1, 1_000, 30, 7];
        settings.outflow_per_minute = 60_000;
        settings.max_active = Some(20_000_000);
        settings.session_seconds = 1_300;
        settings.ramp_seconds = 1_700;
    });
    room.wait(seconds(60));
    for number in 0..4_000 {
        room.join_lane(number, Lane::ALL[usize::try_from(number % 4).expect("small")]);
    }
    room.ask(Command::Beacon { value: "x".repeat(200) });
    room.wait(seconds(60));
    for lane in Lane::ALL {
        let place = Place { lane, number: PlaceNumber::Tag(90_000_000_000_000) };
        room.ask(Command::Present { queue_id: id(1), place, epoch: EPOCH });
    }
    let mut largest = 0;
    for number in 0..3_000_u64 {
        room.wait(Duration::from_millis(300 + number % 900));
        let lane = Lane::ALL[usize::try_from(number % 4).expect("small")];
        room.claim_place(10_000 + number, Place { lane, number: PlaceNumber::Tag(90_000_000 + number) });
        room.claim_place(20_000 + number, Place { lane, number: PlaceNumber::Tag(1 + number) });
        if number == 2_900 {
            room.ask(Command::Pause { message: "x".repeat(anteroom_queue::engine::MESSAGE_BYTES_MAX) });
        }
        largest = largest.max(room.state.as_ref().map_or(0, |state| state.encode().len()));
    }
    println!("{largest} bytes");
    assert!(largest <= STATE_BYTES_MAX, "{largest} bytes");
    room.crash(seconds(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However many wait in whichever lanes: the draw gives each of the next tags of the lane to exactly one of them.
    #[test]
    fn i6_draw_is_one_to_one_onto_the_tags(ordinary in 0_u64..60, fast in 0_u64..60, entropy: [u8; 32]) {
        let mut room = scheduled();
        room.entropy = entropy;
        room.set(|settings| {
            settings.lane_weights = vec![1, 2];
            settings.schedule.ends_at = Some(Timestamp::from_seconds(1_800_000_000));
        });
        room.wait(seconds(60));
        for (lane, count) in [(ORDINARY, ordinary), (FAST, fast)] {
            for index in 0..count {
                prop_assert_eq!(room.join_lane(index, lane).number, PlaceNumber::Entry(index));
            }
        }
        room.wait(seconds(60));
        for (lane, count) in [(ORDINARY, ordinary), (FAST, fast)] {
            let place = |index| Place { lane, number: PlaceNumber::Entry(index) };
            let tags: BTreeSet<u64> = (0..count).filter_map(|index| drawn(&room, place(index))).collect();
            prop_assert_eq!(tags, (1..=count).collect::<BTreeSet<u64>>());
            prop_assert_eq!(drawn(&room, place(count)), None);
            prop_assert_eq!(room.join_lane(99, lane).tag(), Some(count + 1));
        }
    }
}
