//! I6: a fair draw. Whoever joined before the start is let in at a time that has nothing to do with when they joined.
//!
//! Measured by rank: of a draw that is fair, the correlation between the order of joining and the order of being let in
//! is nothing but chance, and is given here in its own standard deviations.

use std::collections::BTreeMap;

use anteroom_protocol::id::QueueId;

use super::{Verdict, raise, shown};
use crate::trace::{Fact, Trace};

/// Chance alone comes this far once in a hundred million worlds.
const DEVIATIONS_MAX: f64 = 6.0;
/// Fewer say nothing.
const ENTRANTS_MIN: usize = 20;

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I6 fair draw");
    // By epoch and lane: the order of joining.
    let mut entries: BTreeMap<(u64, u8), Vec<(u64, QueueId)>> = BTreeMap::new();
    let mut admitted: BTreeMap<QueueId, u64> = BTreeMap::new();
    for entry in &trace.entries {
        match entry.fact {
            Fact::Joined { queue_id, place, .. } if place.is_entry => {
                entries.entry((place.epoch, place.lane)).or_default().push((place.tag, queue_id));
            }
            Fact::Admitted { queue_id, at, .. } => {
                admitted.entry(queue_id).or_insert(at.as_millis());
            }
            _ => {}
        }
    }
    let (mut worst, mut entrants) = (None, 0);
    for ((_, lane), mut joined) in entries {
        joined.sort_unstable();
        joined.dedup();
        let times: Vec<u64> =
            joined.iter().filter_map(|(_, queue_id)| admitted.get(queue_id).copied()).collect();
        if times.len() < ENTRANTS_MIN {
            continue;
        }
        entrants += times.len();
        let deviations = rank_correlation(&times).abs() * shown_count(times.len() - 1).sqrt();
        raise(&mut worst, deviations);
        if deviations > DEVIATIONS_MAX {
            verdict.violated(|| {
                format!(
                    "in lane {lane}, {} entrants were let in by when they came ({deviations:.1})",
                    times.len()
                )
            });
        }
    }
    verdict.figure("worst non-uniformity", worst, "standard deviations");
    verdict.figure("entrants measured", shown_count(entrants), "visitors");
    verdict
}

/// Spearman's, between the positions and the values. Equal values take the mean of their ranks.
fn rank_correlation(values: &[u64]) -> f64 {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|&position| values[position]);
    let mut ranks = vec![0.0; values.len()];
    for equal in order.chunk_by(|&one, &other| values[one] == values[other]) {
        let first = order.partition_point(|&position| values[position] < values[equal[0]]);
        let mean = shown_count(first) + shown_count(equal.len() - 1) / 2.0;
        equal.iter().for_each(|&position| ranks[position] = mean);
    }
    let middle = shown_count(values.len() - 1) / 2.0;
    let (mut both, mut of_positions, mut of_ranks) = (0.0, 0.0, 0.0);
    for (position, rank) in ranks.iter().enumerate() {
        let (x, y) = (shown_count(position) - middle, rank - middle);
        both += x * y;
        of_positions += x * x;
        of_ranks += y * y;
    }
    both / (of_positions * of_ranks).sqrt().max(f64::MIN_POSITIVE)
}

fn shown_count(count: usize) -> f64 {
    shown(u64::try_from(count).unwrap_or(u64::MAX))
}
