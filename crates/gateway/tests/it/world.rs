//! The helpers: a site, a gateway in front of it, and a client, each down to the byte.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anteroom_gateway::{Gateway, GatewaySettings, Timeouts};
use anteroom_listen::Limits;
use anteroom_tower::{ConnectorSettings, Fallback, Features, Secret, Settings, TrustedProxies};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// For waits that a test is about. Long against what a machine under load takes between two steps.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// For waits that must not happen; a test that runs into one fails.
const LONG: Duration = Duration::from_secs(20);

/// How a gateway is set up.
pub(crate) struct Setup {
    pub(crate) site: SocketAddr,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) trusted_proxies: &'static [&'static str],
    pub(crate) fallback: Fallback,
    /// The integration config that was kept by an earlier run.
    pub(crate) config: Option<&'static str>,
}

impl Setup {
    pub(crate) fn before(site: SocketAddr) -> Self {
        let timeouts = Timeouts {
            connect: LONG,
            response_header: LONG,
            idle: LONG,
            tunnel_idle: LONG,
            ..Timeouts::default()
        };
        Self {
            site,
            timeouts,
            limits: Limits::default(),
            trusted_proxies: &[],
            fallback: Fallback::LetPass,
            config: None,
        }
    }

    pub(crate) async fn open(self) -> Doorway {
        let folder = tempfile::tempdir().unwrap();
        let keep_file = folder.path().join("config.json");
        if let Some(config) = self.config {
            std::fs::write(&keep_file, config).unwrap();
        }
        let platform = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Gateway::start(GatewaySettings {
            upstream: format!("http://{}", self.site),
            connector: ConnectorSettings {
                connector: Settings {
                    customer_id: "acme".to_owned(),
                    secret_key: Secret::new("a made-up key for tests".to_owned()),
                    room_base: None,
                    platform_suffix: None,
                    fallback: self.fallback,
                    features: Features::default(),
                },
                name: "test".to_owned(),
                api_key: Secret::new("key".to_owned()),
                platform_url: format!("http://{}", platform.local_addr().unwrap()),
                platform_authorities: Vec::new(),
                keep_file: Some(keep_file),
                public_origin: None,
                trusted_proxies: TrustedProxies::parse(self.trusted_proxies).unwrap(),
            },
            limits: self.limits,
            timeouts: self.timeouts,
        })
        .unwrap();
        let status = gateway.connector().status();
        assert_eq!(status.running_version.is_some(), self.config.is_some(), "{status:?}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let status = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let status_address = status.local_addr().unwrap();
        tokio::spawn(gateway.clone().serve_status(status, shutdown.clone()));
        let served = tokio::spawn(gateway.serve(listener, shutdown.clone()));
        Doorway { address, status_address, shutdown, served, _platform: platform, _folder: folder }
    }
}

/// A gateway that serves.
pub(crate) struct Doorway {
    pub(crate) address: SocketAddr,
    pub(crate) status_address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    _platform: TcpListener,
    _folder: tempfile::TempDir,
}

impl Doorway {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes on a connection of their own and reads until the gateway closes it.
    pub(crate) async fn exchange(&self, request: &str) -> String {
        exchange(self.connect().await, request).await
    }

    /// The same at the private port.
    pub(crate) async fn exchange_privately(&self, request: &str) -> String {
        exchange(TcpStream::connect(self.status_address).await.unwrap(), request).await
    }
}

async fn exchange(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    read_to_end(&mut stream).await
}

/// A site that plays `script` on each connection.
pub(crate) async fn site<F, Fut>(script: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(stream));
        }
    });
    address
}

/// A site that answers every head with the same bytes, and tells which heads it got.
pub(crate) async fn site_answering(answer: impl Into<String>) -> (SocketAddr, Heads) {
    let answer: Arc<str> = answer.into().into();
    let (sender, receiver) = mpsc::unbounded_channel();
    let address = site(move |mut stream| {
        let (sender, answer) = (sender.clone(), Arc::clone(&answer));
        async move {
            loop {
                let head = read_until(&mut stream, "\r\n\r\n").await;
                if head.is_empty() || sender.send(head).is_err() {
                    return;
                }
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (address, Heads(receiver))
}

/// Heads of requests that reached a site.
pub(crate) struct Heads(mpsc::UnboundedReceiver<String>);

impl Heads {
    pub(crate) async fn next(&mut self) -> String {
        within(self.0.recv()).await.unwrap()
    }

    /// Those that came and were not asked for yet.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Reads until `end` has come, or until nothing more does.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(end.as_bytes()) {
        match within(stream.read(&mut byte)).await {
            Ok(1) => read.push(byte[0]),
            Ok(_) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Reads until the other end closes. A reset counts as that: it follows an answer to a request that was not read
/// whole.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    let _ = within(stream.read_to_end(&mut read)).await;
    String::from_utf8_lossy(&read).into_owned()
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LONG, future).await.unwrap()
}

/// The value of a header in a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n").skip(1).take_while(|line| !line.is_empty());
    lines.find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

pub(crate) const EMPTY_OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
