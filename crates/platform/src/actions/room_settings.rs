//! What is to change of a room's settings, whether it can be, and what an audit list says of it. Pure.

use anteroom_protocol::problem::Problem;
use anteroom_queue::Settings;
use anteroom_queue::settings::{EnqueueTokenUse, Mode, SettingsProblem};
use anteroom_store::records::LocalSchedule;

use crate::schedule::{self, shown_in};

/// What is to change; what is not named stays. Where a setting can be absent, `Some(None)` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingsChange {
    pub(crate) outflow_per_minute: Option<u32>,
    pub(crate) burst: Option<Option<u32>>,
    pub(crate) late_window_seconds: Option<u32>,
    pub(crate) token_validity_seconds: Option<u32>,
    pub(crate) re_entry_limit: Option<u32>,
    pub(crate) mode: Option<Mode>,
    pub(crate) schedule: Option<Option<LocalSchedule>>,
    pub(crate) lane_weights: Option<Vec<u32>>,
    pub(crate) max_active: Option<Option<u32>>,
    pub(crate) session_seconds: Option<u32>,
    pub(crate) ramp_seconds: Option<u32>,
    pub(crate) unique_keys: Option<bool>,
    pub(crate) enqueue_token: Option<EnqueueTokenUse>,
}

impl SettingsChange {
    /// Whether nothing is named.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The settings as they will be, or everything that is wrong, by the names of the interface.
    pub(crate) fn applied_to(&self, before: &Settings) -> Result<Settings, Vec<Problem>> {
        let mut problems = Vec::new();
        let schedule = match &self.schedule {
            None => before.schedule,
            Some(None) => anteroom_queue::settings::Schedule::default(),
            Some(Some(local)) => schedule::resolve(local, "schedule").unwrap_or_else(|found| {
                problems = found;
                before.schedule
            }),
        };
        let after = Settings {
            outflow_per_minute: self.outflow_per_minute.unwrap_or(before.outflow_per_minute),
            burst: self.burst.unwrap_or(before.burst),
            late_window_seconds: self.late_window_seconds.unwrap_or(before.late_window_seconds),
            token_validity_seconds: self.token_validity_seconds.unwrap_or(before.token_validity_seconds),
            re_entry_limit: self.re_entry_limit.unwrap_or(before.re_entry_limit),
            mode: self.mode.unwrap_or(before.mode),
            schedule,
            lane_weights: self.lane_weights.clone().unwrap_or_else(|| before.lane_weights.clone()),
            max_active: self.max_active.unwrap_or(before.max_active),
            session_seconds: self.session_seconds.unwrap_or(before.session_seconds),
            ramp_seconds: self.ramp_seconds.unwrap_or(before.ramp_seconds),
            unique_keys: self.unique_keys.unwrap_or(before.unique_keys),
            enqueue_token: self.enqueue_token.unwrap_or(before.enqueue_token),
        };
        let zone = self.schedule.as_ref().and_then(Option::as_ref).map(|local| local.time_zone.as_str());
        let of_the_line = after.check().err().unwrap_or_default();
        problems.extend(of_the_line.into_iter().map(|problem| named(&after, problem, zone.unwrap_or("UTC"))));
        if problems.is_empty() { Ok(after) } else { Err(problems) }
    }
}

/// A problem of the line's, by the names and in the words of the interface.
pub(crate) fn named(settings: &Settings, problem: SettingsProblem, zone: &str) -> Problem {
    let SettingsProblem { name, found, expected } = problem;
    let expected = expected.replace(" is needed", "").replace(" are possible", " of them");
    let schedule = settings.schedule;
    let moment = match name {
        "pre_queue_at" => schedule.pre_queue_at,
        "starts_at" => schedule.starts_at,
        "ends_at" => schedule.ends_at,
        _ => return Problem::new(camel(name), found, expected),
    };
    let found = moment.map_or(found, |moment| shown_in(moment, zone));
    Problem::new(format!("schedule.{}", camel(name)), found, expected)
}

/// `lane_weights` as the interface writes it: `laneWeights`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

/// What the audit list says of a change, a part for each setting that is another one now.
pub(crate) fn differences(before: &Settings, after: &Settings, zone: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut tell = |is_other: bool, part: &dyn Fn() -> String| {
        if is_other {
            parts.push(part());
        }
    };
    let number = |what: &str, before: u32, after: u32| format!("{what} is {after} instead of {before}");
    tell(before.mode != after.mode, &|| {
        match after.mode {
            Mode::Queue => "visitors wait in line",
            Mode::Passthrough => "everybody is let in at once",
            Mode::Closed => "it is closed",
        }
        .to_owned()
    });
    tell(before.schedule != after.schedule, &|| schedule_in_words(after, zone));
    tell(before.outflow_per_minute != after.outflow_per_minute, &|| {
        number("its outflow a minute", before.outflow_per_minute, after.outflow_per_minute)
    });
    tell(before.burst != after.burst, &|| number("its burst", before.burst_places(), after.burst_places()));
    tell(before.max_active != after.max_active, &|| match after.max_active {
        Some(max) => format!("at most {max} are inside"),
        None => "any number may be inside".to_owned(),
    });
    tell(before.session_seconds != after.session_seconds, &|| {
        number("a visit in seconds", before.session_seconds, after.session_seconds)
    });
    tell(before.ramp_seconds != after.ramp_seconds, &|| {
        number("its slow start in seconds", before.ramp_seconds, after.ramp_seconds)
    });
    tell(before.lane_weights != after.lane_weights, &|| match &*after.lane_weights {
        [] => "it has one lane".to_owned(),
        weights => {
            let weights: Vec<String> = weights.iter().map(u32::to_string).collect();
            format!("the weights of its lanes are {}", weights.join(", "))
        }
    });
    tell(before.enqueue_token != after.enqueue_token, &|| {
        match after.enqueue_token {
            EnqueueTokenUse::NotUsed => "enqueue tokens are not looked at",
            EnqueueTokenUse::Optional => "enqueue tokens count and are not needed",
            EnqueueTokenUse::Required => "nobody joins without an enqueue token",
            EnqueueTokenUse::RequiredWithKey => "nobody joins without an enqueue token that has a key",
        }
        .to_owned()
    });
    tell(before.unique_keys != after.unique_keys, &|| {
        if after.unique_keys { "a key holds one place" } else { "keys are not unique" }.to_owned()
    });
    tell(before.late_window_seconds != after.late_window_seconds, &|| {
        number("its late window in seconds", before.late_window_seconds, after.late_window_seconds)
    });
    tell(before.token_validity_seconds != after.token_validity_seconds, &|| {
        let (before, after) = (before.token_validity_seconds, after.token_validity_seconds);
        number("the validity of its queue tokens in seconds", before, after)
    });
    tell(before.re_entry_limit != after.re_entry_limit, &|| {
        number("its re-entry limit", before.re_entry_limit, after.re_entry_limit)
    });
    parts
}

fn schedule_in_words(settings: &Settings, zone: &str) -> String {
    let schedule = settings.schedule;
    let moments = [
        ("visitors may gather from", schedule.pre_queue_at),
        ("it starts at", schedule.starts_at),
        ("it ends at", schedule.ends_at),
    ];
    let parts: Vec<String> = moments
        .into_iter()
        .filter_map(|(what, moment)| Some(format!("{what} {}", shown_in(moment?, zone))))
        .collect();
    if parts.is_empty() { "it has no schedule".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_all_settings_are_told_at_once_by_the_names_of_the_interface() {
        let change = SettingsChange {
            outflow_per_minute: Some(0),
            lane_weights: Some(vec![1, 0, 1, 1, 1]),
            max_active: Some(Some(0)),
            schedule: Some(Some(LocalSchedule {
                time_zone: "Europe/Berlin".to_owned(),
                pre_queue_at: Some("2026-11-24T11:00".to_owned()),
                starts_at: Some("2026-11-24T10:00".to_owned()),
                ends_at: Some("2026-11-24T10:00".to_owned()),
            })),
            ..SettingsChange::default()
        };
        let problems = change.applied_to(&Settings::with_outflow(60)).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
        assert_eq!(
            paths,
            [
                "outflowPerMinute",
                "maxActive",
                "laneWeights",
                "laneWeights",
                "schedule.preQueueAt",
                "schedule.endsAt"
            ]
        );
        assert_eq!(problems[0].expected, "a whole number from 1 to 600000");
        assert_eq!(problems[4].found, "Tue 24 Nov 2026 11:00 Europe/Berlin (10:00 UTC)");
        assert_eq!(problems[4].expected, "a moment before the start, and a start");
    }

    #[test]
    fn what_is_not_named_stays_and_what_is_taken_away_is_gone() {
        let before = Settings { max_active: Some(5), burst: Some(7), ..Settings::with_outflow(60) };
        assert_eq!(SettingsChange::default().applied_to(&before).unwrap(), before);
        let change = SettingsChange { max_active: Some(None), ..SettingsChange::default() };
        let after = change.applied_to(&before).unwrap();
        assert_eq!((after.max_active, after.burst), (None, Some(7)));
        assert_eq!(differences(&before, &after, "UTC"), ["any number may be inside"]);
        assert!(differences(&after, &after, "UTC").is_empty());
    }
}
