//! Enqueue tokens that a room must not take, however they came about.

use std::net::IpAddr;

use anteroom_protocol::enqueue_token::{
    EnqueueToken, EnqueueTokenError, Expected, HEADER_BYTES_MAX, NewEnqueueToken, NewPayload,
    PAYLOAD_BYTES_MAX, token_id,
};
use anteroom_protocol::mac::sha256;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use data_encoding::BASE64URL_NOPAD;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const ADDRESS: &str = "203.0.113.7";

fn secret() -> Secret {
    Secret::new("5ebbf794-1665-4d48-80d6-21ac34be7faedf9e10b3-551a-4682-bb77-fee59d6355d6".to_owned())
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn token(key: &str) -> String {
    NewEnqueueToken {
        token_id: &token_id(None, [9; 16]),
        customer_id: "acme",
        event_id: Some("spring24"),
        issued_at: NOW,
        expires_at: Some(Timestamp::from_seconds(1_700_000_240)),
        client_ip: Some(address(ADDRESS)),
        forwarded_for: None,
        payload: Some(NewPayload { key: Some(key), ..NewPayload::default() }),
    }
    .seal(&secret())
}

const fn expected() -> Expected<'static> {
    Expected { customer_id: "acme", event_id: "spring24", now: NOW, client_ip: None }
}

/// A token of whatever stands in its two parts, signed as it must be.
fn signed(header: &str, payload: &[u8]) -> String {
    let text = format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(payload));
    let hash = sha256(&[text.as_bytes(), secret().expose().as_bytes()]);
    format!("{text}.{}", BASE64URL_NOPAD.encode(&hash))
}

#[test]
fn token_opens_for_its_account_room_time_and_address_alone() {
    let text = token("k");
    let open =
        |expected: Expected<'_>| EnqueueToken::open(&text, &secret(), &expected).map(|token| token.payload);
    let at = |seconds| Expected { now: Timestamp::from_seconds(seconds), ..expected() };
    let from = |text| Expected { client_ip: Some(address(text)), ..expected() };
    for fine in [expected(), at(1_699_999_700), at(1_700_000_240), from(ADDRESS), from("::ffff:203.0.113.7")]
    {
        assert!(open(fine).is_ok(), "{fine:?}");
    }
    for (other, error) in [
        (Expected { customer_id: "acm", ..expected() }, EnqueueTokenError::Customer),
        (Expected { event_id: "spring2", ..expected() }, EnqueueTokenError::Event),
        (at(1_699_999_699), EnqueueTokenError::NotYetIssued),
        (at(1_700_000_241), EnqueueTokenError::Expired),
        (from("203.0.113.8"), EnqueueTokenError::Address),
    ] {
        assert_eq!(open(other), Err(error));
    }
}

#[test]
fn token_without_a_room_is_for_all_and_one_without_an_address_for_none_that_wants_one() {
    let header = r#"{"typ":"QT1","enc":"AES256","iss":1700000000,"ti":"t","c":"acme"}"#;
    let text = signed(header, b"");
    assert!(EnqueueToken::open(&text, &secret(), &expected()).is_ok());
    let wanting = Expected { client_ip: Some(address(ADDRESS)), ..expected() };
    assert_eq!(EnqueueToken::open(&text, &secret(), &wanting), Err(EnqueueTokenError::Address));
}

#[test]
fn what_is_signed_and_makes_no_sense_is_refused() {
    let header = r#"{"typ":"QT1","enc":"AES256","iss":1700000000,"ti":"t","c":"acme"}"#;
    for (text, error) in [
        (signed("[]", b""), EnqueueTokenError::Unreadable),
        (
            signed(r#"{"typ":"QT1","enc":"AES256","iss":-1,"ti":"t","c":"acme"}"#, b""),
            EnqueueTokenError::Unreadable,
        ),
        (signed(&header.replace("QT1", "QT2"), b""), EnqueueTokenError::Unsupported),
        (signed(&header.replace("AES256", "none"), b""), EnqueueTokenError::Unsupported),
        (signed(header, b"15 bytes of it."), EnqueueTokenError::Unreadable),
        (signed(header, &[0; 32]), EnqueueTokenError::Unreadable),
        (signed(&" ".repeat(HEADER_BYTES_MAX), b""), EnqueueTokenError::Malformed),
        (signed(header, &vec![0; PAYLOAD_BYTES_MAX]), EnqueueTokenError::Malformed),
        (signed(header, b"") + ".", EnqueueTokenError::Malformed),
    ] {
        assert_eq!(EnqueueToken::read(&text, &secret()), Err(error), "{text}");
    }
    let nobody = Secret::new(String::new());
    assert_eq!(EnqueueToken::read(&token("k"), &nobody), Err(EnqueueTokenError::Malformed));
}

#[test]
fn debug_output_shows_nothing_of_a_visitor() {
    let token = EnqueueToken::read(&token("member 7"), &secret()).unwrap();
    let shown = format!("{token:?} {:?}", token.payload);
    assert!(!shown.contains("member") && !shown.contains(ADDRESS), "{shown}");
}

proptest! {
    #[test]
    fn altered_token_does_not_open(at in 0_usize..400, byte in 0x21_u8..0x7f) {
        let text = token("somebody");
        let at = at % text.len();
        let mut altered = text.clone().into_bytes();
        altered[at] = byte;
        let altered = String::from_utf8(altered).unwrap();
        prop_assume!(altered != text);
        prop_assert!(EnqueueToken::read(&altered, &secret()).is_err());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}(\\.\\PC{0,60}){0,3}") {
        let _ = EnqueueToken::read(&text, &secret());
    }

    #[test]
    fn what_is_written_is_read_back(
        key in proptest::option::of("\\PC{0,40}"),
        quality in proptest::option::of(0.0_f64..=1.0),
        name in "\\PC{0,20}",
        value in "\\PC{0,200}",
    ) {
        let custom_data = [(name.clone(), value.clone())];
        let text = NewEnqueueToken {
            token_id: "t",
            customer_id: "acme",
            event_id: None,
            issued_at: NOW,
            expires_at: None,
            client_ip: None,
            forwarded_for: Some("x"),
            payload: Some(NewPayload {
                relative_quality: quality,
                key: key.as_deref(),
                custom_data: &custom_data,
                ..NewPayload::default()
            }),
        }
        .seal(&secret());
        let payload = EnqueueToken::open(&text, &secret(), &expected()).unwrap().payload.unwrap();
        prop_assert_eq!(payload.key, key);
        // Reading may move a number to its neighbour.
        let is_near = |read: f64, written: f64| (read - written).abs() < 1e-15;
        prop_assert_eq!(payload.relative_quality.is_some(), quality.is_some());
        prop_assert!(payload.relative_quality.zip(quality).is_none_or(|(read, written)| is_near(read, written)));
        prop_assert_eq!(payload.custom_data.get(&name), Some(&value));
    }
}
