//! What a decision costs, as a multiple of one bare MAC over an accepted cookie's text, so that the figures mean the
//! same on every machine. Run with `cargo bench -p anteroom-connector`. The two are measured in turns, and each figure is
//! that of the fastest turn, which other work on the machine disturbs least; the median stands beside it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures and may stop when it is wrong"
)]

use std::hint::black_box;
use std::time::Instant;

use anteroom_connector::decision::Reason;
use anteroom_connector::features::Features;
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_connector::view::RequestView;
use anteroom_protocol::accepted_cookie::{self, NewAcceptedCookie};
use anteroom_protocol::encode::enc;
use anteroom_protocol::integration;
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;

const ROUNDS: usize = 200;
const CALLS_A_TURN: u32 = 1_000;

const KEY: &str = "2f6b0a1e-1c57-4c0a-9d57-8f3f6f0f9a10b7e1c2d3-4f5a-46b7-88c9-d0e1f2a3b4c5";
const QUEUE_ID: &str = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const CONFIG: &str = r#"{"Version": 7, "Integrations": [{
    "Name": "tickets", "ActionType": "Queue", "EventId": "spring24", "QueueDomain": "queue.shop.example",
    "CookieValidityMinute": 20, "Triggers": [{"LogicalOperator": "And", "TriggerParts": [{
        "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains",
        "ValueToCompare": "/tickets", "IsIgnoreCase": true
    }]}]
}]}"#;

fn main() {
    let key = Key::new(KEY.as_bytes());
    let text = format!("spring24{QUEUE_ID}queue1700000000");
    let hex = key.sign(&[text.as_bytes()]).to_hex();
    let mac = || {
        black_box(key.verifies_hex(&[black_box(text.as_bytes())], hex.as_str()));
    };

    let policy = policy();
    let cookie = cookie(&key);
    let token = token(&key);
    let browser = [
        ("host", "shop.example"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en"),
        ("accept-encoding", "gzip, deflate, br"),
    ];
    for (name, url, header, reason) in [
        (
            "no action matches",
            "https://shop.example/about",
            ("cookie", cookie.as_str()),
            Reason::NoActionMatches,
        ),
        (
            "good accepted cookie",
            "https://shop.example/tickets?id=1",
            ("cookie", &cookie),
            Reason::CookieAccepted,
        ),
        (
            "good queue token, cookie written",
            "https://shop.example/tickets?id=1",
            ("x-queueittoken", &token),
            Reason::TokenAccepted,
        ),
        (
            "nothing shown, sent to the room",
            "https://shop.example/tickets?id=1",
            ("accept", "*/*"),
            Reason::NothingToShow,
        ),
    ] {
        let mut headers = browser.to_vec();
        headers.push(header);
        let view = RequestView { method: "GET", url, headers: &headers, client_ip: None, body: None };
        assert_eq!(policy.decide(&view, NOW).reason, reason);
        let [mac, cost] = measure_in_turns(&mac, &|| {
            black_box(policy.decide(black_box(&view), NOW));
        });
        println!(
            "{name:<34} {:>6.0} ns (median {:>5.0}); one MAC {:>4.0} ns (median {:>4.0}); {:.2} MACs",
            cost.fastest,
            cost.median,
            mac.fastest,
            mac.median,
            cost.fastest / mac.fastest
        );
    }
}

fn policy() -> Policy {
    let settings = Settings {
        customer_id: "acme".to_owned(),
        secret_key: Secret::new(KEY.to_owned()),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features: Features::default(),
    };
    Policy::compile(&integration::parse(CONFIG.as_bytes()).unwrap(), &settings).unwrap()
}

fn cookie(key: &Key) -> String {
    let value = NewAcceptedCookie {
        event_id: "spring24",
        queue_id: Some(QUEUE_ID),
        fixed_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        issued_at: NOW,
        hashed_ip: None,
    }
    .seal(key);
    format!("cart=1; {}={}; theme=dark", accepted_cookie::name("spring24"), enc(&value))
}

fn token(key: &Key) -> String {
    NewQueueToken {
        room: &"spring24".parse().unwrap(),
        queue_id: Some(QUEUE_ID.parse().unwrap()),
        expires_at: NOW,
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: None,
    }
    .seal(key)
}

/// Nanoseconds for one call.
struct Cost {
    fastest: f64,
    median: f64,
}

fn measure_in_turns(first: &dyn Fn(), second: &dyn Fn()) -> [Cost; 2] {
    let mut turns = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (turns, call) in turns.iter_mut().zip([first, second]) {
            let started = Instant::now();
            for _ in 0..CALLS_A_TURN {
                call();
            }
            turns.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS_A_TURN));
        }
    }
    turns.map(|mut turns| {
        turns.sort_unstable_by(f64::total_cmp);
        Cost { fastest: turns[0], median: turns[ROUNDS / 2] }
    })
}
