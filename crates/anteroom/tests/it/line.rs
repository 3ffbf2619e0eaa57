//! A room as a process, visitors who join it and ask until they are let in, and what must hold of what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anteroom_protocol::mac::Key;
use anteroom_protocol::ticket::Ticket;
use http::{Method, header};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Answer, Http, Operator, Place, Program};

pub(crate) const VISITORS: usize = 240;
/// Visitors do this many things at the same time.
pub(crate) const AT_ONCE: usize = 12;
/// While they join: so few are let in that there is a line.
pub(crate) const OUTFLOW_OF_JOINING: u32 = 60;
/// While they are let in: all would take seconds, and several kills.
pub(crate) const OUTFLOW_OF_ADMITTING: u32 = 1_800;
/// As the room makes it: two seconds of outflow.
pub(crate) const BURST: u32 = 60;
pub(crate) const ROOM: &str = "spring";
pub(crate) const ROOM_IS_AT: &str = "the waiting room is at ";

/// A room's process that is killed when a count reaches certain values, and is there again at the same address. The
/// platform beside it is for the operator's part.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) key: Key,
    pub(crate) base: String,
    pub(crate) room: Option<Program>,
    pub(crate) platform: Option<Program>,
    pub(crate) operator: Operator,
    pub(crate) kills: usize,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_place(Place::new("")).await
    }

    pub(crate) async fn in_place(place: Place) -> Self {
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
    pub(crate) fn stop_platform(&mut self) {
        let platform = self.platform.take().expect("it is stopped once");
        platform.terminate();
        platform.ended();
    }

    pub(crate) fn start_platform(&mut self) {
        let (platform, operator) = start_platform(&self.place);
        (self.platform, self.operator) = (Some(platform), operator);
    }

    pub(crate) fn kill_and_restart(&mut self) {
        self.kill();
        self.start_room();
    }

    pub(crate) fn kill(&mut self) {
        self.room.take().expect("there is always one").kill();
        self.kills += 1;
    }

    pub(crate) fn start_room(&mut self) {
        let mut room = Program::part("room", &self.place.settings());
        room.wait_for(ROOM_IS_AT);
        self.room = Some(room);
    }

    /// Lets `work` go on and kills the room each time its count has reached another of `moments`.
    pub(crate) async fn kill_at(&mut self, moments: &[usize], mut count: watch::Receiver<usize>) {
        for moment in moments {
            count.wait_for(|count| count >= moment).await.unwrap();
            tokio::task::block_in_place(|| self.kill_and_restart());
        }
    }
}

pub(crate) fn start_platform(place: &Place) -> (Program, Operator) {
    let mut platform = Program::part("platform", &place.settings());
    let platform_at = platform.wait_for("the console is at ");
    (platform, Operator::new(&platform_at, &place.credentials()))
}

/// Somebody with a ticket.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) cookie: String,
    pub(crate) ticket: Ticket,
    pub(crate) asked_at: Instant,
    pub(crate) placed_at: Instant,
    /// Nobody was in front: let in at once.
    pub(crate) went_straight_through: bool,
}

impl Visitor {
    pub(crate) fn tag(&self) -> u64 {
        self.ticket.place.tag().expect("a running room gives tags")
    }
}

/// What is known of an admission: it happened somewhere between these two.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) queue_id: String,
    pub(crate) after: Instant,
    pub(crate) before: Instant,
    pub(crate) redirect: String,
}

/// Lets everybody join, and returns those who were told that they have a place.
pub(crate) async fn join_all(base: &str, key: &Key, told: &Arc<Counter>) -> Vec<Visitor> {
    join(VISITORS, base, key, told).await
}

/// Lets so many join.
pub(crate) async fn join(visitors: usize, base: &str, key: &Key, told: &Arc<Counter>) -> Vec<Visitor> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut queues = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (http, url, key) =
            (Http::new(), format!("{base}/?c=acme&e={ROOM}&t=https%3A%2F%2Fshop.example%2Fa"), key.clone());
        let (next, told) = (Arc::clone(&next), Arc::clone(told));
        queues.spawn(async move {
            let mut joined = Vec::new();
            while next.fetch_add(1, Ordering::SeqCst) < visitors {
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
pub(crate) fn placed(answer: &Answer, key: &Key, asked_at: Instant) -> Option<Visitor> {
    let cookie = answer.headers.get(header::SET_COOKIE)?.to_str().ok()?.split(';').next()?.to_owned();
    let ticket = Ticket::open(cookie.split_once('=')?.1, key).expect("a ticket that is given opens");
    let went_straight_through = answer.status.is_redirection();
    Some(Visitor { cookie, ticket, asked_at, placed_at: Instant::now(), went_straight_through })
}

/// Asks how far the visitor is, until there is an answer. Also since when an unanswered question may have been heard.
pub(crate) async fn ask(http: &Http, base: &str, visitor: &Visitor) -> (Value, Instant) {
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
pub(crate) async fn admit_all(base: &str, visitors: &[Visitor], admitted: &Arc<Counter>) -> Vec<Admission> {
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
pub(crate) struct Counter(watch::Sender<usize>);

impl Counter {
    pub(crate) fn new() -> (Arc<Self>, watch::Receiver<usize>) {
        let (sender, receiver) = watch::channel(0);
        (Arc::new(Self(sender)), receiver)
    }

    pub(crate) fn more(&self) {
        self.0.send_modify(|count| *count += 1);
    }
}

/// In whatever interval: those who were certainly let in within it are no more than its length and the burst allow.
pub(crate) fn assert_no_window_over_the_limit(admissions: &[Admission]) {
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
