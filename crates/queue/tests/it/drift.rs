//! Nothing is rounded: what a room has called in a year is the integral of its outflow, to the sliver.

use std::collections::BTreeMap;

use anteroom_protocol::place::{Lane, Place, PlaceNumber};
use anteroom_queue::engine::{RoomState, apply};
use anteroom_queue::snapshot::Snapshot;
use anteroom_queue::{Command, Outcome, Settings};

use crate::room::{Room, arrive, id};

const BURST: u32 = 100;
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
const SLIVERS_PER_PLACE: u64 = 60_000;

/// Steps of odd lengths, an outflow that changes, and a line that never ends; whoever is called comes at once.
#[test]
fn places_called_in_a_year_are_the_integral_of_the_outflow() {
    let mut room = Room::new(settings(1, &[1]));
    let (mut passed, mut integral, mut outflow) = (0, u64::from(BURST) * SLIVERS_PER_PLACE, 1);
    let mut dice = 1_u64;
    let (mut given, mut came) = (0, 0);
    while passed < YEAR_MS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let span = 1 + (dice >> 33) % 1_200_011;
        (given, came) = take_a_step(&mut room, given, came);
        room.now = room.now.saturating_add(std::time::Duration::from_millis(span));
        let called = Snapshot::new(step(&mut room, &[]).0).figures(room.now);
        passed += span;
        integral += u64::from(outflow) * span;
        assert_eq!(called.virtual_time, integral / SLIVERS_PER_PLACE, "after {passed} ms");
        if dice.is_multiple_of(7) {
            outflow = 1 + u32::try_from((dice >> 40) % 3).expect("small");
            room.ask(Command::Configure(settings(outflow, &[1])));
        }
    }
    assert!(came > 365 * 24 * 60, "{came}");
}

/// The same with three lanes: each gets its exact share of the year.
#[test]
fn shares_of_lanes_in_a_year_are_exact() {
    const WEIGHTS: [u32; 3] = [1, 3, 7];
    let mut room = Room::new(settings(1_000, &WEIGHTS));
    // Nobody ever comes, so others are called in addition: the shares hold for those as well.
    let far = 50_000_000_000;
    for lane in &Lane::ALL[..3] {
        let place = Place { lane: *lane, number: PlaceNumber::Tag(far) };
        room.ask(Command::Present { queue_id: id(1), place, epoch: 1 });
    }
    let called = |room: &Room| -> Vec<u64> {
        room.figures().lanes.iter().map(|figures| far - figures.waiting).collect()
    };
    let before = called(&room);
    let mut passed = 0;
    let mut dice = 1_u64;
    while passed < YEAR_MS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let span = 1 + (dice >> 33) % 3_600_011;
        room.now = room.now.saturating_add(std::time::Duration::from_millis(span));
        step(&mut room, &[]);
        passed += span;
    }
    let served: Vec<u64> = called(&room).iter().zip(&before).map(|(now, before)| now - before).collect();
    let all: u64 = served.iter().sum();
    assert!(all >= 365 * 24 * 60 * 1_000, "{all}");
    for (served, weight) in served.iter().zip(WEIGHTS) {
        assert!((served * 11).abs_diff(all * u64::from(weight)) <= 5 * 11, "{served} of {all}");
    }
}

fn settings(outflow: u32, weights: &[u32]) -> Settings {
    Settings {
        burst: Some(BURST),
        lane_weights: weights[1..].iter().fold(vec![weights[0]], |mut all, one| {
            all.push(*one);
            all
        }),
        ..Settings::with_outflow(outflow)
    }
}

/// All who are called go in, and so many join that the line never ends.
fn take_a_step(room: &mut Room, given: u64, came: u64) -> (u64, u64) {
    const LINE: u64 = 100;
    let joining: Vec<Command> = (given..came + LINE).map(|number| arrive(id(number + 1))).collect();
    step(room, &joining);
    let given = given.max(came + LINE);
    let called = given - room.figures().waiting;
    let claims: Vec<Command> = (came + 1..=called)
        .map(|tag| Command::Claim { queue_id: id(tag), place: Place::ordinary(tag), epoch: 1 })
        .collect();
    let (_, outcomes) = step(room, &claims);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Admitted { .. })), "{outcomes:?}");
    (given, called)
}

fn step(room: &mut Room, batch: &[Command]) -> (RoomState, Vec<Outcome>) {
    let applied = apply(room.state.as_ref(), &BTreeMap::new(), batch, room.now, room.steady_since, [7; 32]);
    let state = applied.state.expect("the room is configured");
    room.state = Some(state.clone());
    (state, applied.outcomes)
}
