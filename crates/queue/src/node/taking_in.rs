//! What a node makes of the documents that the store has: the state it goes on from, what the store has lost of it, and
//! records that cannot be read.

use anteroom_protocol::time::Timestamp;

use super::batch::Batch;
use super::{
    Document, Found, HOLD_AFTER_LOSS, HOLD_AGAIN_AFTER, Known, Node, RECORDS_PUT_BACK_MAX, UnderWay,
    Versioned, with_causes,
};
use crate::command::{Outcome, Refusal};
use crate::engine::RoomState;

impl Node {
    /// Takes in what the store has, and goes on with the batch that this was loaded for.
    pub(super) fn take_in(&mut self, mut batch: Batch, found: Vec<Found>, now: Timestamp) {
        let mut must_heal = false;
        let mut has_lost = false;
        for Found { document, current } in found {
            match document {
                Document::State => {
                    has_lost |= self.is_older_than_known(current.as_ref());
                    match self.take_in_state(current, now) {
                        Ok(is_healed) => must_heal |= is_healed,
                        Err(problem) => {
                            self.refuse_all(batch, &problem);
                            self.problem = Some(problem);
                            return;
                        }
                    }
                }
                Document::Record(id) => {
                    if let Some((ids, why)) = batch.take_in(id, current, self.memory.get(id, now)) {
                        let refused = |id| (id, Outcome::Refused(Refusal::Unreadable(why.clone())));
                        self.outcomes.extend(ids.into_iter().map(refused));
                    }
                }
            }
        }
        self.problem = None;
        has_lost |= must_heal || !batch.lost.is_empty();
        if has_lost && batch.suspected.len() <= 1 {
            batch.suspected = self.memory.newest(RECORDS_PUT_BACK_MAX, now);
            if batch.suspected.len() > 1 {
                self.under_way = UnderWay::ToLoad(batch);
                return;
            }
        }
        let state = self.known.as_ref().and_then(|known| known.state.as_ref());
        if batch.was_saved_as(state) {
            self.hand_out(batch);
            return;
        }
        if has_lost && now >= self.hold_until.saturating_add(HOLD_AGAIN_AFTER) {
            self.hold_until = now.saturating_add(HOLD_AFTER_LOSS);
            // What is remembered here is put back at once; what is asked is done when everybody has done so, on what the
            // store has then.
            self.changed_at = Some(now);
            for one in batch.give_back() {
                self.waiting.push_front(one);
            }
        }
        if has_lost || !batch.ids.is_empty() {
            self.carry_out(batch, now, must_heal);
        }
    }

    /// Whether the store has lost a save that this node made or heard of before it asked.
    fn is_older_than_known(&mut self, current: Option<&Versioned>) -> bool {
        let own = self.known.as_ref().and_then(|known| known.version).unwrap_or(0);
        let found = current.map_or(0, |current| current.version);
        let is_older = found < own.max(std::mem::take(&mut self.told_when_asked));
        if is_older {
            self.told = found;
        }
        is_older
    }

    /// Says whether the state had fallen behind what is remembered here, or why it cannot be read.
    fn take_in_state(&mut self, current: Option<Versioned>, now: Timestamp) -> Result<bool, String> {
        self.loaded_at = now;
        let (mut state, version) = match current {
            None => (None, None),
            Some(Versioned { version, bytes }) => {
                (Some(RoomState::decode(&bytes).map_err(|error| with_causes(&error))?), Some(version))
            }
        };
        let remembered = self.known.take();
        let is_own = remembered.as_ref().is_some_and(|known| known.is_own && known.version == version);
        let is_healed = match (&mut state, &remembered) {
            (Some(found), Some(Known { state: Some(remembered), .. })) => found.heal_from(remembered),
            (Some(found), _) => {
                found.distrust(now);
                false
            }
            // The store has lost the whole room.
            (None, Some(Known { state: Some(remembered), .. })) => {
                state = Some(remembered.clone());
                true
            }
            (None, _) => false,
        };
        self.know(state, version, is_own);
        Ok(is_healed)
    }

    fn refuse_all(&mut self, batch: Batch, problem: &str) {
        let waiting = self.waiting.drain(..).map(|one| one.id);
        for id in batch.ids.into_iter().chain(waiting) {
            self.outcomes.push_back((id, Outcome::Refused(Refusal::Unreadable(problem.to_owned()))));
        }
    }
}
