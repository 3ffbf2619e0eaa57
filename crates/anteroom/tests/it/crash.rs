//! The room's process is killed without warning, again and again, at moments that the visitors' own progress
//! picks, and started anew on the same port. Nothing a visitor was told may become untrue.

use std::collections::{HashMap, HashSet};

use crate::line::{
    Admission, Counter, OUTFLOW_OF_ADMITTING, OUTFLOW_OF_JOINING, ROOM, VISITORS, World, admit_all, ask,
    assert_no_window_over_the_limit, join_all,
};
use crate::support::Http;

/// A snapshot is at most a second old, and what it saw of that second may be lost with the process.
const PLACES_OF_A_SECOND: u64 = 1;
/// How long the line still is when the kills begin.
const LINE_LEFT: u64 = 140;

#[tokio::test(flavor = "multi_thread")]
async fn i4_no_place_is_given_twice_by_a_room_that_is_killed_while_visitors_join() {
    let mut world = World::new().await;
    world.stop_platform();
    let (told, count) = Counter::new();
    let (base, key) = (world.base.clone(), world.key.clone());
    let joining = tokio::spawn(async move { join_all(&base, &key, &told).await });
    world.kill_at(&[10, 25, 60, 61, 110, 160, 200], count).await;
    let mut visitors = joining.await.unwrap();

    assert_eq!(visitors.len(), VISITORS);
    let tags: HashSet<(u64, Option<u64>)> =
        visitors.iter().map(|visitor| (visitor.ticket.epoch, visitor.ticket.place.tag())).collect();
    assert_eq!(tags.len(), VISITORS, "no two hold the same place, after {} kills", world.kills);
    let ids: HashSet<String> = visitors.iter().map(|visitor| visitor.ticket.queue_id.to_string()).collect();
    assert_eq!(ids.len(), VISITORS);

    // I2 as well: who was told of a place before another came stands before them.
    visitors.sort_by_key(|visitor| visitor.ticket.place.tag());
    for (at, ahead) in visitors.iter().enumerate() {
        for behind in &visitors[at + 1..] {
            assert!(
                behind.placed_at >= ahead.asked_at,
                "{:?} was told before the holder of {:?} came",
                behind.ticket.place,
                ahead.ticket.place
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_every_ticket_keeps_its_place_when_the_room_is_killed() {
    let mut world = World::new().await;
    let (told, _count) = Counter::new();
    let visitors = join_all(&world.base, &world.key, &told).await;
    // The line moves on for a while, so that there is something to lose.
    world.operator.set_outflow(ROOM, 6_000).await;
    while world.operator.waiting(ROOM).await > LINE_LEFT {
        tokio::task::yield_now().await;
    }
    world.operator.set_outflow(ROOM, OUTFLOW_OF_JOINING).await;
    world.stop_platform();
    let http = Http::new();
    let last = visitors.iter().max_by_key(|visitor| visitor.ticket.place.tag()).unwrap();
    let (answer, _) = ask(&http, &world.base, last).await;
    assert!(answer["peopleAhead"].as_u64().unwrap() <= LINE_LEFT, "the last in line is told {answer}");
    let mut before: HashMap<u64, u64> = HashMap::new();
    for _ in 0..4 {
        for visitor in visitors.iter().rev().step_by(12) {
            let (answer, _) = ask(&http, &world.base, visitor).await;
            assert_eq!(answer["queueId"], visitor.ticket.queue_id.to_string());
            let ahead = match answer["state"].as_str() {
                Some("waiting") => answer["peopleAhead"].as_u64().unwrap(),
                Some("admitted") => 0,
                _ => panic!("a good ticket is told {answer}"),
            };
            if let Some(before) = before.insert(visitor.ticket.place.tag().unwrap(), ahead) {
                assert!(ahead <= before + PLACES_OF_A_SECOND, "{ahead} ahead after a kill, {before} before");
            }
        }
        tokio::task::block_in_place(|| world.kill_and_restart());
    }
    world.start_platform();
    world.operator.set_outflow(ROOM, 60_000).await;
    let (admitted, _count) = Counter::new();
    let admissions = admit_all(&world.base, &visitors, &admitted).await;
    assert_eq!(admissions.len(), VISITORS, "everybody gets in with the ticket of the beginning");
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_no_burst_follows_when_the_room_is_killed_while_it_admits() {
    let mut world = World::new().await;
    let (told, _count) = Counter::new();
    let mut visitors = join_all(&world.base, &world.key, &told).await;
    // When they were let in is not known as well as that of the others.
    visitors.retain(|visitor| !visitor.went_straight_through);
    // Now it is everybody's turn at once, and only the gate holds them.
    world.operator.set_outflow(ROOM, 600_000).await;
    while world.operator.waiting(ROOM).await > 0 {
        tokio::task::yield_now().await;
    }
    world.operator.set_outflow(ROOM, OUTFLOW_OF_ADMITTING).await;
    world.stop_platform();

    let (admitted, count) = Counter::new();
    let (base, waiting) = (world.base.clone(), visitors.clone());
    let admitting = tokio::spawn(async move { admit_all(&base, &waiting, &admitted).await });
    world.kill_at(&[5, 40, 62, 80, 81, 110, 150, 190, 220], count).await;
    let admissions = admitting.await.unwrap();
    assert_eq!(admissions.len(), visitors.len(), "everybody gets in, after {} kills", world.kills);
    assert_no_window_over_the_limit(&admissions);

    // I4: who asks again is answered again, with the very same admission.
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
