//! Written forms: JSON, with the number of its form in front.
//!
//! * Form 1: one lane, no schedule, no slow start, nobody counted as inside.
//! * Form 2: all of it.
//!
//! This release reads both, and writes form 1 for as long as a room uses nothing that is new in form 2. So processes of
//! this release and of the one before can work on the same rooms while an installation is upgraded one by one, and it
//! can be taken back. Once a room uses something new, the older release refuses its state instead of misreading it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The newest form that this release reads, and the one it writes where something new is used.
const FORM: u64 = 2;
/// The form of the time before there were lanes.
const FORM_OF_OLD: u64 = 1;

/// Kept bytes that are not a state or a record this version can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer release.
    #[error(
        "written in form {found}, this release reads up to {FORM}: run the newer release, or restore older data"
    )]
    Newer {
        /// The form found.
        found: u64,
    },
    /// Not what this crate writes.
    #[error("not a form that this program writes")]
    Malformed(#[source] serde_json::Error),
    /// It reads, but breaks a rule every written state keeps.
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Written<T> {
    form: u64,
    content: T,
}

#[derive(Deserialize)]
struct FormOnly {
    form: u64,
}

/// `is_of_old`: whether the content uses nothing that is new in the newest form.
pub(crate) fn encode<T: Serialize>(content: &T, is_of_old: bool) -> Vec<u8> {
    let form = if is_of_old { FORM_OF_OLD } else { FORM };
    serde_json::to_vec(&Written { form, content })
        .expect("this holds because the forms are plain structures with text keys")
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let FormOnly { form } = serde_json::from_slice(bytes).map_err(DecodeError::Malformed)?;
    if form > FORM {
        return Err(DecodeError::Newer { found: form });
    }
    let written: Written<T> = serde_json::from_slice(bytes).map_err(DecodeError::Malformed)?;
    Ok(written.content)
}
