//! What was not given out does not open: signed texts that were altered, cut otherwise, or made up.

use std::time::Duration;

use anteroom_protocol::accepted_cookie::{
    self, AcceptedCookie, AcceptedCookieError, CookieAge, CookieRoom, NewAcceptedCookie,
    rooms_that_need_queue_id,
};
use anteroom_protocol::client_ip;
use anteroom_protocol::encode::{enc, percent_decode, percent_decode_into};
use anteroom_protocol::id::QueueId;
use anteroom_protocol::mac::{HexMac, Key};
use anteroom_protocol::push;
use anteroom_protocol::queue_token::{NewQueueToken, QueueToken, QueueTokenError, RedirectType};
use anteroom_protocol::redirect::{find_token, read_room_url, strip_token, with_token};
use anteroom_protocol::time::Timestamp;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const QUEUE_ID: &str = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";

fn key() -> Key {
    Key::new(b"2f6b0a1e-1c57-4c0a-9d57-8f3f6f0f9a10b7e1c2d3-4f5a-46b7-88c9-d0e1f2a3b4c5")
}

fn other_address() -> HexMac {
    client_ip::hashed("203.0.113.7".parse().unwrap(), &key())
}

fn queue_token(is_bound: bool) -> String {
    NewQueueToken {
        room: &"spring24".parse().unwrap(),
        queue_id: Some(QUEUE_ID.parse().unwrap()),
        expires_at: Timestamp::from_seconds(1_700_000_060),
        cookie_validity_minutes: Some(3),
        redirect_type: RedirectType::Queue,
        client_ip: is_bound.then(|| "203.0.113.7".parse().unwrap()),
    }
    .seal(&key())
}

fn cookie<'a>(event_id: &'a str, hashed_ip: Option<&'a HexMac>) -> NewAcceptedCookie<'a> {
    NewAcceptedCookie {
        event_id,
        queue_id: Some(QUEUE_ID),
        fixed_validity_minutes: Some(3),
        redirect_type: RedirectType::Queue,
        issued_at: NOW,
        hashed_ip: hashed_ip.map(HexMac::as_str),
    }
}

fn open<'v>(value: &'v str, event_id: &str) -> Result<AcceptedCookie<'v>, AcceptedCookieError<'v>> {
    let room = CookieRoom { event_id, is_queue_id_needed: false };
    let age = CookieAge::Counts { now: NOW, validity: Duration::from_secs(1200) };
    AcceptedCookie::open(value, &key(), room, age, None)
}

/// One character replaced, put in or taken out.
#[derive(Clone, Debug)]
struct Alteration {
    at: prop::sample::Index,
    with: char,
    kind: u8,
}

impl Alteration {
    fn apply(&self, text: &str) -> String {
        let mut altered = text.chars().collect::<Vec<_>>();
        let at = self.at.index(altered.len());
        match self.kind {
            0 => altered[at] = self.with,
            1 => altered.insert(at, self.with),
            _ => drop(altered.remove(at)),
        }
        altered.into_iter().collect()
    }
}

fn alteration() -> impl Strategy<Value = Alteration> {
    let with = prop_oneof![prop::char::range(' ', '~'), any::<char>()];
    (any::<prop::sample::Index>(), with, 0..3u8).prop_map(|(at, with, kind)| Alteration { at, with, kind })
}

proptest! {
    #[test]
    fn i10_altered_queue_token_never_opens(is_bound: bool, alteration in alteration()) {
        let genuine = queue_token(is_bound);
        let altered = alteration.apply(&genuine);
        let opened = QueueToken::open(&altered, &key(), NOW, &["spring24"], None);
        prop_assert!(altered == genuine || opened.is_err(), "{altered}");
    }

    #[test]
    fn i10_altered_accepted_cookie_never_says_anything_else(is_bound: bool, alteration in alteration()) {
        let address = other_address();
        let genuine = cookie("spring24", Some(&address).filter(|_| is_bound)).seal(&key());
        let altered = alteration.apply(&genuine);
        // A second `&` is no value at all.
        let is_harmless = altered.replace("&&", "&").trim_matches('&') == genuine;
        prop_assert!(is_harmless || open(&altered, "spring24").is_err(), "{altered}");
    }

    /// The way that saves decoding says what the long way says, or nothing.
    #[test]
    fn i10_cookie_read_as_it_is_encoded_is_the_one_read_decoded(
        is_bound: bool,
        alterations in prop::collection::vec(alteration(), 0..3),
        is_encoded_first: bool,
        behind in prop_oneof![Just(""), Just(";"), Just("; other=1"), Just(" ;other=1"), Just("other=1")],
    ) {
        let address = other_address();
        let mut value = cookie("spring24", Some(&address).filter(|_| is_bound)).seal(&key());
        if is_encoded_first {
            value = enc(&value);
        }
        for alteration in &alterations {
            value = alteration.apply(&value);
        }
        if !is_encoded_first {
            value = enc(&value);
        }
        let room = CookieRoom { event_id: "spring24", is_queue_id_needed: false };
        let age = CookieAge::Counts { now: NOW, validity: Duration::from_secs(1200) };
        let header = format!("{value}{behind}");
        let short = AcceptedCookie::open_in_header(&header, &key(), room, age, None);
        prop_assert!(short.is_some() || !alterations.is_empty() || matches!(behind, "other=1" | " ;other=1"));
        if let Some(short) = short {
            let decoded = percent_decode(header.split(';').next().unwrap_or_default().trim_ascii());
            prop_assert_eq!(short, open(&decoded, "spring24"), "{}", header);
        }
    }

    #[test]
    fn i10_altered_push_never_says_anything_else(alteration in alteration()) {
        let hash = key().sign(&[b"7b7d"]).to_hex();
        let altered = alteration.apply(&format!(r#"{{"integrationInfo":"7b7d","hash":"{hash}"}}"#));
        if let Ok(document) = push::accept(altered.as_bytes(), &key()) {
            prop_assert_eq!(document, "{}", "{}", altered);
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,200}", parts in "([eq~_h&=%?#/]|ts|rt|hip|EventId|Hash|queueittoken){0,60}") {
        for text in [text, parts] {
            let _ = QueueToken::open(&text, &key(), NOW, &["spring24"], None);
            let _ = open(&text, "spring24");
            let _ = push::accept(text.as_bytes(), &key());
            let _ = read_room_url(&text);
            let _ = find_token(&text);
            let _ = QueueId::is_shape_of(&text);
            let stripped = strip_token(&text);
            prop_assert_eq!(find_token(&stripped), None);
            let encoded = enc(&text);
            prop_assert_eq!(percent_decode(&encoded), text.as_str());
            let mut buffer = [0; 4096];
            prop_assert_eq!(percent_decode_into(&mut buffer, &encoded), Some(text.as_str()));
        }
    }

    #[test]
    fn token_put_into_an_address_is_found_there(url in "https://a.example/[a-z?&=#%/]{0,20}", token in "[a-z0-9_~-]{1,40}") {
        let with = with_token(&url, &token);
        let found = find_token(&with);
        prop_assert_eq!(found.as_deref(), Some(token.as_str()));
    }
}

/// All ways to cut the text that a genuine cookie's MAC covers into values again.
#[test]
fn i10_genuine_cookie_cannot_be_cut_into_another() {
    let rooms = ["spring", "spring2", "springundefined"];
    let need_queue_id = rooms_that_need_queue_id(rooms);
    let address = other_address();
    let key = key();
    let mut tried = 0;
    for genuine_room in rooms {
        for (queue_id, fixed_validity_minutes, hashed_ip) in [
            (Some(QUEUE_ID), None, None),
            (Some(QUEUE_ID), Some(34), Some(&address)),
            (None, None, None),
            (None, Some(34), None),
            (None, Some(3), Some(&address)),
        ] {
            let fields =
                NewAcceptedCookie { queue_id, fixed_validity_minutes, ..cookie(genuine_room, hashed_ip) };
            let genuine = fields.seal(&key);
            let values = genuine.split('&').map(|part| part.split_once('=').unwrap().1).collect::<Vec<_>>();
            let (hash, signed) = values.split_last().unwrap();
            let signed = signed.concat();
            for room in rooms {
                let room_rule =
                    CookieRoom { event_id: room, is_queue_id_needed: need_queue_id.contains(room) };
                let Some(rest) = signed.strip_prefix(room) else { continue };
                for_each_cut(room, rest, hash, |cut| {
                    tried += 1;
                    let opened = AcceptedCookie::open(cut, &key, room_rule, CookieAge::DoesNotMatter, None);
                    assert!(opened.is_err() || cut == genuine, "{genuine}\nopens as\n{cut}");
                });
            }
        }
    }
    assert!(tried > 1_000_000, "{tried}");
}

/// Hands over each cookie of a room whose other values are the rest, cut anywhere. An address is 64 characters or
/// none: others are refused without a look at what stands before.
fn for_each_cut(room: &str, rest: &str, hash: &str, mut each: impl FnMut(&str)) {
    let mut cookie = String::new();
    for hip_len in [0, 54, 64] {
        let Some((before, hip)) = rest.len().checked_sub(hip_len).map(|at| rest.split_at(at)) else {
            continue;
        };
        for a in 0..=before.len() {
            for b in a..=before.len() {
                for c in b..=before.len() {
                    cookie.clear();
                    cookie.push_str("EventId=");
                    cookie.push_str(room);
                    for (name, text) in [
                        ("&QueueId=", &before[..a]),
                        ("&FixedValidityMins=", &before[a..b]),
                        ("&RedirectType=", &before[b..c]),
                        ("&IssueTime=", &before[c..]),
                        ("&Hip=", hip),
                        ("&Hash=", hash),
                    ] {
                        if !text.is_empty() {
                            cookie.push_str(name);
                            cookie.push_str(text);
                        }
                    }
                    each(&cookie);
                }
            }
        }
    }
}

#[test]
fn values_outside_the_strict_form_are_forged() {
    // Signed with the right key, so that nothing but the form can refuse them.
    let signed = |values: [&str; 6], cookie: &str| {
        let hash = key().sign(&values.map(str::as_bytes)).to_hex();
        format!("{cookie}&Hash={hash}")
    };
    let [event, queue, time] = ["spring24", "queue", "1700000000"];
    let good =
        signed([event, "", "", queue, time, ""], "EventId=spring24&RedirectType=queue&IssueTime=1700000000");
    assert!(open(&good, event).is_ok());
    assert!(open(&format!("{good}&x=y=z&y&&"), event).is_ok(), "unknown keys are left aside");

    for (values, cookie) in [
        (
            [event, "", "", queue, time, ""],
            "EventId=spring24&RedirectType=queue&RedirectType=queue&IssueTime=1700000000",
        ),
        ([event, "", "", queue, time, ""], "EventId=spring24&RedirectType=queue=&IssueTime=1700000000"),
        (
            [event, "", "", queue, time, ""],
            "EventId=spring24&QueueId&RedirectType=queue&IssueTime=1700000000",
        ),
        ([event, "", "", "", time, ""], "EventId=spring24&RedirectType=&IssueTime=1700000000"),
        ([event, "", "", "vip", time, ""], "EventId=spring24&RedirectType=vip&IssueTime=1700000000"),
        ([event, "", "", queue, "", ""], "EventId=spring24&RedirectType=queue"),
        ([event, "", "", queue, "170000000", ""], "EventId=spring24&RedirectType=queue&IssueTime=170000000"),
        (
            [event, "", "", queue, "170000000x", ""],
            "EventId=spring24&RedirectType=queue&IssueTime=170000000x",
        ),
        (
            [event, "", "03", queue, time, ""],
            "EventId=spring24&FixedValidityMins=03&RedirectType=queue&IssueTime=1700000000",
        ),
        (
            [event, "", "", queue, time, ""],
            "EventId=spring24&FixedValidityMins=&RedirectType=queue&IssueTime=1700000000",
        ),
        (
            [event, "", "1234567", queue, time, ""],
            "EventId=spring24&FixedValidityMins=1234567&RedirectType=queue&IssueTime=1700000000",
        ),
        (
            [event, "me", "", queue, time, ""],
            "EventId=spring24&QueueId=me&RedirectType=queue&IssueTime=1700000000",
        ),
        (
            [event, "", "", queue, time, "AB"],
            "EventId=spring24&RedirectType=queue&IssueTime=1700000000&Hip=AB",
        ),
        (["other", "", "", queue, time, ""], "EventId=other&RedirectType=queue&IssueTime=1700000000"),
        (["", "", "", queue, time, ""], "RedirectType=queue&IssueTime=1700000000"),
    ] {
        let value = signed(values, cookie);
        assert_eq!(open(&value, event), Err(AcceptedCookieError::HashMismatch), "{value}");
    }
    let long = format!("{good}&x={}", "y".repeat(accepted_cookie::ACCEPTED_COOKIE_BYTES_MAX));
    assert_eq!(open(&long, event), Err(AcceptedCookieError::HashMismatch));
    assert_eq!(open("", event), Err(AcceptedCookieError::NotFound));
}

#[test]
fn room_that_could_be_another_with_digits_needs_a_queue_id() {
    let of_abc3 = NewAcceptedCookie { queue_id: None, fixed_validity_minutes: None, ..cookie("abc3", None) };
    let value = of_abc3.seal(&key());
    let open = |is_queue_id_needed| {
        let room = CookieRoom { event_id: "abc3", is_queue_id_needed };
        AcceptedCookie::open(&value, &key(), room, CookieAge::DoesNotMatter, None)
    };
    assert!(open(false).is_ok());
    assert_eq!(open(true), Err(AcceptedCookieError::HashMismatch));
}

#[test]
fn capital_letters_of_a_room_are_written_small_and_read_in_either_form() {
    let value = cookie("Spring24", None).seal(&key());
    assert!(value.starts_with("EventId=spring24&"), "{value}");
    assert!(open(&value, "Spring24").is_ok());
    assert!(open(&value, "spring24").is_ok());
    // As official connectors write it: capitals in the text, small letters under the MAC.
    assert!(open(&value.replacen("spring24", "Spring24", 1), "Spring24").is_ok());
    assert!(open(&value.replacen("spring24", "Spring24", 1), "spring24").is_err());
}

#[test]
fn age_and_address_are_told_apart_from_forgery() {
    let hashed_ip = other_address();
    let value = cookie("spring24", Some(&hashed_ip)).seal(&key());
    let room = CookieRoom { event_id: "spring24", is_queue_id_needed: false };
    let at = |seconds| CookieAge::Counts {
        now: Timestamp::from_seconds(seconds),
        validity: Duration::from_secs(60),
    };
    let bound: std::net::IpAddr = "203.0.113.7".parse().unwrap();
    let other: std::net::IpAddr = "198.51.100.20".parse().unwrap();
    let open = |age, ip| AcceptedCookie::open(&value, &key(), room, age, ip);
    // Its own three minutes count, not the configured one.
    assert!(open(at(1_700_000_180), Some(bound)).is_ok());
    assert_eq!(open(at(1_700_000_181), Some(bound)), Err(AcceptedCookieError::Expired));
    assert!(matches!(open(at(1_700_000_180), Some(other)), Err(AcceptedCookieError::IpMismatch(cookie))
        if cookie.queue_id == QueueId::parse(QUEUE_ID)));
    assert_eq!(open(at(1_700_000_181), Some(other)), Err(AcceptedCookieError::Expired));
    assert!(open(CookieAge::DoesNotMatter, None).is_ok());
}

#[test]
fn cookie_and_token_are_not_each_other() {
    assert!(
        QueueToken::open(&cookie("spring24", None).seal(&key()), &key(), NOW, &["spring24"], None).is_err()
    );
    assert!(open(&queue_token(false), "spring24").is_err());
    // A MAC over a text of the attacker's make (11-S2), put into the form of a token: what stands for its queue id is
    // none.
    let text = "e_spring24~q_x~ts_9999999999~rt_queue";
    let made_up = format!("{text}~h_{}", key().sign(&[text.as_bytes()]).to_hex());
    let opened = QueueToken::open(&made_up, &key(), NOW, &["spring24"], None);
    assert_eq!(opened, Err(QueueTokenError::Hash));
}
