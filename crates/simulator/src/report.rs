//! What became of one world, and of many.

use std::fmt;

use crate::checkers::{Figure, Verdict};
use crate::trace::fold_number;

/// How much happened in a world, so that a clean one can be told from an empty one.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub events: u64,
    pub simulated_ms: u64,
    pub joins: u64,
    pub polls: u64,
    pub admissions: u64,
    pub held: u64,
    pub not_yet: u64,
    pub late: u64,
    pub presented: u64,
    pub rejected: u64,
    pub refused: u64,
    pub saves: u64,
    pub refused_saves: u64,
    pub store_troubles: u64,
    pub crashes: u64,
    pub losses: u64,
    pub clock_steps: u64,
    pub stalls: u64,
    pub cuts: u64,
    pub runaways: u64,
}

/// What became of one world.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed. The same seed and number of visitors make the same world.
    pub seed: u64,
    /// How much happened.
    pub counts: Counts,
    /// What the checkers found.
    pub verdicts: Vec<Verdict>,
    /// Differs between any two worlds that did not go exactly alike.
    pub trace_hash: u64,
}

impl Report {
    /// Whether every invariant held.
    pub fn is_clean(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.violation_count == 0)
    }

    /// Where invariants broke, in words.
    pub fn violations(&self) -> impl Iterator<Item = String> + '_ {
        self.verdicts.iter().flat_map(|verdict| {
            verdict.violations.iter().map(|violation| format!("{}: {violation}", verdict.invariant))
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {:?}", self.seed, self.counts)?;
        for verdict in &self.verdicts {
            writeln!(f, "  {}: {} violations", verdict.invariant, verdict.violation_count)?;
            for figure in &verdict.figures {
                writeln!(f, "    {}: {}", figure.name, Shown(figure))?;
            }
            for violation in &verdict.violations {
                writeln!(f, "    ! {violation}")?;
            }
        }
        Ok(())
    }
}

/// What became of many worlds: the worst of each figure, and which seeds broke an invariant.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    worlds: u64,
    totals: Counts,
    /// Stands for all traces in their order.
    trace_hash: u64,
    worst: Vec<Worst>,
    broken: Vec<(u64, Vec<String>)>,
}

#[derive(Clone, Copy, Debug)]
struct Worst {
    invariant: &'static str,
    figure: Figure,
    seed: u64,
    violations: usize,
}

impl Summary {
    /// Takes in one more world.
    pub fn add(&mut self, report: &Report) {
        self.worlds += 1;
        self.totals.add(&report.counts);
        self.trace_hash = fold_number(self.trace_hash, report.trace_hash);
        if !report.is_clean() {
            self.broken.push((report.seed, report.violations().collect()));
        }
        for verdict in &report.verdicts {
            for figure in &verdict.figures {
                self.add_figure(verdict, *figure, report.seed);
            }
        }
    }

    /// Whether every invariant held in every world.
    pub fn is_clean(&self) -> bool {
        self.broken.is_empty()
    }

    /// The seeds of the worlds in which an invariant broke.
    pub fn broken_seeds(&self) -> impl Iterator<Item = u64> + '_ {
        self.broken.iter().map(|(seed, _)| *seed)
    }

    fn add_figure(&mut self, verdict: &Verdict, figure: Figure, seed: u64) {
        let invariant = verdict.invariant;
        let is_same = |worst: &&mut Worst| (worst.invariant, worst.figure.name) == (invariant, figure.name);
        if let Some(worst) = self.worst.iter_mut().find(is_same) {
            worst.violations += verdict.violation_count;
            if figure.worst > worst.figure.worst {
                (worst.figure, worst.seed) = (figure, seed);
            }
        } else {
            self.worst.push(Worst { invariant, figure, seed, violations: verdict.violation_count });
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { events, simulated_ms, joins, polls, admissions, held, .. } = self.totals;
        let Counts { saves, refused_saves, store_troubles, crashes, losses, .. } = self.totals;
        let Counts { clock_steps, stalls, cuts, rejected, .. } = self.totals;
        writeln!(
            f,
            "{} worlds, {} hours, {events} events: {joins} joins, {polls} answers, {admissions} admissions, {held} \
             held at the gate",
            self.worlds,
            simulated_ms / 3_600_000,
        )?;
        writeln!(
            f,
            "{saves} saves, {refused_saves} refused, {store_troubles} in trouble; {crashes} crashes, {losses} losses \
             of writes, {clock_steps} clock steps, {stalls} stalls, {cuts} cuts; {rejected} forged tickets",
        )?;
        writeln!(f, "trace hash {:016x}", self.trace_hash)?;
        let mut invariant = "";
        for worst in &self.worst {
            if worst.invariant != invariant {
                invariant = worst.invariant;
                let verdict = if worst.violations == 0 { "held" } else { "BROKEN" };
                writeln!(f, "{invariant}: {verdict}")?;
            }
            let Worst { figure, seed, .. } = worst;
            if figure.worst.is_some_and(|worst| worst != 0.0) {
                writeln!(f, "  {}: {} (seed {seed})", figure.name, Shown(figure))?;
            } else {
                writeln!(f, "  {}: {}", figure.name, Shown(figure))?;
            }
        }
        for (seed, violations) in &self.broken {
            writeln!(f, "seed {seed} broke:")?;
            for violation in violations {
                writeln!(f, "  {violation}")?;
            }
        }
        Ok(())
    }
}

struct Shown<'a>(&'a Figure);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.worst {
            Some(worst) if worst.fract() == 0.0 => write!(f, "{worst} {}", self.0.unit),
            Some(worst) => write!(f, "{worst:.3} {}", self.0.unit),
            None => f.write_str("nothing to measure"),
        }
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.simulated_ms += other.simulated_ms;
        self.joins += other.joins;
        self.polls += other.polls;
        self.admissions += other.admissions;
        self.held += other.held;
        self.not_yet += other.not_yet;
        self.late += other.late;
        self.presented += other.presented;
        self.rejected += other.rejected;
        self.refused += other.refused;
        self.saves += other.saves;
        self.refused_saves += other.refused_saves;
        self.store_troubles += other.store_troubles;
        self.crashes += other.crashes;
        self.losses += other.losses;
        self.clock_steps += other.clock_steps;
        self.stalls += other.stalls;
        self.cuts += other.cuts;
        self.runaways += other.runaways;
    }
}
