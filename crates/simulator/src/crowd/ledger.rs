//! What happened in a crowd, counted: enough to check each invariant, a few bytes a visitor.

use anteroom_queue::Settings;

use super::people::People;
use crate::checkers::{SLIVERS_PER_PLACE, Verdict, shown};
use crate::trace::fold_number;

/// What the state of a room never exceeds, however many wait.
const STATE_BYTES_MAX: usize = 8 * 1024;
/// How long a room may take to find its pace.
const SETTLING_SECONDS: usize = 60;
/// The line is measured until so many of a hundred have been let in: those after them may be stragglers who slept.
const MEASURED_PERCENT: u64 = 90;

#[derive(Default)]
pub(super) struct Ledger {
    /// Admissions by the millisecond.
    admitted_by_ms: Vec<u32>,
    /// The newest place acknowledged by each millisecond.
    acknowledged: Vec<u32>,
    given: Vec<u64>,
    given_twice: u64,
    worst_inversion: u64,
    state_bytes: usize,
    records_beyond: u64,
    records: usize,
    hash: u64,
}

impl Ledger {
    pub(super) fn note_joined(&mut self, tag: u64, began: u64, now: u64) {
        self.hash = fold_number(self.hash, tag);
        let (word, bit) = (index(tag / 64), 1_u64 << (tag % 64));
        if self.given.len() <= word {
            self.given.resize(word + 1, 0);
        }
        self.given_twice += u64::from(self.given[word] & bit != 0);
        self.given[word] |= bit;

        let newest = self.acknowledged.last().copied().unwrap_or(0);
        if self.acknowledged.len() <= index(now) {
            self.acknowledged.resize(index(now) + 1, newest);
        }
        if let Some(newest) = self.acknowledged.last_mut() {
            *newest = (*newest).max(u32::try_from(tag).unwrap_or(u32::MAX));
        }
        let before = began.checked_sub(1).and_then(|before| self.acknowledged.get(index(before)));
        let inversion = u64::from(before.copied().unwrap_or(0)).saturating_sub(tag);
        self.worst_inversion = self.worst_inversion.max(inversion);
    }

    pub(super) fn note_admitted(&mut self, visitor: u32, at: u64, is_new: bool) {
        self.hash = fold_number(fold_number(self.hash, u64::from(visitor)), at);
        if !is_new {
            return;
        }
        if self.admitted_by_ms.len() <= index(at) {
            self.admitted_by_ms.resize(index(at) + 1, 0);
        }
        self.admitted_by_ms[index(at)] += 1;
    }

    pub(super) fn note_kept(&mut self, state_bytes: usize, records: usize, asked: u64) {
        self.state_bytes = self.state_bytes.max(state_bytes);
        self.records = self.records.max(records);
        let beyond = u64::try_from(records).unwrap_or(u64::MAX).saturating_sub(asked);
        self.records_beyond = self.records_beyond.max(beyond);
    }

    pub(super) const fn trace_hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn verdicts(&self, settings: &Settings, people: &People) -> Vec<Verdict> {
        let counts = people.counts;
        let mut i1 = Verdict::new("I1 never over-admit");
        let excess = self.largest_excess(settings);
        if excess > 0 {
            i1.violated(|| format!("{excess} slivers of a place too many in some window"));
        }
        i1.figure("most beyond outflow × length + burst", crate::checkers::shown_places(excess), "places");

        let mut i2 = Verdict::new("I2 first come, first served");
        if self.worst_inversion > 0 {
            i2.violated(|| "a later join was given an earlier place".to_owned());
        }
        i2.figure("largest inversion", shown(self.worst_inversion), "places");

        let mut i3 = Verdict::new("I3 nobody loses their place");
        let left_over = people.left_over();
        if counts.refused_stayers + left_over > 0 {
            i3.violated(|| {
                format!("{} who stayed were refused, {left_over} never let in", counts.refused_stayers)
            });
        }
        i3.figure("stayed and were not let in", shown(left_over), "visitors");

        let mut i4 = Verdict::new("I4 one place, one admission");
        if self.given_twice + counts.admitted_twice > 0 {
            i4.violated(|| "a place was given twice, or somebody let in twice".to_owned());
        }
        i4.figure("places held twice", shown(self.given_twice), "places");
        i4.figure("let in twice", shown(counts.admitted_twice), "visitors");

        let mut i5 = Verdict::new("I5 work-conserving");
        let below = self.percent_below_outflow(settings);
        if below.is_some_and(|percent| percent > 5.0) {
            i5.violated(|| "the outflow was not used while people waited".to_owned());
        }
        i5.figure("furthest below the outflow", below, "%");

        let mut i7 = Verdict::new("I7 waiting is free");
        if self.state_bytes > STATE_BYTES_MAX || self.records_beyond > 0 {
            i7.violated(|| format!("{} bytes of state, {} records", self.state_bytes, self.records_beyond));
        }
        i7.figure("largest state", shown(u64::try_from(self.state_bytes).unwrap_or(u64::MAX)), "bytes");
        i7.figure(
            "most records of those who were let in",
            shown(u64::try_from(self.records).unwrap_or(u64::MAX)),
            "records",
        );
        i7.figure("records of those who only wait", shown(self.records_beyond), "records");
        vec![i1, i2, i3, i4, i5, i7]
    }

    /// The most slivers that any window holds beyond what it may.
    fn largest_excess(&self, settings: &Settings) -> i64 {
        let per_ms = i64::from(settings.outflow_per_minute);
        let burst = i64::from(settings.burst_places()) * SLIVERS_PER_PLACE;
        // How far the count is ahead of the outflow, and the least that it was before an admission.
        let (mut ahead, mut least, mut worst) = (0_i64, i64::MAX, i64::MIN);
        for &admitted in &self.admitted_by_ms {
            if admitted > 0 {
                least = least.min(ahead);
                ahead += i64::from(admitted) * SLIVERS_PER_PLACE;
                worst = worst.max(ahead - least - burst);
            }
            ahead -= per_ms;
        }
        worst.max(-burst)
    }

    /// How far below the outflow the line stayed, without its beginning and its end.
    fn percent_below_outflow(&self, settings: &Settings) -> Option<f64> {
        let seconds: Vec<u64> = self
            .admitted_by_ms
            .chunks(1_000)
            .map(|ms| ms.iter().map(|&count| u64::from(count)).sum())
            .collect();
        let measured = seconds.iter().sum::<u64>() * MEASURED_PERCENT / 100;
        let until = seconds
            .iter()
            .scan(0, |so_far, admitted| {
                *so_far += admitted;
                Some(*so_far)
            })
            .position(|so_far| so_far >= measured)?;
        let line = seconds.get(SETTLING_SECONDS..until)?;
        let expected = u64::from(settings.outflow_per_minute) * u64::try_from(line.len()).ok()? / 60;
        let found: u64 = line.iter().sum();
        (expected > 0).then(|| shown(expected.saturating_sub(found)) * 100.0 / shown(expected))
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
