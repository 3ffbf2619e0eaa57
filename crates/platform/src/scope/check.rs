//! What is wrong with a draft. The document as it would be published goes through the very code that connectors read
//! it with; what connectors would put up with and an author cannot have meant is found here:
//!
//! * fields that do not exist, and values that no connector knows, each with the nearest one that is known,
//! * rooms that the account does not have,
//! * a fixed target on a host where visitors may not be sent.

use std::collections::BTreeSet;

use anteroom_protocol::integration;
use anteroom_protocol::problem::Problem;
use anteroom_protocol::redirect::AllowedHosts;
use anteroom_store::records::CONFIG_BYTES_MAX;
use serde_json::{Map, Value};

use super::document::unknown;
use super::fields::{INTEGRATION, Object};
use crate::nearest::{nearest, unknown_field};
use crate::shown::shown;

/// Problems told at once; whoever has more mends these first.
const TOLD_MAX: usize = 100;
/// What the account has, as far as a draft speaks of it.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings<'a> {
    /// The ids of its waiting rooms.
    pub(crate) rooms: Vec<&'a str>,
    /// Where its visitors may be sent back to.
    pub(crate) allowed_hosts: &'a [String],
    /// Where visitors reach the waiting room.
    pub(crate) room_host: &'a str,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What must be mended before the draft can be published.
    pub(crate) problems: Vec<Problem>,
    /// What is allowed and probably not meant.
    pub(crate) warnings: Vec<Problem>,
}

/// Looks at the integrations of a draft, and at the document that they make.
pub(crate) fn check(integrations: &[Value], document: &[u8], surroundings: &Surroundings<'_>) -> Findings {
    let mut findings = Findings::default();
    if document.len() > CONFIG_BYTES_MAX {
        findings.problems.push(Problem::new(
            "",
            format!("a document of {} bytes", document.len()),
            format!("at most {CONFIG_BYTES_MAX} bytes, which is what connectors take"),
        ));
        return findings;
    }
    match integration::parse(document) {
        Ok(config) => findings.warnings = config.warnings().to_vec(),
        Err(problems) => findings.problems = problems,
    }
    for (at, value) in integrations.iter().enumerate() {
        if let Value::Object(found) = value {
            let path = format!("Integrations[{at}]");
            check_object(found, &INTEGRATION, &path, &mut findings.problems);
            check_integration(found, &path, surroundings, &mut findings);
        }
    }
    if integrations.is_empty() {
        findings.warnings.push(Problem::new(
            "Integrations",
            "no action at all",
            "at least one, unless every request shall pass",
        ));
    }
    findings.problems = once_a_path(findings.problems);
    let problem_paths: BTreeSet<_> = findings.problems.iter().map(|problem| problem.path.as_str()).collect();
    findings.warnings.retain(|warning| !problem_paths.contains(warning.path.as_str()));
    findings.warnings = once_a_path(findings.warnings);
    findings
}

/// Both this check and the one of the document may dislike the same thing; one word on it is enough.
fn once_a_path(problems: Vec<Problem>) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    problems.into_iter().filter(|problem| seen.insert(problem.path.clone())).take(TOLD_MAX).collect()
}

fn check_object(
    found: &Map<String, Value>,
    object: &'static Object,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    if unknown(found, object).next().is_some() {
        let known: Vec<&str> = object.fields.iter().map(|(name, _)| *name).collect();
        problems.extend(unknown(found, object).map(|(name, _)| unknown_field(path, name, &known)));
    }
    for (name, choices) in object.choices {
        let Some(Value::String(value)) = found.get(*name) else { continue };
        if !choices.contains(&value.as_str()) && !value.is_empty() {
            let expected = match nearest(value, choices) {
                Some(near) => format!("“{near}”, the nearest value that is known here"),
                None => format!("one of {}", choices.join(", ")),
            };
            problems.push(Problem::new(format!("{path}.{name}"), Problem::quote(value), expected));
        }
    }
    let Some((list, inner)) = object.list else { return };
    let Some(Value::Array(entries)) = found.get(list) else { return };
    for (at, entry) in entries.iter().enumerate() {
        if let Value::Object(entry) = entry {
            check_object(entry, inner, &format!("{path}.{list}[{at}]"), problems);
        }
    }
}

fn check_integration(
    found: &Map<String, Value>,
    path: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) {
    let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
    let action = text("ActionType");
    if action.is_empty() {
        // Connectors disagree on what this means: some let pass, some queue.
        let stands = found.get("ActionType").map_or_else(|| "nothing".into(), shown);
        findings.problems.push(Problem::new(
            format!("{path}.ActionType"),
            stands,
            "“Queue”, “Cancel” or “Ignore”",
        ));
    }
    if action != "Queue" && action != "Cancel" {
        return;
    }
    let involved =
        found.get("InvolvedWaitingRoomIds").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let room =
        Some(text("EventId")).filter(|room| !room.is_empty()).map(|room| (format!("{path}.EventId"), room));
    let involved = involved.iter().enumerate().filter_map(|(at, value)| {
        value.as_str().map(|room| (format!("{path}.InvolvedWaitingRoomIds[{at}]"), room))
    });
    for (path, room) in room.into_iter().chain(involved) {
        findings.problems.extend(room_problem(path, room, surroundings));
    }
    if action == "Queue" && text("EventId").is_empty() {
        findings.problems.push(Problem::new(
            format!("{path}.EventId"),
            "nothing",
            "the id of a waiting room",
        ));
    }
    let domain = text("QueueDomain").trim_end_matches('/');
    if domain.is_empty() {
        findings.problems.push(Problem::new(
            format!("{path}.QueueDomain"),
            "nothing",
            format!("the host of the waiting room, such as {}", surroundings.room_host),
        ));
    } else if !domain.eq_ignore_ascii_case(surroundings.room_host) {
        findings.warnings.push(Problem::new(
            format!("{path}.QueueDomain"),
            Problem::quote(domain),
            format!("{}, the host of this installation's waiting room", surroundings.room_host),
        ));
    }
    if action == "Queue" && ["ForcedTargetUrl", "ForecedTargetUrl"].contains(&text("RedirectLogic")) {
        let problem = forced_target_problem(path, text("ForcedTargetUrl"), surroundings);
        findings.problems.extend(problem);
    }
}

fn room_problem(path: String, room: &str, surroundings: &Surroundings<'_>) -> Option<Problem> {
    if surroundings.rooms.contains(&room) {
        return None;
    }
    let expected = match nearest(room, &surroundings.rooms) {
        Some(near) => format!("“{near}”, the nearest room there is"),
        None if surroundings.rooms.is_empty() => "a room; this account has none yet".into(),
        None => format!("one of the rooms {}", surroundings.rooms.join(", ")),
    };
    Some(Problem::new(path, format!("a room that does not exist, {}", Problem::quote(room)), expected))
}

fn forced_target_problem(path: &str, target: &str, surroundings: &Surroundings<'_>) -> Option<Problem> {
    let path = format!("{path}.ForcedTargetUrl");
    let allowed = surroundings.allowed_hosts.join(", ");
    let Ok(hosts) = AllowedHosts::parse(surroundings.allowed_hosts) else {
        return Some(Problem::new(
            path,
            Problem::quote(target),
            "an account whose allowed hosts can be read",
        ));
    };
    let refusal = hosts.check(target).err()?;
    let found =
        if target.is_empty() { "nothing".into() } else { format!("{} ({refusal})", Problem::quote(target)) };
    Some(Problem::new(path, found, format!("an http or https address on one of {allowed}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Heading, compose};
    use super::*;

    fn found(integration: Value) -> Findings {
        let hosts = ["shop.example".to_owned()];
        let surroundings = Surroundings {
            rooms: vec!["spring", "summer"],
            allowed_hosts: &hosts,
            room_host: "room.example",
        };
        let integrations = [integration];
        let heading = Heading {
            customer: &"acme".parse().unwrap(),
            version: 1,
            published_at: anteroom_protocol::time::Timestamp::EPOCH,
            description: "",
        };
        check(&integrations, &compose(&heading, &integrations), &surroundings)
    }

    fn good() -> Value {
        json!({
            "Name": "tickets", "ActionType": "Queue", "EventId": "spring", "QueueDomain": "room.example",
            "CookieValidityMinute": 20, "ExtendCookieValidity": true, "RedirectLogic": "AllowTParameter",
            "Triggers": [{"LogicalOperator": "And", "TriggerParts": [{
                "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains",
                "ValueToCompare": "/tickets", "IsNegative": false, "IsIgnoreCase": true,
            }]}],
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut integration = good();
        integration[name] = value;
        integration
    }

    fn problem(integration: Value) -> Problem {
        let mut findings = found(integration);
        assert_eq!(findings.problems.len(), 1, "{findings:?}");
        findings.problems.remove(0)
    }

    #[test]
    fn good_draft_has_neither_problems_nor_warnings() {
        assert_eq!(found(good()), Findings::default());
    }

    #[test]
    fn slip_in_a_name_or_a_value_is_told_with_the_nearest() {
        let slip = problem(with("EventID", json!("spring")));
        assert_eq!(
            (slip.path.as_str(), slip.found.as_str()),
            ("Integrations[0].EventID", "a field that does not exist")
        );
        assert!(slip.expected.contains("“EventId”"), "{slip}");
        let slip = problem(with("ActionType", json!("queue")));
        assert!(slip.expected.contains("“Queue”"), "{slip}");
        let mut integration = good();
        integration["Triggers"][0]["TriggerParts"][0]["Operator"] = json!("StartsWith");
        let slip = problem(integration);
        assert_eq!(slip.path, "Integrations[0].Triggers[0].TriggerParts[0].Operator");
    }

    #[test]
    fn room_that_does_not_exist_is_told_with_the_nearest() {
        let slip = problem(with("EventId", json!("sprnig")));
        assert_eq!(slip.path, "Integrations[0].EventId");
        assert!(slip.expected.contains("“spring”"), "{slip}");
        let slip = problem(with("InvolvedWaitingRoomIds", json!(["summer", "winter9"])));
        assert_eq!(slip.path, "Integrations[0].InvolvedWaitingRoomIds[1]");
    }

    #[test]
    fn fixed_target_must_be_on_an_allowed_host() {
        let mut integration = with("RedirectLogic", json!("ForcedTargetUrl"));
        assert_eq!(problem(integration.clone()).path, "Integrations[0].ForcedTargetUrl");
        integration["ForcedTargetUrl"] = json!("https://evil.example/");
        assert!(problem(integration.clone()).expected.contains("shop.example"));
        integration["ForcedTargetUrl"] = json!("https://shop.example/tickets");
        assert_eq!(found(integration), Findings::default());
    }

    #[test]
    fn every_problem_is_told_once() {
        let findings = found(json!({"ActionType": "Queue", "Triggers": []}));
        let mut paths: Vec<&str> = findings.problems.iter().map(|problem| problem.path.as_str()).collect();
        for path in ["Integrations[0].EventId", "Integrations[0].QueueDomain"] {
            assert!(paths.contains(&path), "{findings:?}");
        }
        let told = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), told, "{findings:?}");
    }

    #[test]
    fn foreign_host_is_a_warning() {
        let findings = found(with("QueueDomain", json!("elsewhere.example")));
        assert!(findings.problems.is_empty());
        assert_eq!(findings.warnings[0].path, "Integrations[0].QueueDomain");
        assert!(found(with("QueueDomain", json!("room.example/"))).warnings.is_empty());
    }

    #[test]
    fn many_problems_are_told_up_to_a_bound() {
        let parts = vec![json!({"Operator": "nonsense"}); 3 * TOLD_MAX];
        let findings = found(with("Triggers", json!([{"LogicalOperator": "And", "TriggerParts": parts}])));
        assert_eq!(findings.problems.len(), TOLD_MAX);
    }
}
