//! Fabricated traces: a few facts in a few words.

use anteroom_protocol::id::QueueId;
use anteroom_protocol::time::Timestamp;
use anteroom_simulator::checkers::{Verdict, check_all};
use anteroom_simulator::trace::{Entry, Fact, Life, Moment, Place, Told, Trace};

/// A visitor's id, by number.
pub(crate) fn visitor(number: u32) -> QueueId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    QueueId::from_random(bytes)
}

/// Both clocks at one moment, as long as nothing stepped them.
pub(crate) fn moment(millis: u64) -> Moment {
    Moment { world: Timestamp::from_millis(millis), room: Timestamp::from_millis(millis) }
}

pub(crate) const LIFE: Life = Life { process: 0, starts: 1 };

/// A trace that is told fact by fact.
#[derive(Default)]
pub(crate) struct Story {
    trace: Trace,
}

impl Story {
    /// A room with this outflow and burst, in which one id is admitted once.
    pub(crate) fn of_room(outflow_per_minute: u32, burst: u32) -> Self {
        Self::default().configured(0, 0, outflow_per_minute, burst)
    }

    pub(crate) fn fact(mut self, at: u64, fact: Fact) -> Self {
        self.trace.entries.push(Entry { when: moment(at), fact });
        // An hour after the last fact, so that nobody is taken to be still asking.
        self.trace.ended = self.trace.ended.max(Timestamp::from_millis(at + 3_600_000));
        self
    }

    pub(crate) fn configured(self, earliest: u64, done: u64, outflow_per_minute: u32, burst: u32) -> Self {
        let earliest = moment(earliest);
        let (re_entry_limit, late_window_ms) = (0, 300_000);
        let settings = Fact::Configured {
            earliest,
            outflow_per_minute,
            burst,
            re_entry_limit,
            late_window_ms,
            active: None,
            has_ramp: false,
            starts_at: Timestamp::EPOCH,
        };
        self.fact(done, settings)
    }

    /// The store had the save one millisecond before it was acknowledged.
    pub(crate) fn joined(self, number: u32, tag: u64, began: u64, acknowledged: u64) -> Self {
        let place = Place { epoch: 1, lane: 0, is_entry: false, tag };
        let (began, committed) = (Timestamp::from_millis(began), Timestamp::from_millis(acknowledged - 1));
        let ticket = u64::from(number);
        self.fact(
            acknowledged,
            Fact::Joined { queue_id: visitor(number), place, began, committed, ticket, key: None },
        )
    }

    pub(crate) fn admitted(self, number: u32, at: u64) -> Self {
        let (queue_id, committed) = (visitor(number), moment(at));
        self.fact(at, Fact::Admitted { queue_id, at: Timestamp::from_millis(at), committed })
    }

    pub(crate) fn polled(self, number: u32, tag: u64, at: u64, told: Told, ask_again_after_ms: u64) -> Self {
        let (queue_id, place) = (visitor(number), Place { epoch: 1, lane: 0, is_entry: false, tag });
        self.fact(at, Fact::Polled { queue_id, place, life: LIFE, told, ask_again_after_ms })
    }

    pub(crate) fn lost(self, since: u64, at: u64) -> Self {
        self.fact(at, Fact::Lost { since: Timestamp::from_millis(since) })
    }

    pub(crate) fn ended(mut self, at: u64) -> Self {
        self.trace.ended = Timestamp::from_millis(at);
        self
    }

    /// The names of the invariants that the story breaks.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        broken(&self.trace)
    }

    pub(crate) fn verdict(&self, name: &str) -> Verdict {
        check_all(&self.trace).into_iter().find(|verdict| verdict.invariant.starts_with(name)).unwrap()
    }
}

/// The names of the invariants that a trace breaks.
pub(crate) fn broken(trace: &Trace) -> Vec<&'static str> {
    let verdicts = check_all(trace).into_iter();
    verdicts.filter(|verdict| verdict.violation_count > 0).map(|verdict| verdict.invariant).collect()
}
