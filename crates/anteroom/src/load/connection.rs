//! One connection to the room, kept alive from request to request as a browser keeps it. It knows nothing of visitors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::target::Target;

/// How long an answer may take: after it, the waiting page's script gives up as well.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A waiting page has a few kilobytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// So that whoever is tried out without being asked knows at once what it is.
const USER_AGENT: &str = concat!("anteroom-load/", env!("CARGO_PKG_VERSION"));

/// What all connections have in common.
pub(super) struct Way {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A connection, or the place for one.
pub(super) struct Connection {
    way: Arc<Way>,
    open: Option<SendRequest<Empty<Bytes>>>,
    /// Which of the target's addresses is asked.
    address: SocketAddr,
    /// How often it had to be opened.
    pub(super) opened: u64,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum NoReply {
    /// No connection was to be had.
    NotConnected,
    /// The connection ended before the answer did.
    Broken,
    /// No answer came in time.
    TimedOut,
}

impl Way {
    pub(super) fn new(
        target: Target,
        tls: Arc<ClientConfig>,
    ) -> Result<Self, rustls_pki_types::InvalidDnsNameError> {
        let tls = if target.is_tls {
            let name = target.host.trim_start_matches('[').trim_end_matches(']').to_owned();
            Some((TlsConnector::from(tls), ServerName::try_from(name)?))
        } else {
            None
        };
        Ok(Self { target, tls })
    }

    /// As many connections as may be open at once. None is opened yet.
    pub(super) fn connections(self: &Arc<Self>, count: usize) -> Vec<Connection> {
        let addresses = self.target.addresses.iter().cycle().take(count);
        addresses
            .map(|address| Connection { way: Arc::clone(self), open: None, address: *address, opened: 0 })
            .collect()
    }
}

impl Connection {
    /// Asks for a path and waits for the whole answer. A connection that the other end has closed meanwhile is opened
    /// anew once, as browsers do.
    pub(super) async fn get(&mut self, path: &str, cookies: Option<&str>) -> Result<Reply, NoReply> {
        let until = Instant::now() + ANSWER_WITHIN;
        let asked = async {
            if let Some(mut open) = self.open.take()
                && open.ready().await.is_ok()
            {
                match ask(&mut open, self.way.request(path, cookies)?).await {
                    Ok(reply) => {
                        self.open = Some(open);
                        return Ok(reply);
                    }
                    // It was closed just before the request came there.
                    Err(error) if error.is_canceled() || error.is_incomplete_message() => {}
                    Err(_) => return Err(NoReply::Broken),
                }
            }
            let mut open = self.way.open(self.address).await.ok_or(NoReply::NotConnected)?;
            self.opened += 1;
            let reply =
                ask(&mut open, self.way.request(path, cookies)?).await.map_err(|_| NoReply::Broken)?;
            self.open = Some(open);
            Ok(reply)
        };
        // What was under way when the time is over ends with its connection.
        timeout_at(until, asked).await.unwrap_or(Err(NoReply::TimedOut))
    }
}

impl Way {
    async fn open(&self, address: SocketAddr) -> Option<SendRequest<Empty<Bytes>>> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let Some((connector, name)) = &self.tls else { return speak(stream).await };
        speak(connector.connect(name.clone(), stream).await.ok()?).await
    }

    fn request(&self, path: &str, cookies: Option<&str>) -> Result<Request<Empty<Bytes>>, NoReply> {
        let mut request = Request::get(path)
            .header(header::HOST, &self.target.authority)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "*/*");
        if let Some(cookies) = cookies {
            request = request.header(header::COOKIE, cookies);
        }
        // A path or a cookie that cannot be written came from the other end.
        request.body(Empty::new()).map_err(|_| NoReply::Broken)
    }
}

async fn speak<I>(stream: I) -> Option<SendRequest<Empty<Bytes>>>
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (open, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // Ends when the sender is dropped, or when the other end closes.
    tokio::spawn(connection);
    Some(open)
}

async fn ask(
    open: &mut SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> Result<Reply, hyper::Error> {
    let (parts, body) = open.send_request(request).await?.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        // Too long, or cut off: then it is no answer of a waiting room, which is told where it is read.
        Err(_) => Bytes::new(),
    };
    Ok(Reply { status: parts.status, headers: parts.headers, body })
}
