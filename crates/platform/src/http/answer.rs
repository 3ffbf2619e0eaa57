//! Answers: JSON when it worked, a problem document when not. The only place where an error becomes a status code.

use std::error::Error;
use std::time::Duration;

use anteroom_protocol::problem::Problem;
use anteroom_queue::Refusal as RoomRefusal;
use anteroom_store::records::RecordError;
use anteroom_store::rooms::RoomError;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::actions::{ActionError, PasswordError};

/// How soon asking again is worth it when something was busy or away.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What a handler gives back.
pub(super) type Answer = Result<Response, Refusal>;

/// JSON with a status.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    match serde_json::to_vec(body) {
        Ok(bytes) => Ok((status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response()),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            Err(Refusal::ours())
        }
    }
}

/// JSON with status 200.
pub(super) fn ok<T: Serialize>(body: &T) -> Answer {
    json(StatusCode::OK, body)
}

/// What was asked is not done. Told as a problem document (RFC 9457).
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// Boxed, because a handler's result is mostly not this.
    told: Box<Told>,
}

#[derive(Debug)]
struct Told {
    title: &'static str,
    detail: String,
    problems: Vec<Problem>,
    headers: HeaderMap,
}

#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    problems: &'a [Problem],
}

impl Refusal {
    /// `title` names the kind, `detail` says what to do, both to a person.
    pub(super) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        let told = Told { title, detail: detail.into(), problems: Vec::new(), headers: HeaderMap::new() };
        Self { status, told: Box::new(told) }
    }

    /// Fields that cannot be used.
    pub(super) fn unusable(detail: impl Into<String>, problems: Vec<Problem>) -> Self {
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "This cannot be used", detail);
        refusal.told.problems = problems;
        refusal
    }

    /// Nobody is known to be asking.
    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Who is asking?", detail)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Not now; asking again can help.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not at the moment", detail).retry_after(AGAIN_AFTER)
    }

    /// A fault that only whoever runs the installation can mend.
    pub(super) fn ours() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This is our fault",
            "Something went wrong inside the platform. Its log says what.",
        )
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.told.headers.insert(name, value);
        self
    }

    fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Told { title, detail, problems, headers } = *self.told;
        let document = Document { title, status: self.status.as_u16(), detail: &detail, problems: &problems };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], headers, body).into_response()
    }
}

impl From<ActionError> for Refusal {
    fn from(error: ActionError) -> Self {
        let status = |status, title, detail: String| Self::new(status, title, detail);
        match error {
            ActionError::Absent { what, name } => status(
                StatusCode::NOT_FOUND,
                "There is no such thing",
                format!("There is no {what} “{name}”."),
            ),
            ActionError::Taken { what, name } => status(
                StatusCode::CONFLICT,
                "The name is taken",
                format!("There is a {what} “{name}” already."),
            ),
            ActionError::Unusable { summary, problems } => Self::unusable(summary, problems),
            ActionError::Outdated { what } => status(
                StatusCode::PRECONDITION_FAILED,
                "Somebody else was first",
                format!("The {what} was changed since you read it. Read it again before you change it."),
            ),
            ActionError::Conflict => status(
                StatusCode::CONFLICT,
                "Somebody else was first",
                "Somebody else changed this at the same time. Look at it again, then decide anew.".into(),
            ),
            ActionError::WrongCredentials => Self::unauthorized("Name or password is wrong."),
            ActionError::TooManySignIns { wait } => status(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts",
                format!("Too many sign-ins have failed. Try again in {} seconds.", wait.as_secs().max(1)),
            )
            .retry_after(wait),
            ActionError::Refused(RoomRefusal::NoDrawAhead) => status(
                StatusCode::CONFLICT,
                "No draw lies ahead",
                "A beacon is mixed into a draw before the start. The room has started, or has no pre-queue."
                    .into(),
            ),
            ActionError::Refused(RoomRefusal::OtherEpoch { present }) => status(
                StatusCode::CONFLICT,
                "Somebody else was first",
                format!("The room is in epoch {present} by now. Look at it again, then decide anew."),
            ),
            other => {
                let refusal = Self::not_the_callers(&other);
                tracing::error!(status = refusal.status.as_u16(), error = chain(&other), "a request failed");
                refusal
            }
        }
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        ActionError::from(error).into()
    }
}

impl Refusal {
    /// For what the caller cannot mend: whether asking again can help.
    fn not_the_callers(error: &ActionError) -> Self {
        let store = || Self::unavailable("The store does not answer at the moment. Try again in a moment.");
        match error {
            ActionError::Password(PasswordError::Busy) => {
                Self::unavailable("Many are signing in at the same time. Try again in a moment.")
            }
            ActionError::Records(RecordError::Backend(backend)) if backend.is_temporary() => store(),
            ActionError::Room(RoomError::StoreUnavailable)
            | ActionError::Refused(RoomRefusal::StoreUnavailable) => store(),
            ActionError::Room(RoomError::Closed) => {
                Self::unavailable("The platform is about to stop. Try again in a moment.")
            }
            ActionError::Room(RoomError::TooMany) => {
                Self::unavailable("More rooms are live in this process than it keeps. Try again later.")
            }
            ActionError::Submit(_) | ActionError::Refused(RoomRefusal::Busy) => Self::unavailable(
                "The room did not answer in time. Whatever was asked may have been done: look before you ask again.",
            ),
            ActionError::Room(RoomError::NotConfigured)
            | ActionError::Refused(RoomRefusal::NotConfigured) => Self::new(
                StatusCode::CONFLICT,
                "The room has no line",
                "The room's record is there and its line is not. Restore the store's latest copy.",
            ),
            _ => Self::ours(),
        }
    }
}

/// An error with its causes, as one line for the log.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
