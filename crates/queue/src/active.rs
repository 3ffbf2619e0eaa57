//! Who is inside: those who were let in, until their session is over or they leave.
//!
//! Counted, never listed (I7): those whose sessions end within the same thirty-second part of a session's length are one
//! group, and the whole group counts as inside until the last of its sessions is over. So nobody is forgotten who may still
//! be inside, and somebody whose session is over counts for a thirty-second part of it longer at the most.
//!
//! A process that remembers more people inside than the store hands back puts them back. Only if every process forgets at the
//! moment at which a store loses its newest writes, those admitted in these writes are not counted.
//!
//! Each admission's record says in which group it was counted, so that a visitor who leaves is taken out of it, once.

use std::collections::VecDeque;
use std::time::Duration;

use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Groups of one session's length.
const GROUPS_PER_SESSION: u32 = 32;
/// Groups kept. More come only of a session that was shortened; then two are counted until the later one's end.
const GROUPS_MAX: usize = 2 * GROUPS_PER_SESSION as usize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Active {
    /// In the order of their ends.
    groups: VecDeque<Group>,
}

/// Until when a group counts as inside, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Group(Timestamp, u64);

impl Active {
    /// Whether nobody was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many are inside.
    pub(crate) fn count(&self, now: Timestamp) -> u64 {
        let inside = self.groups.iter().filter(|group| group.0 > now);
        inside.fold(0, |sum, group| sum.saturating_add(group.1))
    }

    /// Forgets those whose session is over.
    pub(crate) fn pass_time(&mut self, now: Timestamp) {
        while self.groups.pop_front_if(|group| group.0 <= now || group.1 == 0).is_some() {}
    }

    /// Somebody goes in. Returns until when they count as inside.
    pub(crate) fn add(&mut self, now: Timestamp, session: Duration) -> Timestamp {
        let step = u64::try_from((session / GROUPS_PER_SESSION).as_millis()).unwrap_or(u64::MAX).max(1);
        let ends_at = now.saturating_add(session).as_millis();
        let leaves_at = Timestamp::from_millis(ends_at.div_ceil(step).saturating_mul(step));
        self.put(Group(leaves_at, 1));
        leaves_at
    }

    /// Somebody who counts as inside until then has left. Whoever's time is over has left before.
    pub(crate) fn release(&mut self, leaves_at: Timestamp, now: Timestamp) {
        if leaves_at <= now {
            return;
        }
        let group = self.groups.iter_mut().find(|group| group.0 >= leaves_at && group.1 > 0);
        if let Some(group) = group {
            group.1 -= 1;
        }
    }

    /// Of two accounts of the same people, the one that forgets nobody.
    pub(crate) fn take_larger(&mut self, other: &Self) {
        for &Group(leaves_at, count) in &other.groups {
            let known = self.groups.iter_mut().find(|group| group.0 == leaves_at);
            match known {
                Some(group) => group.1 = group.1.max(count),
                None => self.put(Group(leaves_at, count)),
            }
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.groups.len() <= GROUPS_MAX && self.groups.iter().is_sorted_by(|one, next| one.0 < next.0)
    }

    fn put(&mut self, Group(leaves_at, count): Group) {
        let at = self.groups.partition_point(|group| group.0 < leaves_at);
        match self.groups.get_mut(at) {
            Some(group) if group.0 == leaves_at => group.1 = group.1.saturating_add(count),
            _ => self.groups.insert(at, Group(leaves_at, count)),
        }
        if self.groups.len() > GROUPS_MAX
            && let Some(first) = self.groups.pop_front()
            && let Some(next) = self.groups.front_mut()
        {
            next.1 = next.1.saturating_add(first.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: Duration = Duration::from_secs(640);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn session_ends_and_leaving_ends_it_at_once() {
        let mut active = Active::default();
        let first = active.add(at(0), SESSION);
        let second = active.add(at(100), SESSION);
        assert!(first >= at(640) && first <= at(660));
        assert_eq!(active.count(at(639)), 2);
        assert_eq!(active.count(at(661)), 1);
        active.release(second, at(200));
        assert_eq!(active.count(at(200)), 1);
        active.pass_time(first);
        assert!(active.is_empty());
        active.release(first, first);
        assert!(active.is_empty());
    }

    proptest! {
        /// Whatever the sessions' lengths are and whoever leaves: never fewer are counted than are inside, and the count
        /// stays small.
        #[test]
        fn nobody_inside_is_forgotten(
            deeds in prop::collection::vec((0_u64..120, 60_u64..4_000, any::<bool>()), 1..300),
        ) {
            let mut active = Active::default();
            let mut inside: Vec<(Timestamp, Timestamp)> = Vec::new();
            let mut now = 0;
            for (wait, session, leaves) in deeds {
                now += wait;
                active.pass_time(at(now));
                inside.retain(|&(_, really)| really > at(now));
                if leaves && !inside.is_empty() {
                    let (counted, _) = inside.remove(usize::try_from(session).unwrap() % inside.len());
                    active.release(counted, at(now));
                } else {
                    let counted = active.add(at(now), Duration::from_secs(session));
                    inside.push((counted, at(now + session)));
                }
                prop_assert!(active.count(at(now)) >= inside.len() as u64);
                prop_assert!(active.is_sound());
            }
        }
    }
}
