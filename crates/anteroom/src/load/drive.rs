//! Drives the visitors: whoever is due gets a connection as soon as one is free, asks, and is told what to do next. One
//! task holds all that is known; what waits for the network are tasks of their own.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::answer::{Fault, Told, poll_path, read_page, read_state};
use super::arrivals::Arrivals;
use super::connection::{Connection, NoReply, Reply};
use super::order::{Mark, Order};
use super::outflow::Outflow;
use super::record::{Kind, Record, Times};
use super::screen::Screen;
use super::visitor::{Habits, Joined, Next, Step, Visitor};

/// What a run needs to know.
pub(super) struct Plan {
    pub(super) arrivals: Arrivals,
    pub(super) habits: Habits,
    pub(super) connections: Vec<Connection>,
    pub(super) enqueue_path: String,
    pub(super) poll_path: String,
    /// How long after the last arrival whoever still waits is waited for.
    pub(super) and_wait: Duration,
}

/// How many visitors did what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct People {
    pub(super) came: u64,
    pub(super) joined: u64,
    pub(super) let_in: u64,
    pub(super) left: u64,
    pub(super) too_late: u64,
    pub(super) lost: u64,
    pub(super) gave_up: u64,
}

impl People {
    /// Who has a place and may still be let in.
    pub(super) const fn waiting(&self) -> u64 {
        self.joined - self.let_in - self.left - self.too_late - self.lost
    }
}

/// What came of a run.
pub(super) struct Seen {
    pub(super) ran: Duration,
    pub(super) people: People,
    pub(super) record: Record,
    pub(super) outflow: Outflow,
    pub(super) order: Order,
    pub(super) connections: usize,
    pub(super) connections_opened: u64,
}

/// A visitor whose next step has its time.
struct Due {
    at: Instant,
    step: Step,
    visitor: Box<Visitor>,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

/// A step that was made.
struct Done {
    due: Due,
    connection: Connection,
    opened: u64,
    times: Times,
    mark: Mark,
    reply: Result<Reply, NoReply>,
}

struct Driver<'a> {
    plan: Plan,
    /// How many connections there are, in use or not.
    connections: usize,
    next_arrival: Option<Duration>,
    began: Instant,
    /// When the last visitor came.
    came_at: Instant,
    later: BinaryHeap<Reverse<Due>>,
    /// Due, and no connection is free.
    ready: VecDeque<Due>,
    running: JoinSet<Done>,
    seen: Seen,
    screen: &'a mut Screen,
}

/// Lets everybody come, and returns when all are gone, when the time is over, or when asked to stop.
pub(super) async fn drive(mut plan: Plan, screen: &mut Screen, stop: &CancellationToken) -> Seen {
    let began = Instant::now();
    let connections = plan.connections.len();
    let next_arrival = plan.arrivals.next();
    let seen = Seen {
        ran: Duration::ZERO,
        people: People::default(),
        record: Record::new(),
        outflow: Outflow::default(),
        order: Order::default(),
        connections,
        connections_opened: 0,
    };
    let driver = Driver {
        plan,
        connections,
        next_arrival,
        began,
        came_at: began,
        later: BinaryHeap::new(),
        ready: VecDeque::new(),
        running: JoinSet::new(),
        seen,
        screen,
    };
    driver.run(stop).await
}

impl Driver<'_> {
    async fn run(mut self, stop: &CancellationToken) -> Seen {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Burst);
        seconds.tick().await;
        while !self.is_over() {
            let next = self.next_moment();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = seconds.tick() => {
                    self.seen.outflow.handle_second(self.seen.people.waiting());
                    self.screen.show(self.began.elapsed(), &self.seen);
                }
                Some(done) = self.running.join_next() => {
                    if let Ok(done) = done {
                        self.handle(done);
                    }
                }
                () = sleep_until(next) => {}
            }
            self.start_what_is_due();
        }
        self.screen.end();
        self.seen.ran = self.began.elapsed();
        self.seen
    }

    fn is_over(&self) -> bool {
        let is_empty = self.later.is_empty() && self.ready.is_empty() && self.running.is_empty();
        let has_waited = self.came_at.elapsed() >= self.plan.and_wait;
        self.next_arrival.is_none() && (is_empty || has_waited)
    }

    /// When somebody is due next, or the waiting is over.
    fn next_moment(&self) -> Instant {
        let arrival = self.next_arrival.map(|after| self.began + after);
        let end = self.next_arrival.is_none().then(|| self.came_at + self.plan.and_wait);
        let later = self.later.peek().map(|Reverse(due)| due.at);
        let never = Instant::now() + Duration::from_secs(3_600);
        [arrival, end, later].into_iter().flatten().min().unwrap_or(never)
    }

    fn start_what_is_due(&mut self) {
        let now = Instant::now();
        while let Some(after) = self.next_arrival
            && self.began + after <= now
        {
            let visitor = Box::new(Visitor::new(self.seen.people.came, &self.plan.habits));
            self.seen.people.came += 1;
            self.came_at = self.began + after;
            self.ready.push_back(Due { at: self.came_at, step: Step::Join, visitor });
            self.next_arrival = self.plan.arrivals.next();
        }
        while self.later.peek().is_some_and(|Reverse(due)| due.at <= now) {
            self.ready.extend(self.later.pop().map(|Reverse(due)| due));
        }
        while !self.ready.is_empty() && !self.plan.connections.is_empty() {
            let (Some(due), Some(connection)) = (self.ready.pop_front(), self.plan.connections.pop()) else {
                break;
            };
            self.start(due, connection);
        }
    }

    fn start(&mut self, due: Due, mut connection: Connection) {
        let mark = self.seen.order.mark(Instant::now());
        let path = match due.step {
            Step::Join | Step::ComeBack => self.plan.enqueue_path.clone(),
            Step::Poll => self.plan.poll_path.clone(),
        };
        self.running.spawn(async move {
            let sent = Instant::now();
            let opened_before = connection.opened;
            let reply = connection.get(&path, due.visitor.cookies()).await;
            let times = Times { due: due.at, sent, answered: Instant::now() };
            let opened = connection.opened - opened_before;
            Done { due, connection, opened, times, mark, reply }
        });
    }

    fn handle(&mut self, done: Done) {
        let Done { due: Due { step, mut visitor, .. }, connection, opened, times, mark, reply } = done;
        self.plan.connections.push(connection);
        debug_assert!(self.plan.connections.len() <= self.connections, "none is made on the way");
        self.seen.connections_opened += opened;
        self.seen.record.handle_sent(times);
        let told = self.read(step, &mut visitor, reply);
        // Who goes straight through needs no ticket; who waits has one, or does not wait in line yet.
        let has_place = match &told {
            Ok(Told::GoIn { .. }) => true,
            Ok(Told::Wait(_)) => visitor.cookies().is_some(),
            Ok(Told::Spent) | Err(_) => false,
        };
        if has_place && visitor.joined.is_none() {
            self.seen.people.joined += 1;
            visitor.joined = Some(Joined { began: times.sent, acknowledged: times.answered });
        }
        let next = visitor.handle(step, &told);
        self.note(step, &visitor, &told, times, mark);
        let people = &mut self.seen.people;
        match next {
            Next::Ask { after, step } => {
                self.later.push(Reverse(Due { at: times.answered + after, step, visitor }));
            }
            Next::In { token_expires_at_seconds } => {
                people.let_in += 1;
                self.seen.outflow.handle_admission(token_expires_at_seconds);
            }
            Next::Leave => people.left += 1,
            Next::Spent if visitor.joined.is_none() => people.gave_up += 1,
            Next::Spent if told.is_ok() => people.too_late += 1,
            Next::Spent => people.lost += 1,
            Next::GiveUp => people.gave_up += 1,
        }
    }

    fn read(
        &mut self,
        step: Step,
        visitor: &mut Visitor,
        reply: Result<Reply, NoReply>,
    ) -> Result<Told, Fault> {
        let reply = reply.map_err(Fault::NoReply)?;
        visitor.keep_cookies(&reply.headers);
        let told = match step {
            Step::Poll => read_state(&reply)?,
            Step::Join | Step::ComeBack => {
                let told = read_page(&reply)?;
                if let Some(path) = poll_path(&reply).filter(|path| *path != self.plan.poll_path) {
                    self.plan.poll_path = path;
                }
                told
            }
        };
        match told {
            Told::Spent if !visitor.may_be_too_late() => Err(Fault::PlaceLost),
            told => Ok(told),
        }
    }

    /// Writes down what the answer shows.
    fn note(&mut self, step: Step, visitor: &Visitor, told: &Result<Told, Fault>, times: Times, mark: Mark) {
        let (record, order) = (&mut self.seen.record, &mut self.seen.order);
        match told {
            Err(fault) => record.handle_fault(*fault),
            Ok(Told::GoIn { .. }) => {
                // Who goes straight in has joined and claimed in one; it is the joining that had to be waited for.
                let kind = if step == Step::Join { Kind::Join } else { Kind::Claim };
                record.handle_answer(kind, times);
                if let Some(joined) = visitor.joined.filter(|_| visitor.is_by_arrival) {
                    order.handle_admission(joined, Instant::now());
                }
            }
            Ok(Told::Wait(wait)) => {
                let is_join = step == Step::Join && visitor.joined.is_some();
                record.handle_answer(if is_join { Kind::Join } else { Kind::Poll }, times);
                if let Some(joined) = visitor.joined
                    && visitor.is_by_arrival
                    && step != Step::Join
                    && wait.ahead.is_some_and(|ahead| ahead > 0)
                {
                    order.handle_others_ahead(joined, mark);
                }
            }
            Ok(Told::Spent) => record.handle_answer(Kind::Poll, times),
        }
    }
}
