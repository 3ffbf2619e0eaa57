//! One connection, from its opening to its end.
//!
//! Most of its life a waiting visitor's connection is idle, and what speaks HTTP holds more than 16 KiB of buffers all
//! the while. So an idle connection is parked: nothing is kept of it but the stream, and when a byte comes, HTTP is
//! spoken anew. Right after an answer it is not, because whoever asks at once shall not pay for that.
//!
//! The time a client may take for a request's head is watched once a second, not by a timer for each request.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower_service::Service;

use crate::activity::{Activity, Marked, Watched};
use crate::closing::{Closing, Stage};
use crate::{ConnectionSlot, Limits, Peer};

/// A connection is parked when for so long nothing has happened on it.
const PARK_AFTER: Duration = Duration::from_secs(1);
/// Hyper panics below this.
const HEADER_BYTES_MIN: usize = 8 * 1024;

/// What hyper allows by itself. Told another number it allocates for each request what it keeps on the stack for this
/// one.
pub(crate) const HEADER_FIELDS_OF_HYPER: usize = 100;

/// What all connections of a listener share.
pub(crate) struct Common {
    pub(crate) limits: Limits,
    pub(crate) closing: Closing,
    /// Told once for each connection that finds no place: one that is parked gives up its own.
    pub(crate) make_way: Notify,
    pub(crate) acceptor: Option<TlsAcceptor>,
    /// Whether requests may turn the connection into something else. Then it is never parked.
    pub(crate) has_upgrades: bool,
}

/// A stream that can be waited for without anything to read into.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ready when there is something to read, or the end.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>>;
}

impl Stream for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_read_ready(cx)
    }
}

impl Stream for TlsStream<TcpStream> {
    // A client may send its first request together with the end of the handshake. Then it is decrypted already, and the
    // socket has nothing more to tell of.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let (socket, session) = self.get_ref();
        if session.wants_read() { socket.poll_read_ready(cx) } else { Poll::Ready(Ok(())) }
    }
}

/// Serves one connection until it ends.
pub(crate) async fn run<S, B>(
    stream: TcpStream,
    address: SocketAddr,
    slot: ConnectionSlot,
    service: S,
    common: Arc<Common>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Unpin
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, %error, "could not set TCP_NODELAY");
    }
    let with_peer = |is_tls| WithPeer {
        inner: TowerToHyperService::new(service),
        peer: Peer { address, is_tls },
        slot,
        tells_slot: common.has_upgrades,
    };
    let Some(acceptor) = &common.acceptor else {
        return Connection::new(&common).speak(stream, with_peer(false)).await;
    };
    // On the heap, so that the task of a connection in the clear, or of one that is parked, holds no room for it.
    let Some(stream) = Box::pin(shake_hands(acceptor, stream, address, &common)).await else { return };
    Connection::new(&common).speak(stream, with_peer(true)).await;
}

/// The handshake, and then the encrypted stream, whose state is large too.
async fn shake_hands(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    common: &Common,
) -> Option<Box<TlsStream<TcpStream>>> {
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(common.limits.handshake_timeout, acceptor.accept(stream)) => shaken,
        () = common.closing.reached(Stage::BrokenOff) => return None,
    };
    match shaken {
        Ok(Ok(stream)) => return Some(Box::new(stream)),
        Ok(Err(error)) => tracing::debug!(%address, %error, "the TLS handshake failed"),
        Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
    }
    None
}

impl<T: Stream> Stream for Box<T> {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        (**self).poll_readable(cx)
    }
}

struct Connection<'a> {
    activity: Arc<Activity>,
    common: &'a Common,
    /// Since when no request is being answered: from here on the client's time for the next head runs.
    quiet_since: Option<Instant>,
    /// Requests that had begun when the connection was looked at last.
    begun_before: u32,
}

type Plain<T, S> = http1::Connection<TokioIo<Watched<T>>, Marked<S>>;
type Upgradeable<T, S> = http1::UpgradeableConnection<TokioIo<Watched<T>>, Marked<S>>;

/// The stream, what was read of it and not used, and the service.
fn take_apart<T, S, B>(connection: Pin<Box<Plain<T, S>>>) -> (T, Bytes, S)
where
    T: Stream,
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let parts = Pin::into_inner(connection).into_parts();
    (parts.io.into_inner().inner, parts.read_buf, parts.service.inner)
}

/// Why speaking HTTP came to an end.
enum End {
    /// The connection is over.
    Over,
    /// Nothing is going on.
    Idle,
}

impl<'a> Connection<'a> {
    fn new(common: &'a Common) -> Self {
        Self { activity: Arc::default(), common, quiet_since: Some(Instant::now()), begun_before: 0 }
    }

    async fn speak<T, S, B>(mut self, mut stream: T, mut service: S)
    where
        T: Stream,
        S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Unpin
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut timer = pin!(sleep_until(Instant::now() + self.look_every()));
        let mut again = Bytes::new();
        loop {
            if again.is_empty() && !self.park(&stream, timer.as_mut()).await {
                return;
            }
            timer.as_mut().reset(Instant::now() + self.look_every());
            if self.common.has_upgrades {
                let mut connection = self.with_upgrades(stream, again, service);
                let _ = self.watch(&mut connection, timer.as_mut()).await;
                return;
            }
            let mut connection = self.without_upgrades(stream, again, service);
            match self.watch(&mut connection, timer.as_mut()).await {
                End::Over => return,
                End::Idle => (stream, again, service) = take_apart(connection),
            }
        }
    }

    // What speaks HTTP is made and taken apart in functions of its own, so that a task, which holds whatever its
    // function ever had in hand, holds the room for a box only.

    fn without_upgrades<T, S, B>(&self, stream: T, again: Bytes, service: S) -> Pin<Box<Plain<T, S>>>
    where
        T: Stream,
        S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        B: http_body::Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let limits = &self.common.limits;
        let watched = Watched { inner: stream, again, activity: Arc::clone(&self.activity) };
        let marked = Marked { inner: service, activity: Arc::clone(&self.activity) };
        let mut builder = http1::Builder::new();
        builder.header_read_timeout(None).max_buf_size(limits.header_bytes.max(HEADER_BYTES_MIN));
        if limits.header_fields != HEADER_FIELDS_OF_HYPER {
            builder.max_headers(limits.header_fields);
        }
        Box::pin(builder.serve_connection(TokioIo::new(watched), marked))
    }

    fn with_upgrades<T, S, B>(&self, stream: T, again: Bytes, service: S) -> Pin<Box<Upgradeable<T, S>>>
    where
        T: Stream,
        S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Unpin,
        B: http_body::Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let connection = self.without_upgrades(stream, again, service);
        Box::pin(Pin::into_inner(connection).with_upgrades())
    }

    /// Waits until a byte comes. Says no when the connection is over instead.
    async fn park<T: Stream>(&self, stream: &T, mut timer: Pin<&mut Sleep>) -> bool {
        let quiet_since = self.quiet_since.unwrap_or_else(Instant::now);
        timer.as_mut().reset(quiet_since + self.common.limits.header_read_timeout);
        // Who has asked for nothing yet has just come, and may be about to.
        let may_make_way = self.activity.begun() > 0;
        tokio::select! {
            readable = poll_fn(|cx| stream.poll_readable(cx)) => readable.is_ok(),
            () = timer => false,
            () = self.common.closing.reached(Stage::Asked) => false,
            () = self.common.make_way.notified(), if may_make_way => false,
        }
    }

    /// Lets HTTP be spoken until that is over, or nothing is going on any more.
    async fn watch<C: Conversation>(
        &mut self,
        connection: &mut Pin<Box<C>>,
        mut timer: Pin<&mut Sleep>,
    ) -> End {
        let closing = &self.common.closing;
        let mut told = pin!(closing.changed.notified());
        let mut seen = None;
        poll_fn(|cx| {
            loop {
                let stage = closing.stage();
                if seen == Some(stage) {
                    break;
                }
                seen = Some(stage);
                match stage {
                    Stage::Open => {}
                    // A request in flight is answered; an idle connection closes at once.
                    Stage::Asked => connection.as_mut().graceful_shutdown(),
                    Stage::BrokenOff => return Poll::Ready(End::Over),
                }
                // Asked for before the stage is looked at again, so that no change can slip between.
                told.set(closing.changed.notified());
                if told.as_mut().poll(cx).is_ready() {
                    seen = None;
                }
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return Poll::Ready(End::Over);
            }
            while timer.as_mut().poll(cx).is_ready() {
                if let Some(end) = self.look() {
                    return Poll::Ready(end);
                }
                timer.as_mut().reset(Instant::now() + self.look_every());
            }
            Poll::Pending
        })
        .await
    }

    /// Looks what is going on, and says whether it must end.
    fn look(&mut self) -> Option<End> {
        let begun = self.activity.begun();
        let has_begun = std::mem::replace(&mut self.begun_before, begun) != begun;
        if self.activity.is_answering() {
            self.quiet_since = None;
            return None;
        }
        let now = Instant::now();
        if has_begun || self.quiet_since.is_none() {
            self.quiet_since = Some(now);
            return None;
        }
        let quiet_for = self.quiet_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if quiet_for >= self.common.limits.header_read_timeout {
            tracing::debug!("a connection was closed whose client took too long for a request");
            return Some(End::Over);
        }
        (self.activity.is_idle() && !self.common.has_upgrades).then_some(End::Idle)
    }

    fn look_every(&self) -> Duration {
        PARK_AFTER.min(self.common.limits.header_read_timeout)
    }
}

/// What speaks HTTP, with or without upgrades.
trait Conversation: Future<Output = hyper::Result<()>> {
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<I, S, B> Conversation for http1::Connection<I, S>
where
    Self: Future<Output = hyper::Result<()>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

impl<I, S, B> Conversation for http1::UpgradeableConnection<I, S>
where
    Self: Future<Output = hyper::Result<()>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

/// Puts the [`Peer`] into each request of one connection, and the [`ConnectionSlot`] where somebody may want it.
struct WithPeer<S> {
    inner: TowerToHyperService<S>,
    peer: Peer,
    slot: ConnectionSlot,
    tells_slot: bool,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for WithPeer<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = <TowerToHyperService<S> as hyper::service::Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        if self.tells_slot {
            request.extensions_mut().insert(self.slot.clone());
        }
        self.inner.call(request)
    }
}
