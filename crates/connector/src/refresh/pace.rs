//! When to ask the platform next.

use std::time::Duration;

use anteroom_protocol::time::Timestamp;

/// How often a platform is asked that does not hold questions.
const POLL_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The pause after the first failure; it doubles with each further one.
const RETRY_FIRST: Duration = Duration::from_millis(200);

/// The longest pause after failures: a platform that comes back is noticed within a minute.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The longest pause there can be, a `Retry-After` and the spread included. A turn further away than this means
/// that the clock was set back.
const PAUSE_MAX: Duration = Duration::from_secs(10 * 60);

#[derive(Debug)]
pub(super) struct Pace {
    state: State,
    failures_in_a_row: u32,
    /// Whether the platform has been seen to hold a question.
    is_held: Option<bool>,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The next question is due at this moment.
    Due(Timestamp),
    /// A question was put at this moment and is not answered yet.
    Asked(Timestamp),
}

impl Pace {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: State::Due(Timestamp::EPOCH), failures_in_a_row: 0, is_held: None, seed }
    }

    /// Whether a question is due; if so, it counts as put.
    pub(super) fn take_turn(&mut self, now: Timestamp) -> bool {
        match self.state {
            State::Due(at) if now >= at || at.saturating_since(now) > PAUSE_MAX => {
                self.state = State::Asked(now);
                true
            }
            State::Due(_) | State::Asked(_) => false,
        }
    }

    pub(super) const fn next_turn(&self) -> Timestamp {
        match self.state {
            State::Due(at) => at,
            State::Asked(_) => Timestamp::from_millis(u64::MAX),
        }
    }

    pub(super) const fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }

    pub(super) const fn is_held(&self) -> Option<bool> {
        self.is_held
    }

    /// The answer led on: ask for the next at once.
    pub(super) fn heard_something(&mut self, now: Timestamp) {
        self.failures_in_a_row = 0;
        self.state = State::Due(now);
    }

    /// The answer was that nothing is new. A platform that holds questions for `wait` takes about that long for
    /// it; one that takes less than half does not hold them.
    pub(super) fn heard_nothing_new(&mut self, now: Timestamp, wait: Duration) {
        self.failures_in_a_row = 0;
        let asked_at = match self.state {
            State::Asked(at) | State::Due(at) => at,
        };
        let is_held = now.saturating_since(asked_at) >= wait / 2;
        self.is_held = Some(is_held);
        let pause = if is_held { Duration::ZERO } else { self.spread(POLL_INTERVAL) };
        self.state = State::Due(now.saturating_add(pause));
    }

    /// The question failed, or its answer was of no use.
    pub(super) fn failed(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        let doublings = self.failures_in_a_row.min(16);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let pause = RETRY_FIRST.saturating_mul(1 << doublings).min(RETRY_MAX);
        let pause = self.spread(pause.max(retry_after.unwrap_or_default().min(POLL_INTERVAL)));
        self.state = State::Due(now.saturating_add(pause));
    }

    /// Between three quarters and five quarters of a pause, so that connectors that lost the platform at one
    /// moment do not come back at one moment.
    fn spread(&mut self, pause: Duration) -> Duration {
        // SplitMix64 (Steele, Lea and Flood 2014): one addition and a mixing function, every seed will do.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let per_thousand = 750 + u32::try_from(mixed % 501).unwrap_or_default();
        pause.saturating_mul(per_thousand) / 1000
    }
}
