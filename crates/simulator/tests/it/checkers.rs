//! A checker that cannot fail is worth nothing: each is shown a story that breaks its invariant, and one beside it
//! that just does not.

use anteroom_simulator::trace::{Fact, Place, Told};

use crate::story::{Story, moment, visitor};

const I1: &str = "I1 never over-admit";
const I2: &str = "I2 first come, first served";
const I3: &str = "I3 nobody loses their place";
const I4: &str = "I4 one place, one admission";
const I5: &str = "I5 work-conserving";
const PAUSE: &str = "I1 nobody passes a pause";

#[test]
fn i1_burst_and_an_even_flow_are_allowed_and_a_millisecond_less_is_not() {
    // 60 a minute is one each 1000 ms.
    let even = || Story::of_room(60, 2).admitted(1, 5_000).admitted(2, 5_000);
    assert!(even().admitted(3, 6_000).admitted(4, 7_000).broken().is_empty());
    assert_eq!(even().admitted(3, 6_000).admitted(4, 6_999).broken(), [I1]);
    let verdict = even().admitted(3, 6_000).verdict(I1);
    assert_eq!(verdict.figures[0].worst, Some(0.0));
}

#[test]
fn i1_a_repeated_admission_counts_once() {
    let story = Story::of_room(60, 1).admitted(1, 5_000).admitted(1, 5_000).admitted(1, 5_000);
    assert!(story.broken().is_empty());
}

#[test]
fn i1_an_outflow_counts_only_while_it_may_be_in_force() {
    // Ten a second from 10,000 on, acknowledged at 10,500; back to one a second at 20,000.
    let changed =
        || Story::of_room(60, 1).configured(10_000, 10_500, 600, 1).configured(20_000, 20_500, 60, 1);
    assert!(changed().admitted(1, 10_100).admitted(2, 10_200).broken().is_empty());
    assert!(changed().admitted(1, 20_100).admitted(2, 20_200).broken().is_empty());
    assert_eq!(changed().admitted(1, 20_600).admitted(2, 20_700).broken(), [I1]);
    assert_eq!(changed().admitted(1, 9_800).admitted(2, 9_900).broken(), [I1]);
}

#[test]
fn i1_the_largest_burst_within_the_window_counts() {
    let changed = || Story::of_room(60, 3).configured(10_000, 10_000, 60, 1);
    let three = |story: Story, at| story.admitted(1, at).admitted(2, at).admitted(3, at);
    assert!(three(changed(), 9_999).broken().is_empty());
    assert_eq!(three(changed(), 10_001).broken(), [I1]);
}

#[test]
fn i1_what_the_store_lost_is_reported_and_not_held_against_the_room() {
    let story = || Story::of_room(60, 1).admitted(1, 5_000).lost(4_000, 5_500).admitted(2, 5_600);
    assert!(story().broken().is_empty());
    assert_eq!(story().verdict(I1).figures[1].worst, Some(0.4));
    assert_eq!(story().admitted(3, 5_600).broken(), [I1]);
}

#[test]
fn i1_a_stepped_clock_is_no_excuse_in_true_time() {
    // By the room's time the clock was set forward by an hour each second, so it sees an hour between admissions.
    let mut story = Story::of_room(60, 1);
    for number in 0..4 {
        let (world, room) = (moment(5_000 + u64::from(number)), moment(5_000 + 60_000 * u64::from(number)));
        let committed = anteroom_simulator::trace::Moment { room: room.room, ..world };
        story = story.fact(
            5_000 + u64::from(number),
            Fact::Admitted { queue_id: visitor(number), at: room.room, committed },
        );
    }
    assert_eq!(story.broken(), [I1]);
}

#[test]
fn i2_a_later_join_may_not_overtake_an_acknowledged_one() {
    // Both were under way at once: either may be first.
    assert!(Story::of_room(60, 1).joined(1, 2, 100, 200).joined(2, 1, 200, 300).broken().is_empty());
    let story = Story::of_room(60, 1).joined(1, 7, 100, 200).joined(2, 1, 201, 300);
    assert_eq!(story.broken(), [I2]);
    assert_eq!(story.verdict(I2).figures[0].worst, Some(6.0));
}

#[test]
fn i2_a_lost_join_binds_only_until_the_loss() {
    let lost = || Story::of_room(60, 1).joined(1, 7, 100, 200);
    assert!(lost().lost(150, 250).joined(2, 1, 300, 400).broken().is_empty());
    // The loss left this join alone.
    assert_eq!(lost().lost(220, 250).joined(2, 1, 300, 400).broken(), [I2]);
    // The join was over before the loss.
    assert_eq!(lost().joined(2, 1, 201, 240).lost(150, 250).broken(), [I2]);
}

#[test]
fn i3_a_ticket_is_refused_only_for_a_reason_its_holder_gave() {
    let joined = || Story::of_room(60, 1).joined(1, 1, 100, 200);
    for told in [Told::OtherEpoch, Told::Used, Told::Cancelled, Told::Late] {
        assert_eq!(joined().polled(1, 1, 1_000, told, 0).broken(), [I3], "{told:?}");
    }
    assert!(joined().polled(1, 1, 600_000, Told::Late, 0).broken().is_empty());
    assert!(joined().admitted(1, 500).polled(1, 1, 600_000, Told::Used, 0).broken().is_empty());
    let cancelled = joined().fact(500, Fact::CancelAsked { queue_id: visitor(1) });
    assert!(cancelled.polled(1, 1, 600, Told::Cancelled, 0).broken().is_empty());
}

#[test]
fn i3_a_process_does_not_take_back_what_it_said() {
    let told = |ahead| Told::Waiting { ahead };
    let asked = || Story::of_room(60, 1).joined(1, 99, 100, 200).polled(1, 99, 1_000, told(50), 1_000);
    assert!(asked().polled(1, 99, 2_000, told(49), 1_000).broken().is_empty());
    assert_eq!(asked().polled(1, 99, 2_000, told(90), 1_000).ended(90_000).broken(), [I3]);
}

#[test]
fn i3_who_keeps_asking_is_let_in_before_the_end() {
    let told = Told::Waiting { ahead: 1 };
    let asked = || Story::of_room(60, 1).joined(1, 2, 100, 200).polled(1, 2, 1_000, told, 1_000);
    assert_eq!(asked().ended(2_000).broken(), [I3]);
    assert!(asked().ended(600_000).broken().is_empty());
    assert!(asked().admitted(1, 2_000).broken().is_empty());
}

#[test]
fn i4_two_visitors_never_hold_one_place() {
    let two = || Story::of_room(60, 1).joined(1, 5, 100, 200);
    assert_eq!(two().joined(2, 5, 100, 201).broken(), [I4]);
    assert!(two().lost(150, 250).joined(2, 5, 300, 400).broken().is_empty());
    assert_eq!(two().lost(220, 250).joined(2, 5, 100, 400).broken(), [I4]);
    let other_epoch = Place { epoch: 2, lane: 0, is_entry: false, tag: 5 };
    let (began, committed) = (moment(100).world, moment(199).world);
    let joined =
        Fact::Joined { queue_id: visitor(2), place: other_epoch, began, committed, ticket: 2, key: None };
    assert!(two().fact(200, joined).broken().is_empty());
}

#[test]
fn i4_one_id_is_let_in_as_often_as_the_room_allows() {
    let once = || Story::of_room(60, 1).admitted(1, 5_000);
    assert!(once().admitted(1, 5_000).broken().is_empty());
    assert_eq!(once().admitted(1, 90_000).broken(), [I4]);
    assert!(once().lost(4_000, 6_000).admitted(1, 90_000).broken().is_empty());
}

#[test]
fn i4_a_cancelled_id_is_not_let_in() {
    let cancelled = |story: Story| story.fact(6_000, Fact::Cancelled { queue_id: visitor(1) });
    assert_eq!(cancelled(Story::of_room(60, 1)).admitted(1, 7_000).broken(), [I4]);
    assert!(cancelled(Story::of_room(60, 1).admitted(1, 5_000)).admitted(1, 5_000).broken().is_empty());
}

/// A line of visitors who all ask each second, of whom one is let in each `every_ms`.
fn line(every_ms: u64, lasts_ms: u64) -> Story {
    let mut facts: Vec<(u64, u32, Option<u64>)> = Vec::new();
    for number in 1..=400_u32 {
        let admitted_at = 10_000 + every_ms * u64::from(number);
        for at in (2_000..admitted_at.min(lasts_ms)).step_by(1_000) {
            facts.push((at, number, Some(u64::from(400 - number))));
        }
        if admitted_at < lasts_ms {
            facts.push((admitted_at, number, None));
        }
    }
    facts.sort_unstable();
    let mut story = Story::of_room(60, 2);
    for number in 1..=400 {
        story = story.joined(number, number.into(), 1_000 + u64::from(number), 1_001 + u64::from(number));
    }
    for (at, number, ahead) in facts {
        story = match ahead {
            // What is ahead is not the point here, and must not grow.
            Some(_) => story.polled(number, number.into(), at, Told::Held, 1_000),
            None => story.admitted(number, at),
        };
    }
    story.ended(lasts_ms + 600_000)
}

#[test]
fn i5_a_line_that_moves_at_the_outflow_is_fine_and_a_slower_one_is_not() {
    assert!(line(1_000, 300_000).broken().is_empty());
    assert!(line(1_030, 300_000).broken().is_empty());
    assert_eq!(line(1_100, 300_000).broken(), [I5]);
    assert_eq!(line(900_000, 300_000).broken(), [I5]);
}

#[test]
fn i5_is_not_measured_while_something_is_broken_or_paused() {
    let trouble = Fact::Trouble { until: moment(300_000).world };
    let story = line(1_100, 300_000).fact(10_000, trouble);
    assert!(story.ended(900_000).broken().is_empty());
    let paused = line(900_000, 300_000).fact(10_000, Fact::Paused { earliest: moment(10_000) });
    assert!(paused.ended(900_000).broken().is_empty());
}

#[test]
fn pause_lets_nobody_in() {
    let paused = || Story::of_room(60, 1).fact(5_500, Fact::Paused { earliest: moment(5_000) });
    let resumed = |story: Story| story.fact(9_000, Fact::Resumed { earliest: moment(8_500) });
    assert_eq!(resumed(paused().admitted(1, 6_000)).broken(), [PAUSE]);
    assert!(resumed(paused()).admitted(1, 8_600).broken().is_empty());
    assert!(resumed(Story::of_room(60, 1).admitted(1, 5_200)).broken().is_empty());
}
