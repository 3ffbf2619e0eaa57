//! How a JSON value is named in an answer to a person: short, and never the whole of something large.

use serde_json::Value;

/// A few words for `value`.
pub(crate) fn shown(value: &Value) -> String {
    const SHOWN_CHARS: usize = 60;
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() > SHOWN_CHARS => {
            format!("“{}…”", text.chars().take(SHOWN_CHARS).collect::<String>())
        }
        Value::String(text) => format!("“{text}”"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}
