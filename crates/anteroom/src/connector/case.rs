//! One line of input: a request, and what the connector at its site knows.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A request to decide. Fields that are not known are left aside, so that a line may carry notes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case<'l> {
    /// What tells this line from others; handed back as it is.
    #[serde(default)]
    pub(super) id: Value,
    /// The time of the request, in Unix seconds.
    #[serde(deserialize_with = "moment")]
    pub(super) now: Timestamp,
    pub(super) customer_id: String,
    pub(super) secret_key: Secret,
    /// As published. A text is taken for the document's text.
    #[serde(borrow)]
    pub(super) integration_config: &'l RawValue,
    pub(super) request: Request,
    /// What the site's provider of enqueue tokens gives this visitor, if it has one.
    #[serde(default)]
    pub(super) enqueue_token: Option<String>,
    /// What the waiting room says where a queue id is to be verified; left out, it does not answer.
    #[serde(default)]
    pub(super) verify_action_allowed: Option<bool>,
    /// Which generation of connectors to follow, 4 or 5.
    #[serde(default)]
    pub(super) generation: Generation,
    /// What the waiting room says where a visitor would be sent to queue, of a connector of generation 5 that asks.
    #[serde(default)]
    pub(super) direct_pass: Option<DirectPassCase>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "u8")]
pub(super) enum Generation {
    #[default]
    Four,
    Five,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DirectPassCase {
    /// How long the room has, as the site sets it.
    #[serde(default)]
    pub(super) timeout_millis: Option<u64>,
    /// Whether the visitor may pass; left out, no answer comes.
    #[serde(default)]
    pub(super) has_passed: Option<bool>,
    /// The queue token of a visitor who may.
    #[serde(default)]
    pub(super) queueit_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    #[serde(default = "get")]
    pub(super) method: String,
    /// The absolute address as the browser sees it, with any queue token.
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: HeaderPairs,
    #[serde(default, deserialize_with = "address")]
    pub(super) client_ip: Option<IpAddr>,
    #[serde(default)]
    pub(super) body: Option<String>,
}

/// The id of a line that is no good case, if it has one.
pub(super) fn id_alone(line: &[u8]) -> Value {
    let mut fields: HashMap<String, Value> = serde_json::from_slice(line).unwrap_or_default();
    fields.remove("id").unwrap_or_default()
}

/// Names and values, in the order in which they stand there. A name with a list of values stands for several headers.
#[derive(Default)]
pub(super) struct HeaderPairs(pub(super) Vec<(String, String)>);

/// Reads a line, or says what is wrong with it and where.
pub(super) fn read(line: &[u8]) -> Result<Case<'_>, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("the line is not UTF-8: {error}"))?;
    if !text.trim_start().starts_with('{') {
        return Err("expected a JSON object on the line".to_owned());
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let case: Case<'_> = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if path == "." { inner.to_string() } else { format!("{path}: {inner}") }
    })?;
    json.end().map_err(|error| error.to_string())?;
    if case.request.url.is_empty() {
        return Err(
            "request.url: found an empty text, expected the absolute address of the request".to_owned()
        );
    }
    Ok(case)
}

impl TryFrom<u8> for Generation {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            4 => Ok(Self::Four),
            5 => Ok(Self::Five),
            _ => Err(format!("found {number}, expected 4 or 5")),
        }
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let since_epoch = Duration::try_from_secs_f64(seconds)
        .map_err(|_| D::Error::custom(format!("found {seconds}, expected Unix seconds")))?;
    Ok(Timestamp::EPOCH.saturating_add(since_epoch))
}

/// An empty text, like none, says that the address is not known.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let expected = "an address such as 203.0.113.7, or an empty text when it is not known";
    text.parse().map(Some).map_err(|_| D::Error::custom(format!("found {text:?}, expected {expected}")))
}

impl<'de> Deserialize<'de> for HeaderPairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = HeaderPairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of header names and values")
            }

            fn visit_unit<E>(self) -> Result<HeaderPairs, E> {
                Ok(HeaderPairs::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderPairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, OneOrSeveral>()? {
                    match values {
                        OneOrSeveral::One(value) => pairs.push((name, value)),
                        OneOrSeveral::Several(values) => {
                            pairs.extend(values.into_iter().map(|value| (name.clone(), value)));
                        }
                    }
                }
                Ok(HeaderPairs(pairs))
            }
        }

        deserializer.deserialize_any(Pairs)
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or a list of texts")]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}
