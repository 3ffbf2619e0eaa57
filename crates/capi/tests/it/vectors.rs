//! The golden cases through the C interface: whatever the Rust connector decides, it decides too.

use std::net::IpAddr;
use std::time::Duration;

use anteroom_capi::*;
use anteroom_connector::ask::{Answers, Question, Step};
use anteroom_connector::decision::{Decision as Decided, Outcome};
use anteroom_connector::features::{Diagnostics, DirectPass, Features, Generation};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_connector::view::RequestView;
use anteroom_protocol::encode::enc;
use anteroom_protocol::integration;
use anteroom_protocol::redirect::with_token;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::caller::{Decision, Engine, checked, pair, read, take, zeroed};
use crate::cases::{Tally, demanded};

const IN_CODE: &str = "the action is given in code, for which the C interface has no form";

#[test]
fn decisions_are_those_of_the_rust_connector() {
    for (file, run, skipped) in [
        ("tokens.json", 68, &[][..]),
        ("cookies.json", 82, &[]),
        ("decisions.json", 147, &[(IN_CODE, 15)]),
        ("triggers.json", 62, &[]),
    ] {
        Tally::of(file, reason_to_skip, compare).check(run, skipped);
    }
}

#[test]
fn enqueue_tokens_are_those_of_the_official_library() {
    let is_read = |case: &Value| (case["kind"] != "generate").then_some("tells what is read");
    let tally = Tally::of("enqueue_tokens.json", is_read, |case| {
        let found = enqueue_token(&case["input"]);
        let demanded = demanded(case)["token"].as_str().unwrap();
        if found == demanded { Ok(()) } else { Err(format!("{found} instead of {demanded}")) }
    });
    tally.check(GENERATED, &[("tells what is read", 37 - GENERATED)]);
}

const GENERATED: usize = 12;

fn reason_to_skip(case: &Value) -> Option<&'static str> {
    let input = &case["input"];
    (input["queue_config"].is_object() || input["cancel_config"].is_object()).then_some(IN_CODE)
}

/// One case for both: texts that the C structs point at, and the same for Rust.
struct Case<'a> {
    input: &'a Value,
    customer_id: &'a str,
    secret_key: &'a str,
    document: String,
    error_base: String,
    is_fifth: bool,
    proxy_key: Option<&'a str>,
    timeout_ms: u64,
}

impl<'a> Case<'a> {
    fn of(case: &'a Value) -> Self {
        let input = &case["input"];
        let document = match (&input["config"], &input["trigger"]) {
            (Value::String(text), _) => text.clone(),
            (Value::Null, Value::Null) => "null".to_owned(),
            (Value::Null, trigger) => json!({ "Version": 1, "Integrations": [
                { "Name": "it", "ActionType": "Ignore", "Triggers": [trigger] },
            ] })
            .to_string(),
            (config, _) => config.to_string(),
        };
        let customer_id = input["customer_id"].as_str().unwrap_or("acme");
        let direct = &input["direct"]["settings"];
        let error_base = match customer_id.contains('?') {
            true => String::new(),
            false => format!("https://{customer_id}.api2.queue-it.net/{customer_id}"),
        };
        Self {
            input,
            customer_id,
            secret_key: input["secret_key"].as_str().unwrap_or("k"),
            document,
            error_base,
            is_fifth: case["gen"] == 5,
            proxy_key: direct["proxyKey"].as_str().filter(|key| !key.is_empty() && case["gen"] == 5),
            timeout_ms: direct["directPass"]["timeoutMillis"].as_u64().unwrap_or_default(),
        }
    }

    fn rust_policy(&self) -> Option<Policy> {
        let direct_pass = self.proxy_key.map(|key| DirectPass {
            proxy_key: Secret::new(key.to_owned()),
            timeout: Some(Duration::from_millis(self.timeout_ms)),
            is_passed_on_failure: true,
        });
        let settings = Settings {
            customer_id: self.customer_id.to_owned(),
            secret_key: Secret::new(self.secret_key.to_owned()),
            room_base: None,
            platform_suffix: None,
            fallback: Fallback::LetPass,
            features: Features {
                generation: if self.is_fifth { Generation::Five { direct_pass } } else { Generation::Four },
                diagnostics: Some(self.error_base.clone())
                    .filter(|base| !base.is_empty())
                    .map(|error_base| Diagnostics { error_base, is_strict: false }),
                ..Features::default()
            },
        };
        let config = integration::parse(self.document.as_bytes()).ok()?;
        let is_own = config.customer_id.as_deref().is_none_or(|named| named == self.customer_id);
        Policy::compile(&config, &settings).ok().filter(|_| is_own)
    }

    fn engine(&self) -> Result<Engine, (AnteroomStatus, String)> {
        let engine = Engine::create(&AnteroomSettings {
            struct_size: size_of::<AnteroomSettings>(),
            customer_id: AnteroomText::of(self.customer_id),
            secret_key: AnteroomText::of(self.secret_key),
            generation: if self.is_fifth { 5 } else { 4 },
            diagnostics_error_base: AnteroomText::of(&self.error_base),
            direct_pass_proxy_key: AnteroomText::of(self.proxy_key.unwrap_or_default()),
            direct_pass_timeout_ms: self.timeout_ms,
            is_passed_on_failure: 1,
            ..zeroed()
        })?;
        engine.update(&self.document).map(|()| engine)
    }

    fn now(&self) -> u64 {
        self.input["now"].as_u64().unwrap_or(1_700_000_000)
    }

    fn client_ip(&self) -> &'a str {
        self.input["ip"].as_str().unwrap_or_default()
    }

    /// What the room answers to a question about a queue id, or about direct pass.
    fn answer(&self, is_verify: bool) -> Option<String> {
        if is_verify {
            let usages = if self.input["verify"].as_bool()? { 0 } else { 1_000_000 };
            return Some(json!({ "QIdUsageCount": usages }).to_string());
        }
        let result = self.input["direct"].get("result")?;
        let has_passed = result["hasPassed"] == true;
        Some(json!({ "HasPassed": has_passed, "QueueItToken": result["queueitToken"] }).to_string())
    }
}

fn compare(case: &Value) -> Result<(), String> {
    let case = Case::of(case);
    let (policy, engine) = match (case.rust_policy(), case.engine()) {
        (Some(policy), Ok(engine)) => (policy, engine),
        (None, Err((ANTEROOM_STATUS_INVALID_CONFIG, _))) => return Ok(()),
        (policy, engine) => {
            return Err(format!("rust takes the config: {}, C: {:?}", policy.is_some(), engine.err()));
        }
    };
    let url = case.input["url"].as_str().unwrap_or_default();
    let token = case.input["token"].as_str();
    let cookies = case.input["cookies"].as_object().into_iter().flatten();
    let cookies = cookies
        .map(|(name, value)| format!("{name}={}", enc(value.as_str().unwrap())))
        .collect::<Vec<_>>()
        .join("; ");
    let headers = case.input["headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let mut headers = headers.chain([("cookie", cookies.as_str())]).collect::<Vec<_>>();
    if let Some(token) = token {
        compare_request(&case, &policy, &engine, &with_token(url, &enc(token)), &headers)?;
        headers.push(("x-queueittoken", token));
    }
    compare_request(&case, &policy, &engine, url, &headers)
}

fn compare_request(
    case: &Case<'_>,
    policy: &Policy,
    engine: &Engine,
    url: &str,
    headers: &[(&str, &str)],
) -> Result<(), String> {
    let demanded = rust_fields(case, policy, url, headers);
    let found = c_fields(case, engine, url, headers);
    if found == demanded { Ok(()) } else { Err(format!("\n  from C    {found}\n  from Rust {demanded}")) }
}

fn rust_fields(case: &Case<'_>, policy: &Policy, url: &str, headers: &[(&str, &str)]) -> Value {
    let headers = headers.to_vec();
    let client_ip =
        Some(case.client_ip()).filter(|ip| !ip.is_empty()).map(|ip| ip.parse::<IpAddr>().unwrap());
    let view =
        RequestView { method: "GET", url, headers: &headers, client_ip, body: case.input["body"].as_str() };
    let now = Timestamp::from_seconds(case.now());
    let mut answers = Answers {
        enqueue_token: case.input["enqueue_token"].as_str().map(str::to_owned),
        ..Answers::default()
    };
    let mut calls = Vec::new();
    loop {
        match policy.step(&view, now, &answers) {
            Step::Decided(decision) => return rust_decision(&decision, now, &calls),
            Step::Ask(question) => {
                let call = question.call();
                let key = match &*question {
                    Question::Verify(_) => "",
                    Question::DirectPass(it) => it.proxy_key.expose(),
                };
                let millis = u64::try_from(call.timeout.as_millis()).unwrap();
                calls.push(json!([call.url, call.key_header, key, call.body, millis]));
                let answer = case.answer(matches!(*question, Question::Verify(_)));
                answers.take(&question, answer.as_deref().map(str::as_bytes));
            }
        }
    }
}

fn rust_decision(decision: &Decided<'_>, now: Timestamp, calls: &[Value]) -> Value {
    let (outcome, location) = match &decision.outcome {
        Outcome::Pass => (ANTEROOM_OUTCOME_PASS, ""),
        Outcome::Redirect { location } => (ANTEROOM_OUTCOME_REDIRECT, location.as_str()),
        Outcome::AjaxRedirect { header_value } => (ANTEROOM_OUTCOME_AJAX_REDIRECT, header_value.as_str()),
        Outcome::StripToken { location } => (ANTEROOM_OUTCOME_STRIP_TOKEN, location.as_str()),
    };
    json!({
        "outcome": outcome,
        "location": location,
        "action": decision.action.map(|action| action.as_str()).unwrap_or_default(),
        "action_name": decision.action_name.unwrap_or_default(),
        "event_id": decision.event_id.unwrap_or_default(),
        "queue_id": decision.queue_id.map(|id| id.to_string()).unwrap_or_default(),
        "redirect_type": decision.redirect_type.map(|kind| kind.as_str()).unwrap_or_default(),
        "is_ajax": decision.is_ajax,
        "has_failed": decision.has_failed,
        "reason": decision.reason.to_string(),
        "set_cookies": decision.set_cookies.iter().map(|it| it.to_header_value(now)).collect::<Vec<_>>(),
        "calls": calls,
    })
}

fn c_fields(case: &Case<'_>, engine: &Engine, url: &str, headers: &[(&str, &str)]) -> Value {
    let headers = headers.iter().map(|(name, value)| pair(name, value)).collect::<Vec<_>>();
    let body = case.input["body"].as_str();
    let mut request = AnteroomRequest {
        struct_size: size_of::<AnteroomRequest>(),
        method: AnteroomText::of("GET"),
        url: AnteroomText::of(url),
        headers: headers.as_ptr(),
        headers_len: headers.len(),
        client_ip: AnteroomText::of(case.client_ip()),
        body: AnteroomText::of(body.unwrap_or_default()),
        has_body: body.is_some().into(),
        now_seconds: case.now(),
        enqueue_token: AnteroomText::of(case.input["enqueue_token"].as_str().unwrap_or_default()),
        can_ask: 1,
        ..zeroed()
    };
    let mut calls = Vec::new();
    let answers = [case.answer(true), case.answer(false)];
    let [verify, direct_pass] = answers.each_ref().map(|answer| AnteroomAnswer {
        body: AnteroomText::of(answer.as_deref().unwrap_or_default()),
        state: if answer.is_some() { ANTEROOM_ANSWER_GIVEN } else { ANTEROOM_ANSWER_FAILED },
    });
    loop {
        let decision = engine.decide(&request).unwrap();
        match decision.0.question {
            ANTEROOM_QUESTION_NONE => return c_decision(&decision, &calls),
            ANTEROOM_QUESTION_VERIFY => request.verify = verify,
            _ => request.direct_pass = direct_pass,
        }
        let it = &decision.0;
        let texts = [it.call_url, it.call_key_header, it.call_key, it.call_body].map(read);
        let [url, key_header, key, body] = texts;
        calls.push(json!([url, key_header, key, body, it.call_timeout_ms]));
        assert!(calls.len() < 3, "asked again");
    }
}

fn c_decision(decision: &Decision, calls: &[Value]) -> Value {
    let it = &decision.0;
    json!({
        "outcome": it.outcome,
        "location": read(it.location),
        "action": read(it.action_type),
        "action_name": read(it.action_name),
        "event_id": read(it.event_id),
        "queue_id": read(it.queue_id),
        "redirect_type": read(it.redirect_type),
        "is_ajax": it.is_ajax != 0,
        "has_failed": it.has_failed != 0,
        "reason": read(it.reason_text),
        "set_cookies": decision.set_cookies(),
        "calls": calls,
    })
}

fn enqueue_token(input: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    let texts = ["customer_id", "secret_key", "event_id", "token_identifier", "ip", "xff"]
        .map(|name| text(&input[name]));
    let [customer_id, secret_key, event_id, token_id, ip, xff] = &texts;
    let payload = &input["payload"];
    let key = text(&payload["key"]);
    let custom_data = payload["custom_data"].as_object().into_iter().flatten();
    let custom_data =
        custom_data.map(|(name, value)| pair(name, value.as_str().unwrap())).collect::<Vec<_>>();
    let wanted = AnteroomEnqueueToken {
        struct_size: size_of::<AnteroomEnqueueToken>(),
        customer_id: AnteroomText::of(customer_id),
        secret_key: AnteroomText::of(secret_key),
        event_id: AnteroomText::of(event_id),
        token_id: AnteroomText::of(token_id),
        issued_at_ms: input["issued_ms"].as_u64().unwrap(),
        expires_at_ms: input["expires_ms"].as_u64().unwrap_or_default(),
        has_expiry: input["expires_ms"].is_u64().into(),
        client_ip: AnteroomText::of(ip),
        forwarded_for: AnteroomText::of(xff),
        has_payload: payload.is_object().into(),
        key: AnteroomText::of(&key),
        has_key: payload["key"].is_string().into(),
        relative_quality: payload["relative_quality"].as_f64().unwrap_or_default(),
        has_relative_quality: payload["relative_quality"].is_number().into(),
        custom_data: custom_data.as_ptr(),
        custom_data_len: custom_data.len(),
        origin: match payload["origin"].as_str() {
            Some("InviteOnly") => ANTEROOM_ORIGIN_INVITE_ONLY,
            Some("AkamaiBotManagerHeaderValidator") => ANTEROOM_ORIGIN_AKAMAI_BOT_MANAGER,
            _ => ANTEROOM_ORIGIN_CONNECTOR,
        },
        ..zeroed()
    };
    let mut token = AnteroomOwnedText::EMPTY;
    // SAFETY: all of it is readable or writable.
    checked(|error| unsafe { anteroom_enqueue_token_create(&wanted, &mut token, error) }).unwrap();
    take(token)
}
