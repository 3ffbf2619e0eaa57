//! Passthrough, closed, reset, and keys that hold one place.

use anteroom_queue::settings::Mode;
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{
    AdmittedBy, Command, KeyDigest, Lane, Outcome, Place, PlaceNumber, Refusal, Settings, SpentReason,
};

use crate::room::{EPOCH, Room, id, seconds};

const ORDINARY: Lane = Lane::ORDINARY;

fn room() -> Room {
    Room::new(Settings::with_outflow(60))
}

const fn key(number: u8) -> Option<KeyDigest> {
    Some(KeyDigest::from_bytes([number; 16]))
}

#[test]
fn passthrough_lets_everybody_in_at_once_and_counts_them() {
    let mut room = room();
    let waiting: Vec<u64> = (1..=50).map(|number| room.join(number)).collect();
    room.set(|settings| {
        settings.mode = Mode::Passthrough;
        settings.max_active = Some(3);
    });
    for number in 51..=100 {
        room.join(number);
    }
    for number in 1..=100 {
        assert_eq!(room.standing(number), Standing::Admissible);
        let admitted = room.claim(number, number);
        assert!(matches!(admitted, Outcome::Admitted { why: AdmittedBy::Passthrough, .. }), "{admitted:?}");
    }
    let figures = room.figures();
    assert_eq!((figures.admitted_total, figures.active, figures.waiting), (100, Some(100), 0));
    assert_eq!(figures.expected_wait_of_new_visitor, Some(std::time::Duration::ZERO));
    assert_eq!(waiting.len(), 50);
}

#[test]
fn i1_passthrough_leaves_no_burst_behind() {
    let mut room = room();
    room.set(|settings| settings.mode = Mode::Passthrough);
    for number in 1..=9 {
        let tag = room.join(number);
        room.claim(number, tag);
    }
    room.set(|settings| settings.mode = Mode::Queue);
    let admitted = (10..30).filter(|&number| {
        let tag = room.join(number);
        matches!(room.claim(number, tag), Outcome::Admitted { .. })
    });
    assert_eq!(admitted.count(), 0, "the gate was used up by those who passed");
    room.wait(seconds(1));
    assert!(matches!(room.claim(10, 10), Outcome::Admitted { why: AdmittedBy::Turn, .. }));
}

#[test]
fn pause_keeps_out_even_those_who_pass() {
    let mut room = room();
    room.set(|settings| settings.mode = Mode::Passthrough);
    room.ask(Command::Pause { message: "Wait.".to_owned() });
    let tag = room.join(1);
    assert_eq!(room.claim(1, tag), Outcome::Paused { message: "Wait.".to_owned() });
    room.ask(Command::Resume);
    assert!(matches!(room.claim(1, tag), Outcome::Admitted { .. }));
}

#[test]
fn closed_room_takes_nobody_and_tickets_keep_their_places() {
    let mut room = room();
    let tags: Vec<u64> = (1..=9).map(|number| room.join(number)).collect();
    let first = room.claim(1, tags[0]);
    room.set(|settings| settings.mode = Mode::Closed);
    assert_eq!(room.claim(1, tags[0]), first, "who was let in just before hears of it");
    assert_eq!(room.claim(2, tags[1]), Outcome::Refused(Refusal::Closed));
    assert_eq!(room.try_join(20, ORDINARY, None), Outcome::Refused(Refusal::Closed));
    room.wait(seconds(1_200));
    let standing = room.standing(tags[8]);
    assert!(matches!(standing, Standing::Closed { ahead: Some(6), .. }), "{standing:?}");
    assert_eq!(room.figures().expected_wait_of_new_visitor, None);
    room.set(|settings| settings.mode = Mode::Queue);
    room.wait(seconds(1));
    assert!(matches!(room.claim(2, tags[1]), Outcome::Admitted { .. }));
    let standing = room.standing(tags[8]);
    assert!(matches!(standing, Standing::Waiting { ahead: 5, .. }), "{standing:?}");
}

#[test]
fn reset_begins_the_line_anew_and_old_tickets_are_told() {
    let mut room = room();
    let tag = room.join(1);
    for number in 2..=9 {
        room.join(number);
    }
    assert_eq!(room.ask(Command::Reset { epoch: EPOCH }), Outcome::Done);
    assert_eq!(room.figures().epoch, 2);
    assert_eq!(room.claim(1, tag), Outcome::Spent(SpentReason::OtherEpoch));
    assert_eq!(room.standing(tag), Standing::Spent(SpentReason::OtherEpoch));
    assert_eq!(room.join_lane(1, ORDINARY), Place::ordinary(1));
    assert_eq!(room.figures().waiting, 0);
    // The answer was lost, and it is asked again: the line is not begun a third time.
    assert_eq!(room.ask(Command::Reset { epoch: EPOCH }), Outcome::Done);
    assert_eq!(room.figures().epoch, 2);
    assert_eq!(room.ask(Command::Reset { epoch: 7 }), Outcome::Refused(Refusal::OtherEpoch { present: 2 }));
}

#[test]
fn i1_holds_across_a_reset() {
    let mut room = room();
    let mut admitted = 0;
    for reset in 0..5 {
        for number in 0..20 {
            let place = room.join_lane(100 * reset + number, ORDINARY);
            let outcome = room.claim_place(100 * reset + number, place);
            admitted += u32::from(matches!(outcome, Outcome::Admitted { .. }));
        }
        let epoch = room.figures().epoch;
        room.ask(Command::Reset { epoch });
    }
    assert_eq!(admitted, 2, "one burst, however often the line begins anew");
    assert_eq!(room.figures().admitted_total, 2);
}

#[test]
fn i3_ticket_of_a_later_epoch_heals_a_reset_that_was_lost() {
    let mut room = room();
    for number in 1..=9 {
        room.join(number);
    }
    let before = room.state.clone();
    room.ask(Command::Reset { epoch: EPOCH });
    let place = room.join_lane(20, ORDINARY);
    room.state = before;
    assert_eq!(room.snapshot().standing(place, 2, room.now), Standing::Ahead);
    let present = Command::Present { queue_id: id(20), place, epoch: 2 };
    assert_eq!(room.ask(present), Outcome::Done);
    assert_eq!(room.figures().epoch, 2);
    assert_eq!(room.join_lane(21, ORDINARY), Place::ordinary(2));
    // Only the next epoch: anything later is of a room that was there before this one.
    assert_eq!(room.snapshot().standing(place, 4, room.now), Standing::Spent(SpentReason::OtherEpoch));
    let claim = Command::Claim { queue_id: id(20), place, epoch: 4 };
    assert_eq!(room.ask(claim), Outcome::Spent(SpentReason::OtherEpoch));
    assert_eq!(room.figures().epoch, 2);
}

#[test]
fn i4_key_holds_one_place_whoever_brings_it() {
    let mut room = Room::new(Settings { unique_keys: true, ..Settings::with_outflow(60) });
    let first = room.try_join(1, ORDINARY, key(7));
    assert!(matches!(first, Outcome::Placed { queue_id, .. } if queue_id == id(1)));
    assert_eq!(room.try_join(2, ORDINARY, key(7)), first);
    assert_eq!(room.figures().last, 1);
    let other = room.try_join(3, ORDINARY, key(8));
    assert!(matches!(other, Outcome::Placed { queue_id, .. } if queue_id == id(3)));
    // Without a key everybody is somebody else.
    assert_ne!(room.try_join(4, ORDINARY, None), room.try_join(4, ORDINARY, None));
    // Once it was used, the key leads to the place that was used.
    let admitted = room.claim(1, 1);
    room.wait(seconds(86_400));
    let Outcome::Placed { queue_id, place, .. } = room.try_join(5, ORDINARY, key(7)) else {
        unreachable!("the key holds a place")
    };
    assert_eq!((queue_id, place), (id(1), Place::ordinary(1)));
    assert!(matches!(admitted, Outcome::Admitted { .. }));
    room.ask(Command::Reset { epoch: EPOCH });
    assert!(matches!(
        room.try_join(6, ORDINARY, key(7)),
        Outcome::Placed { queue_id, epoch: 2, .. } if queue_id == id(6)
    ));
}

#[test]
fn keys_are_not_looked_at_where_they_need_not_be_unique() {
    let mut room = room();
    assert_ne!(room.try_join(1, ORDINARY, key(7)), room.try_join(2, ORDINARY, key(7)));
    assert_eq!(room.records.len(), 0, "and cost nothing");
}

#[test]
fn i4_two_who_bring_a_key_in_the_same_batch_get_one_place() {
    let mut room = Room::new(Settings { unique_keys: true, ..Settings::with_outflow(60) });
    let arrive = |number| Command::Arrive { queue_id: id(number), lane: ORDINARY, key: key(1) };
    let applied = anteroom_queue::engine::apply(
        room.state.as_ref(),
        &room.records,
        &[arrive(1), arrive(2)],
        room.now,
        room.steady_since,
        [1; 32],
    );
    assert_eq!(applied.outcomes[0], applied.outcomes[1]);
    assert_eq!(applied.records.len(), 1);
    room.state = applied.state;
    assert_eq!(room.figures().last, 1);
}

#[test]
fn entry_of_a_room_without_a_draw_gets_a_place_at_the_end() {
    let mut room = room();
    room.join(1);
    let entry = Place { lane: ORDINARY, number: PlaceNumber::Entry(4) };
    assert_eq!(room.standing_of(entry), Standing::Ahead);
    let placed = room.ask(Command::Present { queue_id: id(9), place: entry, epoch: EPOCH });
    assert!(
        matches!(placed, Outcome::Placed { queue_id, place, .. } if queue_id == id(9) && place == Place::ordinary(2)),
        "{placed:?}"
    );
}
