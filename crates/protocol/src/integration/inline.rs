//! Actions given in code, for hosts that have no platform or know by themselves where to put a waiting room: one
//! action, and it is for every request that is shown to it (protocol 5.2, "local configuration").
//!
//! What is checked, and how, is the same as in a document.

use serde_json::{Value, json};

use super::{CookieAttributes, IntegrationConfig, RedirectLogic, describe, read};
use crate::problem::Problem;

/// The version that addresses name (`cver`) when there is none, as most official connectors do (protocol 11-B16).
const NO_VERSION: &str = "-1";

/// A waiting room before whatever requests are shown to it.
///
/// ```
/// use anteroom_protocol::integration::QueueConfig;
///
/// let config = QueueConfig {
///     event_id: "spring24".to_owned(),
///     queue_domain: "queue.shop.example".to_owned(),
///     cookie_validity_minutes: 20,
///     ..QueueConfig::default()
/// };
/// assert!(config.check().is_ok());
/// let problems = QueueConfig { cookie_validity_minutes: 0, ..config }.check().unwrap_err();
/// assert!(problems[0].to_string().starts_with("Integrations[0].CookieValidityMinute"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueConfig {
    /// The waiting room visitors are sent to.
    pub event_id: String,
    /// Other rooms whose visitors are let in. Default: none.
    pub involved_waiting_room_ids: Vec<String>,
    /// The host of the rooms.
    pub queue_domain: String,
    /// What the rooms' paths begin with. Default: nothing.
    pub queue_path_prefix: String,
    /// How long an accepted cookie without a validity of its own counts; at least 1. There is no default.
    pub cookie_validity_minutes: u32,
    /// Whether such a cookie begins anew with each request. Default: no.
    pub is_cookie_extended: bool,
    /// How cookies are written. Default: for the host alone, and for scripts too.
    pub cookies: CookieAttributes,
    /// Where the room sends its visitors afterwards. Default: back to where they wanted to go.
    pub redirect_logic: RedirectLogic,
    /// The layout of the room's pages. Default: the room's own.
    pub layout: String,
    /// The language of the room's pages. Default: the room's own.
    pub culture: String,
    /// Whether each use of a queue id is counted by the room. Default: no.
    pub is_queue_id_verified: bool,
    /// How often a queue id may then be used. Default: as the room says.
    pub queue_id_usage_limit: Option<u64>,
    /// What the room is told for its statistics. Default: `unspecified`.
    pub action_name: Option<String>,
    /// The version of this configuration, as the room is told. Default: none, which is told as -1.
    pub version: Option<u64>,
}

/// The end of a visit, for whatever requests are shown to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelConfig {
    /// The rooms that are left; at least one.
    pub waiting_room_ids: Vec<String>,
    /// The host of the rooms.
    pub queue_domain: String,
    /// What the rooms' paths begin with. Default: nothing.
    pub queue_path_prefix: String,
    /// How cookies are written. It must be as when they were set, or browsers keep them.
    pub cookies: CookieAttributes,
    /// What logs call it. Default: `unspecified`.
    pub action_name: Option<String>,
    /// The version of this configuration. Default: none, which is told as -1.
    pub version: Option<u64>,
}

impl QueueConfig {
    /// Checks it; what comes out can be compiled like any integration config.
    ///
    /// # Errors
    /// Everything wrong with it, named as in a document.
    pub fn check(&self) -> Result<IntegrationConfig, Vec<Problem>> {
        let (redirect_logic, target) = match &self.redirect_logic {
            RedirectLogic::AllowTParameter => ("AllowTParameter", ""),
            RedirectLogic::ForcedTargetUrl(target) => ("ForcedTargetUrl", target.as_str()),
            RedirectLogic::EventTargetUrl => ("EventTargetUrl", ""),
        };
        let mut action = json!({
            "ActionType": "Queue",
            "EventId": self.event_id,
            "InvolvedWaitingRoomIds": self.involved_waiting_room_ids,
            "CookieValidityMinute": self.cookie_validity_minutes,
            "ExtendCookieValidity": self.is_cookie_extended,
            "RedirectLogic": redirect_logic,
            "ForcedTargetUrl": target,
            "LayoutName": text_or_null(&self.layout),
            "Culture": text_or_null(&self.culture),
            "VerifyQueueIdEnabled": self.is_queue_id_verified,
            "QueueIdUsageLimit": self.queue_id_usage_limit,
        });
        add_common(
            &mut action,
            &self.queue_domain,
            &self.queue_path_prefix,
            &self.cookies,
            self.action_name.as_deref(),
        );
        check(action, self.version)
    }
}

impl CancelConfig {
    /// Checks it; what comes out can be compiled like any integration config.
    ///
    /// # Errors
    /// Everything wrong with it, named as in a document.
    pub fn check(&self) -> Result<IntegrationConfig, Vec<Problem>> {
        let mut action = json!({ "ActionType": "Cancel", "InvolvedWaitingRoomIds": self.waiting_room_ids });
        add_common(
            &mut action,
            &self.queue_domain,
            &self.queue_path_prefix,
            &self.cookies,
            self.action_name.as_deref(),
        );
        check(action, self.version)
    }
}

fn add_common(
    action: &mut Value,
    queue_domain: &str,
    queue_path_prefix: &str,
    cookies: &CookieAttributes,
    name: Option<&str>,
) {
    action["QueueDomain"] = json!(queue_domain);
    action["QueuePathPrefix"] = text_or_null(queue_path_prefix);
    action["CookieDomain"] = json!(cookies.domain);
    action["IsCookieHttpOnly"] = json!(cookies.is_http_only);
    action["IsCookieSecure"] = json!(cookies.is_secure);
    if let Some(name) = name {
        action["Name"] = json!(name);
    }
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

fn check(mut action: Value, version: Option<u64>) -> Result<IntegrationConfig, Vec<Problem>> {
    // A trigger of no conditions, joined by `And`, matches every request.
    action["Triggers"] = json!([{ "LogicalOperator": "And", "TriggerParts": [] }]);
    let document = json!({ "Version": version.unwrap_or(1), "Integrations": [action] });
    let mut config = read::read(&document)?;
    config.is_inline = true;
    config.warnings.retain(|warning| !warning.path.ends_with("TriggerParts"));
    if version.is_none() {
        config.version = 0;
        config.version_text = NO_VERSION.to_owned();
        for (integration, entry) in
            config.integrations.iter_mut().zip(document["Integrations"].as_array().into_iter().flatten())
        {
            integration.diagnostics = describe::describe(entry, NO_VERSION);
        }
    }
    Ok(config)
}
