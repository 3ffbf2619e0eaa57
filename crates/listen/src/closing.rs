//! How a listener tells all its connections that it closes. They look at it whenever they are woken, so looking costs
//! one load; only a change wakes them all.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// How far the closing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Requests are taken.
    Open,
    /// Requests in flight are answered, and then their connections close.
    Asked,
    /// Whatever is left is broken off.
    BrokenOff,
}

/// Shared by a listener and its connections.
#[derive(Debug)]
pub(crate) struct Closing {
    stage: AtomicU8,
    pub(crate) changed: Notify,
}

impl Closing {
    pub(crate) fn new() -> Self {
        Self { stage: AtomicU8::new(Stage::Open as u8), changed: Notify::new() }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Open,
            1 => Stage::Asked,
            _ => Stage::BrokenOff,
        }
    }

    pub(crate) fn set(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Waits until it has come so far.
    pub(crate) async fn reached(&self, stage: Stage) {
        loop {
            let changed = self.changed.notified();
            if self.stage() >= stage {
                return;
            }
            changed.await;
        }
    }
}
