//! The records that this node has saved, for as long as they matter: what a store loses is put back from here (I4).
//!
//! A store that lost its newest writes lost the newest records with the newest state. A visitor who was admitted then would
//! be admitted once more, unless somebody remembers. What this node has not saved itself, another one has.

use std::collections::{BTreeMap, VecDeque};

use anteroom_protocol::time::Timestamp;

use crate::command::RecordId;
use crate::engine::Record;

/// Most records that are remembered, the newest. What a store loses is seconds old; at the largest outflow of a stadium
/// (6,000 a minute) these are more than three minutes. A record is about a hundred bytes.
const REMEMBERED_MAX: usize = 20_000;

/// The newest records of this node.
#[derive(Debug, Default)]
pub(super) struct Memory {
    by_id: BTreeMap<RecordId, Remembered>,
    /// As they were saved. An id that was saved again stands here more than once; the last one counts.
    order: VecDeque<(RecordId, u64)>,
}

#[derive(Debug)]
struct Remembered {
    record: Record,
    version: u64,
}

impl Memory {
    /// Remembers a record that was saved with this version.
    pub(super) fn keep(&mut self, id: RecordId, record: Record, version: u64) {
        self.by_id.insert(id, Remembered { record, version });
        self.order.push_back((id, version));
    }

    /// Forgets what does not matter any more, or is too much.
    pub(super) fn forget(&mut self, now: Timestamp) {
        while let Some(&(id, version)) = self.order.front() {
            let is_newest = self.by_id.get(&id).is_some_and(|kept| kept.version == version);
            let is_over = !is_newest || self.by_id.get(&id).is_none_or(|kept| kept.record.expires_at <= now);
            if !is_over && self.order.len() <= REMEMBERED_MAX {
                return;
            }
            self.order.pop_front();
            if is_newest {
                self.by_id.remove(&id);
            }
        }
    }

    /// The record, while it matters.
    pub(super) fn get(&self, id: RecordId, now: Timestamp) -> Option<&Record> {
        self.by_id.get(&id).map(|kept| &kept.record).filter(|record| record.expires_at > now)
    }

    /// The newest records that matter, so many at the most.
    pub(super) fn newest(&self, count_max: usize, now: Timestamp) -> Vec<RecordId> {
        let matter = self.order.iter().rev().filter(|(id, _)| self.get(*id, now).is_some());
        matter.take(count_max).map(|&(id, _)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::id::QueueId;

    use super::*;
    use crate::record::Kept;

    fn id(number: u64) -> RecordId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        RecordId::Visitor(QueueId::from_random(bytes))
    }

    fn record(expires_at: u64) -> Record {
        Record { what: Kept::Cancelled, expires_at: Timestamp::from_seconds(expires_at) }
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut memory = Memory::default();
        let now = Timestamp::from_seconds(1);
        for number in 0..=REMEMBERED_MAX as u64 {
            memory.keep(id(number), record(100), number);
            memory.forget(now);
        }
        assert_eq!(memory.by_id.len(), REMEMBERED_MAX);
        assert!(memory.get(id(0), now).is_none() && memory.get(id(1), now).is_some());
    }

    #[test]
    fn what_does_not_matter_any_more_is_forgotten() {
        let mut memory = Memory::default();
        memory.keep(id(1), record(10), 1);
        memory.keep(id(1), record(20), 2);
        assert!(memory.get(id(1), Timestamp::from_seconds(10)).is_some(), "the later one counts");
        assert!(memory.get(id(1), Timestamp::from_seconds(20)).is_none());
        memory.forget(Timestamp::from_seconds(20));
        assert!(memory.by_id.is_empty() && memory.order.is_empty());
    }

    #[test]
    fn newest_are_found() {
        let mut memory = Memory::default();
        for number in 1..=5 {
            memory.keep(id(number), record(if number == 5 { 10 } else { 20 }), number);
        }
        let now = Timestamp::from_seconds(10);
        assert_eq!(memory.newest(2, now), [id(4), id(3)], "the fifth does not matter any more");
        assert_eq!(memory.newest(10, now).len(), 4);
    }
}
