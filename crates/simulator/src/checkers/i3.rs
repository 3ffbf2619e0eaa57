//! I3: nobody loses their place.
//!
//! A ticket is refused only for a reason its holder gave: never for its epoch, never as used before it was let
//! in, never as late while its holder asked again in time. What one process says of a ticket does not get worse.
//! Whoever keeps asking is let in before the world ends.

use std::collections::BTreeMap;

use anteroom_protocol::id::QueueId;

use super::outflow::{Allowed, By, SLIVERS_PER_PLACE};
use super::{Verdict, shown};
use crate::trace::{Fact, Life, Place, Told, Trace};

/// Beyond half of what was told, how much later somebody may ask again and still be in time: a request may meet a
/// process that is down, and wait for its own end before it is tried elsewhere.
const GRACE_MS: u64 = 15_000;
/// How long a request takes that nothing goes wrong with.
const SOON_MS: u64 = 1_000;
/// Between two looks at the store a process carries the line on by itself, and may have gone too far when the
/// outflow was lowered meanwhile.
const CARRIED_ON_MS: i64 = 3_000;

/// A step of the store's clock that makes nobody late is smaller than this.
const FORGIVEN_STEP_MS: u64 = 30 * 60_000;

/// With a step as large as this, the queue token of somebody who has not heard that they were let in may be over.
const TOKEN_ENDING_STEP_MS: u64 = 15_000;

struct Holder {
    place: Place,
    asked_at: u64,
    /// When the room last knew how they stand.
    heard_at: u64,
    ask_again_after_ms: u64,
    is_in_time: bool,
    is_admitted: bool,
    is_cancelled: bool,
    is_finished: bool,
    /// Whether a queue token that they were given after they last heard of the room may have ended since.
    may_have_missed_token: bool,
    ahead: BTreeMap<Life, u64>,
}

pub(super) fn check(trace: &Trace) -> Verdict {
    let allowed = Allowed::of(trace, By::World);
    let carried_on = i64::from(allowed.outflow_max()) * CARRIED_ON_MS / SLIVERS_PER_PLACE;
    let growth_max = 1 + u64::try_from(carried_on).unwrap_or(0);
    let mut verdict = Verdict::new("I3 nobody loses their place");
    let mut holders: BTreeMap<QueueId, Holder> = BTreeMap::new();
    let mut worst_growth = 0;
    let mut stepped_far_until = 0;
    let mut late_window_ms = u64::MAX;
    // The newest epoch that there can be.
    let mut epoch = 1;
    for entry in &trace.entries {
        let now = entry.when.world.as_millis();
        match entry.fact {
            Fact::Configured { late_window_ms: set, .. } => late_window_ms = late_window_ms.min(set),
            Fact::Joined { queue_id, place, .. } => {
                let is_in_time = now >= stepped_far_until;
                // A key that holds a place brings it again: it is the same holder.
                if holders.get(&queue_id).is_none_or(|holder| holder.place != place) {
                    holders.insert(queue_id, Holder { is_in_time, ..Holder::new(place, now) });
                }
            }
            Fact::Admitted { queue_id, .. } => {
                if let Some(holder) = holders.get_mut(&queue_id) {
                    holder.is_admitted = true;
                }
            }
            // The room's time may stand still for half an hour before it makes anybody late; a larger step of its
            // clock cannot be told from a longer standstill, and records have expired by then. A process that has
            // not heard of the step yet goes on by the old time for a moment.
            Fact::Stepped { by_ms } if by_ms >= FORGIVEN_STEP_MS => {
                holders.values_mut().for_each(|holder| holder.is_in_time = false);
                stepped_far_until = now + GRACE_MS;
            }
            Fact::Stepped { by_ms } if by_ms >= TOKEN_ENDING_STEP_MS => {
                holders.values_mut().for_each(|holder| holder.may_have_missed_token = true);
            }
            // Its tickets may be refused from before it was acknowledged, and are of no use afterwards.
            Fact::ResetAsked { epoch: ends } => epoch = epoch.max(ends + 1),
            Fact::CancelAsked { queue_id } => {
                if let Some(holder) = holders.get_mut(&queue_id) {
                    holder.is_cancelled = true;
                }
            }
            Fact::Polled { queue_id, place, life, told, ask_again_after_ms } => {
                // What was never given is the affair of I10.
                let Some(holder) = holders.get_mut(&queue_id).filter(|holder| holder.place == place) else {
                    continue;
                };
                holder.asked(now, ask_again_after_ms, late_window_ms);
                if let Some(reason) = holder.wrong_end(told, now, epoch) {
                    verdict.violated(|| {
                        format!("{queue_id} (place {}) was told {told:?} at {now}: {reason}", place.tag)
                    });
                }
                if let Some(growth) = holder.growth(told, life) {
                    worst_growth = worst_growth.max(growth);
                    if growth > growth_max {
                        verdict.violated(|| {
                            format!(
                                "{queue_id} (place {}) fell back by {growth} at {now}, as process {} says",
                                place.tag, life.process
                            )
                        });
                    }
                }
            }
            _ => {}
        }
    }
    let mut starved = 0;
    for (queue_id, holder) in &holders {
        let is_waiting =
            holder.place.epoch == epoch && !holder.is_admitted && !holder.is_cancelled && !holder.is_finished;
        if is_waiting && holder.is_due_after(trace.ended.as_millis()) {
            starved += 1;
            verdict.violated(|| {
                format!("{queue_id} (place {}) still asks at the end and was never let in", holder.place.tag)
            });
        }
    }
    verdict.figure("furthest fallen back in one process's answers", shown(worst_growth), "places");
    verdict.figure("still asking at the end", shown(starved), "visitors");
    verdict
}

impl Holder {
    fn new(place: Place, now: u64) -> Self {
        Self {
            place,
            asked_at: now,
            heard_at: now,
            ask_again_after_ms: 0,
            is_in_time: true,
            is_admitted: false,
            is_cancelled: false,
            is_finished: false,
            may_have_missed_token: false,
            ahead: BTreeMap::new(),
        }
    }

    fn asked(&mut self, now: u64, ask_again_after_ms: u64, late_window_ms: u64) {
        // They may have been called just after they last heard how they stand, and then have the late window to come: a
        // short one leaves no time for requests that are lost on their way, or for processes without a store.
        let window_ends = self.heard_at + late_window_ms.max(self.ask_again_after_ms + SOON_MS);
        self.is_in_time &= self.is_due_after(now) && now <= window_ends;
        self.asked_at = now;
        self.ask_again_after_ms = ask_again_after_ms;
    }

    /// Whether somebody who asks again no later than this moment is still in time.
    fn is_due_after(&self, now: u64) -> bool {
        now <= self.asked_at + self.ask_again_after_ms * 3 / 2 + GRACE_MS
    }

    fn wrong_end(&mut self, told: Told, now: u64, epoch: u64) -> Option<&'static str> {
        if told != Told::TryAgain {
            self.heard_at = now;
        }
        let missed = std::mem::take(&mut self.may_have_missed_token);
        self.is_finished |= matches!(told, Told::Used | Told::Late | Told::Cancelled | Told::OtherEpoch);
        match told {
            Told::OtherEpoch if self.place.epoch >= epoch => Some("the line was not begun anew"),
            // An answer that was lost on its way may have let them in; whoever asks again in time hears it again.
            Told::Used if self.is_in_time && !self.is_admitted && !missed => Some("it was never let in"),
            Told::Cancelled if !self.is_cancelled => Some("nobody cancelled it"),
            Told::Late if self.is_in_time && !self.is_admitted => Some("it always asked in time"),
            _ => None,
        }
    }

    /// By how much the number ahead grew since this process was last asked.
    fn growth(&mut self, told: Told, life: Life) -> Option<u64> {
        let (Told::Waiting { ahead } | Told::Paused { ahead: Some(ahead) }) = told else {
            return None;
        };
        let before = self.ahead.insert(life, ahead)?;
        ahead.checked_sub(before)
    }
}
