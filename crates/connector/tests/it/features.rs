//! What a host may turn on: who is asked, when, and what becomes of the answers and of their absence.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use allocation_counter::measure;
use anteroom_connector::ask::{Answers, DirectPassAnswer, Question, Step, VerifyAnswer};
use anteroom_connector::decision::{ActionKind, Decision, Outcome, Reason, TokenFault};
use anteroom_connector::enqueue_token::{EnqueueRequest, EnqueueTokens, SignedEnqueueTokens};
use anteroom_connector::features::{Diagnostics, DirectPass, Features, Generation, OnFailure};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::Settings;
use anteroom_protocol::enqueue_token::{EnqueueToken, Expected};
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::site::{
    KEY, NOW, QUEUE_ID, TICKETS, cookie, decide, document, document_with, policy_of, queue_token, settings,
    view,
};

fn policy_with(document: &Value, features: Features) -> Policy {
    policy_of(document, &Settings { features, ..settings() })
}

fn location<'d>(decision: &'d Decision<'_>) -> &'d str {
    match &decision.outcome {
        Outcome::Redirect { location } => location,
        other => panic!("{other:?}"),
    }
}

fn with_provider(provide: impl Fn(&EnqueueRequest<'_>) -> Option<String> + Send + Sync + 'static) -> Policy {
    let features = Features { enqueue_tokens: Some(EnqueueTokens::new(provide)), ..Features::default() };
    policy_with(&document(), features)
}

#[test]
fn provider_of_enqueue_tokens_is_asked_only_for_who_is_sent_to_queue() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let policy = with_provider(move |request| {
        counter.fetch_add(1, Ordering::Relaxed);
        assert_eq!((request.customer_id, request.event_id), ("acme", "spring24"));
        Some("a.b.c".to_owned())
    });
    let held = cookie("spring24", 60);
    let token = queue_token();
    for headers in [
        &[("cookie", held.as_str())][..],
        &[("x-queueittoken", token.as_str())],
        &[("x-queueittoken", "e_x")],
    ] {
        decide(&policy, "GET", TICKETS, headers);
    }
    decide(&policy, "GET", "https://shop.example/", &[]);
    assert_eq!(asked.load(Ordering::Relaxed), 0);

    let decision = decide(&policy, "GET", TICKETS, &[]);
    assert!(location(&decision).contains("&man=tickets&enqueuetoken=a.b.c&t="), "{}", location(&decision));
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    // What the host has at hand goes before.
    let answers = Answers { enqueue_token: Some("d.e.f".to_owned()), ..Answers::NONE_TO_COME };
    match policy.step(&view("GET", TICKETS, &Vec::new()), NOW, &answers) {
        Step::Decided(decision) => assert!(location(&decision).contains("&enqueuetoken=d.e.f&")),
        Step::Ask(question) => panic!("{question:?}"),
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn enqueue_token_that_would_tear_the_address_is_left_out() {
    for token in ["", "a&t=b", "a#b", "a\r\nb: c", "a%20b", "ä"] {
        let policy = with_provider(move |_| Some(token.to_owned()));
        let decision = decide(&policy, "GET", TICKETS, &[]);
        assert!(!location(&decision).contains("enqueuetoken"), "{token:?}: {}", location(&decision));
    }
}

#[test]
fn signed_enqueue_token_opens_at_the_room_and_differs_each_time() {
    let drawn = AtomicUsize::new(0);
    let entropy = move || Some([u8::try_from(drawn.fetch_add(1, Ordering::Relaxed)).unwrap(); 32]);
    let provider = SignedEnqueueTokens {
        has_key: true,
        token_id_prefix: Some("shop".to_owned()),
        custom_data: Some(Arc::new(|request: &EnqueueRequest<'_>| {
            vec![("path".to_owned(), request.view.url.to_owned())]
        })),
        validity: Duration::ZERO,
        ..SignedEnqueueTokens::new(Secret::new(KEY.to_owned()), Arc::new(entropy))
    };
    let features = Features { enqueue_tokens: Some(EnqueueTokens::new(provider)), ..Features::default() };
    let policy = policy_with(&document(), features);
    let token = || {
        let decision = decide(&policy, "GET", TICKETS, &[("x-forwarded-for", "203.0.113.7, 10.0.0.1")]);
        let (_, rest) = location(&decision).split_once("&enqueuetoken=").unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let (first, second) = (token(), token());
    let secret = Secret::new(KEY.to_owned());
    let open = |text: &str, seconds| {
        let now = Timestamp::from_seconds(NOW.as_seconds() + seconds);
        let client_ip = Some("203.0.113.7".parse().unwrap());
        let expected = Expected { customer_id: "acme", event_id: "spring24", now, client_ip };
        EnqueueToken::open(text, &secret, &expected)
    };
    let (first, second) = (open(&first, 30).unwrap(), open(&second, 0).unwrap());
    assert!(first.token_id.starts_with("shop~") && first.token_id != second.token_id);
    assert_eq!(first.forwarded_for.as_deref(), Some("203.0.113.7, 10.0.0.1"));
    let payload = first.payload.unwrap();
    assert_eq!(payload.custom_data["path"], TICKETS);
    assert!(payload.key.is_some() && payload.key != second.payload.unwrap().key);
    // Half a minute at the least.
    assert!(open(&token(), 31).is_err());
}

fn verified_document() -> Value {
    let mut document = document_with("VerifyQueueIdEnabled", json!(true));
    document["Integrations"][2]["QueueIdUsageLimit"] = json!(3);
    document
}

fn step<'p>(policy: &'p Policy, headers: &[(&str, &str)], answers: &Answers) -> Step<'p> {
    policy.step(&view("GET", TICKETS, &headers.to_vec()), NOW, answers)
}

fn decided(step: Step<'_>) -> Decision<'_> {
    match step {
        Step::Decided(decision) => decision,
        Step::Ask(question) => panic!("{question:?}"),
    }
}

#[test]
fn usage_is_verified_once_for_who_would_pass_and_for_nobody_else() {
    let policy = policy_with(&verified_document(), Features::default());
    let held = cookie("spring24", 60);
    let headers = [("cookie", held.as_str()), ("user-agent", "UA/1")];
    let Step::Ask(question) = step(&policy, &headers, &Answers::default()) else { panic!("not asked") };
    let call = question.call();
    assert_eq!(
        (call.url.as_str(), call.key_header, call.timeout),
        (
            &*format!("https://queue.shop.example/api/verify/acme/spring24/{QUEUE_ID}?limit=3"),
            "api-key",
            Duration::from_secs(1)
        )
    );
    let body = serde_json::from_str::<Value>(&call.body).unwrap();
    let told = json!({ "url": TICKETS, "ip": "203.0.113.7", "actionName": "tickets", "userAgent": "UA/1" });
    assert_eq!(body, told);

    for (answer, reason) in [
        (&br#"{"QIdUsageCount": 3}"#[..], Reason::CookieAccepted),
        (br#"{"QIdUsageCount": 4}"#, Reason::UsageLimitReached),
        (b"no JSON", Reason::CookieAccepted),
    ] {
        let mut answers = Answers::default();
        answers.take(&question, Some(answer));
        let decision = decided(step(&policy, &headers, &answers));
        assert_eq!(decision.reason, reason);
        assert_eq!(decision.has_failed, answer == b"no JSON");
        assert_eq!(decision.set_cookies.len(), usize::from(reason == Reason::UsageLimitReached));
    }
    for headers in [&[][..], &[("x-queueittoken", "e_x~h_0")]] {
        decided(step(&policy, headers, &Answers::default()));
    }
}

#[test]
fn visitor_who_cannot_be_verified_keeps_the_cookie_where_that_is_refused() {
    let features = Features { verify_failure: OnFailure::Deny, ..Features::default() };
    let policy = policy_with(&verified_document(), features);
    let held = cookie("spring24", 60);
    let decision = decide(&policy, "GET", TICKETS, &[("cookie", &held)]);
    assert_eq!((decision.reason, decision.has_failed), (Reason::NotVerified, false));
    assert!(location(&decision).starts_with("https://queue.shop.example/error/qidlimit/?"));
    assert!(decision.set_cookies.is_empty());

    let denied = Answers { verify: Some(VerifyAnswer::Denied), ..Answers::default() };
    let decision = decided(step(&policy, &[("cookie", &held)], &denied));
    assert_eq!(decision.set_cookies.len(), 1);
}

#[test]
fn no_client_makes_a_question_longer_than_rooms_take() {
    let policy = policy_with(&verified_document(), Features::default());
    let held = cookie("spring24", 60);
    let huge = "ä".repeat(1 << 20);
    let url = format!("{TICKETS}&{huge}");
    let headers = vec![("cookie", held.as_str()), ("user-agent", huge.as_str())];
    match policy.step(&view("GET", &url, &headers), NOW, &Answers::default()) {
        Step::Ask(question) => assert!(question.call().body.len() < 16 * 1024),
        Step::Decided(decision) => panic!("{decision:?}"),
    }
}

fn generation_5(is_passed_on_failure: bool) -> Policy {
    let direct_pass = DirectPass {
        proxy_key: Secret::new("proxy key".to_owned()),
        timeout: Some(Duration::from_millis(1)),
        is_passed_on_failure,
    };
    let features =
        Features { generation: Generation::Five { direct_pass: Some(direct_pass) }, ..Features::default() };
    policy_with(&document(), features)
}

#[test]
fn direct_pass_is_asked_before_queueing_and_its_token_is_checked_like_any() {
    let policy = generation_5(true);
    let Step::Ask(question) = step(&policy, &[], &Answers::default()) else { panic!("not asked") };
    assert!(matches!(&*question, Question::DirectPass(_)));
    assert_eq!(question.call().timeout, Duration::from_millis(800));
    assert_eq!(question.call().url, "https://queue.shop.example/api/directpass/acme/spring24");

    let answered = |direct_pass| Answers { direct_pass: Some(direct_pass), ..Answers::default() };
    let passed = |queue_token: String| answered(DirectPassAnswer::Passed { queue_token });
    for (answers, reason) in [
        (passed(queue_token()), Reason::DirectlyPassed),
        (passed(queue_token().replace("rt_queue", "rt_idle")), Reason::NothingToShow),
        (answered(DirectPassAnswer::NotPassed), Reason::NothingToShow),
        (answered(DirectPassAnswer::Failed), Reason::DirectPassFailed),
    ] {
        let decision = decided(step(&policy, &[], &answers));
        assert_eq!(decision.reason, reason);
        assert_eq!(decision.outcome == Outcome::Pass, reason != Reason::NothingToShow);
    }
}

#[test]
fn direct_pass_that_fails_lets_nobody_pass_unless_it_is_said() {
    let policy = generation_5(false);
    let decision = decide(&policy, "GET", TICKETS, &[]);
    assert_eq!((decision.reason, decision.has_failed), (Reason::NothingToShow, false));
    assert!(location(&decision).starts_with("https://queue.shop.example/?c=acme&"));
}

fn debug_token(seconds: u64) -> String {
    NewQueueToken {
        room: &"spring24".parse().unwrap(),
        queue_id: Some(QUEUE_ID.parse().unwrap()),
        expires_at: Timestamp::from_seconds(NOW.as_seconds() + seconds),
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Debug,
        client_ip: None,
    }
    .seal(&Key::new(KEY.as_bytes()))
}

fn diagnostics(is_strict: bool) -> Features {
    let error_base = "https://diagnostics.example/".to_owned();
    Features { diagnostics: Some(Diagnostics { error_base, is_strict }), ..Features::default() }
}

#[test]
fn debug_token_is_a_token_like_any_other_while_diagnostics_are_off() {
    let policy = policy_of(&document(), &settings());
    let decision = decide(&policy, "GET", TICKETS, &[("x-queueittoken", &debug_token(60))]);
    assert_eq!((decision.reason, decision.set_cookies.len()), (Reason::TokenAccepted, 1));
    let decision = decide(&policy, "GET", TICKETS, &[("x-queueittoken", "rt_debug")]);
    assert_eq!(decision.reason, Reason::TokenRefused(TokenFault::Signature));
}

#[test]
fn strict_diagnostics_tell_and_let_nobody_pass() {
    let policy = policy_with(&document(), diagnostics(true));
    let decision = decide(&policy, "GET", TICKETS, &[("x-queueittoken", &debug_token(60))]);
    assert_eq!(decision.reason, Reason::NothingToShow);
    let [told] = decision.set_cookies.as_slice() else { panic!("{decision:?}") };
    assert_eq!((told.name, told.age_max), ("queueitdebug", Duration::from_secs(1200)));
    assert!(told.value.as_ref().unwrap().contains("|MatchedConfig=tickets|TargetUrl="));
}

#[test]
fn debug_token_of_no_use_leads_to_a_page_about_it_wherever_it_comes() {
    let policy = policy_with(&document(), diagnostics(false));
    let key = Key::new(KEY.as_bytes());
    let over = debug_token(0).replace(&NOW.as_seconds().to_string(), "1699999999");
    let (unsigned, _) = over.split_once("~h_").unwrap();
    let over = format!("{unsigned}~h_{}", key.sign(&[unsigned.as_bytes()]).to_hex());
    for (token, code) in [("rt_debug", "hash"), (over.as_str(), "timestamp")] {
        let decision = decide(&policy, "GET", "https://shop.example/", &[("x-queueittoken", token)]);
        let page = format!("https://diagnostics.example/diagnostics/connector/error/?code={code}");
        assert_eq!(location(&decision), page);
        assert_eq!(decision.action, Some(ActionKind::Diagnostics));
    }
}

#[test]
fn what_diagnostics_tell_is_one_cookie_of_bounded_length() {
    let policy = policy_with(&document(), diagnostics(false));
    let via = "a;b=c\r\nx: y".repeat(1000);
    let headers = [("x-queueittoken", debug_token(60)), ("via", via)];
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
    let decision = decide(&policy, "GET", TICKETS, &headers);
    let told = decision.set_cookies.last().unwrap().to_header_value(NOW);
    assert!(told.starts_with("queueitdebug=SdkVersion%3Drust-") && told.len() < 4300, "{}", told.len());
    let (value, _) = told.split_once(';').unwrap();
    assert!(
        value.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b'\\')),
        "{value}"
    );
}

#[test]
fn cookie_is_written_anew_only_where_it_is_good_and_of_a_room_of_ours() {
    let policy = policy_of(&document(), &settings());
    let extend = |event_id: &str, cookie: &str| {
        policy.extend_queue_cookie(event_id, &view("GET", TICKETS, &vec![("cookie", cookie)]), NOW)
    };
    let written = extend("spring24", &cookie("spring24", 60)).unwrap();
    assert!(written.value.unwrap().contains("&IssueTime=1700000000&"));
    assert!(extend("spring24", &cookie("spring24", 1201)).is_none());
    assert!(extend("other", &cookie("other", 60)).is_none());
    assert!(extend("spring24", "QueueITAccepted-SDFrts345E-V3_spring24=EventId=spring24&Hash=00").is_none());
}

#[test]
fn features_that_are_on_cost_those_nothing_who_do_not_need_them() {
    let enqueue_tokens = Some(EnqueueTokens::new(|_: &EnqueueRequest<'_>| Some("a.b.c".to_owned())));
    let features = Features { enqueue_tokens, ..diagnostics(false) };
    let policy = policy_with(&verified_document(), features);
    let headers = vec![("host", "shop.example")];
    let view = view("GET", "https://shop.example/", &headers);
    let cost = measure(|| drop(policy.decide(&view, NOW)));
    assert_eq!(cost.count_total, 0);
}

#[test]
fn features_of_no_use_are_refused() {
    let proxy_key = Secret::new(String::new());
    let direct_pass = DirectPass { proxy_key, timeout: None, is_passed_on_failure: false };
    let features = Features {
        generation: Generation::Five { direct_pass: Some(direct_pass) },
        diagnostics: Some(Diagnostics { error_base: "diagnostics.example".to_owned(), is_strict: false }),
        ..Features::default()
    };
    let problems = Settings { features, ..settings() }.problems();
    let paths = problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>();
    assert_eq!(paths, ["diagnostics.error_base", "direct_pass.proxy_key"]);
}

#[test]
fn body_is_wanted_only_where_a_trigger_looks_at_it() {
    assert_eq!(policy_of(&document(), &settings()).body_bytes_max(), 0);
    let part =
        json!({ "ValidatorType": "RequestBodyValidator", "Operator": "Contains", "ValueToCompare": "x" });
    let looking = document_with("Triggers", json!([{ "LogicalOperator": "And", "TriggerParts": [part] }]));
    assert_eq!(policy_of(&looking, &settings()).body_bytes_max(), 64 * 1024);
    let off = policy_with(&looking, Features { body_bytes_max: 0, ..Features::default() });
    assert!(!off.reads_body());
}
