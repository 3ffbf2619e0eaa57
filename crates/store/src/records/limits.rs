//! How much is kept of what. Each limit keeps one document, and what a console lists of it, at a size that can be
//! read at once; none is near what an installation needs.

use super::{Account, AuditEntry, ConfigVersion, Draft, LocalSchedule, Operator, RecordError};
use crate::backend::DOCUMENT_BYTES_MAX;

/// Most accounts of an installation. All of them are held in memory by each process.
pub const ACCOUNTS_MAX: usize = 1_000;
/// Most operators of an installation.
pub const OPERATORS_MAX: usize = 100;
/// Most waiting rooms of an account.
pub const ROOMS_PER_ACCOUNT_MAX: usize = 200;
/// Most API keys of an account. Each request of a script or connector is compared with all of them.
pub const API_KEYS_PER_ACCOUNT_MAX: usize = 50;
/// Most hosts visitors of an account may be sent back to. Each redirect is compared with all of them.
pub const ALLOWED_HOSTS_MAX: usize = 100;
/// Longest secret key, in bytes.
pub const SECRET_KEY_BYTES_MAX: usize = 200;
/// Longest display name, label, host or operator's name, in bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// Longest address, in bytes; what browsers and proxies take.
pub const TARGET_BYTES_MAX: usize = 2_000;
/// Longest description of a draft or version, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 2_000;
/// Largest draft as it is kept, in bytes. Half of what a document holds, so that its published form fits too.
pub const DRAFT_BYTES_MAX: usize = DOCUMENT_BYTES_MAX / 2;
/// Deepest nesting of an integration in a draft. The wire's form needs eight; what is read back may have 128.
pub const DRAFT_LEVELS_MAX: usize = 64;
/// Largest published integration config, in bytes: a document less what is kept beside it.
pub const CONFIG_BYTES_MAX: usize = DOCUMENT_BYTES_MAX - (64 << 10);
/// Most versions returned at once. They bring their documents along.
pub const VERSIONS_PER_LIST_MAX: usize = 50;
/// How many audit entries an account keeps; the next one takes the place of the oldest.
pub const AUDIT_ENTRIES_MAX: u64 = 1_000;
/// Longest text of an audit entry, in bytes; what is longer is cut, because an entry must never stop a change.
pub const AUDIT_TEXT_BYTES_MAX: usize = 2_000;

pub(super) fn check(what: &'static str, found: usize, limit: usize) -> Result<(), RecordError> {
    if found > limit { Err(RecordError::TooMuch { what, found, limit }) } else { Ok(()) }
}

pub(super) fn check_account(account: &Account) -> Result<(), RecordError> {
    check("bytes in a display name", account.display_name.len(), NAME_BYTES_MAX)?;
    check("bytes in a secret key", account.secret_key.expose().len(), SECRET_KEY_BYTES_MAX)?;
    check("allowed hosts", account.allowed_hosts.len(), ALLOWED_HOSTS_MAX)?;
    for host in &account.allowed_hosts {
        check("bytes in an allowed host", host.len(), NAME_BYTES_MAX)?;
    }
    check("API keys", account.api_keys.len(), API_KEYS_PER_ACCOUNT_MAX)?;
    for key in &account.api_keys {
        check("bytes in the label of an API key", key.label.len(), NAME_BYTES_MAX)?;
    }
    check("waiting rooms", account.rooms.len(), ROOMS_PER_ACCOUNT_MAX)?;
    for room in &account.rooms {
        check("bytes in a display name", room.display_name.len(), NAME_BYTES_MAX)?;
        check("bytes in a default target", room.default_target.len(), TARGET_BYTES_MAX)?;
        if let Some(schedule) = &room.schedule {
            let LocalSchedule { time_zone, pre_queue_at, starts_at, ends_at } = schedule;
            let texts = [pre_queue_at, starts_at, ends_at].into_iter().flatten().chain([time_zone]);
            for text in texts {
                check("bytes in a text of a schedule", text.len(), NAME_BYTES_MAX)?;
            }
        }
    }
    Ok(())
}

pub(super) fn check_draft(draft: &Draft) -> Result<(), RecordError> {
    check("bytes in a description", draft.description.len(), DESCRIPTION_BYTES_MAX)?;
    let levels = draft.integrations.iter().map(|value| levels(value, DRAFT_LEVELS_MAX)).max();
    check("levels of nesting in a draft", levels.unwrap_or(0), DRAFT_LEVELS_MAX)
}

pub(super) fn check_version(version: &ConfigVersion) -> Result<(), RecordError> {
    check("bytes in a description", version.description.len(), DESCRIPTION_BYTES_MAX)?;
    check("bytes in an operator's name", version.published_by.len(), NAME_BYTES_MAX)?;
    check("bytes in an integration config", version.document.len(), CONFIG_BYTES_MAX)
}

pub(super) fn check_operator(operator: &Operator) -> Result<(), RecordError> {
    check("bytes in an operator's name", operator.name.len(), NAME_BYTES_MAX)?;
    check("bytes in a password hash", operator.password_hash.len(), NAME_BYTES_MAX)
}

/// The entry with its texts no longer than they may be.
pub(super) fn cut_audit(entry: AuditEntry) -> AuditEntry {
    let AuditEntry { at, who, what } = entry;
    AuditEntry { at, who: cut(who, NAME_BYTES_MAX), what: cut(what, AUDIT_TEXT_BYTES_MAX) }
}

fn cut(mut text: String, bytes_max: usize) -> String {
    const MARK: &str = "…";
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max - MARK.len()));
        text.push_str(MARK);
    }
    text
}

/// How deep a value is nested, counted no further than one above the limit: what is deeper is refused anyway, and
/// must not use up the stack first.
fn levels(value: &serde_json::Value, levels_max: usize) -> usize {
    let below = |value| match levels_max.checked_sub(1) {
        Some(levels_max) => levels(value, levels_max),
        None => 0,
    };
    match value {
        serde_json::Value::Array(values) => 1 + values.iter().map(below).max().unwrap_or(0),
        serde_json::Value::Object(fields) => 1 + fields.values().map(below).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_two_characters() {
        let text = cut("ä".repeat(NAME_BYTES_MAX), NAME_BYTES_MAX);
        assert!(text.len() <= NAME_BYTES_MAX && text.ends_with("ä…"), "{text}");
        assert_eq!(cut("short".to_owned(), NAME_BYTES_MAX), "short");
    }

    #[test]
    fn nesting_is_counted_up_to_one_above_the_limit() {
        let mut value = serde_json::Value::Null;
        for depth in 0..100_usize {
            assert_eq!(levels(&value, 64), depth.min(65));
            value = serde_json::Value::Array(vec![value]);
        }
    }
}
