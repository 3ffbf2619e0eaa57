//! How a connector's configuration stands, for people.

use std::fmt;

use anteroom_protocol::time::Timestamp;

/// A look at a [`Refresh`](super::Refresh).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The version in force; `None` while there is none, and the fallback decides.
    pub running_version: Option<u64>,
    /// Where that version came from.
    pub source: Option<Source>,
    /// When the platform last gave a usable answer or push.
    pub last_success: Option<Timestamp>,
    /// What is wrong at the moment: why the platform cannot be asked, or why its newest document was refused.
    pub last_problem: Option<String>,
    /// Questions in a row that brought nothing usable.
    pub failures_in_a_row: u32,
    /// Whether the platform holds questions until there is something new. `None` until that was seen.
    pub is_platform_holding_questions: Option<bool>,
    /// What in the version in force is allowed but probably not meant.
    pub warnings: Vec<String>,
}

/// Where a config document came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the host's disk, kept when it last ran.
    Kept,
    /// The platform sent it when asked.
    Fetched,
    /// The platform sent it by itself.
    Pushed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.running_version, self.source) {
            (Some(version), Some(Source::Kept)) => {
                write!(f, "version {version} from the kept copy is in force")?;
            }
            (Some(version), Some(Source::Pushed)) => write!(f, "version {version}, pushed, is in force")?,
            (Some(version), _) => write!(f, "version {version} is in force")?,
            (None, _) => f.write_str("no integration config has arrived yet, so the fallback decides")?,
        }
        match &self.last_problem {
            Some(problem) => write!(f, "; {problem}"),
            None => Ok(()),
        }
    }
}
