//! An operator who changes the outflow up and down, and pauses and resumes. One thing at a time, tried again until
//! it is acknowledged. After the store lost writes, an operator says again what is to be.

use std::collections::VecDeque;

use anteroom_queue::{Command, Settings};

use crate::plan::pick;
use crate::random::Random;
use crate::trace::Moment;

/// Something an operator does.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Configure(Settings),
    Pause,
    Resume,
    /// Begins the line anew.
    Reset {
        epoch: u64,
    },
}

/// An action that is not acknowledged yet.
#[derive(Clone, Debug)]
pub(crate) struct UnderWay {
    pub(crate) action: Action,
    /// The earliest moment it can have come into force.
    pub(crate) earliest: Option<Moment>,
    /// The command it was last given as.
    pub(crate) attempt: u64,
}

/// What the operator wants, and what of it is still to be done.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) waiting: VecDeque<Action>,
    pub(crate) under_way: Option<UnderWay>,
    /// What they wanted last, acknowledged or not: it is what they say again.
    settings: Option<Settings>,
    is_paused: bool,
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self { waiting: VecDeque::new(), under_way: None, settings: None, is_paused: false }
    }

    /// Takes up the next action when none is under way. Says whether there is one to be given.
    pub(crate) fn take_up(&mut self) -> bool {
        if self.under_way.is_some() {
            return false;
        }
        let Some(action) = self.waiting.pop_front() else {
            return false;
        };
        match &action {
            Action::Configure(settings) => self.settings = Some(settings.clone()),
            Action::Pause => self.is_paused = true,
            Action::Resume => self.is_paused = false,
            Action::Reset { .. } => {}
        }
        self.under_way = Some(UnderWay { action, earliest: None, attempt: 0 });
        true
    }

    /// The action under way is in force.
    pub(crate) fn handle_done(&mut self) -> Option<UnderWay> {
        self.under_way.take()
    }

    /// The store may have forgotten what was acknowledged: it is said again, before anything else.
    pub(crate) fn handle_lost(&mut self) {
        self.waiting.push_front(if self.is_paused { Action::Pause } else { Action::Resume });
        if let Some(settings) = &self.settings {
            self.waiting.push_front(Action::Configure(settings.clone()));
        }
    }
}

impl Action {
    pub(crate) fn command(&self) -> Command {
        match self {
            Self::Configure(settings) => Command::Configure(settings.clone()),
            Self::Pause => Command::Pause { message: "back in a moment".to_owned() },
            Self::Resume => Command::Resume,
            Self::Reset { epoch } => Command::Reset { epoch: *epoch },
        }
    }
}

/// Draws what the operator does within this time.
pub(crate) fn plan(random: &mut Random, settings: &Settings, busy_ms: u64) -> Vec<(u64, Action)> {
    let mut actions = Vec::new();
    for _ in 0..random.below(4) {
        let at = random.below(busy_ms);
        let percent = *pick(random, &[10, 50, 80, 120, 200, 400]);
        let outflow = (u64::from(settings.outflow_per_minute) * percent).div_ceil(100).clamp(1, 600_000);
        let outflow_per_minute = u32::try_from(outflow).unwrap_or(u32::MAX);
        let burst =
            if random.chance(200) { Some(pick(random, &[1, 3, 10]).to_owned()) } else { settings.burst };
        actions.push((at, Action::Configure(Settings { outflow_per_minute, burst, ..settings.clone() })));
    }
    // The last word is the outflow of the beginning, so that the world's end can be foretold.
    if !actions.is_empty() {
        actions.push((busy_ms, Action::Configure(settings.clone())));
    }
    for _ in 0..random.below(3) {
        let at = random.below(busy_ms);
        actions.push((at, Action::Pause));
        actions.push((at + random.between(300, 90_000), Action::Resume));
    }
    actions.sort_by_key(|(at, _)| *at);
    actions
}
