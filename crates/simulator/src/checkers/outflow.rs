//! How many places the settings allowed in any window of time.
//!
//! An operator's change comes into force somewhere between its being asked and its being acknowledged; within
//! that time the larger of both is allowed. A change that a loss of writes may have undone leaves the one before
//! it possible until the operator's next change is acknowledged.

use anteroom_protocol::time::Timestamp;

use crate::trace::{Fact, Moment, Trace};

/// At `r` a minute, one millisecond is worth exactly `r` of these.
pub(crate) const SLIVERS_PER_PLACE: i64 = 60_000;

/// The two clocks a window can be measured on.
#[derive(Clone, Copy)]
pub(super) enum By {
    World,
    Room,
}

impl By {
    fn read(self, moment: Moment) -> u64 {
        match self {
            Self::World => moment.world.as_millis(),
            Self::Room => moment.room.as_millis(),
        }
    }
}

/// The most that may have been in force, stretch by stretch.
#[derive(Clone, Debug)]
pub(super) struct Allowed {
    stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) outflow_per_minute: u32,
    pub(super) burst: u32,
    /// What was allowed before this stretch.
    slivers_before: i64,
}

struct Change {
    from: u64,
    until: u64,
    outflow_per_minute: u32,
    burst: u32,
}

impl Allowed {
    pub(super) fn of(trace: &Trace, by: By) -> Self {
        let changes = changes(trace, by);
        let mut points: Vec<u64> = changes.iter().flat_map(|change| [change.from, change.until]).collect();
        points.sort_unstable();
        points.dedup();
        let mut stretches: Vec<Stretch> = Vec::with_capacity(points.len());
        for from in points {
            let possible = || changes.iter().filter(|change| change.from <= from && from < change.until);
            let slivers_before = stretches.last().map_or(0, |last| last.slivers_at(from));
            stretches.push(Stretch {
                from,
                outflow_per_minute: possible().map(|change| change.outflow_per_minute).max().unwrap_or(0),
                burst: possible().map(|change| change.burst).max().unwrap_or(0),
                slivers_before,
            });
        }
        Self { stretches }
    }

    /// Which stretch this moment is in.
    pub(super) fn position(&self, moment: Timestamp) -> usize {
        self.stretches.partition_point(|stretch| stretch.from <= moment.as_millis()).saturating_sub(1)
    }

    pub(super) fn at(&self, position: usize) -> Option<&Stretch> {
        self.stretches.get(position)
    }

    /// What was allowed from the beginning up to this moment.
    pub(super) fn slivers_until(&self, moment: Timestamp) -> i64 {
        self.at(self.position(moment)).map_or(0, |stretch| stretch.slivers_at(moment.as_millis()))
    }

    /// The largest burst between two stretches, both included.
    pub(super) fn burst_between(&self, first: usize, last: usize) -> i64 {
        let between = self.stretches.get(first..=last).unwrap_or_default();
        between.iter().map(|stretch| i64::from(stretch.burst)).max().unwrap_or(0)
    }

    pub(super) fn burst_max(&self) -> i64 {
        self.burst_between(0, self.stretches.len().saturating_sub(1))
    }

    pub(super) fn outflow_max(&self) -> u32 {
        self.stretches.iter().map(|stretch| stretch.outflow_per_minute).max().unwrap_or(0)
    }
}

impl Stretch {
    fn slivers_at(&self, moment: u64) -> i64 {
        let millis = i64::try_from(moment.saturating_sub(self.from)).unwrap_or(i64::MAX);
        self.slivers_before.saturating_add(millis.saturating_mul(i64::from(self.outflow_per_minute)))
    }
}

fn changes(trace: &Trace, by: By) -> Vec<Change> {
    let losses = trace.losses();
    let mut changes: Vec<Change> = Vec::new();
    // Changes that may still be in force when the next one is acknowledged.
    let mut open: Vec<usize> = Vec::new();
    for entry in &trace.entries {
        let Fact::Configured { earliest, outflow_per_minute, burst, .. } = entry.fact else {
            continue;
        };
        let may_be_undone =
            losses.iter().any(|loss| earliest.world <= loss.at && loss.since < entry.when.world);
        if !may_be_undone {
            for position in open.drain(..) {
                changes[position].until = by.read(entry.when);
            }
        }
        open.push(changes.len());
        changes.push(Change { from: by.read(earliest), until: u64::MAX, outflow_per_minute, burst });
    }
    changes
}
