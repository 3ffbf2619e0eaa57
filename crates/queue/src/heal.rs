//! What is put back when a store has lost its newest writes, and what is assumed when nobody knows whether it has (I3).
//!
//! A process remembers the state it last saw. A store that hands back an older one has lost what came between, and the
//! figures that must not go back do not: of each the further one is taken, of the gate the stricter one, and of those
//! inside the account that forgets nobody. A start that one of the two knows has happened, and so has a reset.

use anteroom_protocol::time::Timestamp;

use crate::broken::{self, Broken};
use crate::state::RoomState;

impl RoomState {
    /// What a process without a memory must assume of a state that it finds.
    pub(crate) fn distrust(&mut self, now: Timestamp) {
        self.gate.distrust(now.saturating_since(self.now), self.settings.outflow_per_minute);
    }

    /// Puts back what this process remembers and the found state lacks: a store that lost its newest writes hands
    /// out an older state (I3). Says whether there was anything.
    pub(crate) fn heal_from(&mut self, remembered: &Self) -> bool {
        let is_line_behind = self.epoch < remembered.epoch
            || self.epoch == remembered.epoch
                && (!self.lanes.last().reaches(&remembered.lanes.last())
                    || self.opening.is_behind(&remembered.opening));
        let is_behind =
            self.now < remembered.now || self.tally.total < remembered.tally.total || is_line_behind;
        if !is_behind || broken::is(Broken::NoHealing) {
            return false;
        }
        let found = self.clone();
        // An operator may have spoken since the loss; nobody else's word is newer than the newest state.
        let (newer, older) =
            if found.now < remembered.now { (remembered, &found) } else { (&found, remembered) };
        // Of two lives of the room the later one is the present one, whoever knows of it.
        *self = if older.epoch > newer.epoch { older.clone() } else { newer.clone() };
        self.now = newer.now;
        self.settings.clone_from(&newer.settings);
        self.paused.clone_from(&newer.paused);
        self.paused_at = newer.paused_at;
        for other in [&found, remembered] {
            self.gate.take_stricter(&other.gate);
            self.active.take_larger(&other.active);
            if self.epoch == other.epoch {
                self.lanes.take_further(&other.lanes);
                self.opening.take_further(&other.opening);
            }
            if self.tally.total < other.tally.total {
                self.tally = other.tally.clone();
                if self.epoch == other.epoch {
                    self.presence = other.presence.clone();
                }
            }
        }
        if found.epoch == remembered.epoch {
            let is_found_further = found.placed() > remembered.placed();
            self.newest = if is_found_further { found.newest } else { remembered.newest };
        }
        true
    }

    /// Whether a genuine ticket of this epoch may be one of the room's present life: the state's own, or the next one, when
    /// the store has lost the reset. Not any later one: a room that was made anew begins with the first epoch, and
    /// old tickets that are still about must not end its line.
    pub(crate) const fn may_be_present(&self, epoch: u64) -> bool {
        epoch == self.epoch || epoch == self.epoch.saturating_add(1)
    }

    /// How many places and entries were given in this epoch.
    fn placed(&self) -> u64 {
        let entries = self.opening.entries().filter(|_| self.opening.is_ahead());
        self.lanes.last().sum().saturating_add(entries.map_or(0, |entries| entries.count.sum()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anteroom_protocol::place::Lane;

    use super::*;
    use crate::draw::DrawKey;
    use crate::schedule::Opening;
    use crate::settings::{Schedule, Settings};

    const ORDINARY: Lane = Lane::ORDINARY;
    const FAST: Lane = Lane::ALL[1];

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_700_000_000)
    }

    fn later(seconds: u64) -> Timestamp {
        now().saturating_add(Duration::from_secs(seconds))
    }

    fn key() -> DrawKey {
        DrawKey::from_entropy([7; 32])
    }

    fn room() -> RoomState {
        RoomState::new(Settings::with_outflow(60), now(), || unreachable!("there is no draw"))
    }

    fn scheduled() -> RoomState {
        let schedule = Schedule { pre_queue_at: Some(now()), starts_at: Some(later(60)), ends_at: None };
        let mut room = RoomState::new(Settings { schedule, ..Settings::with_outflow(60) }, now(), key);
        for lane in [ORDINARY, FAST, ORDINARY] {
            room.opening.enter(lane).unwrap();
        }
        room
    }

    #[test]
    fn figures_lost_by_the_store_are_put_back() {
        let mut remembered = room();
        let mut found = remembered.clone();
        remembered.lanes.give(ORDINARY).unwrap();
        remembered.lanes.give(FAST).unwrap();
        remembered.gate.take();
        remembered.tally.add(now());
        remembered.active.add(now(), Duration::from_secs(600));
        found.now = later(3);
        found.paused = Some("spoken since".to_owned());
        assert!(found.heal_from(&remembered));
        assert_eq!((found.lanes.last()[ORDINARY], found.lanes.last()[FAST]), (1, 1));
        assert_eq!((found.tally.total, found.active.count(later(3))), (1, 1));
        assert_eq!(found.paused.as_deref(), Some("spoken since"));
        assert!(!found.gate.is_full(2));
        assert!(!found.heal_from(&remembered));
    }

    #[test]
    fn start_and_entries_that_the_store_lost_are_put_back() {
        let mut remembered = scheduled();
        let mut found = remembered.clone();
        remembered.opening.enter(ORDINARY).unwrap();
        assert!(found.heal_from(&remembered));
        assert_eq!(found.opening, remembered.opening);
        let before_the_start = remembered.clone();
        assert!(remembered.advance(later(61), now()));
        remembered.lanes.give(ORDINARY).unwrap();
        for found_at in [later(50), later(60), later(70)] {
            let mut found = before_the_start.clone();
            found.now = found_at;
            assert!(found.heal_from(&remembered));
            assert_eq!(found.opening, remembered.opening);
            assert_eq!(found.lanes.last(), remembered.lanes.last());
            assert!(!found.heal_from(&remembered));
        }
    }

    #[test]
    fn of_two_starts_every_process_takes_the_same() {
        let mut fewer = scheduled();
        let mut more = fewer.clone();
        more.opening.enter(ORDINARY).unwrap();
        fewer.advance(later(60), now());
        more.advance(later(61), now());
        let (mut one, mut other) = (fewer.clone(), more.clone());
        one.heal_from(&more);
        other.heal_from(&fewer);
        assert_eq!(one.opening, other.opening);
        assert_eq!(one.opening, more.opening);
        assert!(matches!(one.opening, Opening::Drawn { .. }));
    }

    #[test]
    fn reset_that_the_store_lost_is_put_back_and_an_older_life_is_not() {
        let before = {
            let mut room = room();
            room.lanes.give(ORDINARY).unwrap();
            room.gate.take();
            room
        };
        let mut after = before.clone();
        after.now = later(1);
        after.reset(2, key);
        after.lanes.give(ORDINARY).unwrap();
        after.lanes.give(ORDINARY).unwrap();
        for found_at in [now(), later(1), later(5)] {
            let mut found = before.clone();
            found.now = found_at;
            found.tally.add(found_at);
            assert!(found.heal_from(&after));
            assert_eq!((found.epoch, found.lanes.last()[ORDINARY]), (2, 2));
            assert_eq!((found.tally.total, found.now), (1, found_at.max(after.now)));
        }
        let mut found = after.clone();
        assert!(!found.heal_from(&before), "a reset by somebody else is no loss");
        assert_eq!(found, after);
    }
}
