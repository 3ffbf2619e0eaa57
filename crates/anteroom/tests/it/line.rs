//! A room as a process, visitors who join it and ask until they are let in, and what must hold of what they were told.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anteroom_protocol::id::QueueId;
use anteroom_protocol::mac::Key;
use anteroom_protocol::ticket::Ticket;
use anteroom_protocol::time::Timestamp;
use http::{Method, header};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Answer, Http, Operator, Place, Program, Random};

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

/// The program with room and platform in one process, which can be killed and is there again at the same addresses. So
/// nobody but that process knows how the line stands.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) key: Key,
    pub(crate) base: String,
    pub(crate) operator: Operator,
    pub(crate) kills: usize,
    program: Option<Program>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_place(Place::new("")).await
    }

    pub(crate) async fn in_place(place: Place) -> Self {
        let mut program = Program::part("all", &place.settings());
        let platform = program.wait_for("the console is at ");
        let base = program.wait_for(ROOM_IS_AT);
        let operator = Operator::new(&platform, &place.credentials());
        let key = Key::new(place.credentials()["secretKey"].as_str().unwrap().as_bytes());
        operator
            .add_room(&json!({
                "waitingRoomId": ROOM,
                "displayName": "Spring",
                "defaultTarget": "https://shop.example/",
                "outflowPerMinute": OUTFLOW_OF_JOINING,
            }))
            .await;
        place.set_addresses(&base, &platform);
        Self { place, key, base, operator, kills: 0, program: Some(program) }
    }

    pub(crate) fn kill(&mut self) {
        self.program.take().expect("it was started").kill();
        self.kills += 1;
    }

    pub(crate) fn start(&mut self) {
        let mut program = Program::part("all", &self.place.settings());
        program.wait_for(ROOM_IS_AT);
        self.program = Some(program);
    }

    /// Kills the program at so many moments by chance, some while it starts, and starts it again at once.
    pub(crate) async fn kill_often(&mut self, kills: usize, random: &mut Random) {
        let until = self.kills + kills;
        while self.kills < until {
            // Nothing is waited for: that the moment is any is what is tested.
            tokio::time::sleep(Duration::from_millis(random.below(150))).await;
            tokio::task::block_in_place(|| self.kill());
            if self.kills < until && random.below(4) == 0 {
                self.program = Some(Program::part("all", &self.place.settings()));
                tokio::time::sleep(Duration::from_millis(random.below(40))).await;
                tokio::task::block_in_place(|| self.kill());
            }
            tokio::task::block_in_place(|| self.start());
        }
    }

    /// Calls everybody at once, so that only the gate holds them.
    pub(crate) async fn call_everybody(&self, outflow: u32) {
        self.operator.set_outflow(ROOM, 600_000).await;
        while self.operator.waiting(ROOM).await > 0 {
            tokio::task::yield_now().await;
        }
        self.operator.set_outflow(ROOM, outflow).await;
    }
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
    /// Their place, and whose ticket that is.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.ticket.epoch, self.tag())
    }

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

/// The platform in a process of its own.
#[cfg(feature = "valkey")]
pub(crate) fn start_platform(place: &Place) -> (Program, Operator) {
    let mut platform = Program::part("platform", &place.settings());
    let platform_at = platform.wait_for("the console is at ");
    (platform, Operator::new(&platform_at, &place.credentials()))
}

/// Lets a usual number join.
#[cfg(feature = "valkey")]
pub(crate) async fn join_all(base: &str, key: &Key, told: &Arc<Counter>) -> Vec<Visitor> {
    join(VISITORS, base, key, told).await
}

/// Lets so many join, and returns those who were told that they have a place, which are all.
pub(crate) async fn join(visitors: usize, base: &str, key: &Key, told: &Arc<Counter>) -> Vec<Visitor> {
    let next = AtomicUsize::new(0);
    join_while(move || next.fetch_add(1, Ordering::SeqCst) < visitors, base, key, told).await
}

/// Lets one after the other join while more may come.
pub(crate) async fn join_while(
    may_come: impl Fn() -> bool + Send + Sync + 'static,
    base: &str,
    key: &Key,
    told: &Arc<Counter>,
) -> Vec<Visitor> {
    let may_come = Arc::new(may_come);
    let mut queues = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (http, url, key) =
            (Http::new(), format!("{base}/?c=acme&e={ROOM}&t=https%3A%2F%2Fshop.example%2Fa"), key.clone());
        let (may_come, told) = (Arc::clone(&may_come), Arc::clone(told));
        queues.spawn(async move {
            let mut joined = Vec::new();
            while may_come() {
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
                    Some("waiting" | "paused") => waiting.lock().await.push_back(visitor),
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

/// No two hold the same place, and whoever was told of a place before another came stands before them (I2).
pub(crate) fn assert_places_in_order(visitors: &[Visitor]) {
    let places: HashSet<(u64, u64)> = visitors.iter().map(Visitor::place).collect();
    assert_eq!(places.len(), visitors.len(), "no two hold the same place");
    let ids: HashSet<String> = visitors.iter().map(|visitor| visitor.ticket.queue_id.to_string()).collect();
    assert_eq!(ids.len(), visitors.len());
    let mut in_order: Vec<&Visitor> = visitors.iter().collect();
    in_order.sort_by_key(|visitor| std::cmp::Reverse(visitor.place()));
    let mut first_told: Option<&Visitor> = None;
    for ahead in in_order {
        if let Some(behind) = first_told {
            let (behind_at, ahead_at) = (behind.tag(), ahead.tag());
            assert!(
                behind.placed_at >= ahead.asked_at,
                "place {behind_at} was told before the holder of place {ahead_at} came"
            );
        }
        first_told = match first_told {
            Some(first) if first.placed_at <= ahead.placed_at => Some(first),
            _ => Some(ahead),
        };
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

#[test]
fn check_of_places_sees_a_double_one_and_one_that_was_passed_over() {
    let begun = Instant::now();
    let visitor = |id: u8, tag: u64, asked: u64, placed: u64| Visitor {
        cookie: String::new(),
        ticket: Ticket {
            customer: "acme".parse().unwrap(),
            room: ROOM.parse().unwrap(),
            queue_id: QueueId::from_random([id; 16]),
            epoch: 1,
            place: anteroom_protocol::place::Place::ordinary(tag),
            ahead_at_issue: 0,
            issued_at: Timestamp::EPOCH,
            target: None,
        },
        asked_at: begun + Duration::from_millis(asked),
        placed_at: begun + Duration::from_millis(placed),
        went_straight_through: false,
    };
    let is_refused =
        |visitors: &[Visitor]| std::panic::catch_unwind(|| assert_places_in_order(visitors)).is_err();
    // Those who came at the same time may stand either way round.
    assert!(!is_refused(&[visitor(1, 1, 0, 20), visitor(2, 2, 10, 15), visitor(3, 3, 30, 40)]));
    assert!(is_refused(&[visitor(1, 1, 0, 5), visitor(2, 1, 10, 15)]));
    assert!(is_refused(&[visitor(1, 1, 0, 5), visitor(1, 2, 10, 15)]));
    assert!(is_refused(&[visitor(1, 3, 0, 5), visitor(2, 1, 30, 40), visitor(3, 2, 2, 50)]));
}
