//! A slow start: the outflow grows evenly from a tenth of the set one to all of it.
//!
//! After `x` of `R` milliseconds of running time the outflow is `(R + 9x) / 10R` of the set one. A tenth and not nothing,
//! so that those in front are not left to wonder whether anything moves. What comes is the exact integral of it: between
//! `x` and `y` there come `outflow · (2R(y - x) + 9(y² - x²)) / 20R` slivers, and what does not divide is carried over. So
//! it does not matter how time is cut into steps, and never has more come than the integral says.
//!
//! The burst grows alike, and is one place at the least.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings::RAMP_SECONDS_MAX;

/// Running time since a slow start began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ramp {
    ran_ms: u64,
    /// What did not divide, in 1/20R of a sliver.
    carried: u64,
}

impl Ramp {
    /// A slow start of this length begins, if it has one.
    pub(crate) fn begin(length: Duration) -> Option<Self> {
        (!length.is_zero()).then(Self::default)
    }

    /// So much time runs. What it brings within the slow start, and how much of it lies behind its end.
    pub(crate) fn run(&mut self, span_ms: u64, outflow_per_minute: u32, length: Duration) -> (u64, u64) {
        let end_ms = self.ran_ms.saturating_add(span_ms).min(millis(length));
        let within = end_ms.saturating_sub(self.ran_ms);
        let per_sliver = 20 * u128::from(millis(length).max(1));
        let all = u128::from(self.carried) + self.brought(end_ms, outflow_per_minute, length);
        self.ran_ms = end_ms.max(self.ran_ms);
        self.carried = u64::try_from(all % per_sliver).unwrap_or(0);
        (u64::try_from(all / per_sliver).unwrap_or(u64::MAX), span_ms - within)
    }

    /// Twentieths of the length times the slivers that come until so much has run.
    fn brought(&self, end_ms: u64, outflow_per_minute: u32, length: Duration) -> u128 {
        let (from, to) = (u128::from(self.ran_ms), u128::from(end_ms.max(self.ran_ms)));
        let length = u128::from(millis(length));
        u128::from(outflow_per_minute) * (2 * length * (to - from) + 9 * (to * to - from * from))
    }

    /// Whether it lies behind.
    pub(crate) fn is_over(&self, length: Duration) -> bool {
        self.ran_ms >= millis(length)
    }

    /// This part of a number, rounded down, but 1 at the least.
    pub(crate) fn part_of(&self, whole: u32, length: Duration) -> u32 {
        let (length, ran) = (u128::from(millis(length).max(1)), u128::from(self.ran_ms));
        let part = u128::from(whole) * (length + 9 * ran.min(length)) / (10 * length);
        u32::try_from(part).unwrap_or(whole).max(1)
    }

    /// How long it takes until so many slivers have come.
    pub(crate) fn time_for(&self, slivers: u64, outflow_per_minute: u32, length: Duration) -> Duration {
        let length_ms = millis(length);
        let wanted = u128::from(slivers) * 20 * u128::from(length_ms);
        let all = self.brought(length_ms, outflow_per_minute, length);
        if wanted > all {
            let rest = (wanted - all) / (20 * u128::from(length_ms.max(1)));
            let rest_ms = u64::try_from(rest / u128::from(outflow_per_minute.max(1))).unwrap_or(u64::MAX);
            return Duration::from_millis(length_ms.saturating_sub(self.ran_ms).saturating_add(rest_ms));
        }
        let (mut too_early, mut late_enough) = (self.ran_ms, length_ms);
        while too_early < late_enough {
            let middle = too_early.midpoint(late_enough);
            if self.brought(middle, outflow_per_minute, length) < wanted {
                too_early = middle + 1;
            } else {
                late_enough = middle;
            }
        }
        Duration::from_millis(late_enough.saturating_sub(self.ran_ms))
    }

    pub(crate) fn is_sound(&self) -> bool {
        let longest_ms = u64::from(RAMP_SECONDS_MAX) * 1_000;
        self.ran_ms <= longest_ms && self.carried < 20 * longest_ms
    }

    /// The length was changed: what was carried is a part of the old one.
    pub(crate) fn forget_carried(&mut self) {
        self.carried = 0;
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn outflow_grows_from_a_tenth_to_all_of_it() {
        let length = Duration::from_secs(100);
        let mut ramp = Ramp::begin(length).unwrap();
        assert_eq!((ramp.part_of(600, length), ramp.part_of(3, length)), (60, 1));
        ramp.run(50_000, 600, length);
        assert_eq!(ramp.part_of(600, length), 330);
        let (_, behind) = ramp.run(60_000, 600, length);
        assert_eq!((behind, ramp.part_of(600, length), ramp.is_over(length)), (10_000, 600, true));
        assert_eq!(Ramp::begin(Duration::ZERO), None);
    }

    proptest! {
        /// However time is cut and whatever the outflow is meanwhile: never more than the integral, and less than a sliver
        /// below it.
        #[test]
        fn what_comes_is_the_integral(
            length_seconds in 1_u64..3_600,
            steps in prop::collection::vec((0_u64..200_000, 1_u32..600_000), 1..60),
        ) {
            let length = Duration::from_secs(length_seconds);
            let mut ramp = Ramp::begin(length).unwrap();
            let (mut exact, mut came) = (0_u128, 0_u128);
            for (span_ms, outflow) in steps {
                let from = u128::from(ramp.ran_ms);
                let (slivers, behind) = ramp.run(span_ms, outflow, length);
                let to = u128::from(ramp.ran_ms);
                prop_assert_eq!(to - from + u128::from(behind), u128::from(span_ms));
                let length = u128::from(length_seconds) * 1_000;
                exact += u128::from(outflow) * (2 * length * (to - from) + 9 * (to * to - from * from));
                came += u128::from(slivers);
                prop_assert!(came * 20 * length <= exact && exact < (came + 1) * 20 * length);
                prop_assert!(slivers <= u64::from(outflow) * span_ms);
            }
        }

        #[test]
        fn time_told_is_the_time_it_takes(
            length_seconds in 1_u64..3_600,
            ran in 0_u64..3_600_000,
            outflow in 1_u32..60_000,
            places in 1_u64..10_000,
        ) {
            let length = Duration::from_secs(length_seconds);
            let mut ramp = Ramp::begin(length).unwrap();
            ramp.run(ran, outflow, length);
            let slivers = places * 60_000;
            let told = millis(ramp.time_for(slivers, outflow, length));
            let (within, behind) = { ramp }.run(told, outflow, length);
            let came = within + behind * u64::from(outflow);
            prop_assert!(came.abs_diff(slivers) <= 2 * u64::from(outflow), "{came} of {slivers} in {told} ms");
        }
    }
}
