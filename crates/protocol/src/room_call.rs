//! Calls that a connector makes to a waiting room about one visitor (protocol 9.1 and 9.2): the JSON that travels
//! both ways. Where they go and how long they may take is the connector's to say.
//!
//! The bodies are those that the official packages publish; their addresses and headers are not public, so these are
//! ours.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::client_ip::canonical_text;

/// The header that says which account asks to verify a queue id.
pub const API_KEY_HEADER: &str = "api-key";

/// The header that says which account asks for direct pass.
pub const PROXY_KEY_HEADER: &str = "x-queueit-proxykey";

/// The largest answer that is looked at, in bytes; a real one has less than a thousand.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What a waiting room is told when a queue id is to be verified.
#[derive(Clone, Copy)]
pub struct VerifyBody<'a> {
    /// The absolute address that was asked for.
    pub url: &'a str,
    /// The visitor's address, if it is known.
    pub client_ip: Option<IpAddr>,
    /// The action's name.
    pub action_name: &'a str,
    /// The visitor's `User-Agent`.
    pub user_agent: &'a str,
}

impl VerifyBody<'_> {
    /// The JSON.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Written<'a> {
            url: &'a str,
            ip: String,
            action_name: &'a str,
            user_agent: &'a str,
        }
        to_json(&Written {
            url: self.url,
            ip: self.client_ip.map(canonical_text).unwrap_or_default(),
            action_name: self.action_name,
            user_agent: self.user_agent,
        })
    }
}

/// Whether the room's answer allows this use of a queue id: it counts no more uses than the limit. Nothing when it
/// cannot be read. Without a limit any count is allowed.
///
/// ```
/// use anteroom_protocol::room_call::is_use_allowed;
///
/// assert_eq!(is_use_allowed(br#"{"QIdUsageCount": 3}"#, Some(3)), Some(true));
/// assert_eq!(is_use_allowed(br#"{"QIdUsageCount": 4}"#, Some(3)), Some(false));
/// assert_eq!(is_use_allowed(b"oops", Some(3)), None);
/// ```
pub fn is_use_allowed(answer: &[u8], usage_limit: Option<u64>) -> Option<bool> {
    #[derive(Deserialize)]
    struct Read {
        #[serde(rename = "QIdUsageCount")]
        count: u64,
    }
    let count = read::<Read>(answer)?.count;
    Some(usage_limit.is_none_or(|limit| count <= limit))
}

/// What a waiting room is told when a visitor might pass without queueing.
#[derive(Clone, Copy)]
pub struct DirectPassBody<'a> {
    /// The absolute address that was asked for.
    pub protected_url: &'a str,
    /// What the connector calls itself.
    pub sdk_version: &'a str,
    /// The platform that the connector is built into; may be empty.
    pub platform_version: &'a str,
    /// The action's name.
    pub action_name: &'a str,
    /// The visitor's address, if it is known.
    pub client_ip: Option<IpAddr>,
    /// The visitor's `User-Agent`.
    pub user_agent: &'a str,
    /// The visitor's `Referer`.
    pub referer: &'a str,
}

impl DirectPassBody<'_> {
    /// The JSON.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Written<'a> {
            protected_url: &'a str,
            sdk_version: &'a str,
            connector_platform_version: &'a str,
            action_name: &'a str,
            client_ip: String,
            user_agent: &'a str,
            referer: &'a str,
        }
        to_json(&Written {
            protected_url: self.protected_url,
            sdk_version: self.sdk_version,
            connector_platform_version: self.platform_version,
            action_name: self.action_name,
            client_ip: self.client_ip.map(canonical_text).unwrap_or_default(),
            user_agent: self.user_agent,
            referer: self.referer,
        })
    }
}

/// The queue token with which the visitor may pass, if they may. Nothing at all when the answer cannot be read.
///
/// ```
/// use anteroom_protocol::room_call::read_direct_pass;
///
/// let passed = read_direct_pass(br#"{"HasPassed": true, "QueueItToken": "e_spring24~..."}"#);
/// assert_eq!(passed, Some(Some("e_spring24~...".to_owned())));
/// assert_eq!(read_direct_pass(br#"{"HasPassed": false, "QueueItToken": null}"#), Some(None));
/// assert_eq!(read_direct_pass(b"oops"), None);
/// ```
pub fn read_direct_pass(answer: &[u8]) -> Option<Option<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Read {
        has_passed: bool,
        #[serde(default)]
        queue_it_token: Option<String>,
    }
    let read = read::<Read>(answer)?;
    Some(read.queue_it_token.filter(|token| read.has_passed && !token.is_empty()))
}

fn read<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Option<T> {
    if answer.len() > ANSWER_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(answer).ok()
}

fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("a struct of texts can be written as JSON")
}
