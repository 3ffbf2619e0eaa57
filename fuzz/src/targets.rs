//! The targets. Each panics when what must hold does not.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use anteroom_connector::decision::{Outcome, Reason};
use anteroom_connector::features::{Diagnostics, Features, Generation};
use anteroom_connector::normalize::normalize;
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_connector::view::RequestView;
use anteroom_protocol::accepted_cookie::{AcceptedCookie, CookieAge, CookieRoom, NewAcceptedCookie};
use anteroom_protocol::encode::percent_decode;
use anteroom_protocol::enqueue_token::{EnqueueToken, Expected, NewEnqueueToken, NewPayload, Origin};
use anteroom_protocol::id::QueueId;
use anteroom_protocol::integration;
use anteroom_protocol::mac::{Key, is_hex_mac, sha256};
use anteroom_protocol::queue_token::{QueueToken, RawQueueToken, RedirectType};
use anteroom_protocol::redirect::find_token;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use data_encoding::BASE64URL_NOPAD;

/// No other input was ever signed with it.
const SECRET: &str = "the key of the fuzz targets alone";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// What is run over each input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its binary and of the folder with its inputs.
pub const ALL: [(&str, Target); 6] = [
    ("queue_token", queue_token),
    ("accepted_cookie", accepted_cookie),
    ("enqueue_token", enqueue_token),
    ("config", config),
    ("normalize", normalized_address),
    ("decision", decision),
];

/// What stands between the pieces of one input: no text holds this byte.
pub const SEPARATOR: u8 = 0xff;

/// A queue token as it came, and the same text signed by us, so that what lies behind the MAC is reached.
pub fn queue_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let key = key();
    let address = Some(IpAddr::from([203, 0, 113, 7]));
    let signed = format!("{text}~h_{}", key.sign(&[text.as_bytes()]).to_hex());
    for token in [&*text, &signed] {
        let Ok(opened) = QueueToken::open(token, key, NOW, &["spring24", "other"], address) else { continue };
        let raw = RawQueueToken::read(token).expect("an opened token was read");
        let hash = raw.hash.expect("an opened token is signed");
        assert!(key.verifies_hex(&raw.signed_parts().map(str::as_bytes), hash), "{token}");
        assert!(["spring24", "other"].contains(&opened.event_id) && raw.expires_at_seconds >= 1_700_000_000);
        assert!(opened.queue_id.is_none_or(QueueId::is_shape_of), "{token}");
        // The cookie that a connector writes for it must be read again, or the visitor would queue for ever.
        let cookie = NewAcceptedCookie {
            event_id: opened.event_id,
            queue_id: opened.queue_id,
            fixed_validity_minutes: opened.cookie_validity_minutes,
            redirect_type: RedirectType::from_text(opened.redirect_type).unwrap_or(RedirectType::Unknown),
            issued_at: NOW,
            hashed_ip: opened.hashed_ip,
        };
        if opened.hashed_ip.is_none_or(is_hex_mac) {
            let room = CookieRoom { event_id: opened.event_id, is_queue_id_needed: false };
            let age = CookieAge::Counts { now: NOW, validity: Duration::from_secs(60) };
            assert!(AcceptedCookie::open(&cookie.seal(key), key, room, age, address).is_ok(), "{token}");
        }
    }
}

/// An accepted cookie as it came, decoded, and with a right MAC over its values.
pub fn accepted_cookie(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let key = key();
    let values = |name: &str| {
        let has_name = |part: &&str| part.split('=').next() == Some(name);
        text.split('&').find(has_name).and_then(|part| part.split_once('=')).map_or("", |(_, value)| value)
    };
    let names = ["EventId", "QueueId", "FixedValidityMins", "RedirectType", "IssueTime", "Hip"];
    let joined = names.map(values).concat();
    let signed = format!("{text}&Hash={}", key.sign(&[joined.as_bytes()]).to_hex());
    let decoded = percent_decode(&text);
    let encoded = signed.replace('=', "%3D").replace('&', "%26");
    for value in [&*text, &*decoded, &signed, &encoded] {
        for is_queue_id_needed in [false, true] {
            let room = CookieRoom { event_id: "spring24", is_queue_id_needed };
            // The short way says what the long way says, whatever other cookie follows.
            let with_another = format!("{value};{text}");
            for header in [value, &with_another] {
                let short = AcceptedCookie::open_in_header(header, key, room, CookieAge::DoesNotMatter, None);
                if let Some(opened) = short {
                    let decoded = percent_decode(header.split(';').next().unwrap_or_default().trim_ascii());
                    let long = AcceptedCookie::open(&decoded, key, room, CookieAge::DoesNotMatter, None);
                    assert_eq!(opened, long, "{header}");
                }
            }
            let Ok(cookie) = AcceptedCookie::open(value, key, room, CookieAge::DoesNotMatter, None) else {
                continue;
            };
            assert!(cookie.queue_id.is_some() || !is_queue_id_needed, "{value}");
            assert!(cookie.hashed_ip.is_none_or(is_hex_mac), "{value}");
            assert!(cookie.fixed_validity_minutes.is_none_or(|minutes| (1..=999_999).contains(&minutes)));
            let seconds = cookie.issued_at.as_seconds();
            assert!(seconds <= 99_999_999_999, "{value}");
            // What it says is what was signed, in this order and nothing else.
            let minutes = cookie.fixed_validity_minutes.map(|minutes| minutes.to_string());
            let hip = cookie.hashed_ip.unwrap_or_default();
            let said = |queue_id: &str, seconds: String| {
                let minutes = minutes.as_deref().unwrap_or_default();
                let parts = ["spring24", queue_id, minutes, cookie.redirect_type_text, &seconds, hip];
                parts.concat().to_ascii_lowercase()
            };
            let signed = names.map(|name| field(value, name)).concat().to_ascii_lowercase();
            let queue_id = cookie.queue_id.map(|queue_id| queue_id.to_string()).unwrap_or_default();
            let is_said = [&queue_id, "undefined"].iter().any(|queue_id| {
                [format!("{seconds:010}"), format!("{seconds:011}")]
                    .into_iter()
                    .any(|seconds| said(queue_id, seconds) == signed)
            });
            assert!(is_said, "{value} was read as {signed}");
        }
    }
}

fn field<'v>(value: &'v str, name: &str) -> &'v str {
    value
        .split('&')
        .filter_map(|part| part.split_once('='))
        .find(|(found, _)| *found == name)
        .map_or("", |(_, text)| text)
}

/// An enqueue token as it came, a header and a payload signed by us, and one that we make of the pieces.
pub fn enqueue_token(data: &[u8]) {
    let pieces = data.split(|byte| *byte == SEPARATOR).map(String::from_utf8_lossy).collect::<Vec<_>>();
    let piece = |at: usize| pieces.get(at).map_or("", |piece| &**piece);
    let secret = Secret::new(SECRET.to_owned());
    let text = format!("{}.{}", BASE64URL_NOPAD.encode(piece(0).as_bytes()), piece(1));
    let hash = sha256(&[text.as_bytes(), SECRET.as_bytes()]);
    let signed = format!("{text}.{}", BASE64URL_NOPAD.encode(&hash));
    for text in [&*String::from_utf8_lossy(data), &signed] {
        let expected = Expected { customer_id: "acme", event_id: "spring24", now: NOW, client_ip: None };
        if let Ok(token) = EnqueueToken::open(text, &secret, &expected) {
            assert!(token.customer_id == "acme" && token.expires_at.is_none_or(|at| at >= NOW), "{text}");
        }
    }

    let custom_data = [(piece(3).to_owned(), piece(4).to_owned())];
    let new = NewEnqueueToken {
        token_id: piece(0),
        customer_id: "acme",
        event_id: Some("spring24"),
        issued_at: NOW,
        expires_at: Some(NOW),
        client_ip: None,
        forwarded_for: Some(piece(1)),
        payload: Some(NewPayload {
            relative_quality: piece(2).parse().ok(),
            key: Some(piece(2)),
            custom_data: &custom_data,
            origin: Origin::Connector,
        }),
    };
    let sealed = new.seal(&secret);
    assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')));
    if let Ok(read) = EnqueueToken::read(&sealed, &secret) {
        let payload = read.payload.expect("a payload was written");
        assert_eq!((&*read.token_id, payload.key.as_deref()), (piece(0), Some(piece(2))));
        assert_eq!(payload.custom_data.get(piece(3)).map(String::as_str), Some(piece(4)));
    } else {
        // Only what is longer than a room looks at is not read again.
        assert!(sealed.len() > 2_048, "{sealed}");
    }
}

/// A config document, compiled, and some requests decided by it.
pub fn config(data: &[u8]) {
    let Ok(config) = integration::parse(data) else { return };
    let Ok(policy) = Policy::compile(&config, &settings()) else { return };
    for url in ["https://shop.example/tickets?id=1", "", "/", "https://Shop.Example//a/../%74ickets#?x"] {
        let headers =
            [("cookie", "seg=Gold; QueueITAccepted-SDFrts345E-V3_spring24=EventId%3Dx"), ("user-agent", "x")];
        let view = RequestView { method: "GET", url, headers: &headers, client_ip: None, body: Some("body") };
        let decision = policy.decide(&view, NOW);
        check_outcome(&decision.outcome);
        for cookie in &decision.set_cookies {
            check_header(&cookie.to_header_value(NOW));
        }
    }
}

/// The normal form of an address.
pub fn normalized_address(data: &[u8]) {
    let url = String::from_utf8_lossy(data);
    let normal = normalize(&url);
    assert!(normal.is_ascii(), "{normal}");
    // Each character takes at most three for each of its bytes, and an empty path becomes a slash.
    assert!(normal.len() <= 3 * url.len() + 1, "{normal}");
    assert!(!normal.contains(['\\', ' ', '\0', '\r', '\n']), "{normal:?}");
    let path = normal.split(['?', '#']).next().unwrap_or_default();
    if let Some((_, path)) = path.strip_prefix("https://").and_then(|rest| rest.split_once('/')) {
        assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{normal}");
    }
}

/// A whole request: method, address, cookies, queue token, ajax address, user agent; the first byte picks the policy.
pub fn decision(data: &[u8]) {
    let mut pieces = data.split(|byte| *byte == SEPARATOR).map(String::from_utf8_lossy);
    let mut next = || pieces.next().unwrap_or_default();
    let policies = policies();
    let policy = &policies[next().bytes().next().map_or(0, usize::from) % policies.len()];
    let [method, url, cookie, token, ajax, agent, body] = std::array::from_fn(|_| next());
    let headers = [
        ("cookie", &*cookie),
        ("x-queueittoken", &token),
        ("x-queueit-ajaxpageurl", &ajax),
        ("user-agent", &agent),
    ];
    let view = RequestView {
        method: &method,
        url: &url,
        headers: &headers,
        client_ip: Some(IpAddr::from([203, 0, 113, 7])),
        body: Some(&body),
    };
    let decision = policy.decide(&view, NOW);
    check_outcome(&decision.outcome);
    for cookie in &decision.set_cookies {
        check_header(&cookie.to_header_value(NOW));
    }
    if let Outcome::StripToken { location } = &decision.outcome {
        assert_eq!(find_token(location), None);
    }
    // No policy knows another key, so whoever is let in holds what was signed with it.
    let is_let_in = matches!(decision.reason, Reason::CookieAccepted | Reason::TokenAccepted);
    let is_signed = [&*url, &cookie, &token].iter().any(|text| has_genuine_mac(&percent_decode(text)));
    assert!(!is_let_in || is_signed, "{decision:?}");
}

/// Whether a text holds a MAC of one of the inputs that we gave out; only those are genuine.
fn has_genuine_mac(text: &str) -> bool {
    GENUINE.get_or_init(genuine_macs).iter().any(|mac| text.contains(mac.as_str()))
}

static GENUINE: OnceLock<Vec<String>> = OnceLock::new();

/// A queue token and an accepted cookie that are good at all of these targets; also written into their inputs.
pub fn genuine() -> [String; 2] {
    let text = "e_spring24~q_7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f~ts_1700000060~ce_true~rt_queue";
    let token = format!("{text}~h_{}", key().sign(&[text.as_bytes()]).to_hex());
    let cookie = NewAcceptedCookie {
        event_id: "spring24",
        queue_id: Some("7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f"),
        fixed_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        issued_at: NOW,
        hashed_ip: None,
    };
    [token, cookie.seal(key())]
}

fn genuine_macs() -> Vec<String> {
    const HEX_DIGITS: usize = 64;
    genuine().iter().map(|text| text[text.len() - HEX_DIGITS..].to_owned()).collect()
}

fn check_outcome(outcome: &Outcome) {
    match outcome {
        Outcome::Pass => {}
        Outcome::Redirect { location: header }
        | Outcome::AjaxRedirect { header_value: header }
        | Outcome::StripToken { location: header } => check_header(header),
    }
}

/// What may stand in a header that we write.
fn check_header(value: &str) {
    assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{value:?}");
}

fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::new(SECRET.as_bytes()))
}

fn settings() -> Settings {
    Settings {
        customer_id: "acme".to_owned(),
        secret_key: Secret::new(SECRET.to_owned()),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features: Features::default(),
    }
}

/// A plain policy, one that looks at everything there is, and one that guards every address.
fn policies() -> &'static [Policy] {
    static POLICIES: OnceLock<Vec<Policy>> = OnceLock::new();
    POLICIES.get_or_init(|| {
        let part = |validator: &str, rest: &str| {
            format!(r#"{{"ValidatorType": "{validator}", "IsIgnoreCase": true, {rest}}}"#)
        };
        let path = part("UrlValidator", r#""UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": "/tickets""#);
        let all = [
            part("UrlValidator", r#""UrlPart": "HostName", "Operator": "EqualsAny", "ValuesToCompare": ["shop.example"]"#),
            part("UrlValidator", r#""UrlPart": "PageUrl", "Operator": "Contains", "ValueToCompare": "%20""#),
            part("CookieValidator", r#""CookieName": "seg", "Operator": "Equals", "ValueToCompare": "gold""#),
            part("UserAgentValidator", r#""Operator": "ContainsAny", "ValuesToCompare": ["Bot", "ß"]"#),
            part("HttpHeaderValidator", r#""HttpHeaderName": "X-Queueittoken", "Operator": "Contains", "ValueToCompare": "~h_""#),
            part("RequestBodyValidator", r#""Operator": "Contains", "ValueToCompare": "buy", "IsNegative": true"#),
        ]
        .join(",");
        let integrations = |action: &str, operator: &str, parts: &str| {
            format!(
                r#"{{"Name": "a b", "ActionType": "{action}", "EventId": "spring24", "InvolvedWaitingRoomIds": ["other"],
                "QueueDomain": "queue.shop.example", "CookieValidityMinute": 20, "ExtendCookieValidity": true,
                "IsNormalizationEnabled": true,
                "Triggers": [{{"LogicalOperator": "{operator}", "TriggerParts": [{parts}]}}]}}"#
            )
        };
        let beyond = Features {
            generation: Generation::Five { direct_pass: None },
            diagnostics: Some(Diagnostics {
                error_base: "https://acme.api2.queue-it.net/acme".to_owned(),
                is_strict: false,
            }),
            ..Features::default()
        };
        let plain = Features::default();
        [
            (integrations("Queue", "And", &path), plain.clone()),
            (integrations("Queue", "And", &path), beyond),
            (format!("{},{}", integrations("Cancel", "And", &all), integrations("Queue", "Or", &all)), plain.clone()),
            (integrations("Queue", "And", ""), plain),
        ]
        .into_iter()
        .map(|(list, features)| {
            let document = format!(r#"{{"Version": 7, "Integrations": [{list}]}}"#);
            let config = integration::parse(document.as_bytes()).expect("the document above is right");
            let settings = Settings { features, ..settings() };
            Policy::compile(&config, &settings).expect("the document above can be followed")
        })
        .collect()
    })
}
