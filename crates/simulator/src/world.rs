//! A world: what happens next, in virtual time, in one thread.
//!
//! Events wait in a heap, ordered by their moment and then by when they were planned, so that a world is the same
//! every time. Each event changes one process, the store or a visitor, and plans what follows from it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anteroom_queue::node::StoreRequest;
use anteroom_store::documents::Documents;

use crate::faults::{Fate, Fault};
use crate::plan::Plan;
use crate::process::{Asked, Caller, Process};
use crate::random::Random;
use crate::report::Counts;
use crate::store::{Answer, Store, world_time};
use crate::trace::{Entry, Fact, Trace};
use crate::workload::operator::{Action, Operator};
use crate::workload::visitor::{Next, Visitor};
use crate::workload::{Ask, Reply};

/// A request that got no answer in this time never will.
const PATIENCE_MS: u64 = 10_000;
/// After this long a process gives up on an answer of the store.
const STORE_PATIENCE_MS: u64 = 2_000;
/// How often a process looks at the store although nobody told it of a change.
const LOOK_EVERY_MS: u64 = 1_000;
const OPERATOR_LOOKS_EVERY_MS: u64 = 500;
/// How long after a trouble the room may still feel it.
const AFTERMATH_MS: u64 = 12_000;
/// After the last visitor is done nothing happens any more; this much of it belongs to the trace, so that somebody who
/// left shortly before is not taken for somebody who waits.
const QUIET_END_MS: u64 = 120_000;
/// More events than any world that goes its way needs: beyond it, something asks itself in a circle.
const EVENTS_BASE: u64 = 3_000_000;
const EVENTS_PER_VISITOR: u64 = 60_000;

pub(crate) enum Event {
    Comes { visitor: usize },
    Asks { visitor: usize, tab: usize, ask: Ask },
    Arrives { process: usize, caller: Caller, ask: Ask },
    Hears { caller: Caller, reply: Reply },
    GivesUp { caller: Caller },
    NodeTimer { process: usize, starts: u32, due: u64 },
    StoreGets { process: usize, starts: u32, number: u64, request: StoreRequest, answer_after: Option<u64> },
    StoreAnswers { process: usize, starts: u32, number: u64, answer: Answer },
    Changed { process: usize, starts: u32 },
    Looks { process: usize, starts: u32 },
    Starts { process: usize },
    Crashes { process: usize, starts: u32, down_ms: u64 },
    Operates { action: Action },
    OperatorLooks { process: usize, attempt: u64 },
    Breaks { fault: Fault },
    Loses { since: u64, copy: Documents },
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

/// A whole waiting room.
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) random: Random,
    pub(crate) store: Store,
    pub(crate) processes: Vec<Process>,
    pub(crate) operator: Operator,
    pub(crate) counts: Counts,
    pub(crate) plan: Plan,
    pub(crate) trace: Trace,
    events: BinaryHeap<Reverse<Planned>>,
    numbers: u64,
    visitors: Vec<Option<Visitor>>,
    /// The request each tab of each visitor waits for.
    awaited: Vec<[Option<u64>; 2]>,
    /// Tabs whose visitor still means to do something.
    active: usize,
    storm_until: u64,
    storm_per_mille: u64,
}

impl World {
    pub(crate) fn new(seed: u64, visitors: u32) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random, visitors);
        let mut world = Self {
            now: 0,
            random,
            store: Store::new(),
            processes: (0..plan.processes).map(Process::new).collect(),
            operator: Operator::new(),
            counts: Counts::default(),
            trace: Trace::default(),
            events: BinaryHeap::new(),
            numbers: 0,
            visitors: plan.arrivals.iter().map(|_| None).collect(),
            awaited: vec![[None; 2]; plan.arrivals.len()],
            active: plan.arrivals.len(),
            storm_until: 0,
            storm_per_mille: 0,
            plan,
        };
        world.plan_beginning();
        world
    }

    fn plan_beginning(&mut self) {
        for process in 0..self.processes.len() {
            self.after(0, Event::Starts { process });
        }
        self.after(10, Event::Operates { action: Action::Configure(self.plan.settings.clone()) });
        for visitor in 0..self.visitors.len() {
            self.after(self.plan.arrivals[visitor].at, Event::Comes { visitor });
        }
        for (at, action) in std::mem::take(&mut self.plan.actions) {
            self.after(at.max(1_000), Event::Operates { action });
        }
        for (at, fault) in std::mem::take(&mut self.plan.faults) {
            self.after(at.max(1_000), Event::Breaks { fault });
        }
    }

    /// Lets everything happen. Says whether the world came to its end.
    pub(crate) fn run(&mut self) -> bool {
        let visitors = u64::try_from(self.visitors.len()).unwrap_or(u64::MAX);
        let events_max = EVENTS_BASE + EVENTS_PER_VISITOR * visitors;
        let is_over = |world: &Self| {
            let is_calm = world.now >= world.plan.calm_from;
            (is_calm && world.active == 0) || world.now >= world.plan.ends_at
        };
        while let Some(Reverse(planned)) = self.events.pop() {
            self.now = planned.at;
            self.counts.events += 1;
            if is_over(self) || self.counts.events > events_max {
                break;
            }
            self.handle(planned.event);
        }
        self.trace.ended = world_time(self.now + QUIET_END_MS);
        self.counts.simulated_ms = self.now;
        self.counts.events <= events_max
    }

    pub(crate) fn after(&mut self, after_ms: u64, event: Event) {
        self.numbers += 1;
        self.events.push(Reverse(Planned { at: self.now + after_ms, number: self.numbers, event }));
    }

    pub(crate) fn note(&mut self, fact: Fact) {
        self.trace.entries.push(Entry { when: self.store.moment(self.now), fact });
    }

    /// A number nothing else has: for requests, and for commands.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Comes { visitor } => {
                self.visitors[visitor] = Some(Visitor::new(self.plan.arrivals[visitor].habit, self.now));
                self.ask(visitor, 0, Ask::Join);
            }
            Event::Asks { visitor, tab, ask } => self.ask(visitor, tab, ask),
            Event::Arrives { process, caller, ask } => self.serve(process, caller, ask),
            Event::Hears { caller, reply } => self.hear(caller, reply),
            Event::GivesUp { caller } => self.hear(caller, Reply::Nothing),
            Event::NodeTimer { process, starts, due } => {
                let is_set = self.processes[process].timer == Some(due);
                if self.is_alive(process, starts) && is_set {
                    self.processes[process].timer = None;
                    self.with_node(process, |node, now| node.handle_timeout(now));
                }
            }
            Event::StoreGets { process, starts, number, request, answer_after } => {
                self.store_gets(process, starts, number, &request, answer_after);
            }
            Event::StoreAnswers { process, starts, number, answer } => {
                self.store_answers(process, starts, number, answer);
            }
            Event::Changed { process, starts } => {
                if self.is_alive(process, starts) {
                    self.with_node(process, |node, now| node.handle_changed(now));
                }
            }
            Event::Looks { process, starts } => {
                if self.is_alive(process, starts) {
                    self.after(LOOK_EVERY_MS, Event::Looks { process, starts });
                    self.with_node(process, |node, now| node.handle_changed(now));
                }
            }
            Event::Starts { process } => self.start(process),
            Event::Crashes { process, starts, down_ms } => {
                if self.is_alive(process, starts) {
                    self.crash(process, down_ms);
                }
            }
            Event::Operates { action } => {
                self.operator.waiting.push_back(action);
                self.operate();
            }
            Event::OperatorLooks { process, attempt } => self.operator_looks(process, attempt),
            Event::Breaks { fault } => self.break_something(fault),
            Event::Loses { since, copy } => self.lose(since, copy),
        }
    }

    fn ask(&mut self, visitor: usize, tab: usize, ask: Ask) {
        let caller = Caller { visitor, tab, request: self.number() };
        self.awaited[visitor][tab] = Some(caller.request);
        let process = self.random.position(self.processes.len());
        let after_ms = self.random.between(5, 60);
        self.after(after_ms, Event::Arrives { process, caller, ask });
        self.after(PATIENCE_MS, Event::GivesUp { caller });
    }

    pub(crate) fn reply(&mut self, caller: Caller, reply: Reply) {
        let after_ms = self.random.between(5, 60);
        self.after(after_ms, Event::Hears { caller, reply });
    }

    fn hear(&mut self, caller: Caller, reply: Reply) {
        let awaited = &mut self.awaited[caller.visitor][caller.tab];
        if *awaited != Some(caller.request) {
            return;
        }
        *awaited = None;
        let Some(visitor) = &mut self.visitors[caller.visitor] else {
            return;
        };
        let next = visitor.handle_reply(caller.tab, reply, self.now, &mut self.random);
        self.active = self.active + next.len() - 1;
        for Next { after_ms, tab, ask } in next {
            self.after(after_ms, Event::Asks { visitor: caller.visitor, tab, ask });
        }
    }

    pub(crate) fn is_alive(&self, process: usize, starts: u32) -> bool {
        let process = &self.processes[process];
        process.node.is_some() && process.life.starts == starts
    }

    fn start(&mut self, process: usize) {
        let lag_ms = self.random.between(0, self.plan.lag_max_ms);
        self.processes[process].start(lag_ms);
        let starts = self.processes[process].life.starts;
        let after_ms = self.random.below(LOOK_EVERY_MS);
        self.after(after_ms, Event::Looks { process, starts });
        self.drive(process);
    }

    fn crash(&mut self, process: usize, down_ms: u64) {
        self.counts.crashes += 1;
        self.note(Fact::Trouble { until: world_time(self.now + down_ms + AFTERMATH_MS) });
        self.processes[process].crash();
        self.after(down_ms, Event::Starts { process });
    }

    /// Sends a node's wish on its way to the store, and draws what becomes of it.
    pub(crate) fn send_to_store(&mut self, process: usize, request: StoreRequest) {
        let number = self.number();
        let starts = self.processes[process].life.starts;
        self.processes[process].store_request = Some(number);
        let trouble = if self.now < self.storm_until { self.storm_per_mille } else { 0 };
        let fate = Fate::draw(&mut self.random, trouble);
        let (mut there_ms, mut back_ms) = (self.store_delay(), self.store_delay());
        if fate != Fate::Well {
            self.counts.store_troubles += 1;
        }
        let failed =
            |after_ms| (after_ms, Event::StoreAnswers { process, starts, number, answer: Answer::Failed });
        let mut answer_after = None;
        match fate {
            Fate::Well => answer_after = Some(back_ms),
            Fate::Slow { by_ms } => {
                let there = self.random.below(by_ms);
                there_ms += there;
                back_ms += by_ms - there;
                answer_after = Some(back_ms);
            }
            Fate::NotDone => {
                let (after_ms, event) = failed(there_ms + back_ms);
                return self.after(after_ms, event);
            }
            Fate::AnswerLost => {}
            Fate::DoneLater { by_ms } => there_ms = STORE_PATIENCE_MS + by_ms,
            Fate::CrashBeforeAnswer => {
                let down_ms = self.random.between(200, 5_000);
                self.after(there_ms + 1, Event::Crashes { process, starts, down_ms });
            }
        }
        self.after(there_ms, Event::StoreGets { process, starts, number, request, answer_after });
        // Ignored when the answer was there before.
        let (after_ms, event) = failed(STORE_PATIENCE_MS);
        self.after(after_ms, event);
    }

    fn store_delay(&mut self) -> u64 {
        self.random.between(1, self.plan.store_delay_max_ms)
    }

    fn store_gets(
        &mut self,
        process: usize,
        starts: u32,
        number: u64,
        request: &StoreRequest,
        answer_after: Option<u64>,
    ) {
        let answer = self.store.carry_out(request, self.now);
        match answer {
            Answer::Saved { .. } => {
                self.counts.saves += 1;
                if self.is_alive(process, starts) {
                    self.processes[process].committed_at = self.now;
                }
                for other in 0..self.processes.len() {
                    // A watch may lose a change; the next look makes up for it.
                    if other != process && self.random.chance(950) {
                        let (after_ms, starts) = (self.store_delay(), self.processes[other].life.starts);
                        self.after(after_ms, Event::Changed { process: other, starts });
                    }
                }
            }
            Answer::Conflict { .. } => self.counts.refused_saves += 1,
            Answer::Loaded { .. } | Answer::Failed => {}
        }
        if let Some(after_ms) = answer_after {
            self.after(after_ms, Event::StoreAnswers { process, starts, number, answer });
        }
    }

    fn store_answers(&mut self, process: usize, starts: u32, number: u64, answer: Answer) {
        if !self.is_alive(process, starts) || self.processes[process].store_request != Some(number) {
            return;
        }
        self.processes[process].store_request = None;
        if let Answer::Loaded { now, .. } | Answer::Saved { now, .. } | Answer::Conflict { now, .. } = &answer
        {
            self.processes[process].learn(*now, self.now);
        }
        self.with_node(process, |node, now| match answer {
            Answer::Loaded { found, .. } => node.handle_loaded(found, now),
            Answer::Saved { versions, .. } => node.handle_saved(&versions, now),
            Answer::Conflict { current, .. } => node.handle_conflict(current, now),
            Answer::Failed => node.handle_failed(now),
        });
    }

    pub(crate) fn operate(&mut self) {
        if self.operator.take_up() {
            self.give_operators_command();
        }
    }

    /// Gives the operator's command to some process that is there, and looks after it later.
    fn give_operators_command(&mut self) {
        let attempt = self.number();
        let process = self.random.position(self.processes.len());
        let room = self.processes[process].now(self.now);
        let is_there = self.processes[process].node.is_some();
        let world = world_time(self.now);
        let Some(under_way) = &mut self.operator.under_way else {
            return;
        };
        under_way.attempt = attempt;
        if is_there {
            let earliest = under_way.earliest.get_or_insert(crate::trace::Moment { world, room });
            earliest.room = earliest.room.min(room);
            let command = under_way.action.command();
            self.processes[process].asked.insert(attempt, Asked::Operate);
            self.with_node(process, |node, now| node.handle_command(attempt, command, now));
        }
        self.after(OPERATOR_LOOKS_EVERY_MS, Event::OperatorLooks { process, attempt });
    }

    /// Gives the command again only when the last attempt is surely over: one that is still under way could come
    /// into force after whatever the operator did next.
    fn operator_looks(&mut self, process: usize, attempt: u64) {
        if self.operator.under_way.as_ref().is_none_or(|under_way| under_way.attempt != attempt) {
            return;
        }
        if self.processes[process].asked.contains_key(&attempt) {
            self.after(OPERATOR_LOOKS_EVERY_MS, Event::OperatorLooks { process, attempt });
        } else {
            self.give_operators_command();
        }
    }

    fn break_something(&mut self, fault: Fault) {
        match fault {
            Fault::Storm { for_ms, per_mille } => {
                self.storm_until = self.now + for_ms;
                self.storm_per_mille = per_mille;
                self.note(Fact::Trouble { until: world_time(self.storm_until + AFTERMATH_MS) });
            }
            Fault::Crash { process, down_ms } if self.processes[process].node.is_some() => {
                self.crash(process, down_ms);
            }
            Fault::Crash { .. } => {}
            Fault::CrashAll { down_ms } => {
                for process in 0..self.processes.len() {
                    if self.processes[process].node.is_some() {
                        self.crash(process, down_ms);
                    }
                }
            }
            Fault::Loss { back_ms } => {
                let copy = self.store.copy();
                self.after(back_ms, Event::Loses { since: self.now, copy });
            }
            Fault::Step { by_ms } => {
                self.counts.clock_steps += 1;
                self.store.step(by_ms);
                self.note(Fact::Stepped { by_ms });
                self.note(Fact::Trouble { until: world_time(self.now + AFTERMATH_MS) });
            }
        }
    }

    fn lose(&mut self, since: u64, copy: Documents) {
        self.counts.losses += 1;
        self.store.restore(copy);
        self.note(Fact::Lost { since: world_time(since) });
        self.note(Fact::Trouble { until: world_time(self.now + AFTERMATH_MS) });
        self.operator.handle_lost();
        self.operate();
    }
}
