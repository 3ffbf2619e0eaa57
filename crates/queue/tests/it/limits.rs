//! The most people inside, and slow starts.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::{Mode, Schedule};
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command, Outcome, Settings, SpentReason};
use proptest::prelude::*;

use crate::room::{Room, id, seconds};

fn limited(max_active: u32) -> Room {
    Room::new(Settings {
        max_active: Some(max_active),
        session_seconds: 600,
        late_window_seconds: 3_600,
        ..Settings::with_outflow(600)
    })
}

const fn is_admitted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Admitted { .. })
}

#[test]
fn full_room_lets_in_as_many_as_leave() {
    let mut room = limited(5);
    let tags: Vec<u64> = (1..=20).map(|number| room.join(number)).collect();
    let admitted: Vec<u64> = (1..)
        .zip(&tags)
        .filter(|&(number, &tag)| is_admitted(&room.claim(number, tag)))
        .map(|(number, _)| number)
        .collect();
    assert_eq!(admitted, [1, 2, 3, 4, 5]);
    assert_eq!(room.figures().active, Some(5));
    room.wait(seconds(300));
    assert!(matches!(room.standing(tags[5]), Standing::Waiting { ahead: 0, expected_wait: None, .. }));
    assert_eq!(room.figures().expected_wait_of_new_visitor, None);
    assert_eq!(room.ask(Command::Cancel { queue_id: id(2) }), Outcome::Done);
    assert_eq!(room.ask(Command::Cancel { queue_id: id(2) }), Outcome::Done);
    assert_eq!(room.figures().active, Some(4), "who leaves twice leaves once");
    room.wait(seconds(1));
    assert!(is_admitted(&room.claim(6, tags[5])));
    room.wait(seconds(60));
    assert!(!is_admitted(&room.claim(7, tags[6])));
    assert_eq!(room.claim(2, tags[1]), Outcome::Spent(SpentReason::Cancelled));
    // Sessions end by themselves.
    room.wait(seconds(300));
    assert_eq!(room.figures().active, Some(1));
    assert!(is_admitted(&room.claim(7, tags[6])));
}

#[test]
fn whoever_stands_before_a_full_room_does_not_become_late() {
    let mut room = Room::new(Settings {
        max_active: Some(1),
        session_seconds: 900,
        late_window_seconds: 30,
        ..Settings::with_outflow(600)
    });
    let (first, second) = (room.join(1), room.join(2));
    room.wait(seconds(1));
    assert!(is_admitted(&room.claim(1, first)));
    room.wait(seconds(800));
    assert!(!matches!(room.claim(2, second), Outcome::Spent(_)));
    room.ask(Command::Cancel { queue_id: id(1) });
    room.wait(seconds(1));
    assert!(is_admitted(&room.claim(2, second)));
}

#[test]
fn seat_of_a_visitor_who_does_not_come_is_offered_to_the_next() {
    let mut room = limited(3);
    let tags: Vec<u64> = (1..=30).map(|number| room.join(number)).collect();
    // The first twenty have gone away.
    let mut admitted = 0;
    for _ in 0..120 {
        room.wait(seconds(1));
        for number in 21..=30 {
            let tag = tags[usize::try_from(number - 1).expect("small")];
            if admitted < 3 && room.standing(tag) == Standing::Admissible {
                admitted += u32::from(is_admitted(&room.claim(number, tag)));
            }
        }
    }
    assert_eq!(admitted, 3);
}

#[test]
fn who_comes_again_within_the_session_takes_no_further_seat() {
    let mut room = limited(2);
    let tag = room.join(1);
    room.claim(1, tag);
    room.wait(seconds(200));
    let (second, third) = (room.join(2), room.join(3));
    assert!(is_admitted(&room.claim(2, second)));
    assert_eq!(room.figures().active, Some(2));
    assert!(is_admitted(&room.claim(1, tag)), "the room is full, and this one is in it");
    assert_eq!(room.figures().active, Some(2));
    assert!(!is_admitted(&room.claim(3, third)));
}

#[test]
fn limit_is_kept_by_a_process_that_remembers_what_the_store_lost() {
    let mut room = limited(2);
    let tags: Vec<u64> = (1..=4).map(|number| room.join(number)).collect();
    let earlier = room.state.clone().map(|state| state.encode());
    assert!(is_admitted(&room.claim(1, tags[0])) && is_admitted(&room.claim(2, tags[1])));
    assert!(earlier.is_some());
    room.crash(seconds(5));
    assert!(!is_admitted(&room.claim(3, tags[2])));
}

fn ramped() -> Settings {
    Settings { ramp_seconds: 60, ..Settings::with_outflow(600) }
}

/// How many go in within so many seconds when a crowd asks all the time.
fn admitted_in(room: &mut Room, next: &mut u64, length: u64) -> u64 {
    let before = room.figures().admitted_total;
    for _ in 0..length * 4 {
        while is_admitted(&{
            let number = *next;
            room.claim(number, number)
        }) {
            *next += 1;
        }
        room.wait(Duration::from_millis(250));
    }
    room.figures().admitted_total - before
}

#[test]
fn slow_start_grows_from_a_tenth_to_the_whole_outflow() {
    let mut room = Room::new(ramped());
    for number in 1..=2_000 {
        room.join(number);
    }
    assert_eq!(room.figures().outflow_now_per_minute, 60);
    let mut next = 1;
    let thirds: Vec<u64> = (0..4).map(|_| admitted_in(&mut room, &mut next, 20)).collect();
    // The integral: 0.25, 0.55, 0.85 of the outflow on average, then all of it; and a burst that grows to 20.
    assert!((49..=60).contains(&thirds[0]), "{thirds:?}");
    assert!((108..=118).contains(&thirds[1]), "{thirds:?}");
    assert!((167..=178).contains(&thirds[2]), "{thirds:?}");
    assert!((199..=201).contains(&thirds[3]), "{thirds:?}");
    assert_eq!(room.figures().outflow_now_per_minute, 600);
}

#[test]
fn slow_start_comes_at_every_kind_of_beginning() {
    let now = |room: &Room| room.figures().outflow_now_per_minute;
    let mut room = Room::new(ramped());
    room.wait(seconds(60));
    assert_eq!(now(&room), 600);
    room.ask(Command::Pause { message: String::new() });
    room.wait(seconds(60));
    room.ask(Command::Resume);
    assert_eq!(now(&room), 600, "a short pause is none");
    room.ask(Command::Pause { message: String::new() });
    room.wait(seconds(61));
    room.ask(Command::Resume);
    assert_eq!(now(&room), 60);
    room.wait(seconds(60));
    room.set(|settings| settings.mode = Mode::Closed);
    room.set(|settings| settings.mode = Mode::Queue);
    assert_eq!(now(&room), 60);
    room.wait(seconds(60));
    room.ask(Command::Reset { epoch: 1 });
    assert_eq!(now(&room), 60);
    // A slow start that is set while the room runs holds from the next beginning on.
    room.wait(seconds(30));
    room.set(|settings| settings.ramp_seconds = 0);
    assert_eq!(now(&room), 600);
    room.set(|settings| settings.ramp_seconds = 60);
    assert_eq!(now(&room), 600);
    let starts_at = room.now.saturating_add(seconds(10));
    let mut room = Room::new(Settings {
        schedule: Schedule {
            pre_queue_at: Some(Timestamp::EPOCH),
            starts_at: Some(starts_at),
            ends_at: None,
        },
        ..ramped()
    });
    room.now = starts_at;
    room.wait(seconds(0));
    room.ask(Command::Resume);
    assert_eq!(now(&room), 60);
}

#[test]
fn wait_told_in_a_slow_start_comes_true() {
    let mut room = Room::new(ramped());
    for number in 1..=500 {
        room.join(number);
    }
    let Standing::Waiting { expected_wait: Some(told), .. } = room.standing(400) else {
        unreachable!("it waits")
    };
    let mut next = 1;
    let mut passed = 0;
    while room.standing(400) != Standing::Admissible {
        admitted_in(&mut room, &mut next, 1);
        passed += 1;
    }
    assert!(told.as_secs().abs_diff(passed) <= 2, "{told:?} was told, and it took {passed} s");
}

#[derive(Clone, Debug)]
enum Deed {
    Join,
    Claim(usize),
    Leave(usize),
    Wait(u64),
    Crash(u64),
    Pause(bool),
    Session(u32),
    Max(u32),
    Ramp(u32),
    Reset,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => Just(Deed::Join),
        12 => any::<usize>().prop_map(Deed::Claim),
        2 => any::<usize>().prop_map(Deed::Leave),
        6 => (0_u64..20_000).prop_map(Deed::Wait),
        1 => (0_u64..100_000).prop_map(Deed::Crash),
        1 => any::<bool>().prop_map(Deed::Pause),
        1 => (60_u32..400).prop_map(Deed::Session),
        1 => (1_u32..12).prop_map(Deed::Max),
        1 => (0_u32..100).prop_map(Deed::Ramp),
        1 => Just(Deed::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever happens in whatever order: nobody goes into a room in which as many are as may be.
    #[test]
    fn room_is_never_fuller_than_it_may_be(deeds in prop::collection::vec(deed(), 1..300)) {
        let mut room = limited(5);
        let (mut max, mut session) = (5_u32, 600_u32);
        let mut places = Vec::new();
        // Who is inside, and until when.
        let mut inside: Vec<(u64, Timestamp)> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Join => {
                    let number = places.len() as u64;
                    let place = room.join_lane(number, anteroom_queue::Lane::ORDINARY);
                    places.push((place, room.figures().epoch));
                }
                Deed::Claim(_) | Deed::Leave(_) if places.is_empty() => {}
                Deed::Claim(at) => {
                    let number = (at % places.len()) as u64;
                    let (place, epoch) = places[at % places.len()];
                    let before = room.figures().admitted_total;
                    room.ask(Command::Claim { queue_id: id(number), place, epoch });
                    if room.figures().admitted_total > before {
                        inside.retain(|&(_, until)| until > room.now);
                        // Who comes again is no further one.
                        let was_inside = inside.iter().any(|&(who, _)| who == number);
                        inside.retain(|&(who, _)| who != number);
                        prop_assert!(
                            was_inside || inside.len() < max as usize,
                            "{} inside of {max}",
                            inside.len() + 1
                        );
                        let until = room.now.saturating_add(Duration::from_secs(u64::from(session)));
                        inside.push((number, until));
                    }
                }
                Deed::Leave(at) => {
                    let number = (at % places.len()) as u64;
                    room.ask(Command::Cancel { queue_id: id(number) });
                    inside.retain(|&(who, _)| who != number);
                }
                Deed::Wait(millis) => room.wait(Duration::from_millis(millis)),
                Deed::Crash(millis) => room.crash(Duration::from_millis(millis)),
                Deed::Pause(true) => {
                    room.ask(Command::Pause { message: String::new() });
                }
                Deed::Pause(false) => {
                    room.ask(Command::Resume);
                }
                Deed::Session(wanted) => {
                    session = wanted;
                    room.set(|settings| settings.session_seconds = wanted);
                }
                Deed::Max(wanted) => {
                    max = wanted;
                    room.set(|settings| settings.max_active = Some(wanted));
                }
                Deed::Ramp(wanted) => room.set(|settings| settings.ramp_seconds = wanted),
                Deed::Reset => {
                    let epoch = room.figures().epoch;
                    room.ask(Command::Reset { epoch });
                }
            }
            inside.retain(|&(_, until)| until > room.now);
            prop_assert!(room.figures().active >= Some(inside.len() as u64));
        }
    }
}
