//! Who asks when: visitors by the millisecond, four bytes each.

use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Calendar {
    by_moment: BTreeMap<u64, Vec<u32>>,
}

impl Calendar {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn add(&mut self, at: u64, visitor: u32) {
        self.by_moment.entry(at).or_default().push(visitor);
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.by_moment.first_key_value().map(|(at, _)| *at)
    }

    pub(super) fn take(&mut self, at: u64) -> Vec<u32> {
        self.by_moment.remove(&at).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_moment.is_empty()
    }
}
