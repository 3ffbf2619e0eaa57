//! The room's process is killed without warning, again and again, at moments that the visitors' own progress
//! picks, and started anew on the same port. Nothing a visitor was told may become untrue.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anteroom_protocol::mac::Key;
use anteroom_protocol::ticket::Ticket;
use http::{Method, header};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Answer, Http, Operator, Place, Program};

const VISITORS: usize = 240;
/// Visitors do this many things at the same time.
const AT_ONCE: usize = 12;
/// While they join: so few are let in that there is a line.
const OUTFLOW_OF_JOINING: u32 = 60;
/// A snapshot is at most a second old, and what it saw of that second may be lost with the process.
const PLACES_OF_A_SECOND: u64 = 1;
/// How long the line still is when the kills begin.
const LINE_LEFT: u64 = 140;
/// While they are let in: all would take seconds, and several kills.
const OUTFLOW_OF_ADMITTING: u32 = 1_800;
/// As the room makes it: two seconds of outflow.
const BURST: u32 = 60;
const ROOM: &str = "spring";
const ROOM_IS_AT: &str = "the waiting room is at ";

/// A room's process that is killed when a count reaches certain values, and is there again at the same address. The
/// platform beside it is for the operator's part.
struct World {
    place: Place,
    key: Key,
    base: String,
    room: Option<Program>,
    platform: Option<Program>,
    operator: Operator,
    kills: usize,
}

impl World {
    async fn new() -> Self {
        let place = Place::new("");
        let (platform, operator) = start_platform(&place);
        let key = Key::new(place.credentials()["secretKey"].as_str().unwrap().as_bytes());
        operator
            .add_room(&json!({
                "waitingRoomId": ROOM,
                "displayName": "Spring",
                "defaultTarget": "https://shop.example/",
                "outflowPerMinute": OUTFLOW_OF_JOINING,
            }))
            .await;
        let mut room = Program::part("room", &place.settings());
        let base = room.wait_for(ROOM_IS_AT);
        let address = base.trim_start_matches("http://").to_owned();
        place.set(&format!("[account]\ncustomer_id = \"acme\"\n[room]\nlisten = \"{address}\"\n[platform]\nlisten = \"127.0.0.1:0\"\n"));
        Self { place, key, base, room: Some(room), platform: Some(platform), operator, kills: 0 }
    }

    /// From here on nobody but the room's own process knows how the line stands.
    fn stop_platform(&mut self) {
        let platform = self.platform.take().expect("it is stopped once");
        platform.terminate();
        platform.ended();
    }

    fn start_platform(&mut self) {
        let (platform, operator) = start_platform(&self.place);
        (self.platform, self.operator) = (Some(platform), operator);
    }

    fn kill_and_restart(&mut self) {
        self.room.take().expect("there is always one").kill();
        self.kills += 1;
        let mut room = Program::part("room", &self.place.settings());
        room.wait_for(ROOM_IS_AT);
        self.room = Some(room);
    }

    /// Lets `work` go on and kills the room each time its count has reached another of `moments`.
    async fn kill_at(&mut self, moments: &[usize], mut count: watch::Receiver<usize>) {
        for moment in moments {
            count.wait_for(|count| count >= moment).await.unwrap();
            tokio::task::block_in_place(|| self.kill_and_restart());
        }
    }
}

fn start_platform(place: &Place) -> (Program, Operator) {
    let mut platform = Program::part("platform", &place.settings());
    let platform_at = platform.wait_for("the console is at ");
    (platform, Operator::new(&platform_at, &place.credentials()))
}

/// Somebody with a ticket.
#[derive(Clone)]
struct Visitor {
    cookie: String,
    ticket: Ticket,
    asked_at: Instant,
    placed_at: Instant,
    /// Nobody was in front: let in at once.
    went_straight_through: bool,
}

/// What is known of an admission: it happened somewhere between these two.
#[derive(Clone, Debug)]
struct Admission {
    queue_id: String,
    after: Instant,
    before: Instant,
    redirect: String,
}

/// Lets everybody join, and returns those who were told that they have a place.
async fn join_all(base: &str, key: &Key, told: &Arc<Counter>) -> Vec<Visitor> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut queues = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (http, url, key) =
            (Http::new(), format!("{base}/?c=acme&e={ROOM}&t=https%3A%2F%2Fshop.example%2Fa"), key.clone());
        let (next, told) = (Arc::clone(&next), Arc::clone(told));
        queues.spawn(async move {
            let mut joined = Vec::new();
            while next.fetch_add(1, Ordering::SeqCst) < VISITORS {
                // Whoever hears nothing comes again: without a ticket that is another place.
                loop {
                    let asked_at = Instant::now();
                    let answer = http.ask(Method::GET, &url, &[], None).await.ok();
                    if let Some(visitor) = answer.and_then(|answer| placed(&answer, &key, asked_at)) {
                        joined.push(visitor);
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                told.more();
            }
            joined
        });
    }
    queues.join_all().await.into_iter().flatten().collect()
}

/// The visitor, if this answer gave a place.
fn placed(answer: &Answer, key: &Key, asked_at: Instant) -> Option<Visitor> {
    let cookie = answer.headers.get(header::SET_COOKIE)?.to_str().ok()?.split(';').next()?.to_owned();
    let ticket = Ticket::open(cookie.split_once('=')?.1, key).expect("a ticket that is given opens");
    let went_straight_through = answer.status.is_redirection();
    Some(Visitor { cookie, ticket, asked_at, placed_at: Instant::now(), went_straight_through })
}

/// Asks how far the visitor is, until there is an answer. Also since when an unanswered question may have been heard.
async fn ask(http: &Http, base: &str, visitor: &Visitor) -> (Value, Instant) {
    let url = format!("{base}/api/v1/rooms/{ROOM}/ticket?c=acme");
    let asked_first = Instant::now();
    loop {
        let answered = http.ask(Method::GET, &url, &[("cookie", &visitor.cookie)], None).await;
        // 503: it has just started, or is just being killed; the ticket stays good.
        if let Some(answer) = answered.ok().filter(|answer| !answer.status.is_server_error()) {
            assert!(answer.status.is_success(), "{} {:?}", answer.status, answer.body);
            return (answer.json(), asked_first);
        }
        tokio::task::yield_now().await;
    }
}

/// Lets everybody ask until they are let in.
async fn admit_all(base: &str, visitors: &[Visitor], admitted: &Arc<Counter>) -> Vec<Admission> {
    let waiting = Arc::new(tokio::sync::Mutex::new(std::collections::VecDeque::from(visitors.to_vec())));
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (http, base) = (Http::new(), base.to_owned());
        let (waiting, admitted) = (Arc::clone(&waiting), Arc::clone(admitted));
        askers.spawn(async move {
            let mut admissions = Vec::new();
            loop {
                let Some(visitor) = waiting.lock().await.pop_front() else { return admissions };
                let (answer, after) = ask(&http, &base, &visitor).await;
                let before = Instant::now();
                assert_eq!(answer["queueId"], visitor.ticket.queue_id.to_string(), "{answer}");
                match answer["state"].as_str() {
                    Some("admitted") => {
                        let redirect = answer["redirectUrl"].as_str().unwrap().to_owned();
                        let queue_id = visitor.ticket.queue_id.to_string();
                        admissions.push(Admission { queue_id, after, before, redirect });
                        admitted.more();
                    }
                    Some("waiting") => waiting.lock().await.push_back(visitor),
                    _ => panic!("a good ticket is told {answer}"),
                }
            }
        });
    }
    askers.join_all().await.into_iter().flatten().collect()
}

/// Counts, and tells of it.
struct Counter(watch::Sender<usize>);

impl Counter {
    fn new() -> (Arc<Self>, watch::Receiver<usize>) {
        let (sender, receiver) = watch::channel(0);
        (Arc::new(Self(sender)), receiver)
    }

    fn more(&self) {
        self.0.send_modify(|count| *count += 1);
    }
}

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

/// In whatever interval: those who were certainly let in within it are no more than its length and the burst allow.
fn assert_no_window_over_the_limit(admissions: &[Admission]) {
    let per_second = f64::from(OUTFLOW_OF_ADMITTING) / 60.0;
    for from in admissions {
        let mut ends: Vec<Instant> =
            admissions.iter().filter(|one| one.after >= from.after).map(|one| one.before).collect();
        ends.sort_unstable();
        for (at, end) in ends.iter().enumerate() {
            let (length, count) = (*end - from.after, at + 1);
            let allowed = per_second * length.as_secs_f64() + f64::from(BURST);
            assert!(
                f64::from(u32::try_from(count).unwrap()) <= allowed + 1e-6,
                "{count} let in within {length:?}, where {allowed:.1} are allowed"
            );
        }
    }
}

#[test]
fn check_of_windows_sees_one_too_many() {
    let begun = Instant::now();
    let let_in = |milliseconds: u64| Admission {
        queue_id: String::new(),
        after: begun + Duration::from_millis(milliseconds),
        before: begun + Duration::from_millis(milliseconds + 1),
        redirect: String::new(),
    };
    let mut admissions: Vec<Admission> = vec![let_in(0); usize::try_from(BURST).unwrap()];
    assert_no_window_over_the_limit(&admissions);
    admissions.push(let_in(1));
    assert!(std::panic::catch_unwind(|| assert_no_window_over_the_limit(&admissions)).is_err());
}
