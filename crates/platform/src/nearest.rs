//! What to say about a field that does not exist: the nearest one that does, so that a slip of the finger is mended
//! in seconds.

use anteroom_protocol::problem::Problem;

/// Names further away than this share of their length are not offered: a wrong guess misleads more than none.
const NEAR_ENOUGH: f64 = 0.75;

/// The known name that `found` was most likely meant to be.
pub(crate) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let found = found.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&found, &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness >= NEAR_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The problem that the object at `path` has a field `name` which does not exist there.
pub(crate) fn unknown_field(path: &str, name: &str, known: &[&str]) -> Problem {
    const SHOWN_CHARS: usize = 60;
    let shown: String = name.chars().take(SHOWN_CHARS).collect();
    let expected = match nearest(name, known) {
        Some(near) => format!("“{near}”, the nearest field that exists here"),
        None if known.is_empty() => "no fields at all".into(),
        None => format!("one of {}", known.join(", ")),
    };
    let path = if path.is_empty() { shown } else { format!("{path}.{shown}") };
    Problem { path, found: "a field that does not exist".into(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slip_of_the_finger_finds_its_name() {
        let known = ["ValueToCompare", "ValuesToCompare", "IsNegative", "IsIgnoreCase"];
        assert_eq!(nearest("valueToCompar", &known), Some("ValueToCompare"));
        assert_eq!(nearest("Negative", &known), Some("IsNegative"));
        assert_eq!(nearest("zzz", &known), None);
    }

    #[test]
    fn far_name_is_answered_with_the_whole_list() {
        let problem = unknown_field("Triggers[0]", "zzz", &["LogicalOperator", "TriggerParts"]);
        assert_eq!(problem.path, "Triggers[0].zzz");
        assert_eq!(problem.expected, "one of LogicalOperator, TriggerParts");
    }
}
