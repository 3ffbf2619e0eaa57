//! Which connector runs which version, as the connectors themselves say with each poll. Kept in memory only: a
//! report is worth nothing once it is old, and a restarted platform hears from every connector within a poll.

use std::collections::HashMap;
use std::time::Duration;

use anteroom_protocol::id::CustomerId;
use anteroom_protocol::time::Timestamp;

/// Processes remembered over all accounts. Each takes some hundred bytes; beyond it, the one that was silent for
/// longest makes room.
pub(crate) const PROCESSES_MAX: usize = 10_000;
/// A connector asks again at once after an answer, and an answer takes at most 25 seconds: one that was silent for
/// this long is not there any more, or cannot reach us.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(40);
/// How long a silent process is still shown, so that an operator sees that it went away.
pub(crate) const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Longest text of a name, an instance or a problem that is kept, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 200;

/// What one connector says of itself with a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// What the site calls it, for operators.
    pub(crate) name: String,
    /// Random for each process, so that two of one name are two.
    pub(crate) instance: String,
    /// The version it decides by; none before its first.
    pub(crate) running_version: Option<u64>,
    /// Why it refused the newest document, when it did.
    pub(crate) problem: Option<String>,
}

/// A process as it was last heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Its own words.
    pub(crate) report: Report,
    /// When it was first heard of.
    pub(crate) first_seen: Timestamp,
    /// When it last said something.
    pub(crate) last_seen: Timestamp,
    /// When it first said that it runs this version.
    pub(crate) running_since: Timestamp,
}

/// How a connector stands to the newest version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It decides by the newest version.
    Current,
    /// It decides by an older one, or by none, and has not said why.
    Behind,
    /// It was handed a newer version and said why it keeps its own.
    Refuses,
    /// It has not been heard of for [`SILENT_AFTER`].
    Silent,
}

impl Heard {
    /// How it stands at `now` to the newest version, `head`.
    pub(crate) fn standing(&self, head: Option<u64>, now: Timestamp) -> Standing {
        if now.saturating_since(self.last_seen) >= SILENT_AFTER {
            Standing::Silent
        } else if self.report.problem.is_some() {
            Standing::Refuses
        } else if self.report.running_version == head {
            Standing::Current
        } else {
            Standing::Behind
        }
    }
}

/// Every process heard of lately.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    heard: HashMap<(CustomerId, String, String), Heard>,
}

impl Reports {
    /// Notes what a process said.
    pub(crate) fn note(&mut self, customer: &CustomerId, report: Report, now: Timestamp) {
        let key = (customer.clone(), report.name.clone(), report.instance.clone());
        if !self.heard.contains_key(&key) && self.heard.len() >= PROCESSES_MAX {
            self.make_room(now);
        }
        let before = self.heard.get(&key);
        let first_seen = before.map_or(now, |before| before.first_seen);
        let running_since = before
            .filter(|before| before.report.running_version == report.running_version)
            .map_or(now, |before| before.running_since);
        self.heard.insert(key, Heard { report, first_seen, last_seen: now, running_since });
    }

    /// The processes of one account, by name.
    pub(crate) fn of(&mut self, customer: &CustomerId, now: Timestamp) -> Vec<Heard> {
        self.forget(now);
        let mut found: Vec<Heard> = self
            .heard
            .iter()
            .filter(|((of, ..), _)| of == customer)
            .map(|(_, heard)| heard.clone())
            .collect();
        found.sort_by(|a, b| (&a.report.name, &a.report.instance).cmp(&(&b.report.name, &b.report.instance)));
        found
    }

    fn forget(&mut self, now: Timestamp) {
        self.heard.retain(|_, heard| now.saturating_since(heard.last_seen) < FORGOTTEN_AFTER);
    }

    fn make_room(&mut self, now: Timestamp) {
        self.forget(now);
        if self.heard.len() >= PROCESSES_MAX
            && let Some(oldest) =
                self.heard.iter().min_by_key(|(_, heard)| heard.last_seen).map(|(key, _)| key.clone())
        {
            self.heard.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn report(instance: &str, running_version: Option<u64>) -> Report {
        Report { name: "shop".into(), instance: instance.into(), running_version, problem: None }
    }

    #[test]
    fn connector_is_current_behind_or_silent() {
        let mut reports = Reports::default();
        let acme = "acme".parse().unwrap();
        reports.note(&acme, report("a", Some(1)), at(0));
        reports.note(&acme, report("a", Some(1)), at(5));
        let heard = reports.of(&acme, at(6)).remove(0);
        assert_eq!(heard.running_since, at(0));
        assert_eq!(heard.standing(Some(1), at(6)), Standing::Current);
        assert_eq!(heard.standing(Some(2), at(6)), Standing::Behind);
        assert_eq!(heard.standing(Some(1), at(45)), Standing::Silent);
        reports.note(&acme, report("a", Some(2)), at(50));
        let heard = reports.of(&acme, at(50)).remove(0);
        assert_eq!((heard.first_seen, heard.running_since), (at(0), at(50)));
        assert!(reports.of(&"other".parse().unwrap(), at(50)).is_empty());
        assert!(reports.of(&acme, at(50 + FORGOTTEN_AFTER.as_secs())).is_empty());
    }

    #[test]
    fn refusal_is_told_with_its_reason() {
        let heard = Heard {
            report: Report { problem: Some("no room".into()), ..report("a", Some(1)) },
            first_seen: at(0),
            last_seen: at(0),
            running_since: at(0),
        };
        assert_eq!(heard.standing(Some(2), at(1)), Standing::Refuses);
    }

    #[test]
    fn table_stays_within_its_bound_and_drops_who_was_silent_longest() {
        let mut reports = Reports::default();
        let acme = "acme".parse().unwrap();
        for number in 0..=PROCESSES_MAX as u64 {
            reports.note(&acme, report(&number.to_string(), None), Timestamp::from_millis(number));
        }
        let kept = reports.of(&acme, at(11));
        assert_eq!(kept.len(), PROCESSES_MAX);
        assert!(kept.iter().all(|heard| heard.report.instance != "0"));
    }
}
