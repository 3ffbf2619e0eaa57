//! I10: nothing forged gets in. Whatever the room answers as to a ticket, other than that it is none, is about a
//! ticket that it had given: this place to this id. And no ticket that it had given is refused as none.

use std::collections::BTreeSet;

use anteroom_protocol::id::QueueId;

use super::{Verdict, shown};
use crate::trace::{Fact, Place, Trace};

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I10 nothing forged gets in");
    let mut issued: BTreeSet<(QueueId, Place)> = BTreeSet::new();
    let mut known: BTreeSet<QueueId> = BTreeSet::new();
    let mut texts: BTreeSet<u64> = BTreeSet::new();
    let (mut taken, mut refused) = (0, 0);
    for entry in &trace.entries {
        let now = entry.when.world.as_millis();
        match entry.fact {
            Fact::Joined { queue_id, place, ticket, .. } => {
                issued.insert((queue_id, place));
                known.insert(queue_id);
                texts.insert(ticket);
            }
            Fact::Polled { queue_id, place, told, .. } if !issued.contains(&(queue_id, place)) => {
                taken += 1;
                verdict.violated(|| {
                    format!(
                        "{queue_id} was told {told:?} at {now} on place {}, which it never had",
                        place.tag
                    )
                });
            }
            Fact::CancelAsked { queue_id } if !known.contains(&queue_id) => {
                taken += 1;
                verdict.violated(|| format!("{queue_id} has no ticket, and could cancel at {now}"));
            }
            Fact::Rejected { ticket } if texts.contains(&ticket) => {
                refused += 1;
                verdict.violated(|| format!("a genuine ticket was refused as none at {now}"));
            }
            _ => {}
        }
    }
    verdict.figure("forged tickets that were taken", shown(taken), "answers");
    verdict.figure("genuine tickets that were refused as none", shown(refused), "answers");
    verdict
}
