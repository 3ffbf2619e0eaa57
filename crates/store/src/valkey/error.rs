//! What the servers and the network say, put as what an operator can do about it.

use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::backend::BackendError;

/// Why there is no store on the servers that were named.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server answered in time, or it refused us.
    #[error("could not reach {place}; {advice}")]
    Unreachable {
        /// Which servers.
        place: String,
        /// What an operator can do.
        advice: &'static str,
        /// What went wrong last.
        source: RedisError,
    },
    /// The server answers in a way that this release cannot use.
    #[error("{place} runs version {found}, and {wanted} or newer is needed")]
    TooOld {
        /// Which servers.
        place: String,
        /// The version it says.
        found: String,
        /// The oldest that will do.
        wanted: &'static str,
    },
    /// The server forgets documents when its memory is full.
    #[error(
        "{place} has maxmemory-policy {policy}, by which it forgets places and accounts when its memory is full; set it to noeviction"
    )]
    Evicts {
        /// Which servers.
        place: String,
        /// What was found.
        policy: String,
    },
}

/// Whether a connection that met this error is of no more use.
pub(super) fn is_link_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.is_io_error()
        // The server became a replica: somebody else is the primary now.
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.kind() == ErrorKind::Server(ServerErrorKind::MasterDown)
}

/// Whether the server said that it did nothing, and may do it when asked again at once.
pub(super) fn is_refused_for_now(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::ReadOnly
        )
    )
}

pub(super) fn unavailable(place: &str, doing: &'static str, source: RedisError) -> BackendError {
    let (advice, is_temporary) = advice(&source);
    BackendError::Unavailable {
        place: place.to_owned(),
        doing,
        advice,
        is_temporary,
        source: Arc::new(source),
    }
}

/// An answer that no script of ours gives.
pub(super) fn not_understood(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::UnexpectedReturnType, "an answer of a script", what.to_owned()))
}

pub(super) fn advice(error: &RedisError) -> (&'static str, bool) {
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            ("check the user and the password in the settings of the store", false)
        }
        (_, Some("NOPERM")) => (
            "allow its user the keys, the channel and the commands that the guide for operators lists",
            false,
        ),
        (_, Some("OOM")) => ("its memory is full: raise maxmemory", true),
        (_, Some("NOREPLICAS")) => ("it has fewer replicas than min-replicas-to-write asks for", true),
        (_, Some("MISCONF")) => ("it cannot write to its disk: look at its log", true),
        (_, Some("LOADING")) => ("it is still reading its files: wait", true),
        (ErrorKind::UnexpectedReturnType | ErrorKind::Parse, _) | (_, Some("WRONGTYPE")) => {
            ("another program uses the same keys: set another store.prefix", false)
        }
        (ErrorKind::InvalidClientConfig, _) => ("check the addresses in the settings of the store", false),
        _ => ("check that the server runs and that the network lets this machine reach it", true),
    }
}
