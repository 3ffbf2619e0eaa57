//! I1: in every window, at most outflow × length + burst are let in.
//!
//! Measured twice. By the room's own time the bound is exact, to the sliver. By true time it is looser, because a
//! room's time can stand still and catch up: by as much as lies between an admission's moment and the store's
//! having it, and by one burst after a step of the store's clock.
//!
//! What the store lost, no process may remember when the next visitor asks. So admissions whose save was lost are
//! left out where the bound is enforced; how far it was passed with them is reported.

use anteroom_protocol::time::Timestamp;

use super::outflow::{Allowed, By, SLIVERS_PER_PLACE};
use super::{Verdict, raise, shown, shown_places};
use crate::trace::{Admission, Fact, Trace};

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I1 never over-admit");
    let losses = trace.losses();
    let all = trace.admissions();
    let is_kept =
        |admission: &&Admission| !losses.iter().any(|loss| loss.has_taken(admission.committed.world));
    let kept: Vec<Admission> = all.iter().filter(is_kept).copied().collect();
    by_room_time(trace, kept.clone(), all, &mut verdict);
    by_true_time(trace, kept, &mut verdict);
    verdict
}

fn by_room_time(trace: &Trace, kept: Vec<Admission>, all: Vec<Admission>, verdict: &mut Verdict) {
    let allowed = Allowed::of(trace, By::Room);
    let at = |admission: &Admission| admission.at;
    let (mut worst, mut worst_of_all) = (None, None);
    for window in fullest_windows(&allowed, kept, at) {
        raise(&mut worst, shown_places(window.excess));
        if window.excess > 0 {
            verdict.violated(|| window.story("the room's time"));
        }
    }
    for window in fullest_windows(&allowed, all, at) {
        raise(&mut worst_of_all, shown_places(window.excess));
    }
    verdict.figure("most beyond outflow × length + burst", worst, "places");
    verdict.figure("the same with admissions the store had lost", worst_of_all, "places");
}

fn by_true_time(trace: &Trace, kept: Vec<Admission>, verdict: &mut Verdict) {
    let allowed = Allowed::of(trace, By::World);
    let steps: Vec<(Timestamp, u64)> = trace
        .entries
        .iter()
        .filter_map(|entry| match entry.fact {
            Fact::Stepped { by_ms } => Some((entry.when.world, by_ms)),
            _ => None,
        })
        .collect();
    let behind_max = kept.iter().map(|admission| behind(admission, &steps)).max().unwrap_or(0);
    let late = i64::try_from(behind_max).unwrap_or(i64::MAX).saturating_mul(allowed.outflow_max().into());

    // Between two steps the clocks run alike, so a window across a step is as good as the two windows beside it.
    let steps_before = |admission: &Admission| {
        steps.iter().filter(|(stepped, _)| *stepped <= admission.committed.world).count()
    };
    let mut between_steps = vec![Vec::new(); steps.len() + 1];
    for admission in kept {
        between_steps[steps_before(&admission)].push(admission);
    }
    let mut worst = None;
    for (step, admissions) in between_steps.into_iter().enumerate() {
        let catching_up = if step == 0 { 0 } else { allowed.burst_max() * SLIVERS_PER_PLACE };
        for window in fullest_windows(&allowed, admissions, |admission| admission.committed.world) {
            let excess = window.excess - late - catching_up;
            raise(&mut worst, shown_places(excess));
            if excess > 0 {
                verdict.violated(|| window.story("true time"));
            }
        }
    }
    verdict.figure("the same in true time", worst, "places");
    verdict.figure("most between an admission's moment and its save", shown(behind_max), "ms");
}

/// How much true time lies between an admission's moment and the store's having it. A process that has not heard
/// of a step yet is not behind by it.
fn behind(admission: &Admission, steps: &[(Timestamp, u64)]) -> u64 {
    let behind = admission.committed.room.as_millis().saturating_sub(admission.at.as_millis());
    steps
        .iter()
        .filter(|(stepped, _)| *stepped <= admission.committed.world)
        .fold(behind, |behind, (_, by_ms)| behind.checked_sub(*by_ms).unwrap_or(behind))
}

/// A stretch from one admission to another, both included, and how many slivers beyond the allowance it holds.
struct Window {
    first: (Admission, Timestamp),
    last: (Admission, Timestamp),
    excess: i64,
}

impl Window {
    fn story(&self, clock: &str) -> String {
        format!(
            "{:.3} places too many by {clock} from {} ({}) to {} ({})",
            shown_places(self.excess),
            self.first.1.as_millis(),
            self.first.0.queue_id,
            self.last.1.as_millis(),
            self.last.0.queue_id,
        )
    }
}

/// For each admission, the window ending with it that exceeds what was allowed the most.
fn fullest_windows(
    allowed: &Allowed,
    mut admissions: Vec<Admission>,
    moment: impl Fn(&Admission) -> Timestamp,
) -> Vec<Window> {
    admissions.sort_by_key(&moment);
    // Among beginnings in one stretch of settings, the best is the one where the count was least ahead of the
    // allowance, whatever the end: the burst that applies is the same for all of them.
    let mut beginnings: Vec<(usize, Admission, i64)> = Vec::new();
    let mut windows = Vec::with_capacity(admissions.len());
    for (count, last) in (0_i64..).zip(admissions) {
        let stretch = allowed.position(moment(&last));
        let ahead = count * SLIVERS_PER_PLACE - allowed.slivers_until(moment(&last));
        match beginnings.last_mut() {
            Some(best) if best.0 == stretch => {
                if ahead < best.2 {
                    *best = (stretch, last, ahead);
                }
            }
            _ => beginnings.push((stretch, last, ahead)),
        }
        let excess_from = |&(began, first, began_ahead): &(usize, Admission, i64)| {
            let burst = allowed.burst_between(began, stretch);
            (ahead - began_ahead + SLIVERS_PER_PLACE - burst * SLIVERS_PER_PLACE, first)
        };
        let fullest = beginnings.iter().map(excess_from).max_by_key(|(excess, _)| *excess);
        windows.extend(fullest.map(|(excess, first)| Window {
            first: (first, moment(&first)),
            last: (last, moment(&last)),
            excess,
        }));
    }
    windows
}
