//! The same as in `crash`, with everything on a server that makes each write durable before it acknowledges: the program
//! is killed, and apart from that the server.

use std::time::Duration;

use crate::crash::{
    Over, assert_nobody_is_lost, chance, killed_while_admitting, killed_while_joining, kills, report,
};
use crate::line::{
    Counter, OUTFLOW_OF_ADMITTING, World, admit_all, assert_no_window_over_the_limit, assert_places_in_order,
    join, join_while,
};
use crate::nodes;
use crate::redis::Server;
use crate::support::Random;

async fn world(server: &Server) -> World {
    World::in_place(nodes::place(server)).await
}

/// Kills the server at so many moments by chance, and starts it again at once.
async fn kill_often(server: &mut Server, world: &mut World, kills: usize, random: &mut Random) {
    for _ in 0..kills {
        // Nothing is waited for: that the moment is any is what is tested.
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        tokio::task::block_in_place(|| {
            server.kill();
            server.start_again();
        });
        world.kills += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_no_place_is_given_twice_by_a_room_on_a_server_that_is_killed_while_visitors_join() {
    let server = Server::durable();
    killed_while_joining(world(&server).await, kills(), chance(11)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_no_burst_follows_when_the_room_on_a_server_is_killed_while_it_admits() {
    let server = Server::durable();
    killed_while_admitting(world(&server).await, kills(), chance(12)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_no_place_is_given_twice_when_the_server_is_killed_while_visitors_join() {
    let mut server = Server::durable();
    let mut world = world(&server).await;
    let (told, _count) = Counter::new();
    let over = Over::default();
    let (base, key, is_over) = (world.base.clone(), world.key.clone(), over.clone());
    let joining =
        tokio::spawn(async move { join_while(move || !is_over.is_set(), &base, &key, &told).await });
    kill_often(&mut server, &mut world, kills(), &mut chance(13)).await;
    over.set();
    let visitors = joining.await.unwrap();
    assert!(visitors.len() >= kills(), "only {} joined", visitors.len());
    assert_places_in_order(&visitors);
    assert_nobody_is_lost(&world, &visitors).await;
    report("joining, server killed", &world, visitors.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_no_burst_follows_when_the_server_is_killed_while_the_room_admits() {
    let mut server = Server::durable();
    let mut world = world(&server).await;
    let (told, _count) = Counter::new();
    let mut visitors = join(120 + 4 * kills(), &world.base, &world.key, &told).await;
    visitors.retain(|visitor| !visitor.went_straight_through);
    world.call_everybody(OUTFLOW_OF_ADMITTING).await;
    let (admitted, _count) = Counter::new();
    let (base, waiting) = (world.base.clone(), visitors.clone());
    let admitting = tokio::spawn(async move { admit_all(&base, &waiting, &admitted).await });
    kill_often(&mut server, &mut world, kills(), &mut chance(14)).await;
    let admissions = admitting.await.unwrap();
    assert_eq!(admissions.len(), visitors.len(), "everybody gets in");
    assert_no_window_over_the_limit(&admissions);
    report("admitting, server killed", &world, admissions.len());
}
