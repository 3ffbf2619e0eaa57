//! Live rooms on a server that forgets: what was lost is put back by those who remember.

use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, QueueId, RoomId};
use anteroom_protocol::place::{Lane, Place};
use anteroom_queue::settings::OUTFLOW_PER_MINUTE_MAX;
use anteroom_queue::{Command, Outcome, Settings};
use anteroom_store::rooms::{RoomHandle, Rooms};

use super::open;
use super::server::Server;
use crate::support::customer;

fn names() -> (CustomerId, RoomId) {
    (customer("demo"), "spring24".parse().unwrap())
}

/// A process with its own connections.
async fn process(server: &Server) -> Rooms {
    Rooms::new(Arc::new(open(server).await))
}

async fn configured(rooms: &Rooms) -> RoomHandle {
    let (customer, room) = names();
    let command = Command::Configure(Settings::with_outflow(OUTFLOW_PER_MINUTE_MAX));
    assert_eq!(rooms.submit(&customer, &room, command).await.unwrap(), Outcome::Done);
    rooms.open(&customer, &room).await.unwrap()
}

fn id(number: u8) -> QueueId {
    QueueId::from_random([number; 16])
}

async fn arrive(room: &RoomHandle, number: u8) -> Place {
    let arrive = Command::Arrive { queue_id: id(number), lane: Lane::ORDINARY, key: None };
    match room.submit(arrive).await.unwrap() {
        Outcome::Placed { place, .. } => place,
        other => panic!("{other:?}"),
    }
}

async fn claim(room: &RoomHandle, number: u8, place: Place) -> Outcome {
    room.submit(Command::Claim { queue_id: id(number), place, epoch: 1 }).await.unwrap()
}

async fn asked_again_after(forget: impl Fn(&Server)) {
    let server = Server::durable();
    let (one, other) = (process(&server).await, process(&server).await);
    let (here, there) = (configured(&one).await, configured(&other).await);
    let first = arrive(&here, 1).await;
    let admission = claim(&here, 1, first).await;
    assert!(matches!(admission, Outcome::Admitted { .. }), "{admission:?}");
    arrive(&there, 2).await;
    forget(&server);
    // No place is given twice, and nobody is let in twice.
    assert_eq!(arrive(&here, 3).await, Place::ordinary(3));
    assert_eq!(claim(&here, 1, first).await, admission);
    assert_eq!(arrive(&there, 4).await, Place::ordinary(4));
    assert_eq!(claim(&there, 1, first).await, admission);
    // Whoever comes new finds it as well.
    let third = process(&server).await;
    let (customer, room) = names();
    let third = third.open(&customer, &room).await.unwrap();
    assert_eq!(arrive(&third, 5).await, Place::ordinary(5));
    assert_eq!(claim(&third, 1, first).await, admission);
}

#[tokio::test]
async fn i3_i4_room_goes_on_after_a_flush() {
    asked_again_after(|server| {
        server.ask(&["FLUSHALL"]);
    })
    .await;
}

#[tokio::test]
async fn i3_room_goes_on_after_its_state_was_evicted() {
    asked_again_after(|server| {
        assert_eq!(server.ask(&["DEL", "anteroom:{room:demo:spring24}/state"]).trim(), "1");
    })
    .await;
}

#[tokio::test]
async fn i4_nobody_is_let_in_twice_after_records_were_evicted() {
    asked_again_after(|server| {
        let record = format!("anteroom:{{room:demo:spring24}}/claimed:{}", id(1));
        assert_eq!(server.ask(&["DEL", &record]).trim(), "1");
    })
    .await;
}

/// Memory so small that documents go all the time.
#[tokio::test]
async fn i4_places_stay_apart_on_a_server_that_evicts_all_the_time() {
    let server = Server::start(&["--save", ""]);
    let rooms = process(&server).await;
    let room = configured(&rooms).await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1500kb", "maxmemory-policy", "allkeys-lru"]);
    for number in 1..=200_u8 {
        // Somebody else fills the memory.
        server.ask(&["SET", &format!("other:{}", number % 8), &"x".repeat(100_000)]);
        assert_eq!(arrive(&room, number).await, Place::ordinary(u64::from(number)));
    }
    let info = server.ask(&["INFO", "stats"]);
    let evicted = info.lines().find_map(|line| line.strip_prefix("evicted_keys:")).unwrap();
    assert!(evicted.trim().parse::<u64>().unwrap() > 0, "something was evicted");
}
