//! What a run found, for people and for programs, and whether anything was broken.

use std::fmt::Write as _;

use serde::Serialize;

use super::drive::Seen;
use super::outflow::{Limit, OutflowReport};
use super::record::{ErrorReport, Kind, KindReport, Percentiles};

/// A generator whose requests begin later than this, at 99 of 100, measures itself as well.
const BEGAN_LATE_MS_MAX: f64 = 50.0;

/// The whole result. As JSON it is one object on one line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Whether anything happened that must not: an error, more than the outflow allows, or a place lost or passed over.
    pub(super) is_broken: bool,
    seconds: f64,
    visitors: Visitors,
    requests: Requests,
    errors: Vec<ErrorReport>,
    outflow: OutflowReport,
    order: OrderReport,
    generator: Generator,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Visitors {
    came: u64,
    joined: u64,
    let_in: u64,
    left: u64,
    still_waiting: u64,
    came_too_late: u64,
    lost_place: u64,
    gave_up: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Requests {
    join: KindReport,
    poll: KindReport,
    claim: KindReport,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderReport {
    /// Answers that said "others are ahead" to somebody who had joined before one who was in already.
    inversions: u64,
    largest_ms: u128,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Generator {
    connections: usize,
    connections_opened: u64,
    began_late_ms: Percentiles,
}

impl Report {
    pub(super) fn new(seen: &Seen, limit: Option<Limit>) -> Self {
        let Seen { ran, people, record, order, .. } = seen;
        let outflow = seen.outflow.report(limit);
        Self {
            is_broken: record.faults() > 0
                || people.gave_up > 0
                || outflow.is_exceeded
                || order.inversions > 0,
            seconds: ran.as_secs_f64(),
            visitors: Visitors {
                came: people.came,
                joined: people.joined,
                let_in: people.let_in,
                left: people.left,
                still_waiting: people.waiting(),
                came_too_late: people.too_late,
                lost_place: people.lost,
                gave_up: people.gave_up,
            },
            requests: Requests {
                join: record.report(Kind::Join, *ran),
                poll: record.report(Kind::Poll, *ran),
                claim: record.report(Kind::Claim, *ran),
            },
            errors: record.errors(),
            outflow,
            order: OrderReport { inversions: order.inversions, largest_ms: order.largest.as_millis() },
            generator: Generator {
                connections: seen.connections,
                connections_opened: seen.connections_opened,
                began_late_ms: record.began_late_ms(),
            },
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Visitors { came, joined, let_in, left, still_waiting, came_too_late, lost_place, gave_up } =
            self.visitors;
        writeln!(text, "ran         {:.1} s", self.seconds)?;
        writeln!(
            text,
            "visitors    {came} came, {joined} joined, {let_in} let in, {left} left, {still_waiting} still waiting, \
             {came_too_late} came too late, {lost_place} lost their place, {gave_up} gave up"
        )?;
        writeln!(text)?;
        writeln!(
            text,
            "{:<10}{:>10}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}",
            "requests", "count", "a second", "50%", "90%", "99%", "99.9%", "longest"
        )?;
        for (name, kind) in
            [("join", &self.requests.join), ("poll", &self.requests.poll), ("claim", &self.requests.claim)]
        {
            let Percentiles { p50, p90, p99, p999, max } = kind.latency_ms;
            writeln!(
                text,
                "{name:<10}{:>10}{:>11.1}{p50:>11.2}{p90:>11.2}{p99:>11.2}{p999:>11.2}{max:>11.2}",
                kind.count, kind.per_second
            )?;
        }
        writeln!(text, "            (milliseconds, each from the moment the request was due)")?;
        writeln!(text)?;
        if self.errors.is_empty() {
            writeln!(text, "errors      none")?;
        }
        for ErrorReport { kind, count } in &self.errors {
            writeln!(text, "errors      {count} x {kind}")?;
        }
        self.write_outflow(text)?;
        match self.order.inversions {
            0 => writeln!(text, "order       kept: nobody was passed over")?,
            inversions => writeln!(
                text,
                "order       BROKEN: {inversions} x told to wait behind somebody who came later, by up to {} ms",
                self.order.largest_ms
            )?,
        }
        let Generator { connections, connections_opened, began_late_ms } = &self.generator;
        let verdict = if began_late_ms.p99 > BEGAN_LATE_MS_MAX {
            "did not keep up, so the times are partly its own; allow it more connections, or more machine"
        } else {
            "kept up"
        };
        writeln!(
            text,
            "generator   {verdict}: 99% of requests began at most {:.1} ms late; {connections} connections, opened {connections_opened} times",
            began_late_ms.p99
        )
    }

    fn write_outflow(&self, text: &mut String) -> std::fmt::Result {
        let OutflowReport {
            set_per_minute,
            achieved_per_minute,
            line_seconds,
            largest_excess,
            burst,
            is_exceeded,
        } = self.outflow;
        match (achieved_per_minute, set_per_minute) {
            (Some(achieved), Some(set)) => writeln!(
                text,
                "outflow     {achieved:.1} a minute over {line_seconds} s of line, set are {set}: {:.1}%",
                achieved * 100.0 / f64::from(set.max(1))
            )?,
            (Some(achieved), None) => {
                writeln!(text, "outflow     {achieved:.1} a minute over {line_seconds} s of line")?;
            }
            (None, _) => writeln!(text, "outflow     the line was too short to tell")?,
        }
        match (largest_excess, burst) {
            (Some(excess), Some(burst)) if is_exceeded => writeln!(
                text,
                "            BROKEN: {excess:.1} above outflow x time at the worst, and the burst is {burst}"
            ),
            (Some(excess), Some(burst)) => writeln!(
                text,
                "            never exceeded: {excess:.1} above outflow x time at the worst, and the burst is {burst}"
            ),
            (Some(excess), None) => writeln!(
                text,
                "            {excess:.1} above that x time at the worst; name --outflow to have it judged"
            ),
            (None, _) => Ok(()),
        }
    }
}
