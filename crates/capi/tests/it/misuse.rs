//! What callers do wrong is told, and costs nobody anything.

use std::ptr::{null, null_mut};

use anteroom_capi::*;

use crate::caller::{Engine, pair, read, request, settings, zeroed};

const CONFIG: &str = r#"{"CustomerId": "acme", "Version": 7, "Integrations": [{
    "Name": "tickets", "ActionType": "Queue", "EventId": "spring24", "QueueDomain": "queue.shop.example",
    "CookieValidityMinute": 20, "Triggers": [{"LogicalOperator": "And", "TriggerParts": [{
        "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": "/tickets"
    }]}]}]}"#;
const TICKETS: &str = "https://shop.example/tickets";

fn engine() -> Engine {
    Engine::create(&AnteroomSettings { config: AnteroomText::of(CONFIG), ..settings() }).unwrap()
}

fn latin(bytes: &[u8]) -> AnteroomText {
    AnteroomText { ptr: bytes.as_ptr().cast(), len: bytes.len() }
}

#[test]
fn null_pointers_are_refused_and_free_takes_them() {
    let null_text = AnteroomText { ptr: null(), len: 1 };
    let made = Engine::create(&AnteroomSettings { customer_id: null_text, ..settings() });
    assert_eq!(made.err().unwrap().0, ANTEROOM_STATUS_INVALID_ARGUMENT);
    let engine = engine();
    let found = engine.decide(&AnteroomRequest { headers_len: 1, ..request("GET", TICKETS) });
    assert_eq!(found.err().unwrap().0, ANTEROOM_STATUS_INVALID_ARGUMENT);
    let headers = [AnteroomPair { name: AnteroomText::of("cookie"), value: null_text }];
    let with_header =
        AnteroomRequest { headers: headers.as_ptr(), headers_len: 1, ..request("GET", TICKETS) };
    assert_eq!(engine.decide(&with_header).err().unwrap().0, ANTEROOM_STATUS_INVALID_ARGUMENT);
    // SAFETY: the interface promises to notice null pointers.
    unsafe {
        assert_eq!(anteroom_decide(null(), null(), null_mut(), null_mut()), ANTEROOM_STATUS_INVALID_ARGUMENT);
        assert_eq!(anteroom_engine_create(null(), null_mut(), null_mut()), ANTEROOM_STATUS_INVALID_ARGUMENT);
        assert_eq!(
            anteroom_engine_describe(null(), null_mut(), null_mut()),
            ANTEROOM_STATUS_INVALID_ARGUMENT
        );
        assert_eq!(
            anteroom_engine_warnings(null(), null_mut(), null_mut()),
            ANTEROOM_STATUS_INVALID_ARGUMENT
        );
        assert_eq!(
            anteroom_enqueue_token_create(null(), null_mut(), null_mut()),
            ANTEROOM_STATUS_INVALID_ARGUMENT
        );
        let none = AnteroomText::EMPTY;
        assert_eq!(anteroom_engine_update(null(), none, null_mut()), ANTEROOM_STATUS_INVALID_ARGUMENT);
        anteroom_decision_free(null_mut());
        anteroom_engine_free(null_mut());
        anteroom_text_free(null_mut());
    }
}

#[test]
fn sizes_of_structs_tell_versions() {
    let engine = engine();
    for size in [0, size_of::<AnteroomRequest>() - 1, usize::MAX] {
        let (status, message) =
            engine.decide(&AnteroomRequest { struct_size: size, ..request("GET", TICKETS) }).err().unwrap();
        assert_eq!(status, ANTEROOM_STATUS_INVALID_ARGUMENT);
        assert!(message.starts_with("struct_size of AnteroomRequest is "), "{message}");
    }
    /// What a later header could say.
    #[repr(C)]
    struct Later {
        request: AnteroomRequest,
        added: u64,
    }
    let mut later = Later { request: request("GET", TICKETS), added: 0 };
    later.request.struct_size = size_of::<Later>();
    let mut decision: AnteroomDecision = zeroed();
    decision.struct_size = size_of::<AnteroomDecision>();
    let mut ask = |later: &Later| {
        let engine =
            Engine::create(&AnteroomSettings { config: AnteroomText::of(CONFIG), ..settings() }).unwrap();
        // SAFETY: all of it is readable or writable.
        unsafe {
            let status = anteroom_decide(engine.raw(), (&raw const *later).cast(), &mut decision, null_mut());
            anteroom_decision_free(&mut decision);
            status
        }
    };
    assert_eq!(ask(&later), ANTEROOM_STATUS_OK);
    later.added = 1;
    assert_eq!(ask(&later), ANTEROOM_STATUS_UNSUPPORTED);
}

#[test]
fn texts_that_are_not_utf8_are_refused_and_such_headers_count_as_absent() {
    let engine = engine();
    let url = b"https://shop.example/tickets\xff";
    let found = engine.decide(&AnteroomRequest { url: latin(url), ..request("GET", "") });
    assert_eq!(
        found.err().unwrap(),
        (ANTEROOM_STATUS_INVALID_UTF8, "the request's url is not UTF-8".to_owned())
    );
    let headers = [
        AnteroomPair { name: AnteroomText::of("cookie"), value: latin(b"a=\xff") },
        AnteroomPair { name: latin(b"x-\xff"), value: AnteroomText::of("1") },
        pair("", ""),
    ];
    let request = AnteroomRequest { headers: headers.as_ptr(), headers_len: 3, ..request("GET", TICKETS) };
    assert_eq!(engine.decide(&request).unwrap().0.outcome, ANTEROOM_OUTCOME_REDIRECT);
    let at_home = AnteroomRequest { client_ip: AnteroomText::of("at home"), ..request };
    let (status, message) = engine.decide(&at_home).err().unwrap();
    assert_eq!(
        (status, message.as_str()),
        (ANTEROOM_STATUS_INVALID_ARGUMENT, "client_ip is not a network address")
    );
}

#[test]
fn without_a_config_the_fallback_holds_until_one_arrives() {
    let passing = Engine::create(&settings()).unwrap();
    let decision = passing.decide(&request("GET", TICKETS)).unwrap();
    assert_eq!((decision.0.outcome, decision.0.has_failed), (ANTEROOM_OUTCOME_PASS, 1));
    assert_eq!(decision.headers()[1], ("x-queueit-failed".to_owned(), "true".to_owned()));
    let holding =
        Engine::create(&AnteroomSettings { fallback: ANTEROOM_FALLBACK_HOLD, ..settings() }).unwrap();
    let decision = holding.decide(&request("GET", TICKETS)).unwrap();
    assert_eq!((decision.0.outcome, decision.0.http_status), (ANTEROOM_OUTCOME_HOLD, 503));
    assert_eq!(read(decision.0.reason_text), "no integration config is in force");
    assert_eq!(holding.state().has_config, 0);
    holding.update(CONFIG).unwrap();
    let decision = holding.decide(&request("GET", TICKETS)).unwrap();
    assert_eq!(decision.0.outcome, ANTEROOM_OUTCOME_REDIRECT);
    assert_eq!((holding.state().has_config, holding.state().config_version), (1, 7));
    assert_eq!(holding.warnings(), "");
}

#[test]
fn config_that_cannot_be_followed_changes_nothing() {
    let engine = engine();
    for (config, part) in [
        ("{", ""),
        (r#"{"CustomerId": "other", "Version": 8, "Integrations": []}"#, "CustomerId: found \"other\""),
        (r#"{"CustomerId": "acme", "Version": 6, "Integrations": []}"#, "Version: found 6, expected 7"),
    ] {
        let (status, message) = engine.update(config).err().unwrap();
        assert_eq!(status, ANTEROOM_STATUS_INVALID_CONFIG);
        assert!(message.contains(part), "{message}");
        assert_eq!(engine.state().config_version, 7);
    }
    let without_key = AnteroomSettings { secret_key: AnteroomText::EMPTY, ..settings() };
    let (status, message) = Engine::create(&without_key).err().unwrap();
    assert_eq!(status, ANTEROOM_STATUS_INVALID_CONFIG);
    assert_eq!(message, "secret_key: found an empty text, expected the account's secret key");
    let unknown = AnteroomSettings { fallback: 9, ..settings() };
    assert_eq!(Engine::create(&unknown).err().unwrap().0, ANTEROOM_STATUS_UNSUPPORTED);
}

#[test]
fn call_by_script_is_told_by_headers() {
    let headers = [pair("X-QueueIt-AjaxPageUrl", "https%3A%2F%2Fshop.example%2Ftickets")];
    let request = AnteroomRequest { headers: headers.as_ptr(), headers_len: 1, ..request("GET", TICKETS) };
    let decision = engine().decide(&request).unwrap();
    assert_eq!((decision.0.outcome, decision.0.http_status), (ANTEROOM_OUTCOME_AJAX_REDIRECT, 200));
    let headers = decision.headers();
    let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "x-queueit-connector",
            "x-queueit-redirect",
            "access-control-expose-headers",
            "cache-control",
            "pragma",
            "expires"
        ]
    );
    assert_eq!(headers[1].1, read(decision.0.location));
}
