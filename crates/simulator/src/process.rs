//! One process of the room: a node, the clock as this process knows it, and the requests it is answering.

use std::collections::BTreeMap;
use std::sync::Arc;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::node::Node;
use anteroom_queue::snapshot::Snapshot;

use crate::faults::Loses;
use crate::store::world_time;
use crate::trace::Life;
use crate::workload::{Held, Ticket};

/// Who waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) visitor: usize,
    pub(crate) tab: usize,
    pub(crate) request: u64,
}

/// What a command was given for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Join {
        caller: Caller,
        began: u64,
        key: Option<u64>,
    },
    /// `made`: the ticket was made by the same request and goes back with the answer.
    Claim {
        caller: Caller,
        ticket: Ticket,
        made: Option<Held>,
    },
    Present {
        caller: Caller,
        ticket: Ticket,
    },
    Cancel {
        caller: Caller,
        ticket: Ticket,
    },
    Operate,
}

/// One process of the room.
pub(crate) struct Process {
    pub(crate) node: Option<Node>,
    pub(crate) life: Life,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) asked: BTreeMap<u64, Asked>,
    /// The request to the store that is under way.
    pub(crate) store_request: Option<u64>,
    /// When the node's timer is set, in milliseconds since the world's start.
    pub(crate) timer: Option<u64>,
    /// When the store had this process's newest save.
    pub(crate) committed_at: u64,
    /// What the process takes the store's clock to be ahead of true time, in milliseconds.
    ahead_ms: i64,
    /// How much less than the truth it takes it to be.
    lag_ms: i64,
    shown: Timestamp,
    /// Until then it is not given the processor.
    pub(crate) stalled_until: u64,
    pub(crate) cut: Option<Cut>,
}

/// The process and the store do not reach each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) until: u64,
    pub(crate) loses: Loses,
}

impl Process {
    pub(crate) fn new(process: usize) -> Self {
        Self {
            node: None,
            life: Life { process, starts: 0 },
            snapshot: None,
            asked: BTreeMap::new(),
            store_request: None,
            timer: None,
            committed_at: 0,
            ahead_ms: 0,
            lag_ms: 0,
            shown: Timestamp::EPOCH,
            stalled_until: 0,
            cut: None,
        }
    }

    /// What does not come through between it and the store now.
    pub(crate) fn loses(&self, since_start: u64) -> Option<Loses> {
        self.cut.filter(|cut| since_start < cut.until).map(|cut| cut.loses)
    }

    /// Begins a new life, in which nothing of the last one is remembered.
    pub(crate) fn start(&mut self, lag_ms: u64, entropy: [u8; 32]) {
        let life = Life { process: self.life.process, starts: self.life.starts + 1 };
        let lag_ms = i64::try_from(lag_ms).unwrap_or(0);
        let (node, cut) = (Some(Node::new(entropy)), self.cut);
        *self = Self { node, life, ahead_ms: -lag_ms, lag_ms, cut, ..Self::new(life.process) };
    }

    pub(crate) fn crash(&mut self) {
        *self = Self { life: self.life, cut: self.cut, ..Self::new(self.life.process) };
    }

    /// The store's clock as this process carries it on. Never goes back within a life.
    pub(crate) fn now(&mut self, since_start: u64) -> Timestamp {
        let carried_on = world_time(since_start).as_millis().saturating_add_signed(self.ahead_ms);
        self.shown = self.shown.max(Timestamp::from_millis(carried_on));
        self.shown
    }

    /// The newest moment that the process has taken it to be.
    pub(crate) const fn shown(&self) -> Timestamp {
        self.shown
    }

    /// Learns what the store's clock showed in an answer.
    pub(crate) fn learn(&mut self, store_now: Timestamp, since_start: u64) {
        let ahead = i64::try_from(store_now.as_millis()).unwrap_or(0)
            - i64::try_from(world_time(since_start).as_millis()).unwrap_or(0);
        self.ahead_ms = self.ahead_ms.max(ahead - self.lag_ms);
    }

    /// When this process's clock will show this moment, in milliseconds since the world's start.
    pub(crate) fn since_start(&self, moment: Timestamp) -> u64 {
        let world = moment.as_millis().saturating_add_signed(-self.ahead_ms);
        world.saturating_sub(world_time(0).as_millis())
    }
}
