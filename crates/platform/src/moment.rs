//! Moments as people and documents write them.

use anteroom_protocol::time::Timestamp;

/// ISO 8601 in UTC, such as `2026-02-03T04:05:06.789Z`.
pub(crate) fn iso(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_can_be_written() {
        assert_eq!(iso(Timestamp::from_millis(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(iso(Timestamp::EPOCH), "1970-01-01T00:00:00Z");
        assert!(iso(Timestamp::from_millis(u64::MAX)).starts_with("9999-"));
    }
}
