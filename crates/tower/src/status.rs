//! How a connector is doing, for people and for tests.

use anteroom_connector::refresh::Source;
use anteroom_protocol::time::Timestamp;

/// How a connector is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorStatus {
    /// Version of the integration config in force; `None` while the fallback is.
    pub running_version: Option<u64>,
    /// Where that version came from.
    pub source: Option<Source>,
    /// When the platform last gave a usable answer.
    pub last_success: Option<Timestamp>,
    /// What is wrong at the moment, as one sentence without secrets; `None` when all is well.
    pub last_error: Option<String>,
    /// What is odd about the integration config in force, though it can be used; a sentence each.
    pub warnings: Vec<String>,
}
