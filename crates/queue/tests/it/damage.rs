//! Kept states that were damaged: refused, or good to go on with. Never a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::engine::{RoomState, apply};
use anteroom_queue::settings::{Mode, Schedule};
use anteroom_queue::snapshot::Snapshot;
use anteroom_queue::{Command, Lane, Place, PlaceNumber, Settings};
use proptest::prelude::*;

use crate::room::{Room, arrive, id, seconds};

/// States in which all there is is in use: waiting for a start, and long after it.
fn states() -> Vec<String> {
    let now = Timestamp::from_seconds(1_700_000_000);
    let mut room = Room::new(Settings {
        schedule: Schedule {
            pre_queue_at: Some(now),
            starts_at: Some(now.saturating_add(seconds(60))),
            ends_at: Some(now.saturating_add(seconds(6_000))),
        },
        lane_weights: vec![1, 5, 9],
        max_active: Some(20),
        ramp_seconds: 200,
        unique_keys: true,
        mode: Mode::Queue,
        ..Settings::with_outflow(600)
    });
    let text = |room: &Room| {
        let written = room.state.as_ref().map(RoomState::encode).expect("the room is configured");
        String::from_utf8(written).expect("states are text")
    };
    let lane_of = |number: u64| Lane::ALL[usize::try_from(number % 3).expect("a lane's number")];
    let entries: Vec<Place> = (0..60).map(|number| room.join_lane(number, lane_of(number))).collect();
    room.ask(Command::Beacon { value: "4711".to_owned() });
    let mut states = vec![text(&room)];
    room.wait(seconds(61));
    for round in 0..60_u64 {
        for (number, entry) in (0..).zip(&entries) {
            if (number + round) % 5 == 0 {
                room.claim_place(number, *entry);
            }
        }
        room.wait(Duration::from_millis(700));
    }
    room.ask(Command::Pause { message: "Wait.".to_owned() });
    states.push(text(&room));
    states
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_state_is_refused_or_works(
        which in 0_usize..2,
        damage in prop::collection::vec((any::<prop::sample::Index>(), "[0-9]|,|\\[|null|18446744073709551615"), 1..3),
    ) {
        thread_local!(static STATES: Vec<String> = states());
        let mut text = STATES.with(|states| states[which].clone());
        for (at, damage) in damage {
            let at = at.index(text.len() - 1);
            text.replace_range(at..=at, &damage);
        }
        let Ok(state) = RoomState::decode(text.as_bytes()) else { return Ok(()) };
        let mut now = Timestamp::from_seconds(1_700_000_200);
        let mut state = Some(state);
        for step in 0..6_u64 {
            let lane = Lane::ALL[usize::try_from(step % 4).unwrap()];
            let epoch = state.clone().map_or(1, |state| Snapshot::new(state).epoch());
            let place = |number| Place { lane, number };
            let claim = |number| Command::Claim { queue_id: id(step), place: place(number), epoch };
            let batch = [
                arrive(id(step)),
                Command::Arrive { queue_id: id(step), lane, key: None },
                claim(PlaceNumber::Entry(step)),
                claim(PlaceNumber::Tag(1 + step)),
                Command::Resume,
            ];
            let applied = apply(state.as_ref(), &BTreeMap::new(), &batch, now, Timestamp::EPOCH, [1; 32]);
            let snapshot = Snapshot::new(applied.state.clone().expect("it was configured"));
            for number in [PlaceNumber::Tag(step), PlaceNumber::Entry(step), PlaceNumber::Tag(u64::MAX)] {
                let _ = snapshot.standing(place(number), epoch, now);
            }
            let _ = (snapshot.figures(now), snapshot.draw("a", "b"), snapshot.phase(now));
            state = applied.state;
            now = now.saturating_add(Duration::from_secs(1 << (2 * step)));
        }
    }
}
