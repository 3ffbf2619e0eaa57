//! When visitors come. The moments are fixed before anything starts and do not depend on how the room answers (an open
//! loop): a room that becomes slow is met by as many visitors as a fast one, as on the day of the sale.

use std::cmp::Reverse;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;

/// Most visitors of one run. Each costs the generator about a kilobyte while it waits.
pub(super) const VISITORS_MAX: u64 = 2_000_000;
/// Most arrivals a second: beyond it a generator on one machine measures itself.
pub(super) const ARRIVALS_PER_SECOND_MAX: u32 = 100_000;
/// Longest time over which visitors come, in seconds.
const SPAN_SECONDS_MAX: u64 = 7 * 24 * 60 * 60;

/// How many come each second, `500/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PerSecond(pub(super) u32);

/// A span as people type it: `90s`, `15m`, `2h`, `500ms`; a bare number means seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// Many who come at one moment: `20000@30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surge {
    pub(super) visitors: NonZeroU32,
    pub(super) at: Duration,
}

/// How arrivals are spread over the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Curve {
    /// As many in each second.
    Constant,
    /// From none at the beginning to the whole rate at the end.
    Ramp,
}

/// A text that is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArrivalsError {
    #[error("found {0:?}, expected a number up to {ARRIVALS_PER_SECOND_MAX} and \"/s\", as in 500/s")]
    PerSecond(String),
    #[error("found {0:?}, expected a time of at most a week, as in 500ms, 60s, 15m or 2h")]
    Span(String),
    #[error("found {0:?}, expected a number of visitors and a moment, as in 20000@30s")]
    Surge(String),
}

impl FromStr for PerSecond {
    type Err = ArrivalsError;

    fn from_str(text: &str) -> Result<Self, ArrivalsError> {
        let number = text.strip_suffix("/s").and_then(|number| number.trim().parse().ok());
        number
            .filter(|number| *number <= ARRIVALS_PER_SECOND_MAX)
            .map(Self)
            .ok_or_else(|| ArrivalsError::PerSecond(text.to_owned()))
    }
}

impl FromStr for Span {
    type Err = ArrivalsError;

    fn from_str(text: &str) -> Result<Self, ArrivalsError> {
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("", 1_000)];
        let millis = units.into_iter().find_map(|(unit, millis)| {
            text.strip_suffix(unit)?.trim().parse::<u64>().ok()?.checked_mul(millis)
        });
        millis
            .filter(|millis| *millis <= SPAN_SECONDS_MAX * 1_000)
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| ArrivalsError::Span(text.to_owned()))
    }
}

impl FromStr for Surge {
    type Err = ArrivalsError;

    fn from_str(text: &str) -> Result<Self, ArrivalsError> {
        let read = || {
            let (visitors, at) = text.split_once('@')?;
            Some(Self { visitors: visitors.trim().parse().ok()?, at: at.trim().parse::<Span>().ok()?.0 })
        };
        read().ok_or_else(|| ArrivalsError::Surge(text.to_owned()))
    }
}

/// All moments at which somebody comes, from the beginning of the run, in order.
#[derive(Debug)]
pub(super) struct Arrivals {
    rate: u32,
    span: Duration,
    curve: Curve,
    /// How many of the curve came already.
    come: u64,
    /// The next one is last.
    surges: Vec<Surge>,
}

impl Arrivals {
    pub(super) fn new(rate: PerSecond, span: Span, curve: Curve, mut surges: Vec<Surge>) -> Self {
        surges.sort_by_key(|surge| Reverse(surge.at));
        Self { rate: rate.0, span: span.0, curve, come: 0, surges }
    }

    /// How many come in all.
    pub(super) fn total(&self) -> u64 {
        let of_surges: u64 = self.surges.iter().map(|surge| u64::from(surge.visitors.get())).sum();
        self.of_curve() + of_surges
    }

    /// When the next visitor comes; nothing when all have come.
    pub(super) fn next(&mut self) -> Option<Duration> {
        let of_curve = (self.come < self.of_curve()).then(|| self.moment(self.come));
        match self.surges.last_mut() {
            Some(surge) if of_curve.is_none_or(|moment| surge.at <= moment) => {
                let at = surge.at;
                match NonZeroU32::new(surge.visitors.get() - 1) {
                    Some(left) => surge.visitors = left,
                    None => drop(self.surges.pop()),
                }
                Some(at)
            }
            _ => {
                self.come += u64::from(of_curve.is_some());
                of_curve
            }
        }
    }

    fn of_curve(&self) -> u64 {
        let whole = u128::from(self.rate) * self.span.as_millis() / 1_000;
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        match self.curve {
            Curve::Constant => whole,
            Curve::Ramp => whole / 2,
        }
    }

    /// When the visitor of this number comes, counted from 0.
    #[expect(clippy::cast_precision_loss, reason = "a nanosecond more or less is no matter")]
    fn moment(&self, number: u64) -> Duration {
        let (number, rate, span) = (number as f64, f64::from(self.rate.max(1)), self.span.as_secs_f64());
        let seconds = match self.curve {
            Curve::Constant => number / rate,
            // Of a rate that grows evenly, rate × t² / (2 × span) have come by the time t.
            Curve::Ramp => (2.0 * number * span / rate).sqrt(),
        };
        Duration::from_secs_f64(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(rate: &str, span: &str, curve: Curve, surges: &[&str]) -> Vec<u128> {
        let surges = surges.iter().map(|surge| surge.parse().unwrap()).collect();
        let mut arrivals = Arrivals::new(rate.parse().unwrap(), span.parse().unwrap(), curve, surges);
        let total = arrivals.total();
        let moments: Vec<u128> = std::iter::from_fn(|| arrivals.next()).map(|at| at.as_millis()).collect();
        assert_eq!(moments.len() as u64, total);
        moments
    }

    #[test]
    fn arrivals_follow_the_curve_and_surges_come_between() {
        assert_eq!(moments("4/s", "1s", Curve::Constant, &[]), [0, 250, 500, 750]);
        assert_eq!(moments("4/s", "2s", Curve::Ramp, &[]), [0, 1000, 1414, 1732]);
        assert_eq!(
            moments("4/s", "1s", Curve::Constant, &["1@2s", "2@250ms"]),
            [0, 250, 250, 250, 500, 750, 2000]
        );
        assert_eq!(moments("0/s", "1s", Curve::Constant, &["3@0"]), [0, 0, 0]);
    }

    #[test]
    fn texts_are_read_or_refused() {
        for (text, millis) in
            [("90s", 90_000), ("15m", 900_000), ("2h", 7_200_000), ("500ms", 500), ("7", 7_000)]
        {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "s", "-1s", "1d", "200h", "18446744073709551615h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!("500/s".parse(), Ok(PerSecond(500)));
        for text in ["500", "/s", "100001/s", "5/m"] {
            assert!(text.parse::<PerSecond>().is_err(), "{text}");
        }
        for text in ["20000", "0@1s", "@1s", "5@"] {
            assert!(text.parse::<Surge>().is_err(), "{text}");
        }
    }
}
