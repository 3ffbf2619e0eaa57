//! What can go wrong in a call, as codes and sentences, and the guard around every call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anteroom_protocol::problem::Problem;

use crate::abi::AnteroomOwnedText;
use crate::memory;

/// How a call went: one of `ANTEROOM_STATUS_…`.
pub type AnteroomStatus = i32;

/// It is done.
pub const ANTEROOM_STATUS_OK: AnteroomStatus = 0;
/// A pointer is null, a size is not one, or a value is none of those that are known. The caller is at fault, save for a
/// client address that is none.
pub const ANTEROOM_STATUS_INVALID_ARGUMENT: AnteroomStatus = 1;
/// A text is not UTF-8. Where it is a request's, the visitor is at fault: answer 400.
pub const ANTEROOM_STATUS_INVALID_UTF8: AnteroomStatus = 2;
/// The caller asks for something that this version of the library does not know.
pub const ANTEROOM_STATUS_UNSUPPORTED: AnteroomStatus = 3;
/// The integration config or the settings cannot be followed; the message says all that is wrong. What was in force
/// before stays in force.
pub const ANTEROOM_STATUS_INVALID_CONFIG: AnteroomStatus = 4;
/// The operating system gave no random bytes.
pub const ANTEROOM_STATUS_NO_ENTROPY: AnteroomStatus = 5;
/// A fault in the library. It can be used further; please report it.
pub const ANTEROOM_STATUS_PANIC: AnteroomStatus = 6;

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the caller handed over is of no use.
    Argument(String),
    /// A text is not UTF-8.
    Utf8 { what: &'static str },
    /// It is something of a later version.
    Unsupported(String),
    /// What a config or settings say cannot be followed.
    Config(Vec<Problem>),
    /// No random bytes.
    Entropy,
}

impl Failure {
    pub(crate) fn null(what: &str) -> Self {
        Self::Argument(format!("{what} is a null pointer"))
    }

    fn status(&self) -> AnteroomStatus {
        match self {
            Self::Argument(_) => ANTEROOM_STATUS_INVALID_ARGUMENT,
            Self::Utf8 { .. } => ANTEROOM_STATUS_INVALID_UTF8,
            Self::Unsupported(_) => ANTEROOM_STATUS_UNSUPPORTED,
            Self::Config(_) => ANTEROOM_STATUS_INVALID_CONFIG,
            Self::Entropy => ANTEROOM_STATUS_NO_ENTROPY,
        }
    }

    fn message(self) -> String {
        match self {
            Self::Argument(text) | Self::Unsupported(text) => text,
            Self::Utf8 { what } => format!("{what} is not UTF-8"),
            Self::Config(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            Self::Entropy => "the operating system gave no random bytes".to_owned(),
        }
    }
}

/// Runs what a function does. A panic ends here: its text goes to the process's panic hook and not to the caller, since
/// it may hold what a visitor sent.
///
/// # Safety
/// `error` must be null or writable.
pub(crate) unsafe fn guarded(
    error: *mut AnteroomOwnedText,
    call: impl FnOnce() -> Result<(), Failure>,
) -> AnteroomStatus {
    // Nothing that a panic could leave half done is looked at again: an engine is only swapped whole.
    let (status, message) = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => (ANTEROOM_STATUS_OK, None),
        Ok(Err(failure)) => (failure.status(), Some(failure.message())),
        Err(_) => {
            let text = "a fault in the library; the process's standard error has more";
            (ANTEROOM_STATUS_PANIC, Some(text.to_owned()))
        }
    };
    // SAFETY: as the caller promised.
    unsafe { memory::give_text(error, message.as_deref()) };
    status
}
