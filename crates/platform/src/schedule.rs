//! When a room opens, starts and ends, as an operator writes it: local dates and times of a place, and its time zone. Pure.
//!
//! A local time is a moment only together with the rules of its zone. Once a year there is an hour that does not
//! exist, and once one that comes twice. Both are refused, rather than taken for something that was perhaps not meant:
//! a sale would begin an hour off. Of an hour that comes twice one is named with its offset, `2026-10-25T02:30+01:00`.
//!
//! What a schedule comes to is worked out when it is saved, and is what the line goes by. When a zone's rules change
//! afterwards, the moments stay and the text is shown with a remark, until an operator saves it again.

use anteroom_protocol::problem::Problem;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::Schedule;
use anteroom_store::records::LocalSchedule;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Longest name of a zone that is looked up, in bytes; the longest there is has 32.
const ZONE_BYTES_MAX: usize = 60;
/// Longest text of a moment, in bytes.
const MOMENT_BYTES_MAX: usize = 40;

/// Works out the moments, or says everything that is wrong. `name` is where the schedule stands.
pub(crate) fn resolve(local: &LocalSchedule, name: &str) -> Result<Schedule, Vec<Problem>> {
    let zone = zone(&local.time_zone).map_err(|found| {
        let expected = "the name of a time zone, such as “Europe/Berlin” or “UTC”";
        vec![Problem::new(format!("{name}.timeZone"), found, expected)]
    })?;
    let mut problems = Vec::new();
    let mut moment_of = |field: &str, text: Option<&String>| {
        let text = text?;
        match moment(text, &zone) {
            Ok(moment) => Some(moment),
            Err(Wrong { found, expected }) => {
                problems.push(Problem::new(format!("{name}.{field}"), found, expected));
                None
            }
        }
    };
    let schedule = Schedule {
        pre_queue_at: moment_of("preQueueAt", local.pre_queue_at.as_ref()),
        starts_at: moment_of("startsAt", local.starts_at.as_ref()),
        ends_at: moment_of("endsAt", local.ends_at.as_ref()),
    };
    if problems.is_empty() { Ok(schedule) } else { Err(problems) }
}

/// A moment as the clocks of a zone show it, such as `Tue 24 Nov 2026 09:30 Europe/Berlin (08:30 UTC)`. Of a zone that
/// is not known, in UTC alone.
pub(crate) fn shown_in(moment: Timestamp, time_zone: &str) -> String {
    let moment = jiff_moment(moment);
    let utc = moment.to_zoned_datetime(TimeZone::UTC);
    let whole = "%a %-d %b %Y %H:%M";
    match zone(time_zone) {
        Ok(zone) if zone != TimeZone::UTC => {
            let local = moment.to_zoned_datetime(zone);
            let short = if local.date() == utc.date() { "%H:%M" } else { "%a %-d %b %H:%M" };
            format!("{} {time_zone} ({} UTC)", local.strftime(whole), utc.strftime(short))
        }
        _ => format!("{} UTC", utc.strftime(whole)),
    }
}

/// A moment as a text that can be written into a schedule: the local time to the second, with its offset where the time
/// alone would not do.
pub(crate) fn written_in(moment: Timestamp, time_zone: &str) -> String {
    let zone = zone(time_zone).unwrap_or(TimeZone::UTC);
    let local = jiff_moment(moment).to_zoned_datetime(zone.clone());
    let civil = local.datetime();
    let format = if civil.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" };
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { .. } => local.strftime(format).to_string(),
        _ => local.strftime(&format!("{format}%:z")).to_string(),
    }
}

fn jiff_moment(moment: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

/// What stands there instead of a moment, and what would do.
struct Wrong {
    found: String,
    expected: String,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    if name.len() > ZONE_BYTES_MAX {
        return Err(format!("{} bytes", name.len()));
    }
    TimeZone::get(name).map_err(|_| Problem::quote(name))
}

fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Wrong> {
    let wrong = |found: String, expected: &str| Wrong { found, expected: expected.to_owned() };
    const FORM: &str = "a local date and time, such as 2026-11-24T10:00";
    let quoted = || Problem::quote(text);
    if text.len() > MOMENT_BYTES_MAX {
        return Err(wrong(format!("{} bytes", text.len()), FORM));
    }
    let pieces = Pieces::parse(text).map_err(|_| wrong(quoted(), FORM))?;
    let time = pieces.time().ok_or_else(|| wrong(format!("{}, which has no time", quoted()), FORM))?;
    if pieces.time_zone_annotation().is_some() {
        return Err(wrong(quoted(), "a time without a zone: the schedule names it"));
    }
    let civil = DateTime::from_parts(pieces.date(), time);
    let moment = match (zone.to_ambiguous_timestamp(civil).offset(), pieces.to_numeric_offset()) {
        (AmbiguousOffset::Unambiguous { offset }, None) => offset.to_timestamp(civil),
        (AmbiguousOffset::Gap { before, after }, _) => {
            let found = format!("{}, which does not exist there", quoted());
            let expected = format!(
                "a time before or after that hour: the clocks are put forward, from UTC{before} to UTC{after}"
            );
            return Err(Wrong { found, expected });
        }
        (AmbiguousOffset::Fold { before, after }, None) => {
            let found = format!("{}, which comes twice there", quoted());
            let expected = format!(
                "which of the two is meant, {text}{before} or {text}{after}: the clocks are put back in that hour",
                before = with_minutes(before),
                after = with_minutes(after),
            );
            return Err(Wrong { found, expected });
        }
        (ambiguous, Some(given)) => {
            let is_one = match ambiguous {
                AmbiguousOffset::Unambiguous { offset } => given == offset,
                AmbiguousOffset::Fold { before, after } => given == before || given == after,
                AmbiguousOffset::Gap { .. } => false,
            };
            if !is_one {
                let found = format!("{}, which is not the offset there", quoted());
                return Err(wrong(found, "the local time alone, or with the offset of its zone"));
            }
            given.to_timestamp(civil)
        }
    };
    let moment = moment.ok().and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    moment.map(Timestamp::from_millis).ok_or_else(|| wrong(quoted(), "a year from 1970 to 9999"))
}

/// An offset as a moment is written with it: `+01:00`.
fn with_minutes(offset: jiff::tz::Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn berlin(text: &str) -> Result<u64, String> {
        let local = LocalSchedule {
            time_zone: "Europe/Berlin".to_owned(),
            pre_queue_at: None,
            starts_at: Some(text.to_owned()),
            ends_at: None,
        };
        match resolve(&local, "schedule") {
            Ok(schedule) => Ok(schedule.starts_at.unwrap().as_seconds()),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        }
    }

    #[test]
    fn local_time_is_a_moment_by_the_rules_of_its_zone() {
        let winter = 1_795_510_800; // 2026-11-24T09:00:00Z
        assert_eq!(berlin("2026-11-24T10:00"), Ok(winter));
        assert_eq!(berlin("2026-11-24T10:00:00+01:00"), Ok(winter));
        assert_eq!(berlin("2026-11-24 10:00:05"), Ok(winter + 5));
        // The same time of day half a year before was an hour earlier.
        assert_eq!(berlin("2026-06-24T10:00"), Ok(1_782_288_000));
    }

    #[test]
    fn hour_that_does_not_exist_is_refused_and_says_so() {
        for text in ["2026-03-29T02:00", "2026-03-29T02:30", "2026-03-29T02:59:59", "2026-03-29T02:30+01:00"]
        {
            let problem = berlin(text).unwrap_err();
            assert!(problem.contains("schedule.startsAt") && problem.contains("does not exist"), "{problem}");
        }
        assert!(berlin("2026-03-29T01:59:59").is_ok() && berlin("2026-03-29T03:00").is_ok());
    }

    #[test]
    fn hour_that_comes_twice_must_be_named() {
        let problem = berlin("2026-10-25T02:30").unwrap_err();
        for word in ["comes twice", "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"] {
            assert!(problem.contains(word), "{problem}");
        }
        let first = berlin("2026-10-25T02:30+02:00").unwrap();
        assert_eq!(berlin("2026-10-25T02:30+01:00"), Ok(first + 3_600));
        let zone = "Europe/Berlin";
        assert_eq!(written_in(Timestamp::from_seconds(first), zone), "2026-10-25T02:30+02:00");
        assert_eq!(written_in(Timestamp::from_seconds(first + 3_600), zone), "2026-10-25T02:30+01:00");
    }

    #[test]
    fn what_is_no_moment_is_refused_with_an_example() {
        for text in [
            "",
            "tomorrow",
            "2026-11-24",
            "10:00",
            "2026-13-01T10:00",
            "2026-02-30T10:00",
            "1969-01-01T00:00",
        ] {
            assert!(berlin(text).is_err(), "{text}");
        }
        assert!(berlin(&"9".repeat(100)).is_err());
        assert!(berlin("2026-11-24T10:00Z").is_err(), "Z is not the offset there");
        assert!(berlin("2026-11-24T10:00[America/New_York]").unwrap_err().contains("without a zone"));
        assert!(berlin("2026-11-24T10:00+02:00").unwrap_err().contains("not the offset"));
    }

    #[test]
    fn unknown_zone_is_named() {
        for time_zone in ["Europe/Belrin", "", "../../etc/passwd", "/etc/localtime"] {
            let local = LocalSchedule {
                time_zone: time_zone.to_owned(),
                pre_queue_at: None,
                starts_at: None,
                ends_at: None,
            };
            let problems = resolve(&local, "schedule").unwrap_err();
            assert_eq!(problems[0].path, "schedule.timeZone", "{time_zone}");
        }
    }

    #[test]
    fn moments_are_shown_by_the_clocks_of_the_zone_and_in_utc() {
        let moment = Timestamp::from_seconds(1_795_509_000);
        assert_eq!(shown_in(moment, "Europe/Berlin"), "Tue 24 Nov 2026 09:30 Europe/Berlin (08:30 UTC)");
        assert_eq!(
            shown_in(moment, "Pacific/Auckland"),
            "Tue 24 Nov 2026 21:30 Pacific/Auckland (08:30 UTC)"
        );
        let late = Timestamp::from_seconds(1_795_548_600);
        assert_eq!(
            shown_in(late, "Pacific/Auckland"),
            "Wed 25 Nov 2026 08:30 Pacific/Auckland (Tue 24 Nov 19:30 UTC)"
        );
        assert_eq!(shown_in(moment, "UTC"), "Tue 24 Nov 2026 08:30 UTC");
        assert_eq!(shown_in(moment, "nowhere"), "Tue 24 Nov 2026 08:30 UTC");
        assert_eq!(written_in(moment, "Europe/Berlin"), "2026-11-24T09:30");
        assert!(shown_in(Timestamp::from_millis(u64::MAX), "Europe/Berlin").contains("9999"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_moment_or_a_problem(text in ".{0,50}", time_zone in ".{0,70}") {
            let _ = berlin(&text);
            let local = LocalSchedule { time_zone, pre_queue_at: None, starts_at: Some(text), ends_at: None };
            let _ = resolve(&local, "schedule");
        }

        #[test]
        fn any_moment_is_written_so_that_it_is_read_as_itself(
            seconds in 0_u64..250_000_000_000,
            time_zone in prop::sample::select(&[
                "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
                "Africa/Casablanca", "America/St_Johns", "UTC",
            ][..]),
        ) {
            let moment = Timestamp::from_seconds(seconds);
            let local = LocalSchedule {
                time_zone: time_zone.to_owned(),
                pre_queue_at: None,
                starts_at: Some(written_in(moment, time_zone)),
                ends_at: None,
            };
            prop_assert_eq!(resolve(&local, "schedule").map(|schedule| schedule.starts_at), Ok(Some(moment)));
        }
    }
}
