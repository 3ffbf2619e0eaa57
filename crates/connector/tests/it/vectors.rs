//! The golden cases that concern decisions: whole requests, triggers, and what stands below them.

use std::net::IpAddr;

use anteroom_connector::decision::{ActionKind, Decision, Outcome};
use anteroom_connector::normalize::normalize;
use anteroom_connector::policy::Policy;
use anteroom_connector::set_cookie::SetCookie;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_connector::url_parts;
use anteroom_connector::view::RequestView;
use anteroom_protocol::encode::enc;
use anteroom_protocol::integration;
use anteroom_protocol::redirect::with_token;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::cases::{Tally, demanded};

const OFFICIAL_VER: &str = "ver=javascript-4.4.4";
const OUR_VER: &str = concat!("ver=rust-", env!("CARGO_PKG_VERSION"));

const OTHER_GENERATION: &str = "another generation than 4: no demand on us";
const DIAGNOSTICS: &str = "diagnostics: a later issue";
const VERIFY: &str = "verify: a later issue";
const ENQUEUE_TOKEN: &str = "enqueue tokens: a later issue";
const EMPTY_URL: &str = "a host never hands over an empty address";
const EMPTY_CUSTOMER: &str = "settings are checked when loaded, not when an action matches";
const NO_VERSION: &str = "a config without version is refused, and there is no other kind of config";

#[test]
fn cases_of_tokens() {
    Tally::of("tokens.json", reason_to_skip, run_decision).check(55, &[(OTHER_GENERATION, 13)]);
}

#[test]
fn cases_of_cookies() {
    Tally::of("cookies.json", reason_to_skip, run_decision).check(64, &[(OTHER_GENERATION, 18)]);
}

#[test]
fn cases_of_decisions() {
    Tally::of("decisions.json", reason_to_skip, run_decision).check(
        70,
        &[
            (NO_VERSION, 1),
            (EMPTY_URL, 1),
            (OTHER_GENERATION, 62),
            (DIAGNOSTICS, 16),
            (ENQUEUE_TOKEN, 1),
            (EMPTY_CUSTOMER, 1),
            (VERIFY, 10),
        ],
    );
}

#[test]
fn cases_of_triggers() {
    Tally::of("triggers.json", |_| None, run_trigger).check(62, &[]);
}

#[test]
fn cases_of_normalization() {
    let run = |case: &Value| {
        equal(&json!(normalize(case["input"]["url"].as_str().unwrap_or_default())), demanded(case))
    };
    Tally::of("normalization.json", |_| None, run).check(48, &[]);
}

#[test]
fn cases_of_url_parts() {
    let run = |case: &Value| {
        let url = case["input"]["url"].as_str().unwrap();
        let parts = json!({ "host_name": url_parts::host_name(url), "page_path": url_parts::page_path(url) });
        equal(&parts, demanded(case))
    };
    Tally::of("url_parts.json", |_| None, run).check(18, &[]);
}

fn reason_to_skip(case: &Value) -> Option<&'static str> {
    if case["gen"] != 4 {
        return Some(OTHER_GENERATION);
    }
    match case["id"].as_str().unwrap() {
        "dec-040-g4" => Some(ENQUEUE_TOKEN),
        "dec-056" => Some(EMPTY_URL),
        "dec-059" => Some(EMPTY_CUSTOMER),
        "loc-003" => Some(NO_VERSION),
        // A capital letter: not a diagnostics token, but an ordinary one.
        "dbg-010" => None,
        id if id.starts_with("dbg-") => Some(DIAGNOSTICS),
        id if id.starts_with("ver-") => Some(VERIFY),
        _ => None,
    }
}

/// A token may come in either place, and a cookie in either form. All must come to the same.
fn run_decision(case: &Value) -> Result<(), String> {
    let input = &case["input"];
    let Some(policy) = policy(input) else {
        return if demanded(case)["error"].is_object() {
            Ok(())
        } else {
            Err("the config is refused".to_owned())
        };
    };
    if demanded(case)["error"].is_object() {
        return Err("the config is taken".to_owned());
    }
    let encoded = cookie_header(input, enc);
    let plain = cookie_header(input, str::to_owned);
    // The value of this one is encoded text itself, which nobody could tell from an encoded value.
    let cookie_headers = if case["id"] == "ck-029" { vec![encoded] } else { vec![encoded, plain] };
    let url = input["url"].as_str().unwrap();
    for cookies in cookie_headers {
        let Some(token) = input["token"].as_str() else {
            compare(case, &decide(&policy, input, url, None, &cookies), None)?;
            continue;
        };
        compare(case, &decide(&policy, input, url, Some(token), &cookies), None)?;
        let url_with_token = with_token(url, &enc(token));
        compare(
            case,
            &decide(&policy, input, &url_with_token, None, &cookies),
            Some(url).filter(|_| !token.is_empty()),
        )?;
    }
    Ok(())
}

fn policy(input: &Value) -> Option<Policy> {
    let document = match (&input["config"], &input["queue_config"], &input["cancel_config"]) {
        (Value::String(text), ..) => text.clone(),
        (Value::Null, Value::Null, Value::Null) => "null".to_owned(),
        (Value::Null, queue, Value::Null) => local_config("Queue", queue).to_string(),
        (Value::Null, _, cancel) => local_config("Cancel", cancel).to_string(),
        (config, ..) => with_normalization(config, input["normalization"] != false).to_string(),
    };
    let config = integration::parse(document.as_bytes()).ok()?;
    let settings = Settings {
        customer_id: input["customer_id"].as_str().unwrap().to_owned(),
        secret_key: Secret::new(input["secret_key"].as_str().unwrap().to_owned()),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
    };
    Policy::compile(&config, &settings).ok()
}

/// A configuration given in code, as a document with one action for every request.
fn local_config(action_type: &str, local: &Value) -> Value {
    let mut action = json!({
        "ActionType": action_type,
        "EventId": if action_type == "Cancel" { Value::Null } else { local["event_id"].clone() },
        "InvolvedWaitingRoomIds": local.get("allowed_waiting_room_ids").or(local.get("waiting_room_ids")),
        "LayoutName": local["layout_name"],
        "Culture": local["culture"],
        "QueueDomain": local["queue_domain"],
        "QueuePathPrefix": local["queue_path_prefix"],
        "ExtendCookieValidity": local["extend_cookie_validity"],
        "CookieValidityMinute": local["cookie_validity_minute"],
        "CookieDomain": local["cookie_domain"],
        "IsCookieHttpOnly": local["is_cookie_http_only"],
        "IsCookieSecure": local["is_cookie_secure"],
        "Triggers": [{ "LogicalOperator": "And", "TriggerParts": [] }],
    });
    if let Some(name) = local.get("action_name") {
        action["Name"] = name.clone();
    }
    json!({ "Version": local["version"], "Integrations": [action] })
}

/// Without a provider of normalisation, no action has any.
fn with_normalization(config: &Value, has_provider: bool) -> Value {
    let mut config = config.clone();
    if let Some(actions) =
        config.get_mut("Integrations").and_then(Value::as_array_mut).filter(|_| !has_provider)
    {
        for action in actions {
            action["IsNormalizationEnabled"] = json!(false);
        }
    }
    config
}

fn cookie_header(input: &Value, write: impl Fn(&str) -> String) -> String {
    let cookies = input["cookies"].as_object().into_iter().flatten();
    cookies
        .map(|(name, value)| format!("{name}={}", write(value.as_str().unwrap())))
        .collect::<Vec<_>>()
        .join("; ")
}

fn decide(policy: &Policy, input: &Value, url: &str, token: Option<&str>, cookies: &str) -> Decision {
    let headers = input["headers"].as_object().into_iter().flatten();
    let mut headers =
        headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect::<Vec<_>>();
    headers.push(("cookie", cookies));
    headers.extend(token.map(|token| ("x-queueittoken", token)));
    let client_ip = input["ip"].as_str().filter(|ip| !ip.is_empty()).map(|ip| ip.parse::<IpAddr>().unwrap());
    let view = RequestView { method: "GET", url, headers: &headers, client_ip, body: input["body"].as_str() };
    policy.decide(&view, Timestamp::from_seconds(input["now"].as_u64().unwrap_or(1_700_000_000)))
}

fn run_trigger(case: &Value) -> Result<(), String> {
    let mut input = case["input"].clone();
    if case["kind"] == "trigger" {
        input["config"] = json!({
            "Version": 1,
            "Integrations": [{ "Name": "it", "ActionType": "Ignore", "Triggers": [input["trigger"]] }],
        });
    }
    input["customer_id"] = json!("acme");
    input["secret_key"] = json!("k");
    let is_error = demanded(case)["error"].is_object() || demanded(case)["error"].is_string();
    let Some(policy) = policy(&input) else {
        return if is_error { Ok(()) } else { Err("the config is refused".to_owned()) };
    };
    let decision = decide(&policy, &input, input["url"].as_str().unwrap(), None, &cookie_header(&input, enc));
    let matched = decision.action_name.as_deref();
    match demanded(case) {
        Value::Bool(is_match) => equal(&json!(matched.is_some()), &json!(is_match)),
        other => equal(&json!({ "matched": matched }), other),
    }
}

/// `url_without_token` is where the visitor must be sent when let in.
fn compare(case: &Value, decision: &Decision, url_without_token: Option<&str>) -> Result<(), String> {
    let demanded = demanded(case);
    let result = &demanded["result"];
    let is_ajax = result["is_ajax"] == true;
    let room_url = result["redirect_url"].as_str().unwrap_or_default();
    let is_let_in = room_url.is_empty() && result["action_type"] == "Queue";
    let outcome = match url_without_token {
        _ if !room_url.is_empty() && is_ajax => {
            let official = result["ajax_redirect_header"].as_str().unwrap();
            Outcome::AjaxRedirect { header_value: official.replace(&enc(OFFICIAL_VER), &enc(OUR_VER)) }
        }
        _ if !room_url.is_empty() => Outcome::Redirect { location: room_url.replace(OFFICIAL_VER, OUR_VER) },
        Some(url) if is_let_in && !is_ajax => Outcome::StripToken { location: url.to_owned() },
        _ => Outcome::Pass,
    };
    if decision.outcome != outcome {
        return Err(format!("{} instead of {}", target(&decision.outcome), target(&outcome)));
    }
    let fields = json!({
        "action_type": decision.action.map(|action| match action {
            ActionKind::Queue => "Queue",
            ActionKind::Cancel => "Cancel",
            ActionKind::Ignore => "Ignore",
        }),
        "event_id": decision.event_id.as_deref(),
        "queue_id": decision.queue_id.map(|id| id.to_string()).unwrap_or_default(),
        "redirect_type": decision.redirect_type.map(|kind| kind.as_str().to_lowercase()).unwrap_or_default(),
        "action_name": decision.action_name.as_deref().unwrap_or_default(),
        "is_ajax": decision.is_ajax,
        "set_cookies": decision.set_cookies.iter().map(cookie_fields).collect::<Vec<_>>(),
    });
    let text = |name: &str| result[name].as_str().unwrap_or_default().to_lowercase();
    let demanded = json!({
        "action_type": result["action_type"],
        "event_id": result["event_id"],
        "queue_id": text("queue_id"),
        "redirect_type": text("redirect_type"),
        "action_name": result["action_name"].as_str().unwrap_or_default(),
        "is_ajax": is_ajax,
        "set_cookies": demanded["set_cookies"].as_array().unwrap().iter().map(|cookie| json!({
            "name": cookie["name"],
            "value": cookie["value"],
            "domain": cookie["domain"].as_str().unwrap_or_default(),
            "http_only": cookie["http_only"],
            "secure": cookie["secure"],
        })).collect::<Vec<_>>(),
    });
    equal(&fields, &demanded)
}

fn cookie_fields(cookie: &SetCookie) -> Value {
    json!({
        "name": *cookie.name,
        "value": cookie.value.as_deref().unwrap_or_default(),
        "domain": cookie.domain.as_deref().unwrap_or_default(),
        "http_only": cookie.is_http_only,
        "secure": cookie.is_secure,
    })
}

fn target(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pass => "Pass".to_owned(),
        Outcome::Redirect { location } | Outcome::StripToken { location } => {
            format!("{outcome:?} {location}")
        }
        Outcome::AjaxRedirect { header_value } => format!("{outcome:?} {header_value}"),
    }
}

fn equal(found: &Value, demanded: &Value) -> Result<(), String> {
    if found == demanded { Ok(()) } else { Err(format!("\n  found    {found}\n  demanded {demanded}")) }
}
