//! I5: while somebody present is waiting, the outflow is used: to within a twentieth of what is set, also when
//! many who are called do not come.
//!
//! A room whose burst is smaller than what its outflow brings between two questions of a visitor cannot do that, since
//! I1 lets nothing be saved up beyond the burst. How far it stays below is reported.
//!
//! Looked at are stretches in which nothing was broken, paused or changed and enough visitors were present all the
//! time, without the first minute, in which the room learns how many do not come. A visitor is present from one
//! answer to their next question, if that came when they were told to ask again.

use std::collections::BTreeSet;

use super::outflow::{Allowed, By, SLIVERS_PER_PLACE};
use super::{Verdict, raise, shown};
use crate::trace::{Fact, Trace};

/// How long a room may take to find its pace after a change.
const SETTLING_MS: u64 = 60_000;
/// A stretch is measured when this many should have been let in: of fewer, a twentieth is what one or two visitors more
/// who happen to leave just before their turn make of it.
const MEASURED_PLACES_MIN: u64 = 100;
/// A room is held to its outflow when its burst is two places and this many seconds of outflow.
const ROOMY_SECONDS: u64 = 2;
/// Present are those who wait for the next this many seconds of outflow, and a few.
const PRESENT_SECONDS: u64 = 15;
const PRESENT_MIN: u64 = 5;
/// Beyond half of what was told, how much later somebody may ask again and count as having been there.
const GRACE_MS: u64 = 1_500;

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I5 work-conserving");
    let allowed = Allowed::of(trace, By::World);
    let mut admitted: Vec<u64> =
        trace.admissions().iter().map(|admission| admission.told.as_millis()).collect();
    admitted.sort_unstable();
    let (mut worst, mut worst_of_narrow, mut measured_ms) = (None, None, 0);
    for (from, until) in busy_stretches(trace, &allowed) {
        let from = from + SETTLING_MS;
        let Some(stretch) =
            allowed.at(allowed.position(anteroom_protocol::time::Timestamp::from_millis(from)))
        else {
            continue;
        };
        let length_ms = until.saturating_sub(from);
        let outflow = u64::from(stretch.outflow_per_minute);
        let expected = outflow * length_ms / SLIVERS_PER_PLACE.unsigned_abs();
        if expected < MEASURED_PLACES_MIN {
            continue;
        }
        measured_ms += length_ms;
        let before = |moment: u64| admitted.partition_point(|&at| at < moment);
        let found = u64::try_from(before(until) - before(from)).unwrap_or(u64::MAX);
        // What is let in at the edges may fall on either side: the gate takes up to a burst late or early.
        let edges = u64::from(stretch.burst) + 2;
        let missing = expected.saturating_sub(found + edges);
        let error = shown(missing) * 100.0 / shown(expected);
        // What comes while the gate is full and nobody asks is lost, and people ask every few seconds.
        let is_roomy = stretch.burst >= 2 && u64::from(stretch.burst) * 60 >= outflow * ROOMY_SECONDS;
        if !is_roomy {
            raise(&mut worst_of_narrow, error);
            continue;
        }
        raise(&mut worst, error);
        if missing * 20 > expected {
            verdict.violated(|| {
                format!(
                    "{found} were let in from {from} to {until} where {expected} could have been ({error:.1} % \
                     short beyond the edges)"
                )
            });
        }
    }
    verdict.figure("furthest below the outflow", worst, "%");
    verdict.figure("the same with a burst of one place or under two seconds", worst_of_narrow, "%");
    verdict.figure("time measured", shown(measured_ms / 1_000), "s");
    verdict
}

/// Stretches in which nothing was amiss and enough visitors were present throughout.
fn busy_stretches(trace: &Trace, allowed: &Allowed) -> Vec<(u64, u64)> {
    let mut changes: Vec<(u64, Change)> = Vec::new();
    for (from, until) in disturbed(trace) {
        changes.push((from, Change::Disturbed(1)));
        changes.push((until, Change::Disturbed(-1)));
    }
    for (from, until) in present(trace) {
        changes.push((from, Change::Present(1)));
        changes.push((until, Change::Present(-1)));
    }
    changes.sort();
    let (mut disturbed, mut present) = (0_i64, 0_i64);
    let mut busy_since = None;
    let mut stretches = Vec::new();
    for (now, change) in changes {
        match change {
            Change::Disturbed(by) => disturbed += by,
            Change::Present(by) => present += by,
        }
        let position = allowed.position(anteroom_protocol::time::Timestamp::from_millis(now));
        let outflow = allowed.at(position).map_or(0, |stretch| u64::from(stretch.outflow_per_minute));
        let needed = PRESENT_MIN + outflow * PRESENT_SECONDS / 60;
        let is_busy = disturbed == 0 && u64::try_from(present).unwrap_or(0) >= needed;
        match (is_busy, busy_since) {
            (true, None) => busy_since = Some(now),
            (false, Some(since)) => {
                busy_since = None;
                stretches.push((since, now));
            }
            _ => {}
        }
    }
    stretches
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Disturbed(i64),
    Present(i64),
}

/// Stretches in which something was broken, paused or being changed.
fn disturbed(trace: &Trace) -> Vec<(u64, u64)> {
    let ended = trace.ended.as_millis();
    let mut stretches = Vec::new();
    let mut paused_since = None;
    for entry in &trace.entries {
        let now = entry.when.world.as_millis();
        match entry.fact {
            Fact::Trouble { until } => stretches.push((now, until.as_millis())),
            Fact::Lost { .. } | Fact::Stepped { .. } => stretches.push((now, now + 1)),
            // Fewer go in than the outflow allows before the start, during a slow one, and while the room is full.
            Fact::Configured { active: Some(_), .. } | Fact::Configured { has_ramp: true, .. } => {
                stretches.push((now, ended));
            }
            Fact::Configured { earliest, starts_at, .. } => {
                stretches.push((earliest.world.as_millis(), (now + 1).max(starts_at.as_millis())));
            }
            Fact::Reset { earliest, .. } => stretches.push((earliest.world.as_millis(), now + 1)),
            Fact::Paused { earliest } => {
                paused_since.get_or_insert(earliest.world.as_millis());
            }
            Fact::Resumed { .. } => stretches.extend(paused_since.take().map(|since| (since, now))),
            _ => {}
        }
    }
    stretches.extend(paused_since.map(|since| (since, ended)));
    stretches
}

/// For each visitor, the stretches in which they waited and answered when called. The stretches of one visitor
/// touch; a stretch that ends and begins in the same millisecond is one.
fn present(trace: &Trace) -> Vec<(u64, u64)> {
    struct Asked {
        since: u64,
        at: u64,
        ask_again_after_ms: u64,
    }
    let mut stretches = Vec::new();
    let mut asked = std::collections::BTreeMap::new();
    let mut admitted = BTreeSet::new();
    for entry in &trace.entries {
        let now = entry.when.world.as_millis();
        match entry.fact {
            Fact::Joined { queue_id, .. } => {
                // The answer to the first question comes a moment later and tells when to ask again.
                asked.insert(queue_id, Asked { since: now, at: now, ask_again_after_ms: 0 });
            }
            Fact::Polled { queue_id, ask_again_after_ms, .. } if !admitted.contains(&queue_id) => {
                let Some(before) = asked.get_mut(&queue_id) else {
                    continue;
                };
                if now > before.at + before.ask_again_after_ms * 3 / 2 + GRACE_MS {
                    stretches.push((before.since, before.at));
                    before.since = now;
                }
                before.at = now;
                before.ask_again_after_ms = ask_again_after_ms;
            }
            Fact::Admitted { queue_id, .. } => {
                admitted.insert(queue_id);
                if let Some(before) = asked.remove(&queue_id) {
                    let was_there = now <= before.at + before.ask_again_after_ms * 3 / 2 + GRACE_MS;
                    stretches.push((before.since, if was_there { now } else { before.at }));
                }
            }
            _ => {}
        }
    }
    stretches.extend(asked.into_values().map(|before| (before.since, before.at)));
    stretches.retain(|(since, until)| since < until);
    stretches
}
