//! I7: waiting is free. The state stays as small as it is, however many wait, and there is a record only of somebody
//! who asked to be let in, or to be cancelled: none of one who waits.

use super::{Verdict, raise, shown};
use crate::trace::{Fact, Trace};

/// A state is never larger, whatever its settings and its past: what ARCHITECTURE.md promises.
const STATE_BYTES_MAX: u64 = 8 * 1024;

pub(super) fn check(trace: &Trace) -> Verdict {
    let mut verdict = Verdict::new("I7 waiting is free");
    let (mut largest, mut most_beyond, mut most_records) = (None, None, None);
    for entry in &trace.entries {
        let Fact::Kept { state_bytes, records, asked } = entry.fact else {
            continue;
        };
        let now = entry.when.world.as_millis();
        raise(&mut largest, shown(state_bytes));
        raise(&mut most_records, shown(records));
        raise(&mut most_beyond, shown(records.saturating_sub(asked)));
        if state_bytes > STATE_BYTES_MAX {
            verdict.violated(|| format!("the state had {state_bytes} bytes at {now}"));
        }
        if records > asked {
            verdict.violated(|| format!("{records} records at {now}, of {asked} who asked for anything"));
        }
    }
    verdict.figure("largest state", largest, "bytes");
    verdict.figure("most records of those who were let in", most_records, "records");
    verdict.figure("records of those who only wait", most_beyond, "records");
    verdict
}
