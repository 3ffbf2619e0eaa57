//! Bodies on their way through, frame by frame and never gathered. Each direction has its own watch, so that a
//! silent end does not hold the other for ever.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use anteroom_tower::RequestBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// The body of an answer: the site's, or a page of the gateway's own.
pub(crate) type GatewayBody = Either<Download, Full<Bytes>>;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Nothing came for too long.
    #[error("nothing has come for too long")]
    Silent,
    /// The connection it came on broke.
    #[error("the connection it came on broke")]
    Broken(#[source] hyper::Error),
}

/// A body from a client to the site.
pub(crate) struct Upload {
    body: Watched<RequestBody<Incoming>>,
    turn: Arc<Mutex<Turn>>,
}

/// Who has to do something for an upload to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The client is to send more. [`Upload`] itself sees to it that this ends.
    Client,
    /// The site is to take what it was handed, or to answer.
    Site {
        /// Since when.
        since: Instant,
    },
}

/// Looks at whose turn it is in an [`Upload`].
pub(crate) struct UploadWatch(Arc<Mutex<Turn>>);

impl UploadWatch {
    pub(crate) fn turn(&self) -> Turn {
        // A turn is written in one piece, so a panic elsewhere leaves none half written.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    pub(crate) fn new(body: RequestBody<Incoming>, idle: Duration) -> (Self, UploadWatch) {
        let turn = Arc::new(Mutex::new(Turn::Site { since: Instant::now() }));
        let watch = UploadWatch(Arc::clone(&turn));
        (Self { body: Watched::new(body, idle), turn }, watch)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.body.poll_frame(context);
        let turn = if polled.is_pending() { Turn::Client } else { Turn::Site { since: Instant::now() } };
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.body.size_hint()
    }
}

/// A body from the site to a client.
pub(crate) struct Download(Watched<Incoming>);

impl Download {
    pub(crate) fn new(body: Incoming, idle: Duration) -> Self {
        Self(Watched::new(body, idle))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body.size_hint()
    }
}

/// A body that ends with an error when nothing comes for too long.
struct Watched<B> {
    body: B,
    idle: Duration,
    /// Runs while something is waited for. Time in which nobody asked for more is not the sender's.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Watched<B> {
    fn new(body: B, idle: Duration) -> Self {
        Self { body, idle, deadline: None }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.deadline = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.idle)));
        deadline.as_mut().poll(context).map(|()| Some(Err(BodyError::Silent)))
    }
}
