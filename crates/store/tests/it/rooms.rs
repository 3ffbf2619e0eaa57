//! Live rooms over real backends: visitors' ways, several processes on one store, and stores that fail.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anteroom_protocol::id::{CustomerId, QueueId, RoomId};
use anteroom_queue::settings::OUTFLOW_PER_MINUTE_MAX;
use anteroom_queue::snapshot::Standing;
use anteroom_queue::{Command, Lane, Outcome, Place, Refusal, Settings};
use anteroom_store::backend::{Backend, BoxFuture, Key, Write};
use anteroom_store::documents::Memory;
use anteroom_store::embedded;
use anteroom_store::rooms::{
    COMMAND_WAIT_MAX, COMMANDS_WAITING_MAX, IDLE_MAX, ROOMS_LIVE_MAX, RoomError, RoomHandle, Rooms,
    SubmitError,
};
use tokio::task::JoinSet;

use crate::support::{Moody, customer, until};

fn names() -> (CustomerId, RoomId) {
    (customer("demo"), "spring24".parse().unwrap())
}

fn queue_id(n: u64) -> QueueId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    QueueId::from_random(bytes)
}

fn rooms(backend: &(impl Backend + Clone)) -> Rooms {
    Rooms::new(Arc::new(backend.clone()))
}

/// Another process on the same directory.
fn process(directory: &Path) -> Rooms {
    rooms(&embedded::open(directory).unwrap())
}

async fn submit(rooms: &Rooms, command: Command) -> Outcome {
    let (customer, room) = names();
    rooms.submit(&customer, &room, command).await.unwrap()
}

async fn configure(rooms: &Rooms, outflow_per_minute: u32) {
    let outcome = submit(rooms, Command::Configure(Settings::with_outflow(outflow_per_minute))).await;
    assert_eq!(outcome, Outcome::Done);
}

async fn open(rooms: &Rooms) -> Result<RoomHandle, RoomError> {
    let (customer, room) = names();
    rooms.open(&customer, &room).await
}

/// A configured room, opened.
async fn configured(rooms: &Rooms) -> RoomHandle {
    configure(rooms, OUTFLOW_PER_MINUTE_MAX).await;
    open(rooms).await.unwrap()
}

/// Somebody joins the ordinary lane without a key.
fn arrival(n: u64) -> Command {
    Command::Arrive { queue_id: queue_id(n), lane: Lane::ORDINARY, key: None }
}

/// The visitor's place and its epoch.
async fn arrive(room: &RoomHandle, n: u64) -> (u64, u64) {
    match room.submit(arrival(n)).await.unwrap() {
        Outcome::Placed { place, epoch, .. } => (place.tag().unwrap(), epoch),
        other => panic!("{other:?}"),
    }
}

async fn claim(room: &RoomHandle, n: u64, (tag, epoch): (u64, u64)) -> Outcome {
    room.submit(Command::Claim { queue_id: queue_id(n), place: Place::ordinary(tag), epoch }).await.unwrap()
}

async fn visit(rooms: Rooms) {
    assert!(matches!(open(&rooms).await, Err(RoomError::NotConfigured)));
    let refused = submit(&rooms, arrival(0)).await;
    assert_eq!(refused, Outcome::Refused(Refusal::NotConfigured));

    let room = configured(&rooms).await;
    let ticket = arrive(&room, 1).await;
    assert_eq!(ticket.0, 1);
    // What an outcome tells is in the snapshot by then.
    assert_eq!(room.snapshot().figures(room.now()).last, 1);
    assert_eq!(
        room.snapshot().standing(Place::ordinary(ticket.0), ticket.1, room.now()),
        Standing::Admissible
    );
    let admitted = claim(&room, 1, ticket).await;
    assert!(matches!(admitted, Outcome::Admitted { .. }), "{admitted:?}");
    assert_eq!(claim(&room, 1, ticket).await, admitted, "the same admission again");

    let message = "back soon".to_owned();
    assert_eq!(submit(&rooms, Command::Pause { message: message.clone() }).await, Outcome::Done);
    let second = arrive(&room, 2).await;
    assert_eq!(claim(&room, 2, second).await, Outcome::Paused { message });
    assert_eq!(submit(&rooms, Command::Resume).await, Outcome::Done);
    assert_eq!(submit(&rooms, Command::Cancel { queue_id: queue_id(2) }).await, Outcome::Done);
    assert!(matches!(claim(&room, 2, second).await, Outcome::Spent(_)));
    rooms.close().await;
}

#[tokio::test]
async fn visitor_goes_all_the_way_over_the_memory() {
    visit(rooms(&Memory::new())).await;
}

#[tokio::test]
async fn visitor_goes_all_the_way_over_the_embedded_store() {
    let directory = tempfile::tempdir().unwrap();
    visit(process(directory.path())).await;
}

#[tokio::test]
async fn i4_two_processes_on_one_store_give_no_place_twice() {
    const VISITORS: u64 = 200;
    let directory = tempfile::tempdir().unwrap();
    let processes = [process(directory.path()), process(directory.path())];
    configure(&processes[0], OUTFLOW_PER_MINUTE_MAX).await;
    let mut arrivals = JoinSet::new();
    let mut opened = Vec::new();
    for rooms in &processes {
        opened.push(open(rooms).await.unwrap());
    }
    for n in 0..VISITORS {
        let room = opened[usize::from(n % 2 == 0)].clone();
        arrivals.spawn(async move {
            tokio::task::yield_now().await;
            arrive(&room, n).await.0
        });
    }
    let tags: BTreeSet<u64> = arrivals.join_all().await.into_iter().collect();
    assert_eq!(tags, (1..=VISITORS).collect(), "every place once, and none left out");
    // Both come to know all of it.
    for room in &opened {
        until(|| room.snapshot().figures(room.now()).last == VISITORS).await;
    }
    for rooms in &processes {
        rooms.close().await;
    }
}

#[tokio::test]
async fn what_one_process_sets_shows_in_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let [platform, public] = [process(directory.path()), process(directory.path())];
    configure(&platform, 60).await;
    let room = open(&public).await.unwrap();
    assert_eq!(room.snapshot().settings().outflow_per_minute, 60);
    configure(&platform, 120).await;
    until(|| room.snapshot().settings().outflow_per_minute == 120).await;
}

#[tokio::test]
async fn i3_place_is_kept_when_the_process_dies() {
    let directory = tempfile::tempdir().unwrap();
    let rooms = process(directory.path());
    configure(&rooms, 60).await;
    let room = open(&rooms).await.unwrap();
    let mut tickets = Vec::new();
    for n in 0..10 {
        tickets.push(arrive(&room, n).await);
    }
    let admitted = claim(&room, 0, tickets[0]).await;
    assert!(matches!(admitted, Outcome::Admitted { .. }), "{admitted:?}");

    // Killed at this moment: what lies in the directory is all there is.
    let left_behind = tempfile::tempdir().unwrap();
    for name in [embedded::FILE_NAME.to_owned(), format!("{}-wal", embedded::FILE_NAME)] {
        std::fs::copy(directory.path().join(&name), left_behind.path().join(&name)).unwrap();
    }
    let restarted = process(left_behind.path());
    let room = open(&restarted).await.unwrap();
    assert_eq!(claim(&room, 0, tickets[0]).await, admitted, "not a second admission");
    for &(tag, epoch) in &tickets[3..] {
        let standing = room.snapshot().standing(Place::ordinary(tag), epoch, room.now());
        assert!(matches!(standing, Standing::Waiting { .. }), "{tag}: {standing:?}");
    }
    assert_eq!(arrive(&room, 10).await.0, 11);
}

#[tokio::test(start_paused = true)]
async fn made_up_rooms_leave_nothing_behind() {
    let store = Moody::new();
    let rooms = rooms(&store);
    for n in 0..ROOMS_LIVE_MAX + 10 {
        let room = format!("x{n}").repeat(2).parse().unwrap();
        let refused = rooms.open(&customer("demo"), &room).await;
        assert!(matches!(refused, Err(RoomError::NotConfigured)), "{refused:?}");
        let refused = rooms.submit(&customer("demo"), &room, Command::Resume).await.unwrap();
        assert_eq!(refused, Outcome::Refused(Refusal::NotConfigured));
    }
    assert_eq!(rooms.live_count(), 0);
    assert!(store.memory.documents().is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_rooms_than_are_kept_take_the_place_of_those_nobody_holds() {
    let rooms = rooms(&Moody::new());
    let mut held = Vec::new();
    let open = async |n: usize| {
        let room: RoomId = format!("room{n}").parse().unwrap();
        let settings = Command::Configure(Settings::with_outflow(60));
        match rooms.submit(&customer("demo"), &room, settings).await.unwrap() {
            Outcome::Done => rooms.open(&customer("demo"), &room).await,
            Outcome::Refused(Refusal::Busy) => Err(RoomError::TooMany),
            other => panic!("{other:?}"),
        }
    };
    for n in 0..ROOMS_LIVE_MAX {
        held.push(open(n).await.unwrap());
    }
    assert!(matches!(open(ROOMS_LIVE_MAX).await, Err(RoomError::TooMany)));
    drop(held.swap_remove(7));
    held.push(open(ROOMS_LIVE_MAX).await.unwrap());
    assert_eq!(rooms.live_count(), ROOMS_LIVE_MAX);
    assert!(matches!(open(7).await, Err(RoomError::TooMany)));
}

#[tokio::test(start_paused = true)]
async fn room_nobody_uses_ends_and_comes_back() {
    let rooms = rooms(&Moody::new());
    let room = configured(&rooms).await;
    let ticket = arrive(&room, 1).await;
    tokio::time::sleep(2 * IDLE_MAX).await;
    assert_eq!(rooms.live_count(), 1, "somebody holds it");
    drop(room);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(rooms.live_count(), 0);
    let room = open(&rooms).await.unwrap();
    assert!(matches!(claim(&room, 1, ticket).await, Outcome::Admitted { .. }));
    drop(room);
    tokio::time::sleep(IDLE_MAX / 2).await;
    assert_eq!(rooms.live_count(), 1, "not idle long enough");
}

#[tokio::test(start_paused = true)]
async fn room_comes_back_after_the_store_was_down() {
    let store = Moody::new();
    let rooms = rooms(&store);
    configured(&rooms).await;
    let public = self::rooms(&store);
    store.set_down(true);
    assert!(matches!(open(&public).await, Err(RoomError::StoreUnavailable)));
    store.set_down(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let room = open(&public).await.unwrap();
    let first = arrive(&room, 1).await;

    store.set_down(true);
    let outcome = room.submit(arrival(2)).await;
    let is_told =
        matches!(outcome, Ok(Outcome::Refused(Refusal::StoreUnavailable)) | Err(SubmitError::TimedOut));
    assert!(is_told, "{outcome:?}");
    // Pages need no store.
    assert_eq!(room.snapshot().figures(room.now()).last, 1);
    store.set_down(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(arrive(&room, 3).await.0 > first.0);
}

#[tokio::test(start_paused = true)]
async fn i4_lost_answers_give_no_place_twice() {
    let store = Moody::new();
    let rooms = rooms(&store);
    let room = configured(&rooms).await;
    let mut tags = BTreeSet::new();
    for round in 0..20 {
        store.set_loses_answers(round % 2 == 1);
        let outcome = room.submit(arrival(round)).await;
        match outcome {
            Ok(Outcome::Placed { place, .. }) => assert!(tags.insert(place), "{place:?} twice"),
            Ok(Outcome::Refused(Refusal::StoreUnavailable)) | Err(SubmitError::TimedOut) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(tags.len() >= 5, "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn store_that_says_nothing_holds_nobody_longer_than_promised() {
    let store = Moody::new();
    let rooms = rooms(&store);
    let room = configured(&rooms).await;
    store.set_silent(true);
    let begun = tokio::time::Instant::now();
    let outcome = room.submit(arrival(1)).await;
    assert!(matches!(outcome, Err(SubmitError::TimedOut)), "{outcome:?}");
    assert!(begun.elapsed() <= COMMAND_WAIT_MAX + Duration::from_millis(10), "{:?}", begun.elapsed());
    let other = self::rooms(&store);
    assert!(matches!(open(&other).await, Err(RoomError::StoreUnavailable)));

    store.set_silent(false);
    tokio::time::sleep(Duration::from_secs(30)).await;
    arrive(&room, 2).await;

    store.set_silent(true);
    let under_way = tokio::spawn({
        let room = room.clone();
        async move { room.submit(arrival(3)).await }
    });
    tokio::task::yield_now().await;
    let begun = tokio::time::Instant::now();
    rooms.close().await;
    assert!(begun.elapsed() <= COMMAND_WAIT_MAX + Duration::from_millis(10), "{:?}", begun.elapsed());
    assert!(under_way.await.unwrap().is_err());
}

#[tokio::test]
async fn more_commands_than_wait_are_refused_at_once_and_the_others_get_their_outcome() {
    let rooms = rooms(&Memory::new());
    let room = configured(&rooms).await;
    let mut submissions = arrivals(&room, COMMANDS_WAITING_MAX + 1);
    assert_eq!(refused_at_once(&mut submissions).await, 1);
    for submission in submissions {
        let outcome = submission.await.unwrap();
        assert!(matches!(outcome, Outcome::Placed { .. }), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_room_takes_up_is_bounded_while_the_store_says_nothing() {
    let store = Moody::new();
    let rooms = rooms(&store);
    let room = configured(&rooms).await;
    store.set_silent(true);
    let mut submissions = arrivals(&room, COMMANDS_WAITING_MAX);
    assert_eq!(refused_at_once(&mut submissions).await, 0);
    // The task takes up as many again, and from then on none.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut more = arrivals(&room, 2 * COMMANDS_WAITING_MAX);
    assert_eq!(refused_at_once(&mut more).await, COMMANDS_WAITING_MAX);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(refused_at_once(&mut arrivals(&room, 1)).await, 1);
}

/// As many visitors' arrivals, none begun.
fn arrivals(room: &RoomHandle, count: usize) -> Vec<BoxFuture<'_, Result<Outcome, SubmitError>>> {
    let arrive = |n| -> BoxFuture<'_, _> { Box::pin(room.submit(arrival(n))) };
    (0..).take(count).map(arrive).collect()
}

/// Begins these in one go, so that the room's task has no chance to take any in between, and takes away those that
/// were refused as busy. Returns how many.
async fn refused_at_once(submissions: &mut Vec<BoxFuture<'_, Result<Outcome, SubmitError>>>) -> usize {
    let begun = submissions.len();
    poll_fn(|context| {
        submissions.retain_mut(|submission| match submission.as_mut().poll(context) {
            Poll::Ready(outcome) => {
                assert!(matches!(outcome, Ok(Outcome::Refused(Refusal::Busy))), "{outcome:?}");
                false
            }
            Poll::Pending => true,
        });
        Poll::Ready(())
    })
    .await;
    begun - submissions.len()
}

#[tokio::test]
async fn close_takes_nothing_more_and_finishes_what_is_under_way() {
    const VISITORS: u64 = 100;
    let directory = tempfile::tempdir().unwrap();
    let rooms = process(directory.path());
    let room = configured(&rooms).await;
    let mut arrivals = JoinSet::new();
    for n in 0..VISITORS {
        let room = room.clone();
        arrivals.spawn(async move { arrive(&room, n).await.0 });
    }
    // Each has handed over its command.
    tokio::task::yield_now().await;
    rooms.close().await;
    let tags: BTreeSet<u64> = arrivals.join_all().await.into_iter().collect();
    assert_eq!(tags.len() as u64, VISITORS);

    let late = room.submit(arrival(VISITORS)).await;
    assert!(matches!(late, Err(SubmitError::Closed)), "{late:?}");
    assert!(matches!(open(&rooms).await, Err(RoomError::Closed)));
    let (customer, name) = names();
    let late = rooms.submit(&customer, &name, Command::Resume).await;
    assert!(matches!(late, Err(SubmitError::Closed)), "{late:?}");
    rooms.close().await;

    let room = open(&process(directory.path())).await.unwrap();
    assert_eq!(room.snapshot().figures(room.now()).last, VISITORS);
}

#[tokio::test]
async fn handle_outlives_the_rooms_and_the_task_ends_with_it() {
    let backend: Arc<dyn Backend> = Arc::new(Memory::new());
    let weak = Arc::downgrade(&backend);
    let rooms = Rooms::new(backend);
    let room = configured(&rooms).await;
    drop(rooms);
    assert_eq!(arrive(&room, 1).await.0, 1);
    drop(room);
    until(|| weak.upgrade().is_none()).await;
}

#[tokio::test]
async fn state_that_cannot_be_read_is_said_and_left_as_it_is() {
    let memory = Memory::new();
    let key = Key::new("room:demo:spring24", "state");
    let bytes = b"garbage".to_vec();
    memory.save(vec![Write { key: key.clone(), expected: None, bytes, expires_at: None }]).await.unwrap();
    let rooms = rooms(&memory);
    let refused = open(&rooms).await;
    assert!(matches!(refused, Err(RoomError::Unreadable(_))), "{refused:?}");
    let settings = Command::Configure(Settings::with_outflow(60));
    let refused = submit(&rooms, settings).await;
    assert!(matches!(refused, Outcome::Refused(Refusal::Unreadable(_))), "{refused:?}");
    let found = memory.load(vec![key]).await.unwrap().documents.remove(0).unwrap();
    assert_eq!(found.bytes, b"garbage");
}

#[tokio::test(start_paused = true)]
async fn saves_of_its_own_make_no_process_load_again() {
    let store = Moody::new();
    let rooms = rooms(&store);
    let room = configured(&rooms).await;
    let (loads, saves, begun) = (store.loads(), store.saves(), tokio::time::Instant::now());
    for n in 0..50 {
        arrive(&room, n).await;
    }
    assert_eq!(store.saves() - saves, 50);
    // Beyond the node's look at the store each second.
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(store.loads() - loads <= seconds + 1, "{} loads", store.loads() - loads);
}
