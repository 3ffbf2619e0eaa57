//! The written forms of records, and the step between them and the types.
//!
//! A document is JSON, `{"form": 1, "record": {…}}`; a version's is that on one line, followed by the integration
//! config byte for byte. Unknown fields are refused: a release that adds one counts the form up, so that an older
//! release refuses the record instead of dropping the field with its next save.

use std::sync::Arc;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;

use super::{
    Account, ApiKey, AuditEntry, ConfigVersion, Draft, LocalSchedule, Operator, RecordError, RoomRecord,
    Session, keys,
};
use crate::backend::Key;
use crate::master_key::MasterKey;

/// The newest form this release reads, and the one it writes.
const FORM: u64 = 1;
/// That of an account. From form 2 on its rooms can have schedules; one without any is still written in form 1, so that an
/// older process beside this one can go on until a schedule is made.
const ACCOUNT_FORM: u64 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<T> {
    form: u64,
    record: T,
}

/// Only what tells whether the rest can be read.
#[derive(Deserialize)]
struct FormOnly {
    form: u64,
}

/// How far an account has come: counted up by each of its commits, which is what makes them follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// Number of the newest version; 0 before the first.
    pub(super) newest_version: u64,
    /// How many audit entries were ever written.
    pub(super) audit_entries: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountForm {
    customer: CustomerId,
    display_name: String,
    allowed_hosts: Vec<String>,
    /// Sealed by the master key, for this account.
    secret_key: String,
    api_keys: Vec<ApiKeyForm>,
    rooms: Vec<RoomForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyForm {
    label: String,
    /// Hexadecimal.
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoomForm {
    room: RoomId,
    display_name: String,
    default_target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<LocalSchedule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftForm {
    description: String,
    integrations: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionForm {
    version: u64,
    description: String,
    published_by: String,
    published_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditForm {
    /// Tells an entry from the one whose place in the ring it took.
    number: u64,
    at: Timestamp,
    who: String,
    what: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorForm {
    name: String,
    password_hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionForm {
    operator: String,
    expires_at: Timestamp,
}

pub(super) fn account(account: &Account, master_key: &MasterKey) -> Result<Vec<u8>, RecordError> {
    let owner = keys::account_segment(&account.customer);
    let sealed = master_key.seal(&owner, &account.secret_key).map_err(|_| RecordError::NoRandomness)?;
    let api_key = |key: &ApiKey| ApiKeyForm { label: key.label.clone(), hash: HEXLOWER.encode(&key.hash) };
    let room = |record: &RoomRecord| RoomForm {
        room: record.room.clone(),
        display_name: record.display_name.clone(),
        default_target: record.default_target.clone(),
        schedule: record.schedule.clone(),
    };
    let has_schedule = account.rooms.iter().any(|room| room.schedule.is_some());
    let form = if has_schedule { ACCOUNT_FORM } else { FORM };
    Ok(written_as(
        form,
        AccountForm {
            customer: account.customer.clone(),
            display_name: account.display_name.clone(),
            allowed_hosts: account.allowed_hosts.clone(),
            secret_key: sealed,
            api_keys: account.api_keys.iter().map(api_key).collect(),
            rooms: account.rooms.iter().map(room).collect(),
        },
    ))
}

pub(super) fn read_account(key: &Key, bytes: &[u8], master_key: &MasterKey) -> Result<Account, RecordError> {
    let AccountForm { customer, display_name, allowed_hosts, secret_key, api_keys, rooms } =
        read_up_to(ACCOUNT_FORM, key, bytes)?;
    let owner = keys::account_segment(&customer);
    if owner != key.segment() {
        return Err(unreadable(key, format!("it is the record of {customer}")));
    }
    let secret_key = master_key
        .open(&owner, &secret_key)
        .map_err(|cause| unreadable(key, format!("its secret key was {cause}; put back the master key")))?;
    let api_keys = api_keys.into_iter().map(|ApiKeyForm { label, hash }| {
        let hash = HEXLOWER.decode(hash.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        hash.map(|hash| ApiKey { label, hash })
    });
    let api_keys = api_keys.collect::<Option<Vec<_>>>();
    let api_keys = api_keys.ok_or_else(|| unreadable(key, "the hash of an API key is none".to_owned()))?;
    let room = |RoomForm { room, display_name, default_target, schedule }| RoomRecord {
        room,
        display_name,
        default_target,
        schedule,
    };
    let rooms = rooms.into_iter().map(room).collect();
    Ok(Account { customer, display_name, allowed_hosts, secret_key, api_keys, rooms })
}

pub(super) fn draft(draft: &Draft) -> Vec<u8> {
    let Draft { description, integrations } = draft.clone();
    written(DraftForm { description, integrations })
}

pub(super) fn read_draft(key: &Key, bytes: &[u8]) -> Result<Draft, RecordError> {
    let DraftForm { description, integrations } = read(key, bytes)?;
    Ok(Draft { description, integrations })
}

pub(super) fn head(head: Head) -> Vec<u8> {
    written(head)
}

pub(super) fn read_head(key: &Key, bytes: &[u8]) -> Result<Head, RecordError> {
    read(key, bytes)
}

pub(super) fn version(version: &ConfigVersion) -> Vec<u8> {
    let mut bytes = written(VersionForm {
        version: version.version,
        description: version.description.clone(),
        published_by: version.published_by.clone(),
        published_at: version.published_at,
    });
    bytes.push(b'\n');
    bytes.extend_from_slice(&version.document);
    bytes
}

pub(super) fn read_version(key: &Key, bytes: &[u8]) -> Result<ConfigVersion, RecordError> {
    // JSON writes a line feed within a text as an escape, so the first one ends the line.
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let end = end.ok_or_else(|| unreadable(key, "it holds no integration config".to_owned()))?;
    let VersionForm { version, description, published_by, published_at } = read(key, &bytes[..end])?;
    let document = Arc::from(&bytes[end + 1..]);
    Ok(ConfigVersion { version, description, published_by, published_at, document })
}

pub(super) fn audit(number: u64, entry: &AuditEntry) -> Vec<u8> {
    let AuditEntry { at, who, what } = entry.clone();
    written(AuditForm { number, at, who, what })
}

pub(super) fn read_audit(key: &Key, bytes: &[u8]) -> Result<(u64, AuditEntry), RecordError> {
    let AuditForm { number, at, who, what } = read(key, bytes)?;
    Ok((number, AuditEntry { at, who, what }))
}

pub(super) fn accounts(names: &[CustomerId]) -> Vec<u8> {
    written(names)
}

pub(super) fn read_accounts(key: &Key, bytes: &[u8]) -> Result<Vec<CustomerId>, RecordError> {
    read(key, bytes)
}

pub(super) fn operators(operators: &[Operator]) -> Vec<u8> {
    let form = |operator: &Operator| OperatorForm {
        name: operator.name.clone(),
        password_hash: operator.password_hash.clone(),
    };
    written(operators.iter().map(form).collect::<Vec<_>>())
}

pub(super) fn read_operators(key: &Key, bytes: &[u8]) -> Result<Vec<Operator>, RecordError> {
    let forms: Vec<OperatorForm> = read(key, bytes)?;
    let operator = |OperatorForm { name, password_hash }| Operator { name, password_hash };
    Ok(forms.into_iter().map(operator).collect())
}

pub(super) fn session(session: &Session) -> Vec<u8> {
    written(SessionForm { operator: session.operator.clone(), expires_at: session.expires_at })
}

pub(super) fn read_session(key: &Key, bytes: &[u8]) -> Result<Session, RecordError> {
    let SessionForm { operator, expires_at } = read(key, bytes)?;
    Ok(Session { operator, expires_at })
}

fn written<T: Serialize>(record: T) -> Vec<u8> {
    written_as(FORM, record)
}

fn written_as<T: Serialize>(form: u64, record: T) -> Vec<u8> {
    serde_json::to_vec(&Written { form, record })
        .expect("this holds because the forms above have only fields that JSON can write")
}

fn read<T: DeserializeOwned>(key: &Key, bytes: &[u8]) -> Result<T, RecordError> {
    read_up_to(FORM, key, bytes)
}

fn read_up_to<T: DeserializeOwned>(form_max: u64, key: &Key, bytes: &[u8]) -> Result<T, RecordError> {
    let FormOnly { form } = serde_json::from_slice(bytes).map_err(|cause| malformed(key, &cause))?;
    if !(1..=form_max).contains(&form) {
        let reason = format!(
            "it is written in form {form}, and this release reads form {form_max}; run the release that wrote it"
        );
        return Err(unreadable(key, reason));
    }
    let written: Written<T> = serde_json::from_slice(bytes).map_err(|cause| malformed(key, &cause))?;
    Ok(written.record)
}

fn unreadable(key: &Key, reason: String) -> RecordError {
    RecordError::Unreadable { key: key.to_string(), reason }
}

/// Says where the fault is, not what stands there: it may be a hash, and errors are logged.
fn malformed(key: &Key, cause: &serde_json::Error) -> RecordError {
    let kind = match cause.classify() {
        Category::Syntax => "it is no JSON",
        Category::Eof | Category::Io => "it ends too early",
        Category::Data => "it has other fields than this program writes",
    };
    unreadable(key, format!("{kind}, line {} column {}", cause.line(), cause.column()))
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::secret::Secret;
    use proptest::prelude::*;

    use super::*;

    const OWNER: &str = "demo";

    fn owner() -> CustomerId {
        OWNER.parse().unwrap()
    }

    fn master_key() -> MasterKey {
        MasterKey::from_bytes(&[1; 32])
    }

    /// Reads bytes as every kind of record. Returns how many kinds they are.
    fn read_as_all(bytes: &[u8]) -> usize {
        let key = keys::account(&owner());
        [
            read_account(&key, bytes, &master_key()).is_ok(),
            read_draft(&key, bytes).is_ok(),
            read_head(&key, bytes).is_ok(),
            read_version(&key, bytes).is_ok(),
            read_audit(&key, bytes).is_ok(),
            read_accounts(&key, bytes).is_ok(),
            read_operators(&key, bytes).is_ok(),
            read_session(&key, bytes).is_ok(),
        ]
        .into_iter()
        .filter(|&is_read| is_read)
        .count()
    }

    prop_compose! {
        fn any_account()(
            texts in any::<(String, String, String, String)>(),
            hosts in any::<Vec<String>>(),
            hash in any::<[u8; 32]>(),
            has_schedule in any::<bool>(),
        ) -> Account {
            let (display_name, secret_key, label, default_target) = texts;
            let schedule = has_schedule.then(|| LocalSchedule {
                time_zone: "Europe/Berlin".to_owned(),
                pre_queue_at: None,
                starts_at: Some(label.clone()),
                ends_at: None,
            });
            let room = RoomRecord {
                room: "spring24".parse().unwrap(),
                display_name: display_name.clone(),
                default_target,
                schedule,
            };
            Account {
                customer: owner(),
                display_name,
                allowed_hosts: hosts,
                secret_key: Secret::new(secret_key),
                api_keys: vec![ApiKey { label, hash }],
                rooms: vec![room],
            }
        }
    }

    proptest! {
        #[test]
        fn account_reads_as_it_was_written(account in any_account()) {
            let bytes = super::account(&account, &master_key()).unwrap();
            prop_assert_eq!(read_account(&keys::account(&owner()), &bytes, &master_key()).unwrap(), account);
            prop_assert_eq!(read_as_all(&bytes), 1);
        }

        #[test]
        fn version_reads_as_it_was_written(texts in any::<(String, String)>(), number: u64, document: Vec<u8>) {
            let version = ConfigVersion {
                version: number,
                description: texts.0,
                published_by: texts.1,
                published_at: Timestamp::from_millis(number),
                document: document.into(),
            };
            let bytes = super::version(&version);
            prop_assert_eq!(read_version(&keys::version(&owner(), number), &bytes).unwrap(), version);
        }

        #[test]
        fn garbage_is_no_record(bytes: Vec<u8>) {
            prop_assert_eq!(read_as_all(&bytes), 0);
        }

        #[test]
        fn damaged_record_is_read_or_refused_without_a_panic(
            account in any_account(), at: prop::sample::Index, byte: u8, is_cut: bool,
        ) {
            let mut bytes = super::account(&account, &master_key()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(if is_cut { at } else { bytes.len() });
            prop_assert!(read_as_all(&bytes) <= 1);
        }
    }
}
