//! A crowd: millions of visitors in one room, some of whom leave, sleep, or claim again, on several processes of which
//! one crashes and whose store fails for a while.
//!
//! The room is the same as in the other worlds (nodes, their snapshots, their saves). What is small here is the world
//! around it: a visitor is some thirteen bytes and a place in a calendar, what happens is counted rather than traced, and
//! a request takes no time of its own.

mod calendar;
mod ledger;
mod people;
mod shelf;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use anteroom_queue::node::{Node, StoreRequest};
use anteroom_queue::snapshot::{Snapshot, Standing};
use anteroom_queue::{Command, Lane, Outcome, Place, Settings};

use self::calendar::Calendar;
use self::ledger::Ledger;
use self::people::{Next, People};
use self::shelf::Shelf;
use crate::checkers::Verdict;
use crate::random::Random;
use crate::report::{Counts, Report};
use crate::store::{Answer, world_time};

const PROCESSES: usize = 3;
/// The settings are in force by then.
const FIRST_ARRIVAL_MS: u64 = 2_000;
/// The most visitors that come in a second; a crowd takes at least ten seconds to come.
const ARRIVALS_PER_SECOND: u64 = 50_000;
/// About how long the line takes, where the outflow is not at its limit by then.
const LINE_MINUTES: u64 = 15;
const PATIENCE_MS: u64 = 10_000;
const TRY_AGAIN_AFTER_MS: u64 = 1_000;
const STORE_PATIENCE_MS: u64 = 2_000;
const SWEEP_EVERY_MS: u64 = 60_000;

/// What happens to processes; visitors are in the calendar.
#[derive(Debug)]
enum Event {
    Timer { process: usize, life: u32, due: u64 },
    StoreGets { process: usize, life: u32, request: StoreRequest },
    StoreAnswers { process: usize, life: u32, answer: Answer },
    Changed { process: usize, life: u32 },
    Crashes { process: usize, down_ms: u64 },
    Starts { process: usize },
}

struct Planned {
    at: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[derive(Default)]
struct Server {
    node: Option<Node>,
    life: u32,
    snapshot: Option<Arc<Snapshot>>,
    asked: BTreeMap<u64, Asked>,
    is_store_asked: bool,
    timer: Option<u64>,
}

/// Which visitor a command is for, and when a join began.
#[derive(Clone, Copy)]
struct Asked {
    visitor: u32,
    began: u64,
}

struct Crowd {
    now: u64,
    numbers: u64,
    random: Random,
    events: BinaryHeap<Reverse<Planned>>,
    calendar: Calendar,
    people: People,
    servers: Vec<Server>,
    shelf: Shelf,
    ledger: Ledger,
    counts: Counts,
    /// The store refuses every third request within this time.
    storm: (u64, u64),
}

/// Lets a crowd come and go, and checks it.
pub(crate) fn run(seed: u64, visitors: u32) -> Report {
    let visitors = visitors.max(1);
    let outflow = (u64::from(visitors) / LINE_MINUTES).clamp(60, 600_000);
    let settings =
        Settings { re_entry_limit: 0, ..Settings::with_outflow(u32::try_from(outflow).unwrap_or(600_000)) };
    let mut crowd = Crowd::new(seed, visitors, &settings);
    crowd.happen(&settings);
    let mut verdicts = crowd.ledger.verdicts(&settings, &crowd.people);
    let mut alive = Verdict::new("a world is alive and ends");
    if crowd.counts.admissions == 0 || !crowd.calendar.is_empty() {
        alive.violated(|| "the crowd did not come to its end".to_owned());
    }
    verdicts.push(alive);
    crowd.counts.simulated_ms = crowd.now;
    Report { seed, counts: crowd.counts, verdicts, trace_hash: crowd.ledger.trace_hash() }
}

impl Crowd {
    fn new(seed: u64, visitors: u32, settings: &Settings) -> Self {
        let mut random = Random::new(seed);
        let count = u64::from(visitors);
        let rush_ms = (count * 1_000 / ARRIVALS_PER_SECOND).max(10_000);
        let line_ms = count * 60_000 / u64::from(settings.outflow_per_minute);
        let mut calendar = Calendar::new();
        for visitor in 0..visitors {
            calendar.add(FIRST_ARRIVAL_MS + random.below(rush_ms), visitor);
        }
        let storm_at = FIRST_ARRIVAL_MS + random.below(line_ms);
        let mut crowd = Self {
            now: 0,
            numbers: 0,
            events: BinaryHeap::new(),
            calendar,
            people: People::new(random.next(), visitors, FIRST_ARRIVAL_MS + rush_ms + line_ms),
            servers: (0..PROCESSES).map(|_| Server::default()).collect(),
            shelf: Shelf::default(),
            ledger: Ledger::default(),
            counts: Counts::default(),
            storm: (storm_at, storm_at + 10_000),
            random,
        };
        for process in 0..PROCESSES {
            crowd.after(0, Event::Starts { process });
        }
        for within_ms in [rush_ms, line_ms] {
            let process = crowd.random.position(PROCESSES);
            let at = FIRST_ARRIVAL_MS + crowd.random.below(within_ms);
            crowd.after(at, Event::Crashes { process, down_ms: 3_000 });
        }
        crowd
    }

    fn happen(&mut self, settings: &Settings) {
        let mut is_configured = false;
        while !self.calendar.is_empty() || self.servers.iter().any(|server| !server.asked.is_empty()) {
            let event_at = self.events.peek().map_or(u64::MAX, |Reverse(planned)| planned.at);
            let visitors_at = self.calendar.next_at().unwrap_or(u64::MAX);
            self.now = event_at.min(visitors_at);
            self.counts.events += 1;
            if !is_configured && self.now >= 10 {
                is_configured = true;
                self.command(0, None, Command::Configure(settings.clone()));
            }
            if event_at <= visitors_at {
                if let Some(Reverse(planned)) = self.events.pop() {
                    self.handle(planned.event);
                }
                continue;
            }
            let asking = self.calendar.take(visitors_at);
            self.counts.events += u64::try_from(asking.len()).unwrap_or(0);
            for visitor in asking {
                self.ask(visitor);
            }
            for process in 0..PROCESSES {
                self.drive(process);
            }
        }
    }

    fn after(&mut self, after_ms: u64, event: Event) {
        self.numbers += 1;
        self.events.push(Reverse(Planned { at: self.now + after_ms, number: self.numbers, event }));
    }

    fn is_alive(&self, process: usize, life: u32) -> bool {
        self.servers[process].node.is_some() && self.servers[process].life == life
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Starts { process } => {
                let mut entropy = [0; 32];
                entropy
                    .chunks_mut(8)
                    .for_each(|chunk| chunk.copy_from_slice(&self.random.next().to_be_bytes()));
                self.servers[process] = Server {
                    node: Some(Node::new(entropy)),
                    life: self.servers[process].life + 1,
                    ..Server::default()
                };
                self.drive(process);
            }
            Event::Crashes { process, down_ms } => self.crash(process, down_ms),
            Event::Timer { process, life, due } => {
                if self.is_alive(process, life) && self.servers[process].timer == Some(due) {
                    self.servers[process].timer = None;
                    self.with_node(process, |node, now| node.handle_timeout(now));
                }
            }
            Event::StoreGets { process, life, request } => self.store_gets(process, life, &request),
            Event::StoreAnswers { process, life, answer } => {
                if self.is_alive(process, life) {
                    self.servers[process].is_store_asked = false;
                    self.with_node(process, |node, now| match answer {
                        Answer::Loaded { found, .. } => node.handle_loaded(found, now),
                        Answer::Saved { versions, .. } => node.handle_saved(&versions, now),
                        Answer::Conflict { current, .. } => node.handle_conflict(current, now),
                        Answer::Failed => node.handle_failed(now),
                    });
                }
            }
            Event::Changed { process, life } => {
                if self.is_alive(process, life) {
                    self.with_node(process, |node, now| node.handle_changed(now));
                }
            }
        }
    }

    fn crash(&mut self, process: usize, down_ms: u64) {
        self.counts.crashes += 1;
        let life = self.servers[process].life;
        let gone = std::mem::take(&mut self.servers[process]);
        self.servers[process].life = life;
        self.after(down_ms, Event::Starts { process });
        // Those who wait for an answer give up on it, and come again.
        for asked in gone.asked.into_values() {
            let at = self.now + PATIENCE_MS + self.random.below(PATIENCE_MS);
            self.calendar.add(at, asked.visitor);
        }
    }

    fn store_gets(&mut self, process: usize, life: u32, request: &StoreRequest) {
        if self.shelf.swept_at + SWEEP_EVERY_MS <= self.now {
            self.shelf.sweep(world_time(self.now), self.now);
        }
        let is_stormy = (self.storm.0..self.storm.1).contains(&self.now);
        if is_stormy && self.random.chance(333) {
            self.counts.store_troubles += 1;
            // Half of them are done all the same, and only the answer is lost.
            if self.random.chance(500) {
                self.shelf.carry_out(request, world_time(self.now));
            }
            return self
                .after(STORE_PATIENCE_MS, Event::StoreAnswers { process, life, answer: Answer::Failed });
        }
        let answer = self.shelf.carry_out(request, world_time(self.now));
        match answer {
            Answer::Saved { .. } => {
                self.counts.saves += 1;
                self.ledger.note_kept(self.shelf.state_bytes(), self.shelf.records(), self.people.asked());
                for other in (0..PROCESSES).filter(|other| *other != process) {
                    let life = self.servers[other].life;
                    self.after(1, Event::Changed { process: other, life });
                }
            }
            Answer::Conflict { .. } => self.counts.refused_saves += 1,
            Answer::Loaded { .. } | Answer::Failed => {}
        }
        let back_ms = self.random.between(1, 2);
        self.after(back_ms, Event::StoreAnswers { process, life, answer });
    }

    /// A visitor's moment has come.
    fn ask(&mut self, visitor: u32) {
        let process = self.random.position(PROCESSES);
        let Some(snapshot) = self.servers[process].snapshot.clone() else {
            let at = self.now + TRY_AGAIN_AFTER_MS + self.random.below(TRY_AGAIN_AFTER_MS);
            return self.calendar.add(at, visitor);
        };
        match self.people.next(visitor, self.now) {
            Next::Nothing => {}
            Next::SleepsUntil(at) => self.calendar.add(at, visitor),
            Next::Joins => {
                let queue_id = self.people.queue_id(visitor);
                let command = Command::Arrive { queue_id, lane: Lane::ORDINARY, key: None };
                self.command(process, Some(visitor), command);
            }
            Next::Asks { place } => self.look(process, visitor, place, &snapshot),
        }
    }

    fn look(&mut self, process: usize, visitor: u32, place: Place, snapshot: &Snapshot) {
        self.counts.polls += 1;
        let epoch = snapshot.epoch();
        let queue_id = self.people.queue_id(visitor);
        match snapshot.standing(place, epoch, world_time(self.now)) {
            Standing::Waiting { ask_again_after, .. } => {
                let told = millis(ask_again_after);
                // Spread by up to a fifth per visitor, as the room does.
                let spread = told * u64::from(self.people.share(visitor)) / (5 * 255);
                self.calendar.add(self.now + (told - spread).max(1), visitor);
            }
            Standing::Admissible => {
                self.people.note_asked(visitor);
                self.command(process, Some(visitor), Command::Claim { queue_id, place, epoch });
            }
            Standing::Ahead => {
                self.counts.presented += 1;
                self.command(process, Some(visitor), Command::Present { queue_id, place, epoch });
            }
            Standing::Spent(reason) => self.people.refused(visitor, reason),
            Standing::Paused { .. }
            | Standing::NotStarted { .. }
            | Standing::Closed { .. }
            | Standing::Ended => self.calendar.add(self.now + TRY_AGAIN_AFTER_MS, visitor),
        }
    }

    fn command(&mut self, process: usize, visitor: Option<u32>, command: Command) {
        self.numbers += 1;
        let server = &mut self.servers[process];
        let Some(node) = &mut server.node else {
            return;
        };
        if let Some(visitor) = visitor {
            server.asked.insert(self.numbers, Asked { visitor, began: self.now });
        }
        node.handle_command(self.numbers, command, world_time(self.now));
    }

    fn with_node(
        &mut self,
        process: usize,
        handle: impl FnOnce(&mut Node, anteroom_protocol::time::Timestamp),
    ) {
        if let Some(node) = &mut self.servers[process].node {
            handle(node, world_time(self.now));
        }
        self.drive(process);
    }

    fn drive(&mut self, process: usize) {
        let now = world_time(self.now);
        loop {
            let server = &mut self.servers[process];
            let Some(node) = &mut server.node else {
                return;
            };
            if let Some(snapshot) = node.poll_snapshot() {
                server.snapshot = Some(snapshot);
            }
            if let Some((number, outcome)) = node.poll_outcome() {
                if let Some(asked) = server.asked.remove(&number) {
                    self.hear(asked, &outcome);
                }
                continue;
            }
            if !server.is_store_asked
                && let Some(request) = node.poll_store(now)
            {
                server.is_store_asked = true;
                let life = server.life;
                self.after(1, Event::StoreGets { process, life, request });
                continue;
            }
            let due = node
                .poll_timeout()
                .map(|moment| moment.as_millis().saturating_sub(world_time(0).as_millis()).max(self.now + 1));
            if due != server.timer {
                server.timer = due;
                let life = server.life;
                if let Some(due) = due {
                    self.after(due - self.now, Event::Timer { process, life, due });
                }
            }
            return;
        }
    }

    fn hear(&mut self, Asked { visitor, began }: Asked, outcome: &Outcome) {
        let again_ms = match outcome {
            &Outcome::Placed { place, ahead, .. } => {
                self.counts.joins += 1;
                let tag = place.tag().unwrap_or(0);
                self.ledger.note_joined(tag, began, self.now);
                self.people.placed(visitor, tag);
                if ahead == 0 { 1 } else { TRY_AGAIN_AFTER_MS + self.random.below(2 * TRY_AGAIN_AFTER_MS) }
            }
            &Outcome::Admitted { at, .. } => {
                self.counts.admissions += 1;
                let since_start = at.as_millis() - world_time(0).as_millis();
                let is_new = self.people.admitted(visitor, since_start);
                self.ledger.note_admitted(visitor, since_start, is_new);
                match self.people.claims_again(visitor) {
                    true => 1 + self.random.below(3 * TRY_AGAIN_AFTER_MS),
                    false => return,
                }
            }
            Outcome::Held { ask_again_after } => {
                self.counts.held += 1;
                millis(*ask_again_after)
            }
            Outcome::Spent(reason) => return self.people.refused(visitor, *reason),
            Outcome::Done => 1,
            Outcome::NotYet => {
                self.counts.not_yet += 1;
                TRY_AGAIN_AFTER_MS
            }
            Outcome::Paused { .. } | Outcome::Refused(_) => {
                self.counts.refused += 1;
                TRY_AGAIN_AFTER_MS + self.random.below(TRY_AGAIN_AFTER_MS)
            }
        };
        self.calendar.add(self.now + again_ms, visitor);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
