//! What a decision costs, as a multiple of one bare HMAC-SHA256 over an accepted cookie's text by the crate that we use,
//! so that the figures mean the same on every machine. Run with `cargo bench -p anteroom-connector`, or with
//! `node crates/connector/benches/compare.mjs` beside the official connector.
//!
//! Each case is measured in turns with the bare MAC. A figure is that of the fastest turn, which other work on the
//! machine disturbs least; the median stands beside it. Allocations are counted in one decision.

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
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const ROUNDS: usize = 200;
const CALLS_A_TURN: u32 = 1_000;

const KEY: &str = "2f6b0a1e-1c57-4c0a-9d57-8f3f6f0f9a10b7e1c2d3-4f5a-46b7-88c9-d0e1f2a3b4c5";
const QUEUE_ID: &str = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const ELSEWHERE: &str = "https://shop.example/about?page=2";
const TICKETS: &str = "https://shop.example/tickets?id=1";

struct Case<'a> {
    name: &'static str,
    integrations: usize,
    url: &'a str,
    header: (&'a str, &'a str),
    reason: Reason,
}

fn main() {
    let key = Key::new(KEY.as_bytes());
    let text = format!("spring24{QUEUE_ID}queue1700000000");
    let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(KEY.as_bytes()).unwrap();
    let bare_mac = || {
        let mut mac = keyed.clone();
        mac.update(black_box(text.as_bytes()));
        black_box(mac.finalize());
    };
    let [_, own] = measure_in_turns(&bare_mac, &|| {
        black_box(key.sign(&[black_box(text.as_bytes())]));
    });
    println!("{:<36}{:>8.0} ns", "our MAC of the same text", own.fastest);

    let cookie = cookie(&key);
    let token = token(&key);
    let [with_cookie, with_token] = [("cookie", cookie.as_str()), ("x-queueittoken", token.as_str())];
    let none = Reason::NoActionMatches;
    let cases = [
        ("no action of 1 matches", 1, ELSEWHERE, with_cookie, none),
        ("no action of 10 matches", 10, ELSEWHERE, with_cookie, none),
        ("no action of 100 matches", 100, ELSEWHERE, with_cookie, none),
        ("no action of 1000 matches", 1000, ELSEWHERE, with_cookie, none),
        ("valid cookie", 1, TICKETS, with_cookie, Reason::CookieAccepted),
        ("valid cookie, 100 actions", 100, TICKETS, with_cookie, Reason::CookieAccepted),
        ("valid token, cookie written", 1, TICKETS, with_token, Reason::TokenAccepted),
        ("nothing shown, sent to the room", 1, TICKETS, ("accept", "*/*"), Reason::NothingToShow),
    ]
    .map(|(name, integrations, url, header, reason)| Case { name, integrations, url, header, reason });
    println!(
        "{:<36}{:>11}{:>11}{:>11}{:>12}{:>14}",
        "case", "fastest", "median", "bare MAC", "in MACs", "allocations"
    );
    // Any word that is no option picks the cases whose name holds it.
    let picked = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    cases.iter().filter(|case| case.name.contains(&picked)).for_each(|case| run(case, &bare_mac));
}

fn run(case: &Case<'_>, bare_mac: &dyn Fn()) {
    let policy = policy(case.integrations);
    let headers = [
        ("host", "shop.example"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en"),
        ("accept-encoding", "gzip, deflate, br"),
        case.header,
    ];
    let view = RequestView { method: "GET", url: case.url, headers: &headers, client_ip: None, body: None };
    assert_eq!(policy.decide(&view, NOW).reason, case.reason);
    let [mac, cost] = measure_in_turns(bare_mac, &|| {
        // Looked at where it lies, as a host does that follows it.
        black_box(&policy.decide(black_box(&view), NOW));
    });
    let allocations = allocation_counter::measure(|| drop(policy.decide(&view, NOW))).count_total;
    println!(
        "{:<36}{:>8.0} ns{:>8.0} ns{:>8.0} ns{:>12.2}{:>14}",
        case.name,
        cost.fastest,
        cost.median,
        mac.fastest,
        cost.fastest / mac.fastest,
        allocations
    );
}

/// The first action guards `/tickets`, each other one a path of its own.
fn policy(integrations: usize) -> Policy {
    let integration = |number: usize| {
        let path = if number == 0 { "/tickets".to_owned() } else { format!("/shows/{number}/seats") };
        format!(
            r#"{{"Name": "action {number}", "ActionType": "Queue", "EventId": "spring24",
            "QueueDomain": "queue.shop.example", "CookieValidityMinute": 20,
            "Triggers": [{{"LogicalOperator": "And", "TriggerParts": [{{"ValidatorType": "UrlValidator",
            "UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": "{path}", "IsIgnoreCase": true}}]}}]}}"#
        )
    };
    let integrations = (0..integrations).map(integration).collect::<Vec<_>>().join(",");
    let document = format!(r#"{{"Version": 7, "Integrations": [{integrations}]}}"#);
    let settings = Settings {
        customer_id: "acme".to_owned(),
        secret_key: Secret::new(KEY.to_owned()),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features: Features::default(),
    };
    Policy::compile(&integration::parse(document.as_bytes()).unwrap(), &settings).unwrap()
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
