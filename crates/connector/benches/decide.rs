//! What a decision costs, as a multiple of one bare MAC over an accepted cookie's text, so that the figures mean the
//! same on every machine. Run with `cargo bench -p anteroom-connector`; each figure is the median of the rounds, with
//! the fastest and the slowest beside it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures and may stop when it is wrong"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anteroom_connector::decision::Reason;
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

const ROUNDS: usize = 15;
const DECISIONS_A_ROUND: u32 = 20_000;

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
    let mac = measure(|| {
        black_box(key.verifies_hex(&[black_box(text.as_bytes())], hex.as_str()));
    });
    println!("{:<34} {:>7.0} ns ({:.0} to {:.0})", "one MAC, compared", ns(mac[1]), ns(mac[0]), ns(mac[2]));

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
        let cost = measure(|| {
            black_box(policy.decide(black_box(&view), NOW));
        });
        let of_mac = ns(cost[1]) / ns(mac[1]);
        println!(
            "{name:<34} {:>7.0} ns ({:.0} to {:.0}), {of_mac:.2} MACs",
            ns(cost[1]),
            ns(cost[0]),
            ns(cost[2])
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

/// The fastest round, the median and the slowest, each for one call.
fn measure(call: impl Fn()) -> [Duration; 3] {
    let mut rounds = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..DECISIONS_A_ROUND {
                call();
            }
            started.elapsed() / DECISIONS_A_ROUND
        })
        .collect::<Vec<_>>();
    rounds.sort_unstable();
    [rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]]
}

fn ns(span: Duration) -> f64 {
    span.as_secs_f64() * 1e9
}
