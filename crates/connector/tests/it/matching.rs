//! Which action is for a request: the compiled triggers, made for speed, against the plain reading of the same rules
//! that people are shown.

use anteroom_connector::explain::{Seen, first_match};
use anteroom_connector::policy::Policy;
use anteroom_connector::view::RequestView;
use anteroom_protocol::integration;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::site::{NOW, settings};

/// Few letters, so that texts often occur in one another; some beyond ASCII, and some with a meaning of their own.
const TEXTS: &str = "(\\*|[abAB/ßsSéÉ.?]{0,3})";

fn part() -> impl Strategy<Value = Value> {
    let validator = prop_oneof![
        4 => Just("UrlValidator"),
        1 => Just("CookieValidator"),
        1 => Just("UserAgentValidator"),
        1 => Just("HttpHeaderValidator"),
        1 => Just("RequestBodyValidator"),
        1 => Just("JSVariableValidator"),
    ];
    let operator =
        prop_oneof![Just("Equals"), Just("Contains"), Just("EqualsAny"), Just("ContainsAny"), Just("Odd")];
    let url_part = prop_oneof![Just("PagePath"), Just("PageUrl"), Just("HostName"), Just("Odd")];
    (validator, operator, url_part, TEXTS, prop::collection::vec(TEXTS, 0..4), any::<bool>(), any::<bool>()).prop_map(
        |(validator, operator, url_part, value, values, is_negative, is_ignore_case)| {
            json!({ "ValidatorType": validator, "Operator": operator, "UrlPart": url_part, "ValueToCompare": value,
                "ValuesToCompare": values, "IsNegative": is_negative, "IsIgnoreCase": is_ignore_case,
                "CookieName": "seg", "HttpHeaderName": "X-Group" })
        },
    )
}

fn config() -> impl Strategy<Value = Value> {
    let trigger = (any::<bool>(), prop::collection::vec(part(), 0..4)).prop_map(|(is_or, parts)| {
        json!({ "LogicalOperator": if is_or { "Or" } else { "And" }, "TriggerParts": parts })
    });
    let action = (prop::collection::vec(trigger, 0..3), any::<bool>());
    prop::collection::vec(action, 0..8).prop_map(|actions| {
        let integrations = actions.into_iter().enumerate().map(|(number, (triggers, is_normalized))| {
            json!({ "Name": number.to_string(), "ActionType": "Ignore", "IsNormalizationEnabled": is_normalized,
                "Triggers": triggers })
        });
        json!({ "Version": 1, "Integrations": integrations.collect::<Vec<_>>() })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn compiled_triggers_match_as_the_rules_read(
        document in config(),
        url in "(https?://)?[abAB.]{0,4}(/|//|/\\./|%61|[abABßsé/?])*",
        [cookie, agent, group, body] in [TEXTS, TEXTS, TEXTS, TEXTS],
    ) {
        let config = integration::parse(document.to_string().as_bytes()).unwrap();
        let policy = Policy::compile(&config, &settings()).unwrap();
        let cookie = format!("x=1; seg={cookie}; y");
        let headers = [("cookie", cookie.as_str()), ("user-agent", &agent), ("x-group", &group)];
        let view = RequestView { method: "GET", url: &url, headers: &headers, client_ip: None, body: Some(&body) };
        let decided = policy.decide(&view, NOW);
        let read = first_match(&config, &Seen::of(&view)).map(|found| found.integration.name.as_str());
        prop_assert_eq!(decided.action_name, read, "{} {}", document, url);
    }
}
