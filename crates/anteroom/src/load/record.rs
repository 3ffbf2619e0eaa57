//! What was measured: how long requests took, and what went wrong.
//!
//! A request's time begins when it was due, not when it was sent. A room that stalls for a second delays all who were
//! due in that second, also those whom the generator could not send meanwhile; measured from the sending, they would
//! look quick (coordinated omission).

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::Instant;

use super::answer::Fault;

/// The longest time that is told apart, in microseconds: an hour.
const MICROS_MAX: u64 = 3_600_000_000;

/// What a request was for, as it turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The enqueue address, without a ticket: a durable place.
    Join,
    /// A question for a ticket's state, answered with "wait".
    Poll,
    /// A question that was answered with the way in: a durable admission.
    Claim,
}

/// One request's moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) due: Instant,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
}

/// How long requests of a kind took.
#[derive(Debug)]
struct Series {
    from_due: Histogram<u64>,
    from_sent: Histogram<u64>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Record {
    joins: Series,
    polls: Series,
    claims: Series,
    began_late: Histogram<u64>,
    faults: BTreeMap<Fault, u64>,
}

/// A distribution of times in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Percentiles {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

/// Requests of a kind.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KindReport {
    pub(super) count: u64,
    pub(super) per_second: f64,
    /// From the moment a request was due.
    pub(super) latency_ms: Percentiles,
    /// From the moment it was sent.
    pub(super) service_ms: Percentiles,
}

/// How often something went wrong.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ErrorReport {
    pub(super) kind: String,
    pub(super) count: u64,
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            joins: Series::new(),
            polls: Series::new(),
            claims: Series::new(),
            began_late: histogram(),
            faults: BTreeMap::new(),
        }
    }

    /// A request was answered as it should be.
    pub(super) fn handle_answer(&mut self, kind: Kind, times: Times) {
        let series = match kind {
            Kind::Join => &mut self.joins,
            Kind::Poll => &mut self.polls,
            Kind::Claim => &mut self.claims,
        };
        add(&mut series.from_due, times.answered.saturating_duration_since(times.due));
        add(&mut series.from_sent, times.answered.saturating_duration_since(times.sent));
    }

    /// A request was sent.
    pub(super) fn handle_sent(&mut self, times: Times) {
        add(&mut self.began_late, times.sent.saturating_duration_since(times.due));
    }

    pub(super) fn handle_fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Answers of all kinds so far.
    pub(super) fn answers(&self) -> u64 {
        [&self.joins, &self.polls, &self.claims].iter().map(|series| series.from_due.len()).sum()
    }

    pub(super) fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Of a hundred answers to a poll, 99 came at least so fast; nothing before the first.
    pub(super) fn poll_p99_ms(&self) -> Option<f64> {
        (!self.polls.from_due.is_empty()).then(|| millis(self.polls.from_due.value_at_quantile(0.99)))
    }

    pub(super) fn report(&self, kind: Kind, ran: Duration) -> KindReport {
        let series = match kind {
            Kind::Join => &self.joins,
            Kind::Poll => &self.polls,
            Kind::Claim => &self.claims,
        };
        KindReport {
            count: series.from_due.len(),
            per_second: per_second(series.from_due.len(), ran),
            latency_ms: percentiles(&series.from_due),
            service_ms: percentiles(&series.from_sent),
        }
    }

    pub(super) fn began_late_ms(&self) -> Percentiles {
        percentiles(&self.began_late)
    }

    pub(super) fn errors(&self) -> Vec<ErrorReport> {
        self.faults.iter().map(|(fault, &count)| ErrorReport { kind: fault.describe(), count }).collect()
    }
}

impl Series {
    fn new() -> Self {
        Self { from_due: histogram(), from_sent: histogram() }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MICROS_MAX, 3)
        .expect("this holds because 3 digits and an hour are within bounds")
}

fn add(histogram: &mut Histogram<u64>, span: Duration) {
    histogram.saturating_record(u64::try_from(span.as_micros()).unwrap_or(MICROS_MAX));
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    let at = |quantile| millis(histogram.value_at_quantile(quantile));
    Percentiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: millis(histogram.max()) }
}

#[expect(clippy::cast_precision_loss, reason = "an hour in microseconds is far below 2^52")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn per_second(count: u64, ran: Duration) -> f64 {
    count as f64 / ran.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_sent_late_counts_from_when_it_was_due() {
        let due = Instant::now();
        let times =
            Times { due, sent: due + Duration::from_millis(900), answered: due + Duration::from_millis(902) };
        let mut record = Record::new();
        record.handle_sent(times);
        record.handle_answer(Kind::Poll, times);
        let report = record.report(Kind::Poll, Duration::from_secs(2));
        assert_eq!((report.count, report.per_second), (1, 0.5));
        assert!((901.0..903.0).contains(&report.latency_ms.p50), "{report:?}");
        assert!((1.9..2.1).contains(&report.service_ms.max), "{report:?}");
        assert!((899.0..901.0).contains(&record.began_late_ms().p99));
    }

    #[test]
    fn faults_are_counted_by_what_they_are() {
        let mut record = Record::new();
        for fault in [Fault::Unreadable, Fault::PlaceLost, Fault::Unreadable] {
            record.handle_fault(fault);
        }
        let errors = record.errors();
        assert_eq!((record.faults(), errors.len(), errors[0].count), (3, 2, 2));
    }
}
