//! Whether the outflow is kept (I1), and whether it is used (I5).
//!
//! Answers are delayed by a different time each, so when they arrive says little of when somebody was let in. The queue
//! token says it: it ends a fixed time after the admission, in whole seconds of the room's own clock. So the limit
//! is checked exactly, over every span of whole seconds.

use std::collections::BTreeMap;

use serde::Serialize;

/// A second is one of the line when more than so many times as many waited as were let in: at its very end, the last
/// few ask when they were told to, and the outflow cannot be used up.
const WAITING_PER_ADMISSION_MIN: u64 = 4;
/// At its beginning a line uses up the burst.
const SECONDS_OF_BURST: usize = 3;
/// A shorter line says nothing of its outflow.
const LINE_SECONDS_MIN: usize = 10;

/// The limit that an operator has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) per_minute: u32,
    pub(super) burst: u32,
}

impl Limit {
    /// An outflow, and the burst that a room has by default: two seconds of outflow, at least two places.
    pub(super) fn new(per_minute: u32, burst: Option<u32>) -> Self {
        Self { per_minute, burst: burst.unwrap_or((per_minute / 30).max(2)) }
    }
}

/// Who was let in, when.
#[derive(Debug, Default)]
pub(super) struct Outflow {
    /// By second of the room's clock, moved by a fixed time.
    by_room_second: BTreeMap<i64, u64>,
    /// Second by second of the run: how many were let in, and how many waited at its end.
    seconds: Vec<(u64, u64)>,
    let_in_since: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutflowReport {
    /// As given; nothing when it was not.
    pub(super) set_per_minute: Option<u32>,
    /// While the line lasted; nothing when it did not last long enough to tell.
    pub(super) achieved_per_minute: Option<f64>,
    /// How long it lasted, without its beginning.
    pub(super) line_seconds: usize,
    /// The most that any span had above outflow × its length, in places. Against the achieved outflow if none was given.
    pub(super) largest_excess: Option<f64>,
    /// What it may be at the most; nothing when no outflow was given.
    pub(super) burst: Option<u32>,
    /// Whether more were let in than the outflow allows.
    pub(super) is_exceeded: bool,
}

impl Outflow {
    /// Somebody was let in.
    pub(super) fn handle_admission(&mut self, token_expires_at_seconds: Option<i64>) {
        self.let_in_since += 1;
        if let Some(second) = token_expires_at_seconds {
            *self.by_room_second.entry(second).or_default() += 1;
        }
    }

    /// A second is over.
    pub(super) fn handle_second(&mut self, waiting: u64) {
        self.seconds.push((std::mem::take(&mut self.let_in_since), waiting));
    }

    /// Admissions of the newest whole second.
    pub(super) fn newest(&self) -> u64 {
        self.seconds.last().map_or(0, |(let_in, _)| *let_in)
    }

    pub(super) fn report(&self, limit: Option<Limit>) -> OutflowReport {
        let line = self.line();
        let achieved = (line.len() >= LINE_SECONDS_MIN).then(|| {
            let let_in: u64 = line.iter().map(|(let_in, _)| let_in).sum();
            per_minute(let_in, line.len())
        });
        let per_second = limit.map(|limit| f64::from(limit.per_minute)).or(achieved).map(|rate| rate / 60.0);
        let largest_excess = per_second.and_then(|rate| largest_excess(&self.by_room_second, rate));
        let burst = limit.map(|limit| limit.burst);
        // A sliver of a place is the rounding of a division.
        let is_exceeded =
            largest_excess.zip(burst).is_some_and(|(excess, burst)| excess > f64::from(burst) + 0.001);
        OutflowReport {
            set_per_minute: limit.map(|limit| limit.per_minute),
            achieved_per_minute: achieved,
            line_seconds: line.len(),
            largest_excess,
            burst,
            is_exceeded,
        }
    }

    /// The seconds in which there was a line that used its outflow.
    fn line(&self) -> &[(u64, u64)] {
        let is_line = |second: &(u64, u64)| second.1 > second.0 * WAITING_PER_ADMISSION_MIN;
        let first = self.seconds.iter().position(is_line).map(|first| first + SECONDS_OF_BURST);
        let last = self.seconds.iter().rposition(is_line);
        first.zip(last).and_then(|(first, last)| self.seconds.get(first..=last)).unwrap_or_default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of visitors are far below 2^52")]
fn per_minute(count: u64, seconds: usize) -> f64 {
    count as f64 * 60.0 / seconds as f64
}

/// The most that any span of whole seconds had above rate × length. Each span either goes on with the worst one that
/// ends at its beginning, or starts anew.
#[expect(clippy::cast_precision_loss, reason = "counts of visitors are far below 2^52")]
fn largest_excess(by_second: &BTreeMap<i64, u64>, per_second: f64) -> Option<f64> {
    let mut worst: Option<f64> = None;
    let mut ending_here = 0.0_f64;
    let mut before: Option<i64> = None;
    for (&second, &count) in by_second {
        let empty = before.map_or(0, |before| second.saturating_sub(before).saturating_sub(1));
        ending_here = (ending_here - per_second * empty as f64).max(0.0) + count as f64 - per_second;
        worst = Some(worst.map_or(ending_here, |worst| worst.max(ending_here)));
        before = Some(second);
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excess(counts: &[(i64, u64)], per_second: f64) -> Option<f64> {
        largest_excess(&counts.iter().copied().collect(), per_second)
    }

    #[test]
    fn i1_worst_span_is_found_wherever_it_lies() {
        assert_eq!(excess(&[], 10.0), None);
        assert_eq!(excess(&[(5, 30)], 10.0), Some(20.0));
        assert_eq!(excess(&[(5, 30), (6, 10), (7, 10)], 10.0), Some(20.0));
        // Two spans that are bad together: 15 + 15 in two seconds beside a gap that is too short to pay for it.
        assert_eq!(excess(&[(1, 15), (3, 15)], 5.0), Some(15.0));
        assert_eq!(excess(&[(1, 15), (9, 15)], 5.0), Some(10.0));
        // Compared with every span there is.
        let counts: Vec<(i64, u64)> =
            (0_i64..40).map(|second| (second, (second.unsigned_abs() * 7919) % 23)).collect();
        let of_spans =
            (0..40).flat_map(|first| (first..40).map(move |last| (first, last))).map(|(first, last)| {
                let sum: u64 = counts[first..=last].iter().map(|(_, count)| count).sum();
                sum as f64 - 9.0 * (last - first + 1) as f64
            });
        let worst = of_spans.fold(f64::MIN, f64::max);
        assert!((excess(&counts, 9.0).unwrap() - worst).abs() < 1e-9);
    }

    #[test]
    fn i1_excess_is_measured_against_the_burst() {
        let mut outflow = Outflow::default();
        for _ in 0..31 {
            outflow.handle_admission(Some(100));
        }
        for (limit, is_exceeded) in [
            (Limit::new(600, None), true),
            (Limit::new(600, Some(21)), false),
            (Limit::new(900, None), false),
        ] {
            assert_eq!(outflow.report(Some(limit)).is_exceeded, is_exceeded, "{limit:?}");
        }
        assert!(!outflow.report(None).is_exceeded, "nobody said what is allowed");
    }

    #[test]
    fn i5_outflow_is_measured_while_there_is_a_line() {
        let mut outflow = Outflow::default();
        let seconds = [0, 0, 30, 10, 10].into_iter().chain([10; 20]).chain([3, 2, 1, 0, 0]);
        for (second, let_in) in seconds.enumerate() {
            (0..let_in).for_each(|_| outflow.handle_admission(None));
            outflow.handle_second(if (2..25).contains(&second) { 1_000 } else { 0 });
        }
        let report = outflow.report(None);
        assert_eq!((report.achieved_per_minute, report.line_seconds), (Some(600.0), 20));
        assert_eq!(report.largest_excess, None, "no token told a time");
    }
}
