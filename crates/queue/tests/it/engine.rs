use anteroom_queue::engine::{MESSAGE_BYTES_MAX, RoomState};
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command, Outcome, Place, Refusal, Settings, SpentReason};

use crate::room::{EPOCH, Room, arrive, id, seconds};

/// One a second, and two at once.
fn room() -> Room {
    Room::new(Settings::with_outflow(60))
}

#[test]
fn idle_room_lets_a_burst_straight_through() {
    let mut room = room();
    room.wait(seconds(3_600));
    for number in 1..=2 {
        let tag = room.join(number);
        assert_eq!(room.standing(tag), Standing::Admissible);
        assert!(matches!(room.claim(number, tag), Outcome::Admitted { .. }));
    }
    let tag = room.join(3);
    assert!(matches!(room.standing(tag), Standing::Waiting { ahead: 0, .. }), "an idle hour is not hoarded");
    assert_eq!(room.claim(3, tag), Outcome::NotYet);
    room.wait(seconds(1));
    assert!(matches!(room.claim(3, tag), Outcome::Admitted { .. }));
}

#[test]
fn room_that_admits_one_an_hour_still_lets_the_first_through() {
    let mut room = Room::new(Settings { burst: Some(1), ..Settings::with_outflow(1) });
    let tag = room.join(1);
    assert!(matches!(room.claim(1, tag), Outcome::Admitted { .. }));
}

#[test]
fn line_tells_how_many_are_ahead_and_how_long_it_takes() {
    let mut room = room();
    let tags: Vec<u64> = (1..=32).map(|number| room.join(number)).collect();
    let Standing::Waiting { ahead, expected_wait, ask_again_after } = room.standing(tags[31]) else {
        panic!("the last one waits");
    };
    assert_eq!((ahead, expected_wait, ask_again_after), (29, Some(seconds(30)), seconds(10)));
    assert_eq!(room.figures().waiting, 30);
    assert_eq!(room.figures().expected_wait_of_new_visitor, Some(seconds(31)));
}

#[test]
fn same_claim_gets_the_same_admission_while_the_token_is_valid() {
    let mut room = room();
    let tag = room.join(1);
    let first = room.claim(1, tag);
    assert!(matches!(first, Outcome::Admitted { .. }));
    room.wait(seconds(179));
    assert_eq!(room.claim(1, tag), first);
    assert_eq!(room.figures().admitted_total, 1);
}

#[test]
fn i4_place_is_claimed_again_only_as_often_as_the_limit_says() {
    let mut room =
        Room::new(Settings { re_entry_limit: 1, late_window_seconds: 3_600, ..Settings::with_outflow(60) });
    let tag = room.join(1);
    let first = room.claim(1, tag);
    room.wait(seconds(180));
    let second = room.claim(1, tag);
    assert!(matches!(second, Outcome::Admitted { .. }) && second != first);
    room.wait(seconds(180));
    assert_eq!(room.claim(1, tag), Outcome::Spent(SpentReason::Used));
    assert_eq!(room.figures().admitted_total, 2);
}

#[test]
fn late_visitor_enters_within_the_window_and_not_after_it() {
    let mut room = room();
    let (early, late) = (room.join(1), room.join(2));
    room.wait(seconds(299));
    assert!(matches!(room.claim(1, early), Outcome::Admitted { .. }));
    room.wait(seconds(30));
    assert_eq!(room.claim(2, late), Outcome::Spent(SpentReason::Late));
}

#[test]
fn pause_stops_the_line_and_costs_nobody_the_place() {
    let mut room = room();
    let tags: Vec<u64> = (1..=5).map(|number| room.join(number)).collect();
    assert_eq!(room.ask(Command::Pause { message: "Back soon.".to_owned() }), Outcome::Done);
    assert_eq!(room.claim(1, tags[0]), Outcome::Paused { message: "Back soon.".to_owned() });
    room.wait(seconds(1_200));
    assert!(matches!(room.standing(tags[4]), Standing::Paused { ahead: 2, .. }));
    assert_eq!(room.figures().expected_wait_of_new_visitor, None);
    assert_eq!(room.ask(Command::Resume), Outcome::Done);
    room.wait(seconds(1));
    assert!(matches!(room.claim(1, tags[0]), Outcome::Admitted { .. }), "a pause makes nobody late");
    assert!(matches!(room.standing(tags[4]), Standing::Waiting { ahead: 1, .. }));
}

#[test]
fn who_was_let_in_before_a_pause_hears_of_it_during_the_pause() {
    let mut room = room();
    let tag = room.join(1);
    let first = room.claim(1, tag);
    room.ask(Command::Pause { message: String::new() });
    assert_eq!(room.standing(tag), Standing::Admissible);
    assert_eq!(room.claim(1, tag), first);
    assert_eq!(room.figures().admitted_total, 1);
}

#[test]
fn cancelled_visitor_is_not_let_in_again() {
    let mut room = room();
    let tag = room.join(1);
    assert!(matches!(room.claim(1, tag), Outcome::Admitted { .. }));
    assert_eq!(room.ask(Command::Cancel { queue_id: id(1) }), Outcome::Done);
    assert_eq!(room.ask(Command::Cancel { queue_id: id(1) }), Outcome::Done);
    assert_eq!(room.claim(1, tag), Outcome::Spent(SpentReason::Cancelled));
    assert_eq!(
        room.ask(Command::Cancel { queue_id: id(77) }),
        Outcome::Done,
        "there is no telling who exists"
    );
}

#[test]
fn i3_ticket_heals_a_state_that_fell_behind() {
    let mut room = room();
    assert_eq!(room.standing(1_000), Standing::Ahead);
    assert_eq!(
        room.ask(Command::Present { queue_id: id(1), place: Place::ordinary(1_000), epoch: EPOCH }),
        Outcome::Done
    );
    assert_eq!(room.join(1), 1_001);
    assert_eq!(room.claim(2, 2_000), Outcome::NotYet);
    assert_eq!(room.join(3), 2_001);
}

#[test]
fn ticket_of_another_life_of_the_room_is_spent() {
    let mut room = room();
    assert_eq!(room.ask(Command::Reset { epoch: EPOCH }), Outcome::Done);
    let other = EPOCH;
    assert_eq!(
        room.ask(Command::Claim { queue_id: id(1), place: Place::ordinary(1), epoch: other }),
        Outcome::Spent(SpentReason::OtherEpoch)
    );
    assert_eq!(
        room.ask(Command::Present { queue_id: id(1), place: Place::ordinary(1), epoch: other }),
        Outcome::Spent(SpentReason::OtherEpoch)
    );
    assert_eq!(
        room.snapshot().standing(Place::ordinary(1), other, room.now),
        Standing::Spent(SpentReason::OtherEpoch)
    );
}

#[test]
fn tags_no_room_can_have_given_are_refused() {
    let mut room = room();
    for tag in [0, u64::MAX] {
        assert_eq!(room.claim(1, tag), Outcome::Refused(Refusal::TagOutOfRange));
    }
}

#[test]
fn room_that_was_never_configured_says_so() {
    let mut room = room();
    room.state = None;
    for command in [arrive(id(1)), Command::Resume, Command::Cancel { queue_id: id(1) }] {
        assert_eq!(room.ask(command), Outcome::Refused(Refusal::NotConfigured));
    }
}

#[test]
fn bad_settings_and_overlong_messages_change_nothing() {
    let mut room = room();
    let before = room.state.clone();
    assert!(matches!(
        room.ask(Command::Configure(Settings::with_outflow(0))),
        Outcome::Refused(Refusal::Settings(problems)) if problems.len() == 1
    ));
    let message = "x".repeat(MESSAGE_BYTES_MAX + 1);
    assert!(matches!(room.ask(Command::Pause { message }), Outcome::Refused(Refusal::MessageTooLong { .. })));
    assert_eq!(room.state, before);
    assert_eq!(room.ask(Command::Pause { message: "x".repeat(MESSAGE_BYTES_MAX) }), Outcome::Done);
}

#[test]
fn changed_outflow_holds_from_then_on() {
    let mut room = room();
    let tags: Vec<u64> = (1..=100).map(|number| room.join(number)).collect();
    assert_eq!(room.ask(Command::Configure(Settings::with_outflow(600))), Outcome::Done);
    room.wait(seconds(3));
    // Two were called at once, and ten a second since.
    assert_eq!(room.standing(tags[31]), Standing::Admissible);
    assert!(matches!(room.standing(tags[32]), Standing::Waiting { ahead: 0, .. }));
}

#[test]
fn i7_state_stays_small_however_many_wait() {
    const STATE_BYTES_MAX: usize = 8 * 1024;
    let mut room = Room::new(Settings::with_outflow(600));
    let mut largest = 0;
    for number in 1..=20_000 {
        room.join(number);
        if number % 7 == 0 {
            room.wait(std::time::Duration::from_millis(number % 1_900));
            let bytes = room.state.as_ref().map_or(0, |state| state.encode().len());
            largest = largest.max(bytes);
        }
    }
    room.ask(Command::Pause { message: "x".repeat(MESSAGE_BYTES_MAX) });
    let written = room.state.as_ref().expect("configured").encode();
    largest = largest.max(written.len());
    println!("{largest} bytes");
    assert!(largest <= STATE_BYTES_MAX, "{largest} bytes");
    assert_eq!(RoomState::decode(&written).ok(), room.state);
}

/// Kept as a release without lanes wrote it, in the middle of a line and paused.
const STATE_OF_OLD: &str = include_str!("../golden/state_form_1.json");

#[test]
fn state_of_the_release_before_is_read_and_written_back_the_same() {
    let state = RoomState::decode(STATE_OF_OLD.as_bytes()).expect("a state of form 1");
    assert_eq!(String::from_utf8(state.encode()).unwrap(), STATE_OF_OLD);
}

#[test]
fn room_that_uses_nothing_new_is_written_so_that_the_release_before_reads_it() {
    let form = |room: &Room| {
        let written = String::from_utf8(room.state.as_ref().unwrap().encode()).unwrap();
        written.split(',').next().unwrap().to_owned()
    };
    let mut room = room();
    for number in 1..=9 {
        let tag = room.join(number);
        room.wait(seconds(2));
        room.claim(number, tag);
    }
    room.ask(Command::Reset { epoch: EPOCH });
    assert_eq!(form(&room), "{\"form\":1");
    let limited = Settings { max_active: Some(9), ..Settings::with_outflow(60) };
    room.ask(Command::Configure(limited));
    assert_eq!(form(&room), "{\"form\":2");
    room.ask(Command::Configure(Settings::with_outflow(60)));
    assert_eq!(form(&room), "{\"form\":1", "and it can be taken back");
}
