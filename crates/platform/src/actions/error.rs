//! Why something was not done, and whose fault that is. Status codes follow from it in one place, in `http`.

use std::time::Duration;

use anteroom_protocol::problem::Problem;
use anteroom_store::records::RecordError;
use anteroom_store::rooms::{RoomError, SubmitError};

use super::PasswordError;
use crate::random::NoRandomness;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActionError {
    /// There is none of that name, or the caller may not know of it.
    #[error("there is no {what} {name:?}")]
    Absent { what: &'static str, name: String },
    /// There is one of that name already.
    #[error("there is a {what} {name:?} already")]
    Taken { what: &'static str, name: String },
    /// What was sent has a proper form and cannot be used all the same.
    #[error("{summary}")]
    Unusable { summary: String, problems: Vec<Problem> },
    /// What the caller had read is not what is there now.
    #[error("the {what} was changed by somebody else since it was read")]
    Outdated { what: &'static str },
    /// Somebody else was writing at the same time.
    #[error("somebody else changed this at the same time")]
    Conflict,
    /// No such name, or another password.
    #[error("name or password is wrong")]
    WrongCredentials,
    /// Too many failed sign-ins lately.
    #[error("too many sign-ins have failed")]
    TooManySignIns { wait: Duration },
    /// More sign-ins at once than passwords are looked at.
    #[error("the password was not looked at")]
    Password(#[from] PasswordError),
    /// The records.
    #[error("the records could not be used")]
    Records(#[source] RecordError),
    /// A room's line could not be read.
    #[error("the room could not be opened")]
    Room(#[from] RoomError),
    /// A room's line did not take the command.
    #[error("the room did not take the command")]
    Submit(#[from] SubmitError),
    /// A room's line refused the command for a reason that is not the caller's.
    #[error("the room refused the command")]
    Refused(#[from] anteroom_queue::Refusal),
    /// No randomness.
    #[error("no secret could be made")]
    NoRandomness(#[from] NoRandomness),
    /// A fault in this program.
    #[error("{0}")]
    Ours(&'static str),
}

impl ActionError {
    pub(super) fn absent(what: &'static str, name: &impl ToString) -> Self {
        Self::Absent { what, name: name.to_string() }
    }

    /// One field that cannot be used.
    pub(super) fn unusable(problem: Problem) -> Self {
        Self::Unusable { summary: "One field cannot be used.".into(), problems: vec![problem] }
    }

    /// Fields that cannot be used; nothing when there are none.
    pub(super) fn unless_none(problems: Vec<Problem>) -> Result<(), Self> {
        match problems.len() {
            0 => Ok(()),
            1 => Err(Self::Unusable { summary: "One field cannot be used.".into(), problems }),
            count => Err(Self::Unusable { summary: format!("{count} fields cannot be used."), problems }),
        }
    }
}

impl From<RecordError> for ActionError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Conflict => Self::Conflict,
            RecordError::NoAccount(customer) => Self::absent("account", &customer),
            RecordError::TooMuch { what, found, limit } => {
                Self::unusable(Problem::new("", format!("{found} {what}"), format!("at most {limit}")))
            }
            other => Self::Records(other),
        }
    }
}
