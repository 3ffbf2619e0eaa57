//! Figures as people say them. The waiting page shows these texts, and the JSON answer carries them, so that both
//! say the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anteroom_protocol::time::Timestamp;

/// A wait in words, rounded up to what can honestly be said: "less than a minute", "about 3 minutes", "about 1 hour
/// 20 minutes", "more than a day".
pub(crate) fn wait(span: Duration) -> String {
    let seconds = span.as_secs();
    let minutes = seconds.div_ceil(60);
    match minutes {
        _ if seconds < 45 => "less than a minute".to_owned(),
        0..=1 => "about a minute".to_owned(),
        2..60 => format!("about {minutes} minutes"),
        60..1440 => {
            // An hour ahead nobody knows the minute.
            let tens = minutes.div_ceil(10);
            let (hours, minutes) = (tens / 6, tens % 6 * 10);
            let hours = if hours == 1 { "1 hour".to_owned() } else { format!("{hours} hours") };
            if minutes == 0 { format!("about {hours}") } else { format!("about {hours} {minutes} minutes") }
        }
        _ => "more than a day".to_owned(),
    }
}

/// A number with its thousands apart: 12,345.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The time of day of a moment, in UTC: 14:03:22 UTC.
pub(crate) fn time_of_day(unix_seconds: u64) -> String {
    let of_day = unix_seconds % 86_400;
    format!("{:02}:{:02}:{:02} UTC", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// A moment for programs: 2026-11-28T17:00:00Z.
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    to_the_second(moment).to_string()
}

/// A moment for people: Saturday 28 November 2026, 17:00 UTC. A script writes it as the visitor's own clock shows it.
pub(crate) fn date_and_time(moment: Timestamp) -> String {
    to_the_second(moment).strftime("%A %-d %B %Y, %H:%M UTC").to_string()
}

/// What lies beyond the calendar is its last second.
fn to_the_second(moment: Timestamp) -> jiff::Timestamp {
    let seconds = i64::try_from(moment.as_seconds()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX)
}

/// The machine's time in Unix seconds: when a page was drawn. Nothing is decided by it.
pub(crate) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The host of an absolute address, with its port, as people recognise a site.
pub(crate) fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_read_like_speech() {
        for (seconds, text) in [
            (0, "less than a minute"),
            (44, "less than a minute"),
            (45, "about a minute"),
            (61, "about 2 minutes"),
            (180, "about 3 minutes"),
            (59 * 60, "about 59 minutes"),
            (3600, "about 1 hour"),
            (3601, "about 1 hour 10 minutes"),
            (2 * 3600, "about 2 hours"),
            (2 * 3600 + 25 * 60, "about 2 hours 30 minutes"),
            (23 * 3600 + 59 * 60, "about 24 hours"),
            (86_400, "more than a day"),
            (u64::MAX, "more than a day"),
        ] {
            assert_eq!(wait(Duration::from_secs(seconds)), text, "{seconds} s");
        }
    }

    #[test]
    fn thousands_stand_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn host_is_what_people_recognise() {
        for (url, expected) in [
            ("https://shop.example/a/b?c#d", "shop.example"),
            ("http://127.0.0.1:8600?x", "127.0.0.1:8600"),
            ("https://[::1]:1/", "[::1]:1"),
        ] {
            assert_eq!(host(url), expected);
        }
    }

    #[test]
    fn moments_are_written_for_programs_and_for_people() {
        let moment = Timestamp::from_millis(1_795_885_200_999);
        assert_eq!(rfc3339(moment), "2026-11-28T17:00:00Z");
        assert_eq!(date_and_time(moment), "Saturday 28 November 2026, 17:00 UTC");
        assert!(date_and_time(Timestamp::from_millis(u64::MAX)).contains("9999"));
    }

    #[test]
    fn time_of_day_is_in_utc() {
        assert_eq!(time_of_day(1_700_000_000), "22:13:20 UTC");
    }
}
