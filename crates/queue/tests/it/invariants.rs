//! Lines of minutes with visitors of several habits, checked as a whole.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::Schedule;
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command, Lane, Outcome, Place, Settings};
use proptest::prelude::*;

use crate::room::{Room, id, seconds};

/// A visitor who does what a waiting page does: asks when told to.
struct Visitor {
    number: u64,
    place: Place,
    asks_at_ms: u64,
    /// Has left without a word.
    is_gone: bool,
}

/// How a line went.
struct Run {
    admissions: Admissions,
    /// How many were inside, once a second, where that is limited.
    inside: Vec<u64>,
    waiting: Vec<u64>,
}

/// When somebody was admitted, in milliseconds from the start.
type Admissions = Vec<u64>;

const TICK: Duration = Duration::from_millis(50);
const TICK_MS: u64 = 50;

/// Runs a line in which, of every hundred, so many have left. They come in all lanes, in turn. Where the people inside are
/// limited, every second one leaves half a minute after being let in.
fn run(settings: &Settings, visitors: u64, gone_percent: u64, length: Duration) -> Run {
    run_from(settings, visitors, gone_percent, length, |number| number * 37 % 2_000)
}

/// The same, with the moment at which each visitor asks first, in milliseconds.
fn run_from(
    settings: &Settings,
    visitors: u64,
    gone_percent: u64,
    length: Duration,
    asks_first_at: impl Fn(u64) -> u64,
) -> Run {
    const STAYS_MS: u64 = 30_000;
    let mut room = Room::new(settings.clone());
    let lanes = settings.lanes() as u64;
    let mut inside = Vec::new();
    let mut leaving: Vec<(u64, u64)> = Vec::new();
    let mut line: Vec<Visitor> = (1..=visitors)
        .map(|number| {
            let is_gone = number * 7_919 % 100 < gone_percent;
            let lane = Lane::ALL[usize::try_from(number % lanes).expect("a lane's number")];
            let place = room.join_lane(number, lane);
            Visitor { number, place, asks_at_ms: asks_first_at(number), is_gone }
        })
        .collect();
    let mut admissions = Vec::new();
    let mut now_ms = 0;
    while Duration::from_millis(now_ms) < length {
        line.retain_mut(|visitor| {
            if visitor.is_gone || visitor.asks_at_ms > now_ms {
                return true;
            }
            // Between four fifths of the pause and all of it, as the room spreads them.
            let spread = 1_000 - (visitor.number * 31 % 200) as u32;
            let pause = match room.standing_of(visitor.place) {
                Standing::Waiting { ask_again_after, .. } => ask_again_after * spread / 1_000,
                Standing::Admissible => match room.claim_place(visitor.number, visitor.place) {
                    Outcome::Admitted { .. } => {
                        admissions.push(now_ms);
                        if settings.max_active.is_some() && visitor.number % 2 == 0 {
                            leaving.push((now_ms + STAYS_MS, visitor.number));
                        }
                        return false;
                    }
                    Outcome::Held { ask_again_after } => ask_again_after,
                    other => unreachable!("{other:?}"),
                },
                other => unreachable!("{other:?}"),
            };
            visitor.asks_at_ms = now_ms + u64::try_from(pause.as_millis()).expect("a short pause");
            true
        });
        leaving.retain(|&(at, number)| {
            if at <= now_ms {
                room.ask(Command::Cancel { queue_id: id(number) });
            }
            at > now_ms
        });
        if now_ms % 1_000 == 0 {
            inside.extend(room.figures().active);
        }
        room.wait(TICK);
        now_ms += TICK_MS;
    }
    let waiting = room.figures().lanes.iter().map(|lane| lane.waiting).collect();
    Run { admissions, inside, waiting }
}

fn assert_i1(admissions: &[u64], outflow: u64, burst: u64) {
    for (at, first) in admissions.iter().enumerate() {
        for (end, last) in admissions.iter().enumerate().skip(at) {
            let count = (end - at + 1) as u64;
            assert!(
                count * 60_000 <= outflow * (last - first) + burst * 60_000,
                "{count} between {first} ms and {last} ms"
            );
        }
    }
}

#[test]
fn i5_outflow_is_used_within_five_percent_while_the_line_lasts() {
    const MINUTES: u64 = 10;
    for (outflow, gone_percent) in [
        (30, 0),
        (60, 0),
        (600, 0),
        (60, 12),
        (600, 12),
        (60, 50),
        (600, 50),
        (1_200, 80),
        (20, 30),
        (10, 50),
    ] {
        let visitors = u64::from(outflow) * (MINUTES + 3) * 100 / (100 - gone_percent);
        let settings = Settings::with_outflow(outflow);
        let Run { admissions, waiting, .. } = run(&settings, visitors, gone_percent, seconds(60 * MINUTES));
        assert!(waiting.iter().all(|&waiting| waiting > 0), "the line lasts");
        let expected = u64::from(outflow) * MINUTES;
        let count = admissions.len() as u64;
        // From the second minute on, since the first few seconds tell who comes.
        let settled = admissions.iter().filter(|&&at| at >= 60_000).count() as u64;
        let expected_settled = u64::from(outflow) * (MINUTES - 1);
        println!(
            "{outflow}/min, {gone_percent}% gone: {count} of {expected}, after a minute {settled} of {expected_settled}"
        );
        assert!(settled * 100 >= expected_settled * 95, "{outflow}/min, {gone_percent}% gone");
        assert_i1(&admissions, u64::from(outflow), u64::from(Settings::with_outflow(outflow).burst_places()));
    }
}

#[test]
fn i5_outflow_is_used_with_several_lanes() {
    let settings = Settings { lane_weights: vec![1, 3, 2], ..Settings::with_outflow(300) };
    for gone_percent in [0, 30] {
        let visitors = 300 * 6 * 3 * 100 / (100 - gone_percent);
        let Run { admissions, waiting, .. } = run(&settings, visitors, gone_percent, seconds(240));
        assert!(waiting.iter().all(|&waiting| waiting > 0), "all lines last");
        let settled = admissions.iter().filter(|&&at| at >= 60_000).count();
        println!("{gone_percent}% gone: {settled} of 900");
        assert!(settled * 100 >= 900 * 95, "{settled} of 900");
        assert_i1(&admissions, 300, 10);
    }
}

/// After a start the pages of a crowd ask within twenty seconds, so many are passed over first, and come then.
#[test]
fn i5_outflow_is_used_after_a_start_with_a_draw() {
    let now = Timestamp::from_seconds(1_700_000_000);
    let schedule =
        Schedule { pre_queue_at: Some(now), starts_at: Some(now.saturating_add(seconds(10))), ends_at: None };
    let settings = Settings { schedule, ..Settings::with_outflow(600) };
    for gone_percent in [0, 30] {
        let Run { admissions, waiting, .. } =
            run_from(&settings, 4_000, gone_percent, seconds(190), |number| 10_000 + number * 37 % 20_000);
        assert!(waiting.iter().all(|&waiting| waiting > 0), "the line lasts");
        assert!(admissions.iter().all(|&at| at >= 10_000));
        assert_i1(&admissions, 600, 20);
        let settled = admissions.iter().filter(|&&at| at >= 70_000).count();
        println!(
            "{gone_percent}% gone: {} in all of 1820, {settled} of 1200 after a minute",
            admissions.len()
        );
        assert!(settled * 100 >= 1_200 * 95, "{settled} of 1200");
    }
}

#[test]
fn i5_limited_room_stays_full_while_people_leave_it() {
    const MAX: u64 = 100;
    let settings = Settings { max_active: Some(100), session_seconds: 60, ..Settings::with_outflow(600) };
    for gone_percent in [0, 20] {
        let Run { admissions, inside, waiting } = run(&settings, 2_000, gone_percent, seconds(240));
        assert!(waiting.iter().all(|&waiting| waiting > 0), "the line lasts");
        assert!(inside.iter().all(|&inside| inside <= MAX));
        let settled = &inside[60..];
        let average = settled.iter().sum::<u64>() / settled.len() as u64;
        println!("{gone_percent}% gone: {average} of {MAX} inside, {} let in", admissions.len());
        assert!(average >= 90, "{average} inside of {MAX}: {settled:?}");
    }
}

#[test]
fn i1_thousand_wake_at_once() {
    let mut room = Room::new(Settings { late_window_seconds: 3_600, ..Settings::with_outflow(60) });
    let tags: Vec<u64> = (1..=1_000).map(|number| room.join(number)).collect();
    room.wait(seconds(1_200));
    // All of them were called while they slept.
    let admitted = tags
        .iter()
        .zip(1..)
        .filter(|&(&tag, number)| matches!(room.claim(number, tag), Outcome::Admitted { .. }))
        .count();
    assert_eq!(admitted, 2, "no more than the burst");
}

#[test]
fn i1_downtime_brings_no_burst() {
    let mut room = Room::new(Settings::with_outflow(60));
    let tags: Vec<u64> = (1..=100).map(|number| room.join(number)).collect();
    for (number, &tag) in (1..).zip(&tags).take(2) {
        assert!(matches!(room.claim(number, tag), Outcome::Admitted { .. }));
    }
    // Nobody watches the clock for an hour.
    room.now = room.now.saturating_add(seconds(3_600));
    room.steady_since = room.now;
    room.wait(seconds(1));
    let admissible = tags.iter().filter(|&&tag| room.standing(tag) == Standing::Admissible).count();
    assert_eq!(admissible, 3, "the two before, and the one of the second since");
}

#[derive(Clone, Debug)]
enum Deed {
    Join,
    Claim(usize),
    Wait(u64),
    Crash(u64),
    Pause,
    Resume,
    Outflow(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => Just(Deed::Join),
        8 => any::<usize>().prop_map(Deed::Claim),
        4 => (0_u64..3_000).prop_map(Deed::Wait),
        1 => (0_u64..600_000).prop_map(Deed::Crash),
        1 => Just(Deed::Pause),
        1 => Just(Deed::Resume),
        1 => (1_u32..3_000).prop_map(Deed::Outflow),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens in whatever order: the line keeps its order, nothing panics, and no more are admitted than the
    /// bursts and the outflows of the time allow.
    #[test]
    fn i1_i2_hold_for_every_sequence(deeds in prop::collection::vec(deed(), 1..400)) {
        let mut room = Room::new(Settings::with_outflow(120));
        let mut outflow = 120;
        let mut burst_max = 4;
        let mut capacity = 0_u64;
        let mut is_paused = false;
        let mut tags = Vec::new();
        let mut admitted = 0_u64;
        for deed in deeds {
            match deed {
                Deed::Join => {
                    let tag = room.join(tags.len() as u64);
                    prop_assert!(tags.last().is_none_or(|&last| tag > last));
                    tags.push(tag);
                }
                Deed::Claim(_) if tags.is_empty() => {}
                Deed::Claim(at) => {
                    let at = at % tags.len();
                    let before = room.figures().admitted_total;
                    room.claim(at as u64, tags[at]);
                    admitted += room.figures().admitted_total - before;
                }
                Deed::Wait(millis) => {
                    room.wait(Duration::from_millis(millis));
                    capacity += if is_paused { 0 } else { u64::from(outflow) * millis };
                }
                Deed::Crash(millis) => {
                    room.now = room.now.saturating_add(Duration::from_millis(millis));
                    room.steady_since = room.now;
                    let written = room.state.as_ref().map(anteroom_queue::engine::RoomState::encode).unwrap();
                    room.state = Some(anteroom_queue::engine::RoomState::decode(&written).unwrap());
                }
                Deed::Pause => {
                    room.ask(Command::Pause { message: String::new() });
                    is_paused = true;
                }
                Deed::Resume => {
                    room.ask(Command::Resume);
                    is_paused = false;
                }
                Deed::Outflow(wanted) => {
                    room.ask(Command::Configure(Settings::with_outflow(wanted)));
                    outflow = wanted;
                    burst_max = burst_max.max(u64::from(Settings::with_outflow(wanted).burst_places()));
                }
            }
            prop_assert!(admitted * 60_000 <= capacity + burst_max * 60_000);
            // Who is called is always the beginning of the line.
            let called = tags.iter().filter(|&&tag| room.standing(tag) == Standing::Admissible).count();
            if !is_paused {
                prop_assert!(tags[..called].iter().all(|&tag| room.standing(tag) == Standing::Admissible));
            }
        }
    }
}
