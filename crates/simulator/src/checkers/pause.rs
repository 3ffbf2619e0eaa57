//! A pause stops redirects at once: between its acknowledgement and the moment somebody asks the room to go on,
//! nobody is let in. (Part of I1: the outflow an operator allows is then none.)

use super::{Verdict, shown};
use crate::trace::{Fact, Trace};

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I1 nobody passes a pause");
    // Certain pauses by the room's time: acknowledged, not yet asked to end, not perhaps undone by a loss.
    let mut pauses: Vec<(u64, u64)> = Vec::new();
    let mut paused_since = None;
    for entry in &trace.entries {
        let now = entry.when.room.as_millis();
        let ends_at = match entry.fact {
            Fact::Paused { .. } => {
                paused_since.get_or_insert(now);
                continue;
            }
            Fact::Resumed { earliest } => earliest.room.as_millis(),
            Fact::Lost { since } => since.as_millis().min(now),
            _ => continue,
        };
        if let Some(since) = paused_since.take().filter(|since| *since < ends_at) {
            pauses.push((since, ends_at));
        }
    }
    let mut passed = 0;
    for admission in trace.admissions() {
        let at = admission.at.as_millis();
        if let Some((since, until)) = pauses.iter().find(|(since, until)| (*since..*until).contains(&at)) {
            passed += 1;
            verdict.violated(|| {
                format!("{} was let in at {at}, within the pause from {since} to {until}", admission.queue_id)
            });
        }
    }
    verdict.figure("let in during a pause", shown(passed), "visitors");
    verdict
}
