//! Under which keys records lie. Names are part of what is kept: changing one needs a migration.
//!
//! | segment | name | holds |
//! | --- | --- | --- |
//! | `account:{customer}` | `account` | the account with its rooms and API keys |
//! | | `draft` | the protection scope as it is being edited |
//! | | `head` | the newest version's number, and how many audit entries were ever written |
//! | | `version:{number}` | a published integration config |
//! | | `audit:{number modulo ring}` | one audit entry |
//! | `installation` | `accounts` | the names of all accounts |
//! | | `operators` | who may sign in |
//! | | `session:{hash}` | a signed-in operator |
//! | | `master-key` | a known text, sealed with the installation's master key |

use anteroom_protocol::id::CustomerId;
use data_encoding::HEXLOWER;

use super::limits::AUDIT_ENTRIES_MAX;
use crate::backend::Key;

/// What is not of one account.
pub(super) const INSTALLATION: &str = "installation";

pub(super) fn accounts() -> Key {
    Key::new(INSTALLATION, "accounts")
}

pub(super) fn operators() -> Key {
    Key::new(INSTALLATION, "operators")
}

pub(super) fn master_key() -> Key {
    Key::new(INSTALLATION, "master-key")
}

/// A session lies under the hash of its cookie, so that a copy of the store signs nobody in.
pub(super) fn session(token_hash: &[u8; 32]) -> Key {
    Key::new(INSTALLATION, format_args!("session:{}", HEXLOWER.encode(token_hash)))
}

/// The segment of an account. Whatever is saved together lies in one.
pub(super) fn account_segment(customer: &CustomerId) -> String {
    format!("account:{customer}")
}

pub(super) fn account(customer: &CustomerId) -> Key {
    Key::new(&account_segment(customer), "account")
}

pub(super) fn draft(customer: &CustomerId) -> Key {
    Key::new(&account_segment(customer), "draft")
}

pub(super) fn head(customer: &CustomerId) -> Key {
    Key::new(&account_segment(customer), "head")
}

pub(super) fn version(customer: &CustomerId, number: u64) -> Key {
    Key::new(&account_segment(customer), format_args!("version:{number}"))
}

/// Where the audit entry of this number lies, and the one before it that it replaces.
pub(super) fn audit(customer: &CustomerId, number: u64) -> Key {
    Key::new(&account_segment(customer), format_args!("audit:{}", number % AUDIT_ENTRIES_MAX))
}
