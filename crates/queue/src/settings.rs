//! What an operator sets for a room, and the bounds of it. Knows no account.

use std::time::Duration;

use anteroom_protocol::place::{LANES_MAX, Lane};
use anteroom_protocol::time::Timestamp;
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

/// Bounds of a lane's weight.
pub const LANE_WEIGHT: std::ops::RangeInclusive<u32> = 1..=1_000;
/// The most people inside that a room can be limited to.
pub const MAX_ACTIVE_MAX: u32 = 100_000_000;
/// Bounds of how long a visitor who was let in counts as inside: a minute to a day.
pub const SESSION_SECONDS: std::ops::RangeInclusive<u32> = 60..=86_400;
/// The longest slow start: an hour.
pub const RAMP_SECONDS_MAX: u32 = 3_600;

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
    /// What the room does with visitors. Default: [`Mode::Queue`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// When the room opens, starts and ends. Default: it is open at once and never ends.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: Schedule,
    /// How the lanes share the outflow: one weight for each, from lane 0 on, within [`LANE_WEIGHT`]. Empty (the default):
    /// there is only lane 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lane_weights: Vec<u32>,
    /// The most people inside: those who were let in within `session_seconds` and have not left by `Cancel`. Default: no
    /// limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active: Option<u32>,
    /// How long a visitor who was let in counts as inside, unless they leave. Default 1,200 seconds. Matters only with
    /// `max_active`.
    #[serde(default = "default_session", skip_serializing_if = "is_default_session")]
    pub session_seconds: u32,
    /// How long a slow start takes, in which the outflow grows evenly from a tenth to the set one; 0 (the default): none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ramp_seconds: u32,
    /// Whether the key of an enqueue token holds one place at the most. Default: no. Costs a record for each key.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unique_keys: bool,
    /// What the room asks of those who come without an enqueue token. Not looked at by the engine.
    #[serde(default, skip_serializing_if = "is_default")]
    pub enqueue_token: EnqueueTokenUse,
}

/// What a room does with visitors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They wait in line and are let in at the outflow.
    #[default]
    Queue,
    /// All are let in at once, and counted.
    Passthrough,
    /// Nobody joins and nobody is let in; tickets keep their places.
    Closed,
}

/// What a room asks of enqueue tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnqueueTokenUse {
    /// They are not looked at.
    #[default]
    NotUsed,
    /// A good one counts, none is no hindrance.
    Optional,
    /// Nobody joins without a good one.
    Required,
    /// Nobody joins without a good one that names a key: invitation only.
    RequiredWithKey,
}

impl EnqueueTokenUse {
    /// Whether nobody joins without one.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredWithKey)
    }
}

/// When a room opens, starts and ends. Moments; what time zone an operator thinks in is not known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// From when on visitors may join and wait for the draw; absent: not before the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_queue_at: Option<Timestamp>,
    /// When the line begins to move; absent: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// From when on nobody joins or is let in; absent: it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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

fn default_session() -> u32 {
    1_200
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like this")]
fn is_default_session(seconds: &u32) -> bool {
    *seconds == default_session()
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {found}: {expected}")]
pub struct SettingsProblem {
    /// The setting, as it is written in settings files and in the interface, in snake case.
    pub name: &'static str,
    /// What was given.
    pub found: String,
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
            mode: Mode::Queue,
            schedule: Schedule::default(),
            lane_weights: Vec::new(),
            max_active: None,
            session_seconds: default_session(),
            ramp_seconds: 0,
            unique_keys: false,
            enqueue_token: EnqueueTokenUse::NotUsed,
        }
    }

    /// Checks all settings and tells every problem at once.
    pub fn check(&self) -> Result<(), Vec<SettingsProblem>> {
        let within = |name, found: u32, range: std::ops::RangeInclusive<u32>| {
            let expected = format!("a whole number from {} to {} is needed", range.start(), range.end());
            (!range.contains(&found)).then(|| SettingsProblem { name, found: found.to_string(), expected })
        };
        let problems: Vec<_> = [
            within("outflow_per_minute", self.outflow_per_minute, 1..=OUTFLOW_PER_MINUTE_MAX),
            self.burst.and_then(|burst| within("burst", burst, 1..=BURST_MAX)),
            within("late_window_seconds", self.late_window_seconds, LATE_WINDOW_SECONDS),
            within("token_validity_seconds", self.token_validity_seconds, TOKEN_VALIDITY_SECONDS),
            within("re_entry_limit", self.re_entry_limit, 0..=RE_ENTRY_LIMIT_MAX),
            self.max_active.and_then(|max| within("max_active", max, 1..=MAX_ACTIVE_MAX)),
            within("session_seconds", self.session_seconds, SESSION_SECONDS),
            within("ramp_seconds", self.ramp_seconds, 0..=RAMP_SECONDS_MAX),
            self.lanes_problem(),
        ]
        .into_iter()
        .flatten()
        .chain(self.lane_weights.iter().filter_map(|&weight| within("lane_weights", weight, LANE_WEIGHT)))
        .chain(self.schedule.problems())
        .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn lanes_problem(&self) -> Option<SettingsProblem> {
        (self.lane_weights.len() > LANES_MAX).then(|| SettingsProblem {
            name: "lane_weights",
            found: format!("{} weights", self.lane_weights.len()),
            expected: format!("at most {LANES_MAX} are possible"),
        })
    }

    /// Whether nothing is set that came with lanes, schedules, limits, slow starts and modes.
    pub(crate) fn is_of_old(&self) -> bool {
        let old = Self {
            burst: self.burst,
            late_window_seconds: self.late_window_seconds,
            token_validity_seconds: self.token_validity_seconds,
            re_entry_limit: self.re_entry_limit,
            ..Self::with_outflow(self.outflow_per_minute)
        };
        *self == old
    }

    /// How many lanes the room has.
    pub fn lanes(&self) -> usize {
        self.lane_weights.len().clamp(1, LANES_MAX)
    }

    /// A lane's share of the outflow, in relation to the others. A lane that was taken away while visitors wait in it
    /// goes on with the weight of the ordinary one.
    pub fn lane_weight(&self, lane: Lane) -> u32 {
        let ordinary = self.lane_weights.first().copied().unwrap_or(1);
        self.lane_weights.get(lane.index()).copied().unwrap_or(ordinary)
    }

    /// How long a visitor who was let in counts as inside.
    pub fn session(&self) -> Duration {
        Duration::from_secs(u64::from(self.session_seconds))
    }

    /// How long a slow start takes.
    pub fn ramp(&self) -> Duration {
        Duration::from_secs(u64::from(self.ramp_seconds))
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

impl Schedule {
    fn problems(&self) -> Vec<SettingsProblem> {
        let order = |name, moment: Option<Timestamp>, is_right: bool, expected: &str| {
            let found = moment.map_or_else(|| "absent".to_owned(), |moment| moment.as_millis().to_string());
            (!is_right).then(|| SettingsProblem { name, found, expected: expected.to_owned() })
        };
        let Self { pre_queue_at, starts_at, ends_at } = *self;
        let opens_first = pre_queue_at.is_none_or(|opens| starts_at.is_some_and(|starts| opens <= starts));
        let ends_last = ends_at.is_none_or(|ends| starts_at.is_none_or(|starts| starts < ends));
        [
            order(
                "pre_queue_at",
                pre_queue_at,
                opens_first,
                "a moment before the start is needed, and a start",
            ),
            order("ends_at", ends_at, ends_last, "a moment after the start is needed"),
        ]
        .into_iter()
        .flatten()
        .collect()
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
            lane_weights: vec![1, 0, 1, 1, 2_000],
            max_active: Some(0),
            session_seconds: 1,
            ramp_seconds: 3_601,
            schedule: Schedule {
                pre_queue_at: Some(Timestamp::from_seconds(9)),
                starts_at: Some(Timestamp::from_seconds(8)),
                ends_at: Some(Timestamp::from_seconds(8)),
            },
            ..Settings::with_outflow(1)
        };
        let problems = settings.check().unwrap_err();
        assert_eq!(problems.len(), 13);
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
