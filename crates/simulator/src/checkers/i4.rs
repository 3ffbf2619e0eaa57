//! I4: one place per ticket, one admission per place.
//!
//! What the store lost, it cannot be held to: a place whose save is gone may be given again after the loss, and an
//! admission whose record is gone does not count towards the limit. Both are reported.

use std::collections::BTreeMap;

use anteroom_protocol::id::QueueId;

use super::{Verdict, shown};
use crate::trace::{Fact, Place, Trace};

/// The store's clock may be set forward by less than this without making the room forget who cancelled.
const FORGETTING_STEP_MS: u64 = 30 * 60_000;
/// Every process has heard of a step of the store's clock by then.
const HEARD_OF_WITHIN_MS: u64 = 15_000;

#[derive(Clone, Copy)]
struct Holder {
    queue_id: QueueId,
    acknowledged: u64,
    /// When a loss took the save that gave the place.
    lost_at: Option<u64>,
}

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I4 one place, one admission");
    places(trace, &mut verdict);
    keys(trace, &mut verdict);
    admissions(trace, &mut verdict);
    cancelled(trace, &mut verdict);
    verdict
}

fn places(trace: &Trace, verdict: &mut Verdict) {
    let losses = trace.losses();
    let mut holders: BTreeMap<Place, Vec<Holder>> = BTreeMap::new();
    let mut placed: BTreeMap<QueueId, Place> = BTreeMap::new();
    let (mut same, mut same_across_loss) = (0, 0);
    for entry in &trace.entries {
        let Fact::Joined { queue_id, place, committed, .. } = entry.fact else {
            continue;
        };
        // A key brings the same place again; an entry that the draw was held without is given one at the end.
        if let Some(before) = placed.insert(queue_id, place)
            && before != place
            && !before.is_entry
        {
            verdict
                .violated(|| format!("{queue_id} was given place {} after place {}", place.tag, before.tag));
        }
        let lost_at = losses.iter().find(|loss| loss.has_taken(committed)).map(|loss| loss.at.as_millis());
        let holder = Holder { queue_id, acknowledged: entry.when.world.as_millis(), lost_at };
        let others = holders.entry(place).or_default();
        for other in others.iter() {
            if other.queue_id == queue_id {
                continue;
            }
            let may_be = |one: &Holder, other: &Holder| {
                one.lost_at.is_some_and(|lost_at| other.acknowledged >= lost_at)
            };
            if may_be(other, &holder) || may_be(&holder, other) {
                same_across_loss += 1;
                continue;
            }
            same += 1;
            verdict.violated(|| {
                format!(
                    "{} and {queue_id} both hold place {}, the second since {}",
                    other.queue_id, place.tag, holder.acknowledged
                )
            });
        }
        others.push(holder);
    }
    verdict.figure("places held twice", shown(same), "places");
    verdict.figure("the same where the store had lost the first", shown(same_across_loss), "places");
}

/// Where keys are unique, one holds one place for as long as the line is the same.
fn keys(trace: &Trace, verdict: &mut Verdict) {
    let mut held: BTreeMap<(u64, u64), QueueId> = BTreeMap::new();
    let mut twice = 0;
    for entry in &trace.entries {
        match entry.fact {
            // What the store lost or what has expired, nobody remembers.
            Fact::Lost { .. } | Fact::Stepped { .. } => held.clear(),
            Fact::Joined { queue_id, place, key: Some(key), .. } => {
                let holder = *held.entry((place.epoch, key)).or_insert(queue_id);
                if holder != queue_id {
                    twice += 1;
                    verdict.violated(|| format!("one key holds the places of {holder} and {queue_id}"));
                }
            }
            _ => {}
        }
    }
    verdict.figure("keys that hold two places", shown(twice), "keys");
}

fn admissions(trace: &Trace, verdict: &mut Verdict) {
    let losses = trace.losses();
    let limit = trace.entries.iter().find_map(|entry| match entry.fact {
        Fact::Configured { re_entry_limit, .. } => Some(1 + u64::from(re_entry_limit)),
        _ => None,
    });
    let limit = limit.unwrap_or(1);
    let mut counts: BTreeMap<QueueId, (u64, u64)> = BTreeMap::new();
    for admission in trace.admissions() {
        let is_lost = losses.iter().any(|loss| loss.has_taken(admission.committed.world));
        let (kept, lost) = counts.entry(admission.queue_id).or_default();
        *(if is_lost { lost } else { kept }) += 1;
    }
    let (mut worst, mut worst_with_loss) = (0, 0);
    for (queue_id, (kept, lost)) in counts {
        worst = worst.max(kept.saturating_sub(limit));
        worst_with_loss = worst_with_loss.max((kept + lost).saturating_sub(limit));
        if kept > limit {
            verdict.violated(|| format!("{queue_id} was let in {kept} times, {limit} are allowed"));
        }
    }
    verdict.figure("most admissions of one id beyond the limit", shown(worst), "admissions");
    verdict.figure("the same with those the store had lost", shown(worst_with_loss), "admissions");
}

fn cancelled(trace: &Trace, verdict: &mut Verdict) {
    let losses = trace.losses();
    let mut cancelled: BTreeMap<QueueId, u64> = BTreeMap::new();
    let mut known = std::collections::BTreeSet::new();
    let mut stepped_far_until = 0;
    for entry in &trace.entries {
        match entry.fact {
            // What was kept of cancelled ids has expired with a step as large as this, also what a process keeps
            // that has not heard of the step yet.
            Fact::Stepped { by_ms } if by_ms >= FORGETTING_STEP_MS => {
                cancelled.clear();
                stepped_far_until = entry.when.world.as_millis() + HEARD_OF_WITHIN_MS;
            }
            Fact::Cancelled { .. } if entry.when.world.as_millis() < stepped_far_until => {}
            Fact::Cancelled { queue_id } => {
                cancelled.entry(queue_id).or_insert(entry.when.world.as_millis());
            }
            Fact::Admitted { queue_id, at, .. } => {
                let is_new = known.insert((queue_id, at));
                let Some(&since) = cancelled.get(&queue_id).filter(|_| is_new) else {
                    continue;
                };
                let may_be_undone = losses.iter().any(|loss| {
                    // The save came shortly before its acknowledgement; a loss soon after may have taken it.
                    loss.since.as_millis() < since && since <= loss.at.as_millis() + 60_000
                });
                if !may_be_undone {
                    verdict.violated(|| {
                        format!("{queue_id} was let in at {} although cancelled at {since}", at.as_millis())
                    });
                }
            }
            _ => {}
        }
    }
}
