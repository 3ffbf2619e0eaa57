//! One process of the room: a node, the clock as this process knows it, and the requests it is answering.

use std::collections::BTreeMap;
use std::sync::Arc;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::node::Node;
use anteroom_queue::snapshot::Snapshot;

use crate::store::world_time;
use crate::trace::Life;
use crate::workload::Ticket;

/// Who waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) visitor: usize,
    pub(crate) tab: usize,
    pub(crate) request: u64,
}

/// What a command was given for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Join {
        caller: Caller,
        queue_id: QueueId,
        began: u64,
    },
    /// `is_new`: the ticket was made by the same request and goes back with the answer.
    Claim {
        caller: Caller,
        ticket: Ticket,
        is_new: bool,
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
        }
    }

    /// Begins a new life, in which nothing of the last one is remembered.
    pub(crate) fn start(&mut self, lag_ms: u64) {
        let life = Life { process: self.life.process, starts: self.life.starts + 1 };
        let lag_ms = i64::try_from(lag_ms).unwrap_or(0);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(life.process as u64).to_be_bytes());
        seed[8..12].copy_from_slice(&life.starts.to_be_bytes());
        let node = Some(Node::new(seed));
        *self = Self { node, life, ahead_ms: -lag_ms, lag_ms, ..Self::new(life.process) };
    }

    pub(crate) fn crash(&mut self) {
        *self = Self { life: self.life, ..Self::new(self.life.process) };
    }

    /// The store's clock as this process carries it on. Never goes back within a life.
    pub(crate) fn now(&mut self, since_start: u64) -> Timestamp {
        let carried_on = world_time(since_start).as_millis().saturating_add_signed(self.ahead_ms);
        self.shown = self.shown.max(Timestamp::from_millis(carried_on));
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
