//! A site with a waiting room before its tickets, and what its visitors hold.

use std::net::IpAddr;

use anteroom_connector::decision::Decision;
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
use serde_json::{Value, json};

pub(crate) const KEY: &str = "2f6b0a1e-1c57-4c0a-9d57-8f3f6f0f9a10b7e1c2d3-4f5a-46b7-88c9-d0e1f2a3b4c5";
pub(crate) const QUEUE_ID: &str = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
pub(crate) const TICKETS: &str = "https://shop.example/tickets?id=1";

pub(crate) fn settings() -> Settings {
    Settings {
        customer_id: "acme".to_owned(),
        secret_key: Secret::new(KEY.to_owned()),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features: Features::default(),
    }
}

/// A trigger on a piece of the address.
pub(crate) fn path_contains(text: &str) -> Value {
    json!([{ "LogicalOperator": "And", "TriggerParts": [{
        "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": text,
        "IsIgnoreCase": true,
    }] }])
}

/// Everything under `/tickets` waits, `/logout` ends the visit, `/open` is open.
pub(crate) fn document() -> Value {
    json!({
        "Version": 7,
        "CustomerId": "acme",
        "Integrations": [
            { "Name": "open", "ActionType": "Ignore", "Triggers": path_contains("/open") },
            {
                "Name": "leave", "ActionType": "Cancel", "EventId": "spring24", "QueueDomain": "queue.shop.example",
                "Triggers": path_contains("/logout"),
            },
            {
                "Name": "tickets", "ActionType": "Queue", "EventId": "spring24", "QueueDomain": "queue.shop.example",
                "CookieValidityMinute": 20, "IsNormalizationEnabled": false, "Triggers": path_contains("/tickets"),
            },
        ],
    })
}

/// The document with one field of its queue action changed.
pub(crate) fn document_with(field: &str, value: Value) -> Value {
    let mut document = document();
    document["Integrations"][2][field] = value;
    document
}

pub(crate) fn policy_of(document: &Value, settings: &Settings) -> Policy {
    let config = integration::parse(document.to_string().as_bytes()).unwrap();
    Policy::compile(&config, settings).unwrap()
}

pub(crate) fn policy() -> Policy {
    policy_of(&document(), &settings())
}

/// The value of an accepted cookie, as it was written.
pub(crate) fn cookie_value(event_id: &str, age_seconds: u64) -> String {
    NewAcceptedCookie {
        event_id,
        queue_id: Some(QUEUE_ID),
        fixed_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        issued_at: Timestamp::from_seconds(NOW.as_seconds() - age_seconds),
        hashed_ip: None,
    }
    .seal(&Key::new(KEY.as_bytes()))
}

/// `name=value` as browsers send it.
pub(crate) fn cookie(event_id: &str, age_seconds: u64) -> String {
    format!("{}={}", accepted_cookie::name(event_id), enc(&cookie_value(event_id, age_seconds)))
}

pub(crate) fn queue_token() -> String {
    NewQueueToken {
        room: &"spring24".parse().unwrap(),
        queue_id: Some(QUEUE_ID.parse().unwrap()),
        expires_at: Timestamp::from_seconds(NOW.as_seconds() + 60),
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: None,
    }
    .seal(&Key::new(KEY.as_bytes()))
}

pub(crate) fn view<'a>(
    method: &'a str,
    url: &'a str,
    headers: &'a Vec<(&'a str, &'a str)>,
) -> RequestView<'a> {
    RequestView { method, url, headers, client_ip: Some(IpAddr::from([203, 0, 113, 7])), body: None }
}

pub(crate) fn decide<'p>(
    policy: &'p Policy,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
) -> Decision<'p> {
    policy.decide(&view(method, url, &headers.to_vec()), NOW)
}
