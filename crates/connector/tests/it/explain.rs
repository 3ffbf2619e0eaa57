//! What people are told about triggers is what the policy does.

use anteroom_connector::explain::{Seen, first_match, trace};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_connector::view::RequestView;
use anteroom_protocol::integration;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts that occur in each other, in several letter cases.
fn text() -> impl Strategy<Value = String> {
    let texts = ["", "*", "/a", "/A", "a", "/a/b", "ß", "SS", "x=1", "shop.example", "é", "É"];
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

fn part() -> impl Strategy<Value = Value> {
    let validators = [
        "UrlValidator",
        "CookieValidator",
        "UserAgentValidator",
        "HttpHeaderValidator",
        "RequestBodyValidator",
        "Other",
    ];
    let operators = ["Equals", "Contains", "EqualsAny", "ContainsAny", "Other"];
    let url_parts = ["PageUrl", "HostName", "PagePath", "Other"];
    let kinds = (
        prop::sample::select(validators.to_vec()),
        prop::sample::select(operators.to_vec()),
        prop::sample::select(url_parts.to_vec()),
    );
    let texts = (text(), prop::collection::vec(text(), 0..4));
    (kinds, texts, any::<bool>(), any::<bool>()).prop_map(
        |((validator, operator, url_part), (text, texts), is_negative, is_ignore_case)| {
            json!({
                "ValidatorType": validator, "Operator": operator, "UrlPart": url_part, "CookieName": "c",
                "HttpHeaderName": "X-H", "ValueToCompare": text, "ValuesToCompare": texts,
                "IsNegative": is_negative, "IsIgnoreCase": is_ignore_case,
            })
        },
    )
}

fn document() -> impl Strategy<Value = Value> {
    let trigger = (prop::sample::select(vec!["And", "Or"]), prop::collection::vec(part(), 0..4))
        .prop_map(|(operator, parts)| json!({ "LogicalOperator": operator, "TriggerParts": parts }));
    let triggers = prop::collection::vec(trigger, 0..3);
    prop::collection::vec((triggers, any::<bool>()), 0..6).prop_map(|integrations| {
        let integrations = integrations.into_iter().enumerate().map(|(at, (triggers, is_normalized))| {
            json!({
                "Name": at.to_string(), "ActionType": "Ignore", "IsNormalizationEnabled": is_normalized, "Triggers": triggers,
            })
        });
        json!({ "Version": 1, "Integrations": integrations.collect::<Vec<_>>() })
    })
}

proptest! {
    #[test]
    fn the_integration_that_is_explained_is_the_one_that_decides(
        document in document(),
        path in prop::sample::select(vec!["", "/", "/a", "/A/b", "/./a", "/%61", "/ß?x=1", "/a?queueittoken=x"]),
        value in text(),
    ) {
        let config = integration::parse(document.to_string().as_bytes()).unwrap();
        let settings = Settings {
            customer_id: "acme".to_owned(),
            secret_key: Secret::new("key".to_owned()),
            room_base: None,
            platform_suffix: None,
            fallback: Fallback::LetPass,
            features: Default::default(),
        };
        let policy = Policy::compile(&config, &settings).unwrap();
        let url = format!("https://shop.example{path}");
        let headers = [("cookie", format!("c={value}")), ("user-agent", value.clone()), ("x-h", value.clone())];
        let view =
            RequestView { method: "GET", url: &url, headers: &headers, client_ip: None, body: Some(&value) };
        let seen = Seen::of(&view);

        let decided = policy.decide(&view, Timestamp::from_seconds(1_700_000_000)).action_name;
        let explained = first_match(&config, &seen).map(|found| found.integration.name.as_str());
        prop_assert_eq!(decided, explained);
        let traced = trace(&config, &seen);
        let traced = traced.iter().find(|trace| trace.is_match()).map(|trace| trace.integration.name.as_str());
        prop_assert_eq!(traced, explained);
    }
}
