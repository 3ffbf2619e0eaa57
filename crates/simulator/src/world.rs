//! A world: what happens next, in virtual time, in one thread.
//!
//! Events wait in a heap, ordered by their moment and then by when they were planned, so that a world is the same
//! every time. Each event changes one process, the store or a visitor, and plans what follows from it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anteroom_queue::node::StoreRequest;
use anteroom_store::documents::Documents;

use crate::Scenario;
use crate::desk::Desk;
use crate::faults::Fault;
use crate::plan::{Arrival, Plan};
use crate::process::{Caller, Process};
use crate::random::Random;
use crate::report::Counts;
use crate::store::{Answer, Store, world_time};
use crate::trace::{Entry, Fact, Trace};
use crate::workload::habit::TABS_MAX;
use crate::workload::operator::{Action, Operator};
use crate::workload::visitor::{Next, NextAsk, Visitor};
use crate::workload::{Ask, Reply};

/// A request that got no answer in this time never will.
const PATIENCE_MS: u64 = 10_000;
/// How often a process looks at the store although nobody told it of a change.
const LOOK_EVERY_MS: u64 = 1_000;
/// After the last visitor is done nothing happens any more; this much of it belongs to the trace, so that somebody who
/// left shortly before is not taken for somebody who waits.
const QUIET_END_MS: u64 = 120_000;
/// More events than any world that goes its way needs: beyond it, something asks itself in a circle.
const EVENTS_BASE: u64 = 3_000_000;
const EVENTS_PER_VISITOR: u64 = 60_000;

pub(crate) enum Event {
    Comes { visitor: usize },
    Asks { visitor: usize, tab: usize, ask: NextAsk },
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
    pub(crate) desk: Desk,
    events: BinaryHeap<Reverse<Planned>>,
    numbers: u64,
    visitors: Vec<Option<Visitor>>,
    /// The request each tab of each visitor waits for.
    awaited: Vec<[Option<u64>; TABS_MAX]>,
    /// Tabs whose visitor still means to do something.
    active: usize,
    pub(crate) storm_until: u64,
    pub(crate) storm_per_mille: u64,
    pub(crate) kept_noted_at: u64,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut random = Random::new(scenario.seed);
        let plan = Plan::draw(&mut random, scenario.class, scenario.visitors);
        let mut world = Self {
            now: 0,
            random,
            store: Store::new(),
            processes: (0..plan.processes).map(Process::new).collect(),
            operator: Operator::new(),
            counts: Counts::default(),
            trace: Trace::default(),
            desk: Desk::new(scenario.trusts_any_key),
            events: BinaryHeap::new(),
            numbers: 0,
            visitors: plan.arrivals.iter().map(|_| None).collect(),
            awaited: vec![[None; TABS_MAX]; plan.arrivals.len()],
            active: plan.arrivals.len(),
            storm_until: 0,
            storm_per_mille: 0,
            kept_noted_at: 0,
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
            match self.stalled_until(&planned.event) {
                Some(until) => self.after(until - self.now, planned.event),
                None => self.handle(planned.event),
            }
        }
        // Whoever still asks when the time is over is not to be taken for somebody who left.
        let quiet_ms = if self.active == 0 { QUIET_END_MS } else { 0 };
        self.trace.ended = world_time(self.now + quiet_ms);
        self.counts.simulated_ms = self.now;
        self.counts.events <= events_max
    }

    pub(crate) fn after(&mut self, after_ms: u64, event: Event) {
        self.numbers += 1;
        self.events.push(Reverse(Planned { at: self.now + after_ms, number: self.numbers, event }));
    }

    pub(crate) fn note(&mut self, fact: Fact) {
        let mut when = self.store.moment(self.now);
        // While the store's clock stands still, the processes carry it on.
        let shown = self.processes.iter().map(Process::shown).max();
        when.room = when.room.max(shown.unwrap_or_default());
        self.trace.entries.push(Entry { when, fact });
    }

    /// A number nothing else has: for requests, and for commands.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Until when the process that this concerns does not do anything.
    fn stalled_until(&self, event: &Event) -> Option<u64> {
        let (Event::Arrives { process, .. }
        | Event::NodeTimer { process, .. }
        | Event::StoreAnswers { process, .. }
        | Event::Changed { process, .. }
        | Event::Looks { process, .. }
        | Event::OperatorLooks { process, .. }) = *event
        else {
            return None;
        };
        Some(self.processes[process].stalled_until).filter(|&until| until > self.now)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Comes { visitor } => {
                let Arrival { habit, lane, key, .. } = self.plan.arrivals[visitor];
                let join = Ask::Join { lane, key };
                self.visitors[visitor] = Some(Visitor::new(habit, join.clone(), self.now));
                self.ask(visitor, 0, join);
            }
            Event::Asks { visitor, tab, ask: NextAsk::Ask(ask) } => self.ask(visitor, tab, ask),
            Event::Asks { visitor, tab, ask: NextAsk::WithForged(held, wish) } => {
                let text = self.desk.forge(&held, self.store.moment(self.now).room, &mut self.random);
                self.ask(visitor, tab, Ask::With(text, wish));
            }
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
        let mut entropy = [0; 32];
        entropy.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.random.next().to_be_bytes()));
        self.processes[process].start(lag_ms, entropy);
        let starts = self.processes[process].life.starts;
        let after_ms = self.random.below(LOOK_EVERY_MS);
        self.after(after_ms, Event::Looks { process, starts });
        self.drive(process);
    }
}
