//! What is kept of one visitor or one key, beside the state and saved together with it.

use anteroom_protocol::id::QueueId;
use anteroom_protocol::place::Place;
use anteroom_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::AdmittedBy;
use crate::written::{self, DecodeError};

/// What is kept of a queue id once it was admitted or cancelled, or of a key once it holds a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub(crate) what: Kept,
    /// Nobody needs the record from here on.
    pub expires_at: Timestamp,
}

/// What became of a queue id or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    /// The id was let in.
    Admitted(Admission),
    /// The id must not be let in.
    Cancelled,
    /// The key holds this visitor's place.
    Holds { queue_id: QueueId, place: Place, epoch: u64 },
}

/// How an id was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admission {
    /// When it was, the last time.
    pub(crate) at: Timestamp,
    /// How often it was.
    pub(crate) times: u32,
    /// Until when the visitor counts as inside; absent where nobody is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leaves_at: Option<Timestamp>,
    /// Whether it was because everybody passes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_passed: bool,
}

impl Admission {
    pub(crate) const fn why(&self) -> AdmittedBy {
        if self.has_passed { AdmittedBy::Passthrough } else { AdmittedBy::Turn }
    }
}

impl Record {
    /// The written form: JSON with its form's number in front.
    pub fn encode(&self) -> Vec<u8> {
        let is_of_old = match self.what {
            Kept::Admitted(admission) => admission.leaves_at.is_none() && !admission.has_passed,
            Kept::Cancelled => true,
            Kept::Holds { .. } => false,
        };
        written::encode(self, is_of_old)
    }

    /// Reads a written form.
    ///
    /// # Errors
    /// When a newer release wrote it, or it is not what this crate writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        written::decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(what: Kept) -> Record {
        Record { what, expires_at: Timestamp::from_seconds(5) }
    }

    fn admission(leaves_at: Option<Timestamp>, has_passed: bool) -> Record {
        let at = Timestamp::from_seconds(3);
        record(Kept::Admitted(Admission { at, times: 2, leaves_at, has_passed }))
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let queue_id = QueueId::from_bytes([7; 16]);
        let holds = Kept::Holds { queue_id, place: Place::ordinary(9), epoch: 2 };
        let forms = [
            (admission(None, false), 1),
            (record(Kept::Cancelled), 1),
            (admission(Some(Timestamp::from_seconds(9)), false), 2),
            (admission(None, true), 2),
            (record(holds), 2),
        ];
        for (record, form) in forms {
            let written = record.encode();
            assert_eq!(Record::decode(&written).unwrap(), record);
            assert!(written.starts_with(format!("{{\"form\":{form},").as_bytes()), "{record:?}");
        }
    }

    /// What releases without lanes wrote, and read.
    #[test]
    fn records_without_anything_new_are_written_as_of_old() {
        let admitted =
            r#"{"form":1,"content":{"what":{"admitted":{"at":3000,"times":2}},"expires_at":5000}}"#;
        let cancelled = r#"{"form":1,"content":{"what":"cancelled","expires_at":5000}}"#;
        assert_eq!(admission(None, false).encode(), admitted.as_bytes());
        assert_eq!(record(Kept::Cancelled).encode(), cancelled.as_bytes());
    }
}
