//! Visitors and their habits. A visitor is one person with one ticket at a time, looking at it from one tab or two.

use super::{Ask, Reply, Ticket};
use crate::random::Random;
use crate::trace::Told;

/// How often one person joins again after their ticket was spent or a reply lost.
const JOINS_MAX: u32 = 6;

/// What a visitor is like. Moments are milliseconds after they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Asks again when told to, until let in.
    Patient,
    /// Asks five times as often.
    Eager,
    /// Goes away without a word.
    Leaves { after_ms: u64 },
    /// Is away for a while and comes back.
    Sleeps { after_ms: u64, for_ms: u64 },
    /// Looks at one ticket from two tabs.
    TwoTabs,
    /// Claims again after having been let in, now and much later.
    Replays { times: u32 },
    /// Loses the reply to the first join, and joins anew.
    LosesReply,
    /// Cancels, and then tries to get in all the same.
    Cancels { after_ms: u64 },
}

impl Habit {
    pub(crate) fn draw(
        random: &mut Random,
        leavers_per_mille: u64,
        sleepers_per_mille: u64,
        odd_per_mille: u64,
        line_ms: u64,
    ) -> Self {
        if random.chance(leavers_per_mille) {
            return Self::Leaves { after_ms: random.below(line_ms) };
        }
        if random.chance(sleepers_per_mille) {
            let for_ms = random.between(10_000, 2 * line_ms);
            return Self::Sleeps { after_ms: random.below(line_ms), for_ms };
        }
        if !random.chance(odd_per_mille) {
            return Self::Patient;
        }
        match random.below(5) {
            0 => Self::Eager,
            1 => Self::TwoTabs,
            2 => Self::Replays { times: small(random.between(1, 5)) },
            3 => Self::LosesReply,
            _ => Self::Cancels { after_ms: random.below(line_ms) },
        }
    }
}

/// One person.
#[derive(Debug)]
pub(crate) struct Visitor {
    habit: Habit,
    came_at: u64,
    ticket: Option<Ticket>,
    joins: u32,
    replays_left: u32,
    has_slept: bool,
    has_cancelled: bool,
    has_second_tab: bool,
}

/// What a visitor does next: in so many milliseconds, from this tab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) after_ms: u64,
    pub(crate) tab: usize,
    pub(crate) ask: Ask,
}

impl Visitor {
    pub(crate) fn new(habit: Habit, now: u64) -> Self {
        let replays_left = if let Habit::Replays { times } = habit { times } else { 0 };
        Self {
            habit,
            came_at: now,
            ticket: None,
            joins: 1,
            replays_left,
            has_slept: false,
            has_cancelled: false,
            has_second_tab: false,
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
            return match self.ticket {
                Some(ticket) => self.go_on(tab, ticket, after_ms, now),
                None => self.join_again(tab, after_ms),
            };
        };
        if let Some(ticket) = ticket {
            if self.habit == Habit::LosesReply && self.joins == 1 {
                return self.join_again(tab, 10_000);
            }
            self.ticket = Some(ticket);
        }
        let Some(ticket) = self.ticket else {
            return self.join_again(tab, ask_again_after_ms.max(500));
        };
        match told {
            // Whoever is held is told when exactly a place is free.
            Told::Held => self.go_on(tab, ticket, ask_again_after_ms, now),
            Told::Waiting { .. } | Told::Paused { .. } | Told::TryAgain => {
                // The room spreads what it tells by up to a fifth to the early side, the same for each question
                // of a ticket.
                let [.., share] = *ticket.queue_id.as_bytes();
                let spread_ms = ask_again_after_ms - ask_again_after_ms * u64::from(share) / (5 * 255);
                let mut next = self.go_on(tab, ticket, spread_ms, now);
                if self.habit == Habit::TwoTabs && !self.has_second_tab {
                    self.has_second_tab = true;
                    next.push(Next { after_ms: random.between(0, 2_000), tab: 1, ask: Ask::Poll(ticket) });
                }
                next
            }
            Told::Admitted if self.replays_left > 0 => {
                self.replays_left -= 1;
                let after_ms = if random.chance(500) { random.below(3_000) } else { random.below(400_000) };
                vec![Next { after_ms, tab, ask: Ask::Claim(ticket) }]
            }
            // The page offers to join again; some do.
            Told::Late if random.chance(500) => {
                self.ticket = None;
                self.join_again(tab, random.between(500, 5_000))
            }
            _ => Vec::new(),
        }
    }

    /// Asks again later, unless something else comes first.
    fn go_on(&mut self, tab: usize, ticket: Ticket, told_ms: u64, now: u64) -> Vec<Next> {
        let here_for = now - self.came_at;
        let poll = |after_ms| vec![Next { after_ms, tab, ask: Ask::Poll(ticket) }];
        match self.habit {
            Habit::Eager => poll(told_ms / 5 + 10),
            Habit::Leaves { after_ms } if here_for + told_ms > after_ms => Vec::new(),
            Habit::Sleeps { after_ms, for_ms } if !self.has_slept && here_for + told_ms > after_ms => {
                self.has_slept = true;
                poll(for_ms)
            }
            Habit::Cancels { after_ms } if !self.has_cancelled && here_for + told_ms > after_ms => {
                self.has_cancelled = true;
                vec![Next { after_ms: 10, tab, ask: Ask::Cancel(ticket) }]
            }
            _ => poll(told_ms),
        }
    }

    fn join_again(&mut self, tab: usize, after_ms: u64) -> Vec<Next> {
        if self.joins >= JOINS_MAX || tab > 0 {
            return Vec::new();
        }
        self.joins += 1;
        vec![Next { after_ms, tab, ask: Ask::Join }]
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
