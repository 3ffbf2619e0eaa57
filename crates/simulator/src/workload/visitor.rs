//! A visitor: one person with one ticket at a time, looking at it from one tab or several, and what they do after
//! each answer.

use std::rc::Rc;

use super::habit::{Habit, TABS_MAX};
use super::{Ask, Held, Reply, Wish};
use crate::random::Random;
use crate::trace::Told;

/// How often one person joins again after their ticket was spent or a reply lost.
const JOINS_MAX: u32 = 20;
/// One who shows altered tickets does so about every third time.
const FORGES_PER_MILLE: u64 = 333;

/// One person.
#[derive(Debug)]
pub(crate) struct Visitor {
    habit: Habit,
    /// How they join.
    join: Ask,
    came_at: u64,
    held: Option<Held>,
    joins: u32,
    /// How often they will claim again, or show an altered ticket.
    tricks_left: u32,
    has_slept: bool,
    has_cancelled: bool,
    has_opened_tabs: bool,
}

/// What a visitor does next: in so many milliseconds, from this tab.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    pub(crate) after_ms: u64,
    pub(crate) tab: usize,
    pub(crate) ask: NextAsk,
}

/// What they will ask.
#[derive(Clone, Debug)]
pub(crate) enum NextAsk {
    Ask(Ask),
    /// Something with a text that they make of this ticket.
    WithForged(Held, Wish),
}

impl Visitor {
    pub(crate) fn new(habit: Habit, join: Ask, now: u64) -> Self {
        let tricks_left = match habit {
            Habit::Replays { times } | Habit::Forges { times } => times,
            Habit::Shares { .. } => 2,
            _ => 0,
        };
        Self {
            habit,
            join,
            came_at: now,
            held: None,
            joins: 1,
            tricks_left,
            has_slept: false,
            has_cancelled: false,
            has_opened_tabs: false,
        }
    }

    /// What the visitor does after a reply, or after none came. Nothing: they are done.
    pub(crate) fn handle_reply(
        &mut self,
        tab: usize,
        reply: Reply,
        now: u64,
        random: &mut Random,
    ) -> Vec<Next> {
        let Reply::Answer { ticket, told, ask_again_after_ms } = reply else {
            let after_ms = random.between(500, 3_000);
            return match self.held.clone() {
                Some(held) => self.go_on(tab, &held, after_ms, now, random),
                None => self.join_again(tab, after_ms),
            };
        };
        if let Some(held) = ticket {
            if self.habit == Habit::LosesReply && self.joins == 1 {
                return self.join_again(tab, 10_000);
            }
            self.held = Some(held);
        }
        let Some(held) = self.held.clone() else {
            return self.join_again(tab, ask_again_after_ms.max(500));
        };
        match told {
            // Whoever is held is told when exactly a place is free.
            Told::Held => self.go_on(tab, &held, ask_again_after_ms, now, random),
            Told::Waiting { .. }
            | Told::Paused { .. }
            | Told::TryAgain
            | Told::Rejected
            | Told::NotStarted => {
                // The room spreads what it tells by up to a fifth to the early side, the same for each question
                // of a ticket.
                let [.., share] = *held.ticket.queue_id.as_bytes();
                let spread_ms = ask_again_after_ms - ask_again_after_ms * u64::from(share) / (5 * 255);
                let mut next = self.go_on(tab, &held, spread_ms, now, random);
                next.extend(self.open_tabs(&held, random));
                next
            }
            Told::Admitted if self.claims_again() => {
                self.tricks_left -= 1;
                let after_ms = if random.chance(500) { random.below(3_000) } else { random.below(400_000) };
                vec![Next { after_ms, tab, ask: ask(&held, Wish::Claim) }]
            }
            // The line was begun anew.
            Told::OtherEpoch => {
                self.held = None;
                self.join_again(tab, random.between(500, 5_000))
            }
            // The page offers to join again; some do.
            Told::Late if random.chance(500) => {
                self.held = None;
                self.join_again(tab, random.between(500, 5_000))
            }
            _ => Vec::new(),
        }
    }

    const fn claims_again(&self) -> bool {
        self.tricks_left > 0 && matches!(self.habit, Habit::Replays { .. } | Habit::Shares { .. })
    }

    /// Asks again later, unless something else comes first.
    fn go_on(&mut self, tab: usize, held: &Held, told_ms: u64, now: u64, random: &mut Random) -> Vec<Next> {
        let here_for = now - self.came_at;
        let poll = |after_ms| vec![Next { after_ms, tab, ask: ask(held, Wish::Poll) }];
        match self.habit {
            Habit::Eager => poll(told_ms / 5 + 10),
            Habit::Hammers { every_ms } => poll(every_ms),
            Habit::NeverAsks => Vec::new(),
            Habit::Leaves { after_ms } if here_for + told_ms > after_ms => Vec::new(),
            Habit::Sleeps { after_ms, for_ms } if !self.has_slept && here_for + told_ms > after_ms => {
                self.has_slept = true;
                poll(for_ms)
            }
            Habit::Cancels { after_ms } if !self.has_cancelled && here_for + told_ms > after_ms => {
                self.has_cancelled = true;
                vec![Next { after_ms: 10, tab, ask: ask(held, Wish::Cancel) }]
            }
            Habit::Forges { .. } if self.tricks_left > 0 && random.chance(FORGES_PER_MILLE) => {
                self.tricks_left -= 1;
                let wish = *crate::plan::pick(random, &[Wish::Poll, Wish::Claim, Wish::Cancel]);
                vec![Next { after_ms: told_ms / 2, tab, ask: NextAsk::WithForged(held.clone(), wish) }]
            }
            _ => poll(told_ms),
        }
    }

    fn open_tabs(&mut self, held: &Held, random: &mut Random) -> Vec<Next> {
        let (tabs, within_ms) = match self.habit {
            Habit::ManyTabs { tabs } => (tabs.min(TABS_MAX), 2_000),
            Habit::Shares { after_ms } => (2, after_ms),
            _ => return Vec::new(),
        };
        if std::mem::replace(&mut self.has_opened_tabs, true) {
            return Vec::new();
        }
        let next = |tab| Next { after_ms: random.between(0, within_ms), tab, ask: ask(held, Wish::Poll) };
        (1..tabs).map(next).collect()
    }

    fn join_again(&mut self, tab: usize, after_ms: u64) -> Vec<Next> {
        if self.joins >= JOINS_MAX || tab > 0 {
            return Vec::new();
        }
        self.joins += 1;
        vec![Next { after_ms, tab, ask: NextAsk::Ask(self.join.clone()) }]
    }
}

fn ask(held: &Held, wish: Wish) -> NextAsk {
    NextAsk::Ask(Ask::With(Rc::clone(&held.text), wish))
}
