//! The program is killed without warning, again and again, at moments by chance, and started anew at the same addresses.
//! Nothing that a visitor or an operator was told may become untrue: not while visitors join, wait or are let in, nor while
//! an operator changes settings or pauses the room.
//!
//! `ANTEROOM_KILLS` sets how many kills there are in all, `ANTEROOM_SEED` where chance begins.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;

use crate::line::{
    Admission, Counter, OUTFLOW_OF_ADMITTING, ROOM, VISITORS, Visitor, World, admit_all, ask,
    assert_no_window_over_the_limit, assert_places_in_order, join, join_while,
};
use crate::support::{Http, Random};

const CLASSES: usize = 5;
const KILLS_DEFAULT: usize = 50;
/// A snapshot is at most a second old, and what it saw of that second may be lost with the process.
const PLACES_OF_A_SECOND: u64 = 1;
/// How long the line still is when the kills begin.
const LINE_LEFT: u64 = 140;
/// Whose tickets are looked at once all is over.
const LOOKED_AT_MAX: usize = 400;

/// How many kills each class of moments gets.
pub(crate) fn kills() -> usize {
    number("ANTEROOM_KILLS", KILLS_DEFAULT).div_ceil(CLASSES)
}

pub(crate) fn chance(class: u64) -> Random {
    Random::new(number("ANTEROOM_SEED", 1) * 1_000 + class)
}

fn number<T: std::str::FromStr>(variable: &str, default: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Is over when told so.
#[derive(Clone, Default)]
pub(crate) struct Over(Arc<AtomicBool>);

impl Over {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Every ticket is a good one still: nobody has lost the place.
pub(crate) async fn assert_nobody_is_lost(world: &World, visitors: &[Visitor]) {
    let http = Http::new();
    for visitor in visitors.iter().step_by(visitors.len().div_ceil(LOOKED_AT_MAX).max(1)) {
        let (answer, _) = ask(&http, &world.base, visitor).await;
        assert_eq!(answer["queueId"], visitor.ticket.queue_id.to_string(), "{answer}");
        assert!(matches!(answer["state"].as_str(), Some("waiting" | "admitted")), "{answer}");
    }
}

pub(crate) async fn killed_while_joining(mut world: World, kills: usize, mut random: Random) {
    let (told, _count) = Counter::new();
    let over = Over::default();
    let (base, key, is_over) = (world.base.clone(), world.key.clone(), over.clone());
    let joining =
        tokio::spawn(async move { join_while(move || !is_over.is_set(), &base, &key, &told).await });
    world.kill_often(kills, &mut random).await;
    over.set();
    let visitors = joining.await.unwrap();
    assert!(visitors.len() >= kills, "only {} joined", visitors.len());
    assert_places_in_order(&visitors);
    assert_nobody_is_lost(&world, &visitors).await;
    report("joining", &world, visitors.len());
}

/// Afterwards everybody is let in, and the line has never been longer than they were told.
async fn killed_while_waiting(mut world: World, kills: usize, mut random: Random) {
    let (told, _count) = Counter::new();
    let visitors = join(VISITORS, &world.base, &world.key, &told).await;
    // The line moves on for a while, so that there is something to lose.
    world.operator.set_outflow(ROOM, 6_000).await;
    while world.operator.waiting(ROOM).await > LINE_LEFT {
        tokio::task::yield_now().await;
    }
    world.operator.set_outflow(ROOM, 60).await;
    let http = Http::new();
    let last = visitors.iter().max_by_key(|visitor| visitor.tag()).unwrap();
    let (answer, _) = ask(&http, &world.base, last).await;
    assert!(answer["peopleAhead"].as_u64().unwrap() <= LINE_LEFT, "the last in line is told {answer}");

    let over = Over::default();
    let (base, waiting, is_over) = (world.base.clone(), visitors.clone(), over.clone());
    let asking = tokio::spawn(async move {
        let mut before: HashMap<u64, u64> = HashMap::new();
        while !is_over.is_set() {
            for visitor in waiting.iter().rev().step_by(12) {
                let (answer, _) = ask(&http, &base, visitor).await;
                assert_eq!(answer["queueId"], visitor.ticket.queue_id.to_string());
                let ahead = match answer["state"].as_str() {
                    Some("waiting") => answer["peopleAhead"].as_u64().unwrap(),
                    Some("admitted") => 0,
                    _ => panic!("a good ticket is told {answer}"),
                };
                if let Some(before) = before.insert(visitor.tag(), ahead) {
                    let allowed = before + PLACES_OF_A_SECOND;
                    assert!(ahead <= allowed, "{ahead} ahead after a kill, {before} before");
                }
            }
        }
    });
    world.kill_often(kills, &mut random).await;
    over.set();
    asking.await.unwrap();
    world.operator.set_outflow(ROOM, 60_000).await;
    let (admitted, _count) = Counter::new();
    let admissions = admit_all(&world.base, &visitors, &admitted).await;
    assert_eq!(admissions.len(), VISITORS, "everybody gets in with the ticket of the beginning");
    report("waiting", &world, visitors.len());
}

/// Everybody's turn at once: some are let in at each life of the program, and only the gate holds the others.
pub(crate) async fn killed_while_admitting(mut world: World, kills: usize, mut random: Random) {
    let (told, _count) = Counter::new();
    let mut visitors = join(120 + 4 * kills, &world.base, &world.key, &told).await;
    // When they were let in is not known as well as that of the others.
    visitors.retain(|visitor| !visitor.went_straight_through);
    world.call_everybody(OUTFLOW_OF_ADMITTING).await;
    let (admitted, _count) = Counter::new();
    let (base, waiting) = (world.base.clone(), visitors.clone());
    let admitting = tokio::spawn(async move { admit_all(&base, &waiting, &admitted).await });
    world.kill_often(kills, &mut random).await;
    let admissions = admitting.await.unwrap();
    assert_eq!(admissions.len(), visitors.len(), "everybody gets in, after {} kills", world.kills);
    assert_no_window_over_the_limit(&admissions);
    assert_one_admission_each(&world, &visitors, &admissions).await;
    report("admitting", &world, admissions.len());
}

/// Who asks again is answered again, with the very same admission (I4).
async fn assert_one_admission_each(world: &World, visitors: &[Visitor], admissions: &[Admission]) {
    let by_id: HashMap<&str, &Admission> =
        admissions.iter().map(|admission| (admission.queue_id.as_str(), admission)).collect();
    assert_eq!(by_id.len(), visitors.len());
    let http = Http::new();
    for visitor in visitors.iter().step_by(10) {
        let (answer, _) = ask(&http, &world.base, visitor).await;
        let known = by_id[visitor.ticket.queue_id.to_string().as_str()];
        assert_eq!(answer["redirectUrl"], known.redirect, "one admission for each place");
    }
}

/// A change that was acknowledged holds; one without an answer was made or was not, in each of its parts.
async fn killed_while_configuring(mut world: World, kills: usize, mut random: Random) {
    let over = Over::default();
    let (told, _count) = Counter::new();
    let (base, key, is_over) = (world.base.clone(), world.key.clone(), over.clone());
    let joining =
        tokio::spawn(async move { join_while(move || !is_over.is_set(), &base, &key, &told).await });
    let (operator, is_over) = (world.operator.clone(), over.clone());
    let configuring = tokio::spawn(async move {
        // What may be there: the newest acknowledged, and whatever was tried since.
        let mut may_be: HashSet<u64> = HashSet::from([60]);
        let mut names: HashSet<String> = HashSet::from(["Spring".to_owned()]);
        let mut acknowledged = 0;
        for outflow in 61.. {
            if is_over.is_set() {
                break;
            }
            let name = format!("Spring {outflow}");
            let change = json!({ "outflowPerMinute": outflow, "displayName": name });
            may_be.insert(outflow);
            names.insert(name.clone());
            if operator.try_change(ROOM, &change).await.is_some() {
                (may_be, names) = (HashSet::from([outflow]), HashSet::from([name]));
                acknowledged += 1;
            }
            if let Some(found) = operator.try_look(ROOM).await {
                assert!(
                    may_be.contains(&found["outflowPerMinute"].as_u64().unwrap()),
                    "{found}, not {may_be:?}"
                );
                assert!(names.contains(found["displayName"].as_str().unwrap()), "{found}, not {names:?}");
            }
        }
        acknowledged
    });
    world.kill_often(kills, &mut random).await;
    over.set();
    let visitors = joining.await.unwrap();
    let acknowledged = configuring.await.unwrap();
    assert!(acknowledged > 0);
    assert_places_in_order(&visitors);
    assert_nobody_is_lost(&world, &visitors).await;
    report("configuring", &world, acknowledged);
}

/// Nobody is let in between the acknowledgement of a pause and the wish to resume, whatever happens in between.
async fn killed_while_pausing(mut world: World, kills: usize, mut random: Random) {
    let (told, _count) = Counter::new();
    let mut visitors = join(120 + 2 * kills, &world.base, &world.key, &told).await;
    visitors.retain(|visitor| !visitor.went_straight_through);
    world.call_everybody(OUTFLOW_OF_ADMITTING).await;
    let (admitted, _count) = Counter::new();
    let (base, waiting) = (world.base.clone(), visitors.clone());
    let admitting = tokio::spawn(async move { admit_all(&base, &waiting, &admitted).await });
    let over = Over::default();
    let (operator, is_over) = (world.operator.clone(), over.clone());
    let pausing = tokio::spawn(async move {
        let mut pauses = Vec::new();
        while !is_over.is_set() {
            let message = format!("Back soon, {}", pauses.len());
            while operator.try_command(ROOM, "pause", &json!({ "message": message })).await.is_none() {}
            let begun = Instant::now();
            // Long enough that some are killed while they pause.
            for _ in 0..6 {
                if let Some(found) = operator.try_look(ROOM).await {
                    assert_eq!(found["pauseMessage"], message, "{found}");
                }
            }
            pauses.push((begun, Instant::now()));
            while operator.try_command(ROOM, "resume", &json!({})).await.is_none() {}
        }
        pauses
    });
    world.kill_often(kills, &mut random).await;
    over.set();
    let pauses = pausing.await.unwrap();
    let admissions = admitting.await.unwrap();
    assert_eq!(admissions.len(), visitors.len(), "everybody gets in, after {} kills", world.kills);
    for (begun, ended) in &pauses {
        let within = admissions.iter().find(|one| one.after > *begun && one.before < *ended);
        assert!(within.is_none(), "let in during a pause of {:?}", *ended - *begun);
    }
    assert_no_window_over_the_limit(&admissions);
    report("pausing", &world, pauses.len());
}

/// Figures for whoever runs many kills.
pub(crate) fn report(class: &str, world: &World, count: usize) {
    use std::io::Write as _;
    let line = format!("{class}: {} kills, {count} acknowledged, none lost, none double\n", world.kills);
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_no_place_is_given_twice_by_a_room_that_is_killed_while_visitors_join() {
    killed_while_joining(World::new().await, kills(), chance(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_every_ticket_keeps_its_place_when_the_room_is_killed() {
    killed_while_waiting(World::new().await, kills(), chance(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_no_burst_follows_when_the_room_is_killed_while_it_admits() {
    killed_while_admitting(World::new().await, kills(), chance(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_that_was_acknowledged_holds_when_the_program_is_killed() {
    killed_while_configuring(World::new().await, kills(), chance(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_that_was_acknowledged_holds_when_the_program_is_killed() {
    killed_while_pausing(World::new().await, kills(), chance(5)).await;
}
