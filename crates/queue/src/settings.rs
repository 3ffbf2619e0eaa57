//! What an operator sets for a room, and the bounds of it. Knows no account.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Slivers in one place: capacity is counted in 1/60000 of a place, because with an outflow of `r` a minute a
/// span of `n` milliseconds is then worth exactly `r * n` of them. Nothing is ever rounded.
pub(crate) const SLIVERS_PER_PLACE: u64 = 60_000;

/// The highest outflow a room can be set to: ten thousand a second.
pub const OUTFLOW_PER_MINUTE_MAX: u32 = 600_000;
/// The most places a burst can hold: one minute of the highest outflow.
pub const BURST_MAX: u32 = OUTFLOW_PER_MINUTE_MAX;
/// The least default burst. While one place waits for a visitor who is on the way, the next one can already come free;
/// with a burst of one, small rooms were seen to stay a third below their outflow.
pub const BURST_DEFAULT_MIN: u32 = 2;
/// Bounds of the late window. A claimed id is kept for at least this long, so the upper one bounds the store.
pub const LATE_WINDOW_SECONDS: std::ops::RangeInclusive<u32> = 30..=3_600;
/// Bounds of how long one admission may be answered again with the same queue token.
pub const TOKEN_VALIDITY_SECONDS: std::ops::RangeInclusive<u32> = 30..=600;
/// The most further admissions of one queue id.
pub const RE_ENTRY_LIMIT_MAX: u32 = 10;

/// What an operator sets for a room.
///
/// ```
/// use anteroom_queue::Settings;
///
/// let settings = Settings { late_window_seconds: 600, ..Settings::with_outflow(1_200) };
/// assert_eq!(settings.burst_places(), 40);
/// assert!(settings.check().is_ok());
/// assert!(Settings::with_outflow(0).check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The most visitors the room may redirect per minute, 1 to [`OUTFLOW_PER_MINUTE_MAX`].
    pub outflow_per_minute: u32,
    /// How many may be redirected at once beyond the even flow, in places, 1 to [`BURST_MAX`]. Default: two seconds of
    /// outflow, at least [`BURST_DEFAULT_MIN`]. With 1, every moment that a free place waits for its visitor is lost to
    /// the outflow for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// How long a visitor who was called and did not come may still enter. Default 300 seconds.
    #[serde(default = "default_late_window")]
    pub late_window_seconds: u32,
    /// How long one admission is answered again with the very same queue token. Default 180 seconds.
    #[serde(default = "default_token_validity")]
    pub token_validity_seconds: u32,
    /// How often one queue id may be admitted again after its queue token expired, within the late window.
    /// Default 1.
    #[serde(default = "default_re_entry_limit")]
    pub re_entry_limit: u32,
}

fn default_late_window() -> u32 {
    300
}

fn default_token_validity() -> u32 {
    180
}

fn default_re_entry_limit() -> u32 {
    1
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {found}: {expected}")]
pub struct SettingsProblem {
    /// The setting, as it is written in settings files and in the interface, in snake case.
    pub name: &'static str,
    /// What was given.
    pub found: u32,
    /// What would do.
    pub expected: String,
}

impl Settings {
    /// The defaults with this outflow.
    pub fn with_outflow(outflow_per_minute: u32) -> Self {
        Self {
            outflow_per_minute,
            burst: None,
            late_window_seconds: default_late_window(),
            token_validity_seconds: default_token_validity(),
            re_entry_limit: default_re_entry_limit(),
        }
    }

    /// Checks all settings and tells every problem at once.
    pub fn check(&self) -> Result<(), Vec<SettingsProblem>> {
        let within = |name, found: u32, range: std::ops::RangeInclusive<u32>| {
            let expected = format!("a whole number from {} to {} is needed", range.start(), range.end());
            (!range.contains(&found)).then_some(SettingsProblem { name, found, expected })
        };
        let problems: Vec<_> = [
            within("outflow_per_minute", self.outflow_per_minute, 1..=OUTFLOW_PER_MINUTE_MAX),
            self.burst.and_then(|burst| within("burst", burst, 1..=BURST_MAX)),
            within("late_window_seconds", self.late_window_seconds, LATE_WINDOW_SECONDS),
            within("token_validity_seconds", self.token_validity_seconds, TOKEN_VALIDITY_SECONDS),
            within("re_entry_limit", self.re_entry_limit, 0..=RE_ENTRY_LIMIT_MAX),
        ]
        .into_iter()
        .flatten()
        .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The burst in places: as set, or two seconds of outflow, at least [`BURST_DEFAULT_MIN`].
    pub fn burst_places(&self) -> u32 {
        let by_default = || self.outflow_per_minute.div_ceil(30).max(BURST_DEFAULT_MIN);
        self.burst.unwrap_or_else(by_default).max(1)
    }

    /// How long a visitor who was called and did not come may still enter.
    pub fn late_window(&self) -> Duration {
        Duration::from_secs(u64::from(self.late_window_seconds))
    }

    /// How long one admission is answered again with the very same queue token.
    pub fn token_validity(&self) -> Duration {
        Duration::from_secs(u64::from(self.token_validity_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let settings = Settings {
            outflow_per_minute: 0,
            burst: Some(0),
            late_window_seconds: 1,
            token_validity_seconds: 601,
            re_entry_limit: 11,
        };
        let problems = settings.check().unwrap_err();
        assert_eq!(problems.len(), 5);
        assert_eq!(
            problems[0].to_string(),
            "outflow_per_minute is 0: a whole number from 1 to 600000 is needed"
        );
    }

    #[test]
    fn burst_is_two_seconds_of_outflow_and_at_least_two() {
        assert_eq!(Settings::with_outflow(1).burst_places(), 2);
        assert_eq!(Settings::with_outflow(600).burst_places(), 20);
        assert_eq!(Settings::with_outflow(60).burst_places(), 2);
        assert_eq!(Settings { burst: Some(7), ..Settings::with_outflow(60) }.burst_places(), 7);
    }

    #[test]
    fn unknown_settings_are_refused_and_missing_ones_get_their_default() {
        let read: Settings = serde_json::from_str(r#"{"outflow_per_minute":60}"#).unwrap();
        assert_eq!(read, Settings::with_outflow(60));
        assert!(serde_json::from_str::<Settings>(r#"{"outflow_per_minute":60,"brust":1}"#).is_err());
    }
}
