//! What connectors of generation 3 wrote stays good: their cookies let their visitors pass here, and with their tokens
//! visitors come to the same.

use anteroom_connector::decision::Outcome;
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::Settings;
use anteroom_protocol::encode::enc;
use anteroom_protocol::integration;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde_json::Value;

use crate::cases::{demanded, id, load};
use crate::site::{decide, settings, view};

/// What generation 3 did there, and why ours is right to do otherwise.
const OTHERWISE: [(&str, &str); 1] =
    [("ck-052-g3", "its visitor holds a cookie of an involved room, which generation 3 does not know")];

fn policy(input: &Value) -> Option<Policy> {
    let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    let settings = Settings {
        customer_id: text("customer_id"),
        secret_key: Secret::new(text("secret_key")),
        ..settings()
    };
    let config = integration::parse(input["config"].to_string().as_bytes()).ok()?;
    Policy::compile(&config, &settings).ok()
}

fn old_cases() -> Vec<Value> {
    let files = ["tokens.json", "cookies.json", "decisions.json"];
    let cases = files.into_iter().flat_map(load);
    cases.filter(|case| case["gen"] == 3 && case["input"]["config"].is_object()).collect()
}

#[test]
fn cookies_that_old_connectors_write_let_pass() {
    let mut opened = 0;
    for case in old_cases() {
        let input = &case["input"];
        let Some(policy) = policy(input) else { continue };
        for cookie in demanded(&case)["set_cookies"].as_array().unwrap() {
            let (name, value) = (cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap());
            if value.is_empty() || !name.starts_with("QueueITAccepted") {
                continue;
            }
            let header = format!("{name}={}", enc(value));
            let decision = decide(&policy, "GET", input["url"].as_str().unwrap(), &[("cookie", &header)]);
            assert_eq!(decision.outcome, Outcome::Pass, "{}: {value}: {}", id(&case), decision.reason);
            opened += 1;
        }
    }
    assert!(opened >= 8, "{opened}");
}

#[test]
fn visitors_come_to_the_same_as_with_old_connectors() {
    let mut compared = 0;
    for case in old_cases() {
        let (input, result) = (&case["input"], &demanded(&case)["result"]);
        let Some(policy) = policy(input).filter(|_| result.is_object()) else { continue };
        let cookies = input["cookies"].as_object().into_iter().flatten();
        let cookies = cookies.map(|(name, value)| format!("{name}={}", enc(value.as_str().unwrap())));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let mut headers = vec![("cookie", cookies.as_str())];
        headers.extend(input["token"].as_str().map(|token| ("x-queueittoken", token)));
        let given = input["headers"].as_object().into_iter().flatten();
        headers.extend(given.map(|(name, value)| (name.as_str(), value.as_str().unwrap())));
        let mut view = view("GET", input["url"].as_str().unwrap(), &headers);
        view.client_ip = input["ip"].as_str().and_then(|ip| ip.parse().ok());
        let now = Timestamp::from_seconds(input["now"].as_u64().unwrap());
        let decision = policy.decide(&view, now);
        let has_passed = decision.outcome == Outcome::Pass;
        let did_pass = result["do_redirect"] == false;
        if OTHERWISE.iter().all(|(known, _)| *known != id(&case)) {
            assert_eq!(has_passed, did_pass, "{}: {}", id(&case), decision.reason);
            compared += 1;
        }
    }
    assert!(compared >= 30, "{compared}");
}
