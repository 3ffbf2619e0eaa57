//! What a [`ConnectorService`](crate::ConnectorService) answers with.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::ConnectorBody;
use crate::convert::{Additions, Verdict};
use crate::request_body::RequestBody;

/// What came of a request that took its time.
pub(crate) struct Considered<B: Body> {
    pub(crate) verdict: Verdict,
    pub(crate) request: Request<RequestBody<B>>,
}

type Considering<B> = Pin<Box<dyn Future<Output = Considered<B>> + Send>>;

pin_project! {
    /// The site's answer with the connector's headers added, or the connector's own, which is there at once unless a
    /// body or a waiting room has to be waited for.
    pub struct ResponseFuture<S, B: Body>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B: Body>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        Considering { considering: Considering<B>, inner: S },
        Forwarded { #[pin] response: S::Future, additions: Option<Additions> },
        Answered { answer: Option<Response<Bytes>> },
    }
}

impl<S, B: Body> ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
{
    pub(crate) fn considering(considering: Considering<B>, inner: S) -> Self {
        Self { state: State::Considering { considering, inner } }
    }

    pub(crate) fn forwarded(response: S::Future, additions: Additions) -> Self {
        Self { state: State::Forwarded { response, additions: Some(additions) } }
    }

    pub(crate) fn answered(answer: Response<Bytes>) -> Self {
        Self { state: State::Answered { answer: Some(answer) } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    B: Body,
{
    type Output = Result<Response<ConnectorBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Considering { considering, inner } => {
                    let Considered { verdict, request } = ready!(considering.as_mut().poll(context));
                    match verdict {
                        Verdict::Forward(additions) => {
                            State::Forwarded { response: inner.call(request), additions: Some(additions) }
                        }
                        Verdict::Answer(answer) => State::Answered { answer: Some(answer) },
                    }
                }
                StateProjection::Forwarded { response, additions } => {
                    let mut response = ready!(response.poll(context))?;
                    if let Some(additions) = additions.take() {
                        additions.apply(response.headers_mut());
                    }
                    return Poll::Ready(Ok(response.map(ConnectorBody::of_site)));
                }
                // A future must not be polled again once it is ready; waiting for ever is the mildest answer.
                StateProjection::Answered { answer } => {
                    return match answer.take() {
                        Some(answer) => Poll::Ready(Ok(answer.map(ConnectorBody::of_connector))),
                        None => Poll::Pending,
                    };
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, B: Body> std::fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}
