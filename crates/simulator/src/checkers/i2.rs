//! I2: nobody gets a place before one whose join was acknowledged before theirs began.
//!
//! A place that the store lost binds only those who were acknowledged before the loss: afterwards nobody may
//! remember it, until its ticket is presented.

use std::collections::BTreeMap;

use super::{Verdict, shown};
use crate::trace::{Fact, Place, Trace};

#[derive(Clone, Copy)]
struct Join {
    place: Place,
    began: u64,
    acknowledged: u64,
    /// Then the place may be one that the key held already.
    has_key: bool,
    /// The loss that took the place, by its position.
    lost_in: Option<usize>,
}

/// The epoch and lane: nobody is before or behind somebody of another one.
type Line = (u64, u8);

const fn line(place: Place) -> Line {
    (place.epoch, place.lane)
}

pub(super) fn check(trace: &Trace) -> Verdict {
    let losses = trace.losses();
    let mut joins: Vec<Join> = Vec::new();
    for entry in &trace.entries {
        if let Fact::Joined { place, began, committed, key, .. } = entry.fact {
            // Of a pre-queue, whoever came when, the draw decides (I6).
            if place.is_entry {
                continue;
            }
            let lost_in = losses.iter().position(|loss| loss.has_taken(committed));
            let (began, acknowledged) = (began.as_millis(), entry.when.world.as_millis());
            joins.push(Join { place, began, acknowledged, lost_in, has_key: key.is_some() });
        }
    }
    let mut by_beginning = joins.clone();
    by_beginning.retain(|join| !join.has_key);
    by_beginning.sort_by_key(|join| join.began);
    joins.sort_by_key(|join| join.acknowledged);

    let mut verdict = Verdict::new("I2 first come, first served");
    let mut acknowledged = joins.iter().peekable();
    // The newest place acknowledged so far, apart for what each loss took.
    let mut newest: BTreeMap<(Line, Option<usize>), Place> = BTreeMap::new();
    let mut worst = 0;
    for join in by_beginning {
        while let Some(earlier) = acknowledged.next_if(|earlier| earlier.acknowledged < join.began) {
            let place = newest.entry((line(earlier.place), earlier.lost_in)).or_insert(earlier.place);
            *place = (*place).max(earlier.place);
        }
        let binds = |lost_in: &Option<usize>| {
            lost_in.is_none_or(|loss| join.acknowledged < losses[loss].at.as_millis())
        };
        let bound = newest
            .iter()
            .filter(|((of, lost_in), _)| *of == line(join.place) && binds(lost_in))
            .map(|(_, place)| *place)
            .max();
        if let Some(before) = bound.filter(|&before| before >= join.place) {
            worst = worst.max(before.tag.saturating_sub(join.place.tag).max(1));
            verdict.violated(|| {
                format!(
                    "place {} was given to a join that began at {}, after place {} had been acknowledged",
                    join.place.tag, join.began, before.tag
                )
            });
        }
    }
    verdict.figure("largest inversion", shown(worst), "places");
    verdict
}
