//! The site, seen from the gateway: connections to it, and how long they may take.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anteroom_tower::Origin;
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use crate::body::{BodyError, Turn, Upload, UploadWatch};
use crate::pages::Trouble;
use crate::timeouts::Timeouts;

/// Unused connections to the site that are kept. A burst needs more, and makes them; afterwards they are closed.
const POOL_IDLE_MAX: usize = 512;

/// Bytes of the head of the site's answer. Four times what a client may send: sites set many cookies at once.
const ANSWER_HEAD_BYTES_MAX: usize = 128 * 1024;

/// Header fields of the site's answer.
const ANSWER_FIELDS_MAX: usize = 256;

/// How often the log is told that the site is in trouble: in an outage not once for each visitor.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The site.
#[derive(Debug)]
pub(crate) struct Upstream {
    client: Client<HttpConnector, Upload>,
    origin: Origin,
    timeouts: Timeouts,
    /// When the log was last told of trouble with the site.
    told_at: Mutex<Option<Instant>>,
}

impl Upstream {
    pub(crate) fn new(origin: Origin, timeouts: Timeouts) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(timeouts.connect));
        connector.set_nodelay(true);
        // A request that found its kept connection closed before any of it was sent goes out once more by another
        // one; hyper-util does that by itself. Whatever may have reached the site is never sent twice.
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(timeouts.pool_idle)
            .pool_max_idle_per_host(POOL_IDLE_MAX)
            .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
            .http1_max_headers(ANSWER_FIELDS_MAX)
            .build(connector);
        Self { client, origin, timeouts, told_at: Mutex::new(None) }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// The site's own address for a path and query, which stay as they are.
    pub(crate) fn address(&self, target: PathAndQuery) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.origin.scheme().clone())
            .authority(self.origin.authority().clone())
            .path_and_query(target)
            .build()
    }

    /// Sends a request and waits for the head of its answer, as long as the site is allowed to take.
    pub(crate) async fn send(
        &self,
        request: Request<Upload>,
        upload: &UploadWatch,
    ) -> Result<Response<Incoming>, Trouble> {
        let result = self.exchange(request, upload).await;
        if let Err(trouble) = result {
            self.note(trouble);
        }
        result
    }

    async fn exchange(
        &self,
        request: Request<Upload>,
        upload: &UploadWatch,
    ) -> Result<Response<Incoming>, Trouble> {
        let limit = self.timeouts.response_header;
        let mut answer = pin!(self.client.request(request));
        loop {
            let deadline = match upload.turn() {
                Turn::Client => Instant::now() + limit,
                Turn::Site { since } => since + limit,
            };
            match tokio::time::timeout_at(deadline, answer.as_mut()).await {
                Ok(result) => {
                    return result.map_err(|error| {
                        let trouble = trouble_of(&error);
                        tracing::debug!(error = &error as &dyn Error, "{}", trouble.as_str());
                        trouble
                    });
                }
                // An upload that got on meanwhile began a new span.
                Err(_) => match upload.turn() {
                    Turn::Site { since } if since + limit <= Instant::now() => {
                        return Err(Trouble::AnswerTooSlow);
                    }
                    Turn::Client | Turn::Site { .. } => {}
                },
            }
        }
    }

    fn note(&self, trouble: Trouble) {
        if !trouble.is_of_site() {
            return;
        }
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.is_none_or(|at| at.elapsed() >= TOLD_AGAIN_AFTER) {
            *told_at = Some(Instant::now());
            let site = self.origin.authority().as_str();
            tracing::warn!(site, "{}; visitors are shown a page that says so", trouble.as_str());
        }
    }
}

/// Whose fault it is that a request got no answer.
fn trouble_of(error: &legacy::Error) -> Trouble {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut is_timeout = false;
    while let Some(error) = cause {
        match error.downcast_ref::<BodyError>() {
            Some(BodyError::Silent) => return Trouble::ClientTooSlow,
            Some(BodyError::Broken(_)) => return Trouble::ClientBroken,
            None => {}
        }
        is_timeout |=
            error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
        cause = error.source();
    }
    match (error.is_connect(), is_timeout) {
        (true, true) => Trouble::ConnectTooSlow,
        (true, false) => Trouble::Unreachable,
        (false, _) => Trouble::AnswerBroken,
    }
}
