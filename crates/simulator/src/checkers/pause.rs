//! A pause stops redirects at once: between its acknowledgement and the moment somebody asks the room to go on,
//! nobody is let in. (Part of I1: the outflow an operator allows is then none.)

use super::{Verdict, shown};
use crate::trace::{Fact, Trace};

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I1 nobody passes a pause");
    let pauses: Vec<(u64, u64)> =
        (0..trace.entries.len()).filter_map(|position| certain(trace, position)).collect();
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

/// The pause that this fact began, by the room's time: from its acknowledgement until somebody asked the room to go on,
/// or a loss of writes may have undone it.
fn certain(trace: &Trace, position: usize) -> Option<(u64, u64)> {
    let (entry, later) = trace.entries.get(position..)?.split_first()?;
    let Fact::Paused { .. } = entry.fact else {
        return None;
    };
    let resumed = later.iter().find_map(|entry| match entry.fact {
        Fact::Resumed { earliest } => Some(earliest.room.as_millis()),
        _ => None,
    });
    let lost = later.iter().find_map(|entry| match entry.fact {
        Fact::Lost { since } => {
            let ago = entry.when.world.saturating_since(since);
            Some(entry.when.room.saturating_sub(ago).as_millis())
        }
        _ => None,
    });
    let until = [resumed, lost].into_iter().flatten().min()?;
    let since = entry.when.room.as_millis();
    (since < until).then_some((since, until))
}
