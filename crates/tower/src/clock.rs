//! The two clocks a connector reads.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anteroom_protocol::time::Timestamp;

/// What time it is, by the machine's clock. Expiry on the wire is in wall-clock time, so decisions need this one.
pub(crate) fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since_epoch)
}

/// Wall-clock time at its making, carried on by the machine's steady clock. For waiting: a stepped wall clock must
/// neither hasten a retry nor put it off for a year.
#[derive(Debug)]
pub(crate) struct SteadyClock {
    started: Instant,
    began_at: Timestamp,
}

impl SteadyClock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), began_at: wall_clock() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.began_at.saturating_add(self.started.elapsed())
    }
}
