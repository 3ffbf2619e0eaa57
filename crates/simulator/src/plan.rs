//! What one world is to be like, drawn from its seed before anything happens.

use anteroom_queue::{Lane, Settings};

use crate::faults::{self, Fault};
use crate::random::Random;
use crate::sale;
use crate::workload::habit::{Habit, Mixture};
use crate::workload::operator::{self, Action};

/// The most processes of one room in a world.
const PROCESSES_MAX: u64 = 4;
/// When the first visitor may come, after the start of the world: the room has been configured by then.
pub(crate) const FIRST_ARRIVAL_MS: u64 = 5_000;

/// The longest time within which a rush of visitors comes.
pub(crate) const RUSH_MAX_MS: u64 = 30_000;

/// Kinds of worlds. A seed means the same world within its class only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// What a room meets in some bad weeks, and a third of the worlds in which nothing goes wrong.
    #[default]
    Ordinary,
    /// Many losses of writes, crashes, clock steps and long cuts in each world.
    Lossy,
    /// What a big sale uses: a pre-queue with a draw, lanes, a limit of people inside, unique keys, a slow start, and a line
    /// that is begun anew. No writes are lost.
    Sale,
    /// Everybody comes within seconds; then the store loses its newest writes, and all processes crash.
    LateLoss,
}

impl Class {
    /// A process that does not reach its store tells old waits, so a late window must be longer than that lasts.
    const fn late_windows_seconds(self) -> &'static [u64] {
        match self {
            Self::Ordinary => &[30, 60, 120, 300, 600],
            Self::Lossy | Self::Sale | Self::LateLoss => &[120, 300, 600],
        }
    }
}

/// What one world is to be like. Moments are milliseconds since its start.
pub(crate) struct Plan {
    pub(crate) processes: usize,
    pub(crate) settings: Settings,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) actions: Vec<(u64, Action)>,
    pub(crate) faults: Vec<(u64, Fault)>,
    /// The most a process takes the store's clock to be behind what it is.
    pub(crate) lag_max_ms: u64,
    /// The longest an ordinary answer of the store takes, one way.
    pub(crate) store_delay_max_ms: u64,
    /// Nothing new happens after this: no fault, no operator. Whoever waits is let in from here on.
    pub(crate) calm_from: u64,
    /// The world ends here at the latest.
    pub(crate) ends_at: u64,
}

/// One visitor to come.
pub(crate) struct Arrival {
    pub(crate) at: u64,
    pub(crate) habit: Habit,
    pub(crate) lane: Lane,
    pub(crate) key: Option<u64>,
}

impl Plan {
    pub(crate) fn draw(random: &mut Random, class: Class, visitors: u32) -> Self {
        let visitors = u64::from(visitors.max(1));
        // How long the line would take if everybody came and nobody was in the way.
        let line_seconds = random.between(60, 900);
        let outflow_per_minute = (visitors * 60).div_ceil(line_seconds).clamp(1, 600_000);
        let mut settings = Settings {
            burst: random.chance(300).then(|| small(random.between(1, 2 + outflow_per_minute / 10))),
            late_window_seconds: small(*pick(random, class.late_windows_seconds())),
            token_validity_seconds: small(*pick(random, &[30, 60, 180])),
            re_entry_limit: small(random.below(3)),
            ..Settings::with_outflow(small(outflow_per_minute))
        };
        // Each from a stream of its own, so that a new kind of visitor does not make another fault of an old seed.
        let mut arrivals = arrivals(&mut random.fork(), class, visitors, line_seconds * 1_000);
        let mut of_sale = random.fork();
        if class == Class::Sale {
            sale::draw(&mut of_sale, &mut settings, &mut arrivals);
        }
        let busy_ms = FIRST_ARRIVAL_MS + line_seconds * 1_000;
        let processes = usize::try_from(random.between(1, PROCESSES_MAX)).unwrap_or(1);
        // A third of the worlds are quiet, so that what faults would hide is seen too.
        let is_quiet = class == Class::Ordinary && random.chance(333);
        let (mut of_operator, mut of_faults) = (random.fork(), random.fork());
        let (mut actions, faults) = if is_quiet {
            (Vec::new(), Vec::new())
        } else if class == Class::LateLoss {
            (Vec::new(), faults::late_loss())
        } else {
            (
                operator::plan(&mut of_operator, &settings, busy_ms),
                faults::plan(&mut of_faults, class, processes, busy_ms),
            )
        };
        if class == Class::Sale && of_sale.chance(300) {
            let at = busy_ms / 3 + of_sale.below(busy_ms / 3);
            actions.push((at, Action::Reset { epoch: 1 }));
            actions.sort_by_key(|(at, _)| *at);
        }
        let last_arrival = arrivals.iter().map(|arrival| arrival.at).max().unwrap_or(0);
        let calm_from = (busy_ms + 60_000).max(last_arrival);
        Self {
            processes,
            settings,
            arrivals,
            actions,
            faults,
            lag_max_ms: *pick(random, &[0, 5, 50, 300]),
            store_delay_max_ms: *pick(random, &[2, 10, 40]),
            calm_from,
            // Twice the time the whole line takes, whatever the operator did to the outflow, and all who sleep.
            ends_at: calm_from + 3 * line_seconds * 1_000 + 45 * 60_000,
        }
    }
}

/// Visitors come all at once, evenly, in waves, or mostly at the beginning.
fn arrivals(random: &mut Random, class: Class, visitors: u64, line_ms: u64) -> Vec<Arrival> {
    let is_late_loss = class == Class::LateLoss;
    let shape = if is_late_loss { 0 } else { random.below(4) };
    let rush_ms = if is_late_loss { faults::RUSH_BEFORE_LOSS_MS } else { random.between(500, RUSH_MAX_MS) };
    let mixture = Mixture::draw(random, line_ms);
    let arrivals = (0..visitors).map(|number| {
        let after = match shape {
            0 => random.below(rush_ms),
            1 => random.below(line_ms),
            2 => (number % 4) * line_ms / 5 + random.below(rush_ms),
            _ if random.chance(700) => random.below(rush_ms),
            _ => random.below(line_ms),
        };
        let habit = Habit::draw(random, mixture);
        Arrival { at: FIRST_ARRIVAL_MS + after, habit, lane: Lane::ORDINARY, key: None }
    });
    arrivals.collect()
}

pub(crate) fn pick<'a, T>(random: &mut Random, choices: &'a [T]) -> &'a T {
    &choices[random.position(choices.len())]
}

/// Numbers drawn here are far below the limits of settings; those keep them in 32 bits.
pub(crate) fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
