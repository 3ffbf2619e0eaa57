//! What a node makes of the documents that the store has: the state it goes on from, what the store has lost of it, and
//! records that cannot be read.

use anteroom_protocol::time::Timestamp;

use super::batch::Batch;
use super::{Document, Found, Known, Node, RECORDS_PUT_BACK_MAX, UnderWay, Versioned, with_causes};
use crate::command::{Outcome, Refusal};
use crate::engine::RoomState;

impl Node {
    /// Takes in what the store has, and goes on with the batch that this was loaded for.
    pub(super) fn take_in(&mut self, mut batch: Batch, found: Vec<Found>, now: Timestamp) {
        let mut must_heal = false;
        for Found { document, current } in found {
            match document {
                Document::State => match self.take_in_state(current, now) {
                    Ok(is_healed) => must_heal |= is_healed,
                    Err(problem) => {
                        self.refuse_all(batch, &problem);
                        self.problem = Some(problem);
                        return;
                    }
                },
                Document::Record(id) => {
                    if let Some((ids, why)) = batch.take_in(id, current, self.memory.get(id, now)) {
                        let refused = |id| (id, Outcome::Refused(Refusal::Unreadable(why.clone())));
                        self.outcomes.extend(ids.into_iter().map(refused));
                    }
                }
            }
        }
        self.problem = None;
        let has_lost = must_heal || !batch.lost.is_empty();
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
        } else if has_lost || !batch.ids.is_empty() {
            self.carry_out(batch, now, must_heal);
        }
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
}
