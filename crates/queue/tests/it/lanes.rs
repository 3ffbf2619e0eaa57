//! Several lanes in one room.

use std::time::Duration;

use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command, Lane, Outcome, Place, PlaceNumber, Settings};
use proptest::prelude::*;

use crate::room::{EPOCH, Room, id, seconds};

const ORDINARY: Lane = Lane::ORDINARY;
const FAST: Lane = Lane::ALL[1];

fn with_weights(weights: &[u32]) -> Room {
    Room::new(Settings { lane_weights: weights.to_vec(), ..Settings::with_outflow(600) })
}

fn waiting(room: &Room, lane: Lane) -> u64 {
    room.figures().lanes.iter().find(|figures| figures.lane == lane).map_or(0, |figures| figures.waiting)
}

/// Lets so many join each lane, in turn.
fn fill(room: &mut Room, lanes: &[Lane], each: u64) -> Vec<(u64, Place)> {
    let mut joined = Vec::new();
    for round in 0..each {
        for &lane in lanes {
            let number = round * 10 + u64::from(lane.number());
            joined.push((number, room.join_lane(number, lane)));
        }
    }
    joined
}

#[test]
fn idle_room_lets_one_burst_through_whatever_lanes_they_come_in() {
    let mut room = with_weights(&[1, 1]);
    room.wait(seconds(600));
    let places = fill(&mut room, &[ORDINARY, FAST], 20);
    let admissible = places.iter().filter(|(_, place)| room.standing_of(*place) == Standing::Admissible);
    assert_eq!(admissible.count(), 20, "two seconds of outflow");
    let admitted = places
        .into_iter()
        .filter(|&(number, place)| matches!(room.claim_place(number, place), Outcome::Admitted { .. }));
    assert_eq!(admitted.count(), 20);
}

#[test]
fn waits_told_in_each_lane_come_true() {
    let mut room = with_weights(&[1, 3]);
    let places = fill(&mut room, &[ORDINARY, FAST], 300);
    let told: Vec<(Place, Duration)> = places
        .iter()
        .filter_map(|&(_, place)| match room.standing_of(place) {
            Standing::Waiting { expected_wait: Some(wait), .. } => Some((place, wait)),
            _ => None,
        })
        .collect();
    assert!(told.len() > 500);
    let mut calls = Vec::new();
    for tenth in 0..700_u64 {
        for (_, place) in &places {
            if !calls.iter().any(|(called, _)| called == place)
                && room.standing_of(*place) == Standing::Admissible
            {
                calls.push((*place, Duration::from_millis(100 * tenth)));
                // Whoever is called comes at once, so nobody is called in addition.
                let number = places.iter().find(|(_, other)| other == place).map_or(0, |(number, _)| *number);
                room.claim_place(number, *place);
            }
        }
        room.wait(Duration::from_millis(100));
    }
    for (place, wait) in told {
        let (_, called) = calls.iter().find(|(called, _)| *called == place).expect("everybody is called");
        assert!(
            called.abs_diff(wait) <= seconds(2),
            "{place:?} was told {wait:?} and called after {called:?}"
        );
    }
}

#[test]
fn lane_that_was_taken_away_is_served_to_its_end() {
    let mut room = with_weights(&[2, 1]);
    let places = fill(&mut room, &[ORDINARY, FAST], 60);
    room.set(|settings| settings.lane_weights = Vec::new());
    let before = waiting(&room, FAST);
    assert!(before > 0, "those who wait there are still shown");
    room.wait(seconds(2));
    let served = before - waiting(&room, FAST);
    assert!((9..=11).contains(&served), "half of the outflow, like the ordinary lane: {served}");
    assert_eq!(room.join_lane(5_000, FAST).lane, ORDINARY, "nobody joins it any more");
    room.wait(seconds(60));
    assert!(places.iter().all(|&(_, place)| room.standing_of(place) == Standing::Admissible));
}

#[test]
fn late_visitor_of_one_lane_says_nothing_of_the_others() {
    let mut room = with_weights(&[1, 1]);
    let early = room.join_lane(1, FAST);
    room.wait(seconds(400));
    let late = room.join_lane(2, ORDINARY);
    assert!(matches!(room.claim_place(2, late), Outcome::Admitted { .. }));
    assert!(matches!(room.claim_place(1, early), Outcome::Spent(_)));
}

#[test]
fn i3_ticket_of_any_lane_heals_it() {
    let mut room = with_weights(&[1, 1, 1]);
    let third = Lane::ALL[2];
    let place = Place { number: PlaceNumber::Tag(500), lane: third };
    assert_eq!(room.standing_of(place), Standing::Ahead);
    assert_eq!(room.claim_place(9, place), Outcome::NotYet);
    assert_eq!(room.join_lane(10, third).tag(), Some(501));
    assert_eq!(room.join_lane(11, ORDINARY).tag(), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// While all lanes wait each gets its share, to within a place, however time is cut.
    #[test]
    fn weights_are_met_while_all_lanes_wait(
        weights in prop::collection::vec(1_u32..20, 2..5),
        steps in prop::collection::vec(1_u64..1_500, 1..60),
    ) {
        let mut room = with_weights(&weights);
        let lanes: Vec<Lane> = Lane::ALL[..weights.len()].to_vec();
        // Nobody ever comes, so others are called in addition, and the lines are long enough for that.
        for &lane in &lanes {
            let place = Place { lane, number: PlaceNumber::Tag(1_000_000) };
            room.ask(Command::Present { queue_id: id(1), place, epoch: EPOCH });
        }
        let before: Vec<u64> = lanes.iter().map(|&lane| waiting(&room, lane)).collect();
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        for millis in steps {
            room.wait(Duration::from_millis(millis));
            let served: Vec<u64> =
                lanes.iter().zip(&before).map(|(&lane, before)| before - waiting(&room, lane)).collect();
            prop_assert!(lanes.iter().all(|&lane| waiting(&room, lane) > 0));
            let all: u64 = served.iter().sum();
            for (served, weight) in served.iter().zip(&weights) {
                let (is, due) = (served * total, all * u64::from(*weight));
                // A lane may be a place behind its share, and all of them together as many as there are lanes.
                prop_assert!(is.abs_diff(due) <= 5 * total, "{served} of {all} with {weight} of {total}");
            }
        }
    }

    /// In each lane the called are always the beginning of it.
    #[test]
    fn i2_holds_in_each_lane(
        deeds in prop::collection::vec((0_u8..4, 0_u64..900, any::<bool>()), 1..200),
        weights in prop::collection::vec(1_u32..1_000, 1..5),
    ) {
        let mut room = with_weights(&weights);
        let mut places: Vec<(u64, Place)> = Vec::new();
        for (number, (lane, millis, claims)) in deeds.into_iter().enumerate() {
            let number = number as u64;
            let lane = Lane::new(lane).expect("a lane's number");
            let place = room.join_lane(number, lane);
            prop_assert!(places.iter().all(|(_, other)| other.lane != place.lane || *other < place));
            places.push((number, place));
            room.wait(Duration::from_millis(millis));
            if claims {
                let at = usize::try_from(millis).expect("small") % places.len();
                room.claim_place(places[at].0, places[at].1);
            }
            for lane in Lane::ALL {
                let of_lane = places.iter().filter(|(_, place)| place.lane == lane);
                let called: Vec<bool> =
                    of_lane.map(|(_, place)| room.standing_of(*place) == Standing::Admissible).collect();
                prop_assert!(called.is_sorted_by(|one, next| one >= next), "{called:?}");
            }
        }
    }
}
