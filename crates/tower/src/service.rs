//! The tower service: asks for a decision, then hands the request on or answers it.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::ConnectorBody;
use crate::clock::wall_clock;
use crate::connector::Shared;
use crate::convert::{self, Verdict};
use crate::future::ResponseFuture;

/// A service with the connector in front of it.
///
/// Who asks is read from the request's [`ClientAddress`](crate::ClientAddress) extension, which the host puts in;
/// without it, the client's address counts as unknown and the connection as unencrypted.
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
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ConnectorBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let policy = self.shared.policy.load();
        let verdict = match policy.as_deref() {
            Some(policy) => convert::decide(policy, &self.shared.viewpoint, &request, wall_clock()),
            None => convert::undecided(self.shared.fallback),
        };
        match verdict {
            Verdict::Forward(additions) => ResponseFuture::forwarded(self.inner.call(request), additions),
            Verdict::Answer(answer) => ResponseFuture::answered(answer),
        }
    }
}
