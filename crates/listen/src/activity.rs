//! What is going on on one connection, as seen from outside of what speaks HTTP on it: its stream, its service and its
//! answers' bodies each leave a mark here. From the marks follows whether it is idle.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The marks. All are set and read within one task, but for the end of a body that was handed elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Requests so far.
    begun: AtomicU32,
    /// Of them, those that are not answered whole.
    in_flight: AtomicU32,
    /// Bytes were read that no request has begun with yet.
    has_unread: AtomicBool,
    /// Bytes were written that the other end does not take.
    is_stuck: AtomicBool,
}

impl Activity {
    /// How many requests have begun.
    pub(crate) fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether a request is being answered.
    pub(crate) fn is_answering(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Whether nothing at all is under way.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_answering()
            && !self.has_unread.load(Ordering::Relaxed)
            && !self.is_stuck.load(Ordering::Relaxed)
    }
}

/// One request, until it is answered whole.
struct InFlight(Arc<Activity>);

impl InFlight {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.in_flight.fetch_add(1, Ordering::Relaxed);
        activity.has_unread.store(false, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that leaves marks.
pub(crate) struct Watched<T> {
    pub(crate) inner: T,
    /// Bytes that were read from the stream before and are to be read again first.
    pub(crate) again: Bytes,
    pub(crate) activity: Arc<Activity>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = if self.again.is_empty() {
            Pin::new(&mut self.inner).poll_read(cx, buffer)
        } else {
            let length = self.again.len().min(buffer.remaining());
            buffer.put_slice(&self.again[..length]);
            self.again.advance(length);
            Poll::Ready(Ok(()))
        };
        if buffer.filled().len() > before {
            self.activity.has_unread.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> Watched<T> {
    fn mark<R>(&self, written: Poll<R>) -> Poll<R> {
        self.activity.is_stuck.store(written.is_pending(), Ordering::Relaxed);
        written
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.mark(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.mark(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.mark(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A service whose requests leave marks.
pub(crate) struct Marked<S> {
    pub(crate) inner: S,
    pub(crate) activity: Arc<Activity>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Marked<S>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>>,
{
    type Response = Response<MarkedBody<B>>;
    type Error = S::Error;
    type Future = MarkedFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_flight = Some(InFlight::begin(&self.activity));
        MarkedFuture { inner: self.inner.call(request), in_flight }
    }
}

pin_project! {
    pub(crate) struct MarkedFuture<F> {
        #[pin]
        inner: F,
        in_flight: Option<InFlight>,
    }
}

impl<F, B, E> Future for MarkedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<MarkedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = std::task::ready!(this.inner.poll(cx));
        let in_flight = this.in_flight.take();
        Poll::Ready(
            answered.map(|response| response.map(|inner| MarkedBody { inner, _in_flight: in_flight })),
        )
    }
}

pin_project! {
    /// An answer's body. Dropped when all of it is on its way, or when nobody wants it any more.
    pub(crate) struct MarkedBody<B> {
        #[pin]
        inner: B,
        _in_flight: Option<InFlight>,
    }
}

impl<B: Body> Body for MarkedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
