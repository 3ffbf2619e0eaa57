//! The golden cases that concern decisions: whole requests, triggers, and what stands below them.

use std::net::IpAddr;
use std::time::Duration;

use anteroom_connector::ask::{Answers, DirectPassAnswer, Question, Step, VerifyAnswer};
use anteroom_connector::decision::{Decision, Outcome};
use anteroom_connector::enqueue_token::{EnqueueRequest, EnqueueTokens};
use anteroom_connector::features::{Diagnostics, DirectPass, Features, Generation};
use anteroom_connector::normalize::normalize;
use anteroom_connector::policy::Policy;
use anteroom_connector::set_cookie::SetCookie;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_connector::url_parts;
use anteroom_connector::view::RequestView;
use anteroom_protocol::encode::enc;
use anteroom_protocol::integration::{self, CancelConfig, CookieAttributes, IntegrationConfig, QueueConfig};
use anteroom_protocol::redirect::with_token;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::cases::{Tally, demanded, id};

const OFFICIAL_VERS: [&str; 2] = ["javascript-4.4.4", "javascript-5.0.1"];
const OUR_VER: &str = concat!("rust-", env!("CARGO_PKG_VERSION"));

const OLD_GENERATION: &str = "tells what old connectors do: no demand on us";

/// Settings without an account or a key are refused when they are loaded. The official connectors notice them when an
/// action matches, or send a debug token's bearer to a page about it.
const SETTINGS_REFUSED: [&str; 3] = ["dbg-008-g4", "dbg-009", "dec-059"];

#[test]
fn cases_of_tokens() {
    Tally::of("tokens.json", reason_to_skip, run_decision).check(59, &[(OLD_GENERATION, 9)]);
}

#[test]
fn cases_of_cookies() {
    Tally::of("cookies.json", reason_to_skip, run_decision).check(68, &[(OLD_GENERATION, 14)]);
}

#[test]
fn cases_of_decisions() {
    Tally::of("decisions.json", reason_to_skip, run_decision).check(135, &[(OLD_GENERATION, 27)]);
}

#[test]
fn cases_of_cookies_written_anew() {
    Tally::of("extend_cookie.json", reason_to_skip, run_extension).check(10, &[(OLD_GENERATION, 3)]);
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
    (case["gen"] == 3).then_some(OLD_GENERATION)
}

/// A token may come in either place, and a cookie in either form. All must come to the same.
fn run_decision(case: &Value) -> Result<(), String> {
    let input = &case["input"];
    if SETTINGS_REFUSED.contains(&id(case)) {
        let problems = settings(case).problems();
        return if problems.is_empty() { Err("the settings are taken".to_owned()) } else { Ok(()) };
    }
    let Some(policy) = policy(case) else {
        return if demanded(case)["error"].is_object() {
            Ok(())
        } else {
            Err("the config is refused".to_owned())
        };
    };
    let encoded = cookie_header(input, enc);
    let plain = cookie_header(input, str::to_owned);
    let url = input["url"].as_str().unwrap();
    match id(case) {
        // Where an address is empty, the official connector gives up; ours takes it like any other, and it is not one
        // that the trigger, which wants any text at all, matches.
        "dec-056" => {
            let decision = ask(case, &policy, url, None, &encoded).0;
            let is_undisturbed = decision.action.is_none() && !decision.has_failed;
            return if is_undisturbed { Ok(()) } else { Err(target(&decision.outcome)) };
        }
        // Where nobody can verify, the official connector gives up, and its host lets pass: so does ours.
        "ver-007" => {
            let decision = ask(case, &policy, url, None, &encoded).0;
            let has_passed = decision.outcome == Outcome::Pass && decision.has_failed;
            return if has_passed { Ok(()) } else { Err(target(&decision.outcome)) };
        }
        _ if demanded(case)["error"].is_object() => return Err("the config is taken".to_owned()),
        _ => {}
    }
    // The value of this one is encoded text itself, which nobody could tell from an encoded value.
    let cookie_headers = if id(case) == "ck-029" { vec![encoded] } else { vec![encoded, plain] };
    for cookies in cookie_headers {
        let Some(token) = input["token"].as_str() else {
            compare(case, url, &ask(case, &policy, url, None, &cookies), None)?;
            continue;
        };
        compare(case, url, &ask(case, &policy, url, Some(token), &cookies), None)?;
        let full_url = with_token(url, &enc(token));
        let stripped = Some(url).filter(|_| !token.is_empty());
        compare(case, &full_url, &ask(case, &policy, &full_url, None, &cookies), stripped)?;
    }
    Ok(())
}

fn run_extension(case: &Value) -> Result<(), String> {
    let input = &case["input"];
    let extend = &input["extend"];
    let config = QueueConfig {
        event_id: text(extend, "event_id"),
        queue_domain: "queue.shop.example".to_owned(),
        cookie_validity_minutes: u32::try_from(extend["cookie_validity_minute"].as_u64().unwrap()).unwrap(),
        cookies: cookie_attributes(extend),
        ..QueueConfig::default()
    };
    let Ok(config) = config.check() else {
        return equal(&json!(true), &json!(demanded(case)["error"].is_object()));
    };
    let policy = Policy::compile(&config, &settings(case)).unwrap();
    let headers = vec![("cookie", cookie_header(input, enc))];
    let view = RequestView {
        method: "GET",
        url: input["url"].as_str().unwrap(),
        headers: &headers,
        client_ip: input["ip"].as_str().map(|ip| ip.parse().unwrap()),
        body: None,
    };
    let now = Timestamp::from_seconds(input["now"].as_u64().unwrap());
    let written = policy.extend_queue_cookie(&text(extend, "event_id"), &view, now);
    let written = written.iter().map(|cookie| cookie_fields(cookie, now)).collect::<Vec<_>>();
    equal(&json!(written), &demanded_cookies(demanded(case)))
}

fn settings(case: &Value) -> Settings {
    let input = &case["input"];
    let customer_id = text(input, "customer_id");
    let enqueue_tokens = input["enqueue_token"].as_str().map(str::to_owned);
    Settings {
        secret_key: Secret::new(text(input, "secret_key")),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features: Features {
            enqueue_tokens: enqueue_tokens
                .map(|token| EnqueueTokens::new(move |_: &EnqueueRequest<'_>| Some(token.clone()))),
            generation: match case["gen"] == 5 {
                true => Generation::Five { direct_pass: direct_pass(&input["direct"]) },
                false => Generation::Four,
            },
            // Under an account's name that is none there is no such host.
            diagnostics: (!customer_id.contains('?')).then(|| Diagnostics {
                error_base: format!("https://{customer_id}.api2.queue-it.net/{customer_id}"),
                is_strict: false,
            }),
            ..Features::default()
        },
        customer_id,
    }
}

fn direct_pass(direct: &Value) -> Option<DirectPass> {
    let settings = direct.get("settings").filter(|settings| settings["disabled"] != true)?;
    // What a file of settings may hold, and what it means there.
    let millis = match &settings["directPass"]["timeoutMillis"] {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Some(DirectPass {
        proxy_key: Secret::new(text(settings, "proxyKey")),
        timeout: millis.map(|millis| match millis < 0.0 {
            true => Duration::from_nanos(1),
            false => Duration::from_secs_f64(millis / 1000.0),
        }),
        is_passed_on_failure: true,
    })
}

fn policy(case: &Value) -> Option<Policy> {
    Policy::compile(&config(&case["input"])?, &settings(case)).ok()
}

fn config(input: &Value) -> Option<IntegrationConfig> {
    let document = match (&input["config"], &input["queue_config"], &input["cancel_config"]) {
        (Value::String(text), ..) => text.clone(),
        (Value::Null, Value::Null, Value::Null) => "null".to_owned(),
        (Value::Null, queue, Value::Null) => return queue_config(queue).check().ok(),
        (Value::Null, _, cancel) => return cancel_config(cancel).check().ok(),
        (config, ..) => with_normalization(config, input["normalization"] != false).to_string(),
    };
    integration::parse(document.as_bytes()).ok()
}

fn queue_config(local: &Value) -> QueueConfig {
    QueueConfig {
        event_id: text(local, "event_id"),
        involved_waiting_room_ids: texts(local, "allowed_waiting_room_ids"),
        queue_domain: text(local, "queue_domain"),
        queue_path_prefix: text(local, "queue_path_prefix"),
        cookie_validity_minutes: u32::try_from(local["cookie_validity_minute"].as_u64().unwrap()).unwrap(),
        is_cookie_extended: local["extend_cookie_validity"] == true,
        cookies: cookie_attributes(local),
        layout: text(local, "layout_name"),
        culture: text(local, "culture"),
        action_name: local["action_name"].as_str().map(str::to_owned),
        version: local["version"].as_u64(),
        ..QueueConfig::default()
    }
}

fn cancel_config(local: &Value) -> CancelConfig {
    CancelConfig {
        waiting_room_ids: texts(local, "waiting_room_ids"),
        queue_domain: text(local, "queue_domain"),
        queue_path_prefix: text(local, "queue_path_prefix"),
        cookies: cookie_attributes(local),
        action_name: local["action_name"].as_str().map(str::to_owned),
        version: local["version"].as_u64(),
    }
}

fn cookie_attributes(local: &Value) -> CookieAttributes {
    CookieAttributes {
        domain: local["cookie_domain"].as_str().map(str::to_owned),
        is_http_only: local["is_cookie_http_only"] == true,
        is_secure: local["is_cookie_secure"] == true,
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let texts = value[name].as_array().into_iter().flatten();
    texts.map(|text| text.as_str().unwrap().to_owned()).collect()
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

/// The decision, and what waiting rooms were asked on the way.
fn ask<'p>(
    case: &Value,
    policy: &'p Policy,
    url: &str,
    token: Option<&str>,
    cookies: &str,
) -> (Decision<'p>, Vec<Question>) {
    let input = &case["input"];
    let mut answers = Answers::default();
    let mut questions = Vec::new();
    loop {
        let question = match step(policy, input, url, token, cookies, &answers) {
            Step::Decided(decision) => return (decision, questions),
            Step::Ask(question) => *question,
        };
        match &question {
            Question::Verify(_) => {
                answers.verify = Some(match input["verify"].as_bool() {
                    Some(true) => VerifyAnswer::Allowed,
                    Some(false) => VerifyAnswer::Denied,
                    None => VerifyAnswer::Failed,
                });
            }
            Question::DirectPass(_) => {
                let result = input["direct"].get("result");
                let token = || text(&input["direct"]["result"], "queueitToken");
                answers.direct_pass = Some(match result.map(|result| result["hasPassed"] == true) {
                    Some(true) => DirectPassAnswer::Passed { queue_token: token() },
                    Some(false) => DirectPassAnswer::NotPassed,
                    None => DirectPassAnswer::Failed,
                });
            }
        }
        questions.push(question);
        assert!(questions.len() < 3, "asked again");
    }
}

fn step<'p>(
    policy: &'p Policy,
    input: &Value,
    url: &str,
    token: Option<&str>,
    cookies: &str,
    answers: &Answers,
) -> Step<'p> {
    let headers = input["headers"].as_object().into_iter().flatten();
    let mut headers =
        headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect::<Vec<_>>();
    headers.push(("cookie", cookies));
    headers.extend(token.map(|token| ("x-queueittoken", token)));
    let client_ip = input["ip"].as_str().filter(|ip| !ip.is_empty()).map(|ip| ip.parse::<IpAddr>().unwrap());
    let view = RequestView { method: "GET", url, headers: &headers, client_ip, body: input["body"].as_str() };
    policy.step(&view, Timestamp::from_seconds(input["now"].as_u64().unwrap_or(1_700_000_000)), answers)
}

fn run_trigger(case: &Value) -> Result<(), String> {
    let mut case = case.clone();
    if case["kind"] == "trigger" {
        case["input"]["config"] = json!({
            "Version": 1,
            "Integrations": [{ "Name": "it", "ActionType": "Ignore", "Triggers": [case["input"]["trigger"]] }],
        });
    }
    case["input"]["customer_id"] = json!("acme");
    case["input"]["secret_key"] = json!("k");
    let is_error = demanded(&case)["error"].is_object() || demanded(&case)["error"].is_string();
    let Some(policy) = policy(&case) else {
        return if is_error { Ok(()) } else { Err("the config is refused".to_owned()) };
    };
    let input = &case["input"];
    let (decision, _) = ask(&case, &policy, input["url"].as_str().unwrap(), None, &cookie_header(input, enc));
    let matched = decision.action_name;
    match demanded(&case) {
        Value::Bool(is_match) => equal(&json!(matched.is_some()), &json!(is_match)),
        other => equal(&json!({ "matched": matched }), other),
    }
}

/// `stripped` is where the visitor must be sent when let in.
fn compare(
    case: &Value,
    full_url: &str,
    (decision, questions): &(Decision<'_>, Vec<Question>),
    stripped: Option<&str>,
) -> Result<(), String> {
    let input = &case["input"];
    let official_url = input["absolute_uri"].as_str().or(input["url"].as_str()).unwrap();
    let with_url = |text: &str| {
        text.replace(&format!("|OriginalUrl={official_url}|"), &format!("|OriginalUrl={full_url}|"))
    };
    let mut official = demanded(case).to_string();
    for ver in OFFICIAL_VERS {
        official = official.replace(ver, OUR_VER);
    }
    let demanded = serde_json::from_str::<Value>(&with_url(&official)).unwrap();
    let result = &demanded["result"];
    let is_ajax = result["is_ajax"] == true;
    let room_url = result["redirect_url"].as_str().unwrap_or_default();
    let is_let_in = room_url.is_empty() && result["action_type"] == "Queue";
    let outcome = match stripped {
        _ if !room_url.is_empty() && is_ajax => {
            Outcome::AjaxRedirect { header_value: text(result, "ajax_redirect_header") }
        }
        _ if !room_url.is_empty() => Outcome::Redirect { location: room_url.to_owned() },
        Some(url) if is_let_in && !is_ajax => Outcome::StripToken { location: url.to_owned() },
        _ => Outcome::Pass,
    };
    if decision.outcome != outcome {
        return Err(format!("{} instead of {}", target(&decision.outcome), target(&outcome)));
    }
    let now = Timestamp::from_seconds(input["now"].as_u64().unwrap_or(1_700_000_000));
    let fields = json!({
        "action_type": decision.action.map(|action| action.as_str()),
        "event_id": decision.event_id,
        "queue_id": decision.queue_id.map(|id| id.to_string()).unwrap_or_default(),
        "redirect_type": decision.redirect_type.map(|kind| kind.as_str().to_lowercase()).unwrap_or_default(),
        "action_name": decision.action_name.unwrap_or_default(),
        "is_ajax": decision.is_ajax,
        "set_cookies": decision.set_cookies.iter().map(|cookie| cookie_fields(cookie, now)).collect::<Vec<_>>(),
        "calls": questions.iter().map(call_fields).collect::<Vec<_>>(),
    });
    let calls = ["verify_calls", "direct_calls"].into_iter().flat_map(|kind| demanded[kind].as_array());
    let calls = calls.flatten().map(|call| {
        let mut call = call.clone();
        if call.get("protected_url").is_some() {
            call["protected_url"] = json!(full_url);
        }
        // What every question says, and what the host adds to it.
        let fields = call.as_object_mut().unwrap();
        fields.retain(|name, _| !matches!(name.as_str(), "customer_id" | "api_key" | "sdk_version"));
        call
    });
    let demanded = json!({
        "action_type": result["action_type"],
        "event_id": result["event_id"],
        "queue_id": text(result, "queue_id").to_lowercase(),
        "redirect_type": text(result, "redirect_type").to_lowercase(),
        "action_name": text(result, "action_name"),
        "is_ajax": is_ajax,
        "set_cookies": demanded_cookies(&demanded),
        "calls": calls.collect::<Vec<_>>(),
    });
    equal(&fields, &demanded)
}

fn call_fields(question: &Question) -> Value {
    match question {
        Question::Verify(it) => json!({
            "waiting_room_id": *it.event_id,
            "queue_id": it.queue_id.to_string(),
            "limit": it.usage_limit,
            "action_name": *it.action_name,
        }),
        Question::DirectPass(it) => {
            let millis = it.call.timeout.as_secs_f64() * 1000.0;
            json!({
                "waiting_room_id": *it.event_id,
                "action_name": *it.action_name,
                "protected_url": it.protected_url,
                "proxy_key": it.proxy_key.expose(),
                "client_ip": it.client_ip.map(|ip| ip.to_string()).unwrap_or_default(),
                "user_agent": it.user_agent,
                "referer": it.referer,
                "timeout_ms": serde_json::from_str::<Value>(&millis.to_string()).unwrap(),
            })
        }
    }
}

fn demanded_cookies(demanded: &Value) -> Value {
    let cookies = demanded["set_cookies"].as_array().unwrap().iter();
    let fields = cookies.map(|cookie| {
        json!({
            "name": cookie["name"],
            "value": cookie["value"],
            "domain": text(cookie, "domain"),
            "expires_unix": cookie["expires_unix"],
            "http_only": cookie["http_only"],
            "secure": cookie["secure"],
        })
    });
    fields.collect()
}

fn cookie_fields(cookie: &SetCookie<'_>, now: Timestamp) -> Value {
    json!({
        "name": cookie.name,
        "value": cookie.value.as_deref().unwrap_or_default(),
        "domain": cookie.domain.unwrap_or_default(),
        "expires_unix": cookie.expires_at(now).as_seconds(),
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
