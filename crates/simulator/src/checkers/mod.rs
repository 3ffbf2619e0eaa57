//! One checker per invariant. Each reads a trace of facts, reports its worst figures, and says where the
//! invariant broke. None knows how the load was made or which faults were planned.

mod cap;
mod i1;
mod i10;
mod i2;
mod i3;
mod i4;
mod i5;
mod i6;
mod i7;
mod outflow;
mod pause;

pub(crate) use self::outflow::SLIVERS_PER_PLACE;
use crate::report::Counts;
use crate::trace::Trace;

/// The most violations one checker spells out; the first ones tell the story.
const TOLD_MAX: usize = 5;

/// What one checker found in one world.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which invariant.
    pub invariant: &'static str,
    /// The worst figures; larger is worse.
    pub figures: Vec<Figure>,
    /// The first few places where the invariant broke, in words.
    pub violations: Vec<String>,
    /// How many there were in all.
    pub violation_count: usize,
}

/// One figure of a verdict.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// What was measured.
    pub name: &'static str,
    /// The worst that was seen; absent when there was nothing to measure.
    pub worst: Option<f64>,
    /// In what.
    pub unit: &'static str,
}

/// Runs every checker.
pub fn check_all(trace: &Trace) -> Vec<Verdict> {
    vec![
        i1::check(trace),
        i2::check(trace),
        i3::check(trace),
        i4::check(trace),
        i5::check(trace),
        i6::check(trace),
        i7::check(trace),
        i10::check(trace),
        pause::check(trace),
        cap::check(trace),
    ]
}

/// A world worth checking has a line that moves, and comes to its end.
pub(crate) fn is_alive(counts: &Counts, has_ended: bool) -> Verdict {
    let mut verdict = Verdict::new("a world is alive and ends");
    if !has_ended {
        verdict.violated(|| "more happened than a world needs: something asks itself in a circle".to_owned());
    }
    if counts.admissions == 0 {
        verdict.violated(|| format!("nobody was let in, of {} who joined", counts.joins));
    }
    verdict.figure("node that asks in a circle", shown(counts.runaways), "times");
    verdict
}

impl Verdict {
    pub(crate) fn new(invariant: &'static str) -> Self {
        Self { invariant, figures: Vec::new(), violations: Vec::new(), violation_count: 0 }
    }

    pub(crate) fn figure(&mut self, name: &'static str, worst: impl Into<Option<f64>>, unit: &'static str) {
        self.figures.push(Figure { name, worst: worst.into(), unit });
    }

    pub(crate) fn violated(&mut self, story: impl FnOnce() -> String) {
        self.violation_count += 1;
        if self.violations.len() < TOLD_MAX {
            self.violations.push(story());
        }
    }
}

/// The larger of what was seen so far and what is seen now.
fn raise(worst: &mut Option<f64>, seen: f64) {
    *worst = Some(worst.map_or(seen, |before| before.max(seen)));
}

#[expect(clippy::cast_precision_loss, reason = "figures are shown, and are far below 2^53")]
pub(crate) fn shown(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures are shown, and are far below 2^53")]
pub(crate) fn shown_places(slivers: i64) -> f64 {
    slivers as f64 / SLIVERS_PER_PLACE as f64
}
