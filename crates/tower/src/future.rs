//! What a [`ConnectorService`](crate::ConnectorService) answers with.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use crate::body::ConnectorBody;
use crate::convert::Additions;

pin_project! {
    /// The site's answer with the connector's headers added, or the connector's own, which is there at once.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F> {
        Forwarded { #[pin] response: F, additions: Option<Additions> },
        Answered { answer: Option<Response<Bytes>> },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn forwarded(response: F, additions: Additions) -> Self {
        Self { state: State::Forwarded { response, additions: Some(additions) } }
    }

    pub(crate) fn answered(answer: Response<Bytes>) -> Self {
        Self { state: State::Answered { answer: Some(answer) } }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ConnectorBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Forwarded { response, additions } => {
                let mut response = ready!(response.poll(context))?;
                if let Some(additions) = additions.take() {
                    additions.apply(response.headers_mut());
                }
                Poll::Ready(Ok(response.map(ConnectorBody::of_site)))
            }
            // A future must not be polled again once it is ready; waiting for ever is the mildest answer.
            StateProjection::Answered { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(ConnectorBody::of_connector))),
                None => Poll::Pending,
            },
        }
    }
}
