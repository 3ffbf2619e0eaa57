//! What the C interface adds to a decision, as a ratio: `anteroom_decide` and `anteroom_decision_free` against the Rust
//! connector's own call with the same request. Run with `cargo bench -p anteroom-capi`.
//!
//! Both are measured in turns, and the fastest turn of each counts, which other work on the machine disturbs least.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures and may stop when it is wrong"
)]

use std::hint::black_box;
use std::time::Instant;

use anteroom_capi::*;
use anteroom_connector::decision::{Outcome, Reason};
use anteroom_connector::features::Features;
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_connector::view::{Headers, RequestView};
use anteroom_protocol::integration;
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;

const ROUNDS: usize = 200;
const CALLS_A_TURN: u32 = 1_000;
const KEY: &str = "2f6b0a1e-1c57-4c0a-9d57-8f3f6f0f9a10b7e1c2d3-4f5a-46b7-88c9-d0e1f2a3b4c5";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const CONFIG: &str = r#"{"CustomerId": "acme", "Version": 7, "Integrations": [{
    "Name": "tickets", "ActionType": "Queue", "EventId": "spring24", "QueueDomain": "queue.shop.example",
    "CookieValidityMinute": 20, "Triggers": [{"LogicalOperator": "And", "TriggerParts": [{
        "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": "/tickets"
    }]}]}]}"#;
const TICKETS: &str = "https://shop.example/tickets?id=1";

fn main() {
    let settings = Settings {
        customer_id: "acme".to_owned(),
        secret_key: Secret::new(KEY.to_owned()),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features: Features::default(),
    };
    let policy = Policy::compile(&integration::parse(CONFIG.as_bytes()).unwrap(), &settings).unwrap();
    let engine = engine();
    let token = NewQueueToken {
        room: &"spring24".parse().unwrap(),
        queue_id: Some("7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f".parse().unwrap()),
        expires_at: Timestamp::from_seconds(1_700_000_060),
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: None,
    }
    .seal(&Key::new(KEY.as_bytes()));
    let cookie = {
        let headers = [("x-queueittoken", token.as_str())];
        let cookies = policy.decide(&view(TICKETS, &headers), NOW).set_cookies;
        cookies[0].to_header_value(NOW).split(';').next().unwrap().to_owned()
    };
    println!("{:<34}{:>9}{:>9}{:>9}", "case", "Rust", "C", "ratio");
    for (name, url, header, reason) in [
        ("no action matches", "https://shop.example/", ("cookie", cookie.as_str()), Reason::NoActionMatches),
        ("valid cookie", TICKETS, ("cookie", &cookie), Reason::CookieAccepted),
        ("valid token, cookie written", TICKETS, ("x-queueittoken", &token), Reason::TokenAccepted),
        ("nothing shown, sent to the room", TICKETS, ("accept", "*/*"), Reason::NothingToShow),
    ] {
        let headers = [("host", "shop.example"), ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"), header];
        let pairs = headers.map(|(name, value)| AnteroomPair {
            name: AnteroomText::of(name),
            value: AnteroomText::of(value),
        });
        assert_eq!(policy.decide(&view(url, &headers), NOW).reason, reason);
        let own = || {
            let decision = policy.decide(black_box(&view(url, &headers)), NOW);
            // What a host does with a decision in any language.
            for cookie in &decision.set_cookies {
                black_box(cookie.to_header_value(NOW));
            }
            black_box(matches!(decision.outcome, Outcome::Pass));
        };
        let through_c = || call(engine, black_box(&request(url, &pairs)));
        let [rust, c] = measure_in_turns(&own, &through_c);
        println!("{name:<34}{rust:>6.0} ns{c:>6.0} ns{:>9.2}", c / rust);
    }
}

fn view<'a>(url: &'a str, headers: &'a dyn Headers) -> RequestView<'a> {
    RequestView { method: "GET", url, headers, client_ip: None, body: None }
}

fn engine() -> *const AnteroomEngine {
    let settings = AnteroomSettings {
        struct_size: size_of::<AnteroomSettings>(),
        customer_id: AnteroomText::of("acme"),
        secret_key: AnteroomText::of(KEY),
        config: AnteroomText::of(CONFIG),
        ..zeroed()
    };
    let mut engine = std::ptr::null_mut();
    // SAFETY: all of it is readable or writable.
    let status = unsafe { anteroom_engine_create(&settings, &mut engine, std::ptr::null_mut()) };
    assert_eq!(status, ANTEROOM_STATUS_OK);
    engine
}

fn request(url: &str, pairs: &[AnteroomPair]) -> AnteroomRequest {
    AnteroomRequest {
        struct_size: size_of::<AnteroomRequest>(),
        method: AnteroomText::of("GET"),
        url: AnteroomText::of(url),
        headers: pairs.as_ptr(),
        headers_len: pairs.len(),
        now_seconds: NOW.as_seconds(),
        ..zeroed()
    }
}

fn call(engine: *const AnteroomEngine, request: &AnteroomRequest) {
    let mut decision: AnteroomDecision = zeroed();
    decision.struct_size = size_of::<AnteroomDecision>();
    // SAFETY: the engine is never freed, and all else is readable or writable.
    let status = unsafe { anteroom_decide(engine, request, &mut decision, std::ptr::null_mut()) };
    assert_eq!(status, ANTEROOM_STATUS_OK);
    black_box(&decision);
    // SAFETY: the library wrote it.
    unsafe { anteroom_decision_free(&mut decision) };
}

fn zeroed<T>() -> T {
    // SAFETY: used for the interface's structs alone, which are made of numbers and pointers.
    unsafe { std::mem::MaybeUninit::zeroed().assume_init() }
}

/// Nanoseconds a call in the fastest turn of each.
fn measure_in_turns(one: &dyn Fn(), other: &dyn Fn()) -> [f64; 2] {
    let mut fastest = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        for (fastest, call) in fastest.iter_mut().zip([one, other]) {
            let start = Instant::now();
            for _ in 0..CALLS_A_TURN {
                call();
            }
            *fastest = fastest.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS_A_TURN));
        }
    }
    fastest
}
