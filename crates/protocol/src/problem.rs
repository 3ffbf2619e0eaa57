//! What is wrong with a document, said so that its author can mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing wrong with a document: where, what stands there, and what would do.
///
/// ```
/// use anteroom_protocol::problem::Problem;
///
/// let problem = Problem::new("Integrations[0].EventId", "nothing", "the id of a waiting room");
/// assert_eq!(problem.to_string(), "Integrations[0].EventId: found nothing, expected the id of a waiting room");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where it is, such as `Integrations[0].Triggers[1]`; empty for the document as a whole.
    pub path: String,
    /// What stands there, shortened.
    pub found: String,
    /// What would do.
    pub expected: String,
}

impl Problem {
    /// Says what was found at a path and what was expected there.
    pub fn new(path: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { path: path.into(), found: found.into(), expected: expected.into() }
    }

    /// A text as a problem shows it: quoted, and cut after 60 characters.
    pub fn quote(text: &str) -> String {
        const SHOWN_CHARS: usize = 60;
        match text.char_indices().nth(SHOWN_CHARS) {
            Some((cut, _)) => format!("{:?} and more", &text[..cut]),
            None => format!("{text:?}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "found {}, expected {}", self.found, self.expected)
    }
}
