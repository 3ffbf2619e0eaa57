//! The tower service: asks for a decision, then hands the request on or answers it.

use std::sync::Arc;
use std::task::{Context, Poll};

use anteroom_connector::ask::Answers;
use anteroom_connector::policy::Policy;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::ConnectorBody;
use crate::clock::wall_clock;
use crate::connector::Shared;
use crate::convert::{self, Sight, Verdict};
use crate::future::{Considered, ResponseFuture};
use crate::request_body::RequestBody;

/// A service with the connector in front of it.
///
/// Who asks is read from the request's [`ClientAddress`](crate::ClientAddress) extension, which the host puts in;
/// without it, the client's address counts as unknown and the connection as unencrypted.
///
/// The service behind it gets a [`RequestBody`], and is cloned where a request has to wait: for its body, where
/// triggers look at that, or for a waiting room, where one must be asked.
#[derive(Clone, Debug)]
pub struct ConnectorService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> ConnectorService<S> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, B, R> Service<Request<B>> for ConnectorService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
    R: Body<Data = Bytes>,
{
    type Response = Response<ConnectorBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(RequestBody::untouched);
        let policy = self.shared.policy.load();
        let verdict = match policy.as_ref() {
            None => convert::undecided(self.shared.fallback),
            Some(policy) => {
                let is_body_awaited = is_body_awaited(policy, &request);
                let sight = (!is_body_awaited).then(|| {
                    let answers = Answers::default();
                    convert::look(policy, &self.shared.viewpoint, &request, None, wall_clock(), &answers)
                });
                match sight {
                    Some(Sight::Clear(verdict)) => verdict,
                    Some(Sight::Question(_)) | None => {
                        // The one that was polled ready is the one to be called.
                        let clone = self.inner.clone();
                        let inner = std::mem::replace(&mut self.inner, clone);
                        let considered =
                            consider(Arc::clone(&self.shared), Arc::clone(policy), request, is_body_awaited);
                        return ResponseFuture::considering(Box::pin(considered), inner);
                    }
                }
            }
        };
        match verdict {
            Verdict::Forward(additions) => ResponseFuture::forwarded(self.inner.call(request), additions),
            Verdict::Answer(answer) => ResponseFuture::answered(answer),
        }
    }
}

/// Whether the decision needs a body that is still to come. Requests that are not guarded need none.
fn is_body_awaited<B: Body>(policy: &Policy, request: &Request<B>) -> bool {
    policy.reads_body()
        && !request.body().is_end_stream()
        && *request.method() != Method::HEAD
        && *request.method() != Method::OPTIONS
}

/// Takes its time: reads the beginning of the body, and asks waiting rooms.
async fn consider<B>(
    shared: Arc<Shared>,
    policy: Arc<Policy>,
    mut request: Request<RequestBody<B>>,
    is_body_awaited: bool,
) -> Considered<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut beginning = None;
    if is_body_awaited {
        let reading = request.body_mut().read_beginning(policy.body_bytes_max());
        match tokio::time::timeout(convert::BODY_TIMEOUT, reading).await {
            Ok(text) => beginning = Some(text),
            Err(_) => return Considered { verdict: convert::too_slow(), request },
        }
    }
    let now = wall_clock();
    let mut answers = Answers::default();
    loop {
        let body = beginning.as_deref();
        match convert::look(&policy, &shared.viewpoint, &request, body, now, &answers) {
            Sight::Clear(verdict) => return Considered { verdict, request },
            Sight::Question(question) => shared.rooms.ask(&question, &mut answers).await,
        }
    }
}
