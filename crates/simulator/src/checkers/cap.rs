//! The limit of people inside: at no moment are more inside than are allowed. Inside is who was let in less than a
//! session ago and has not left by cancelling. (Part of I1: who is let in beyond it is let in too many.)
//!
//! By the room's time; what the store has lost does not count.

use std::collections::BTreeMap;

use anteroom_protocol::id::QueueId;

use super::{Verdict, raise, shown};
use crate::trace::{Fact, Trace};

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I1 no more inside than may be");
    let mut limit: Option<(u64, u64)> = None;
    let mut left: BTreeMap<QueueId, u64> = BTreeMap::new();
    for entry in &trace.entries {
        match entry.fact {
            Fact::Configured { active: Some((max, session_ms)), .. } => {
                let (most, longest) = limit.unwrap_or((0, session_ms));
                limit = Some((most.max(max.into()), longest.min(session_ms)));
            }
            // It may have come into force from here on.
            Fact::CancelAsked { queue_id } => {
                left.entry(queue_id).or_insert(entry.when.room.as_millis());
            }
            _ => {}
        }
    }
    let Some((most, session_ms)) = limit else {
        verdict.figure("most inside beyond the limit", None, "visitors");
        return verdict;
    };
    let losses = trace.losses();
    let mut admissions = trace.admissions();
    admissions.retain(|admission| !losses.iter().any(|loss| loss.has_taken(admission.committed.world)));
    admissions.sort_by_key(|admission| admission.at);
    let mut worst = None;
    let mut inside: BTreeMap<QueueId, u64> = BTreeMap::new();
    for admission in admissions {
        let now = admission.at.as_millis();
        inside.insert(admission.queue_id, now + session_ms);
        // A clock of a process may be behind by a moment.
        inside.retain(|queue_id, until| {
            *until > now && left.get(queue_id).is_none_or(|&left| left > now + HEARD_WITHIN_MS)
        });
        let count = u64::try_from(inside.len()).unwrap_or(u64::MAX);
        raise(&mut worst, shown(count.saturating_sub(most)));
        if count > most {
            verdict.violated(|| format!("{count} were inside at {now}, {most} may be"));
        }
    }
    verdict.figure("most inside beyond the limit", worst, "visitors");
    verdict
}

/// A process takes the room's time to be behind what it is by no more than this.
const HEARD_WITHIN_MS: u64 = 1_000;
