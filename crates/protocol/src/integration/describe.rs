//! An action's fields as connector diagnostics shows them (protocol 9.3), as they stand in the document.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The text for a queue or cancel action; empty for any other.
pub(super) fn describe(entry: &Value, version_text: &str) -> String {
    let Some(fields) = entry.as_object() else { return String::new() };
    match fields.get("ActionType").and_then(Value::as_str) {
        Some("Queue") => queue(fields, version_text),
        Some("Cancel") => cancel(fields, version_text),
        _ => String::new(),
    }
}

fn queue(fields: &Map<String, Value>, version_text: &str) -> String {
    let mut text = String::new();
    add(&mut text, "EventId", &show(fields, "EventId"));
    add(&mut text, "AllowedWaitingRoomIds", &involved(fields).join(","));
    add(&mut text, "Version", version_text);
    add(&mut text, "ActionName", &name(fields));
    add(&mut text, "QueueDomain", &show(fields, "QueueDomain"));
    add(&mut text, "QueuePathPrefix", &show_or_nothing(fields, "QueuePathPrefix"));
    add_cookie_attributes(&mut text, fields);
    for field in ["ExtendCookieValidity", "CookieValidityMinute", "LayoutName", "Culture"] {
        add(&mut text, field, &show(fields, field));
    }
    add(&mut text, "VerifyActionEnabled", &show(fields, "VerifyQueueIdEnabled"));
    add(&mut text, "QueueIdUsageLimit", &show_or_nothing(fields, "QueueIdUsageLimit"));
    text
}

fn cancel(fields: &Map<String, Value>, version_text: &str) -> String {
    let mut rooms = Vec::new();
    let own = show_or_nothing(fields, "EventId");
    for room in std::iter::once(own.as_str()).chain(involved(fields)) {
        if !room.is_empty() && !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    let mut text = String::new();
    add(&mut text, "WaitingRoomIds", &rooms.join(","));
    add(&mut text, "Version", version_text);
    add(&mut text, "QueueDomain", &show(fields, "QueueDomain"));
    let prefix = show_or_nothing(fields, "QueuePathPrefix");
    if !prefix.is_empty() {
        add(&mut text, "QueuePathPrefix", &prefix);
    }
    add_cookie_attributes(&mut text, fields);
    add(&mut text, "ActionName", &name(fields));
    text
}

/// The two flags are the only ones that show as false when they are not set.
fn add_cookie_attributes(text: &mut String, fields: &Map<String, Value>) {
    add(text, "CookieDomain", &show(fields, "CookieDomain"));
    for flag in ["IsCookieHttpOnly", "IsCookieSecure"] {
        let is_set = fields.get(flag).and_then(Value::as_bool).unwrap_or_default();
        add(text, flag, if is_set { "true" } else { "false" });
    }
}

fn add(text: &mut String, name: &str, value: &str) {
    let joint = if text.is_empty() { "" } else { "&" };
    // Writing to a String cannot fail.
    let _ = write!(text, "{joint}{name}:{value}");
}

fn show(fields: &Map<String, Value>, name: &str) -> String {
    match fields.get(name) {
        None => "null".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

fn show_or_nothing(fields: &Map<String, Value>, name: &str) -> String {
    if fields.get(name).is_none_or(Value::is_null) { String::new() } else { show(fields, name) }
}

fn name(fields: &Map<String, Value>) -> String {
    if fields.contains_key("Name") { show(fields, "Name") } else { "unspecified".to_owned() }
}

fn involved(fields: &Map<String, Value>) -> Vec<&str> {
    let rooms = fields.get("InvolvedWaitingRoomIds").and_then(Value::as_array);
    rooms.into_iter().flatten().filter_map(Value::as_str).collect()
}
