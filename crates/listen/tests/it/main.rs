//! The door itself, over real sockets: what it lets through, what it refuses, and how it closes.

#![allow(clippy::unwrap_used, reason = "this whole binary is a test, its helpers too")]

mod idle;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anteroom_listen::{Limits, Peer, serve};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Door {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn open(limits: Limits, tls: Option<Arc<rustls::ServerConfig>>) -> Door {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, tls, TellPeer, limits, shutdown.clone()));
    Door { address, shutdown, task }
}

/// Answers with what it was told about the other end; `/never` is never answered.
#[derive(Clone)]
struct TellPeer;

impl tower_service::Service<Request<Incoming>> for TellPeer {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().unwrap();
        let text = format!("tls={} local={}", peer.is_tls, peer.address.ip().is_loopback());
        let is_answered = request.uri().path() != "/never";
        Box::pin(async move {
            if !is_answered {
                std::future::pending::<()>().await;
            }
            Ok(Response::new(Full::new(Bytes::from(text))))
        })
    }
}

async fn ask(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A request that is refused before it is read whole ends in a reset behind the answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nhost: room.example\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_carries_who_sent_it() {
    let door = open(Limits::default(), None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let answer = ask(&mut stream, GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("tls=false local=true"), "{answer}");
}

#[tokio::test]
async fn an_encrypted_request_says_so() {
    let (server, client) = certified();
    let door = open(Limits::default(), Some(server)).await;
    let stream = TcpStream::connect(door.address).await.unwrap();
    let name = ServerName::try_from("room.example").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(client).connect(name, stream).await.unwrap();
    let answer = ask(&mut stream, GET).await;
    assert!(answer.ends_with("tls=true local=true"), "{answer}");
}

#[tokio::test]
async fn request_that_comes_with_the_end_of_the_handshake_is_answered() {
    let (server, client) = certified();
    let door = open(Limits::default(), Some(server)).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let name = ServerName::try_from("room.example").unwrap();
    let mut session = rustls::ClientConnection::new(client, name).unwrap();
    // Kept by the session until it may be sent.
    std::io::Write::write_all(&mut session.writer(), GET.as_bytes()).unwrap();
    let mut told = Vec::new();
    let talk = async {
        let mut received = vec![0; 16 * 1024];
        loop {
            let mut to_send = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut to_send).unwrap();
            }
            stream.write_all(&to_send).await.unwrap();
            let count = stream.read(&mut received).await.unwrap();
            if count == 0 {
                break;
            }
            let mut rest = &received[..count];
            while !rest.is_empty() {
                session.read_tls(&mut rest).unwrap();
                session.process_new_packets().unwrap();
            }
            let _ = std::io::Read::read_to_end(&mut session.reader(), &mut told);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), talk).await.unwrap();
    let answer = String::from_utf8(told).unwrap();
    assert!(answer.ends_with("tls=true local=true"), "{answer}");
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let door = open(Limits { header_bytes: 8 * 1024, ..Limits::default() }, None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: room.example\r\ncookie: {}\r\n\r\n", "a".repeat(9 * 1024));
    let answer = ask(&mut stream, &request).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn too_many_header_fields_are_refused() {
    let door = open(Limits { header_fields: 3, ..Limits::default() }, None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: room.example\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n";
    let answer = ask(&mut stream, request).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn limits_below_what_can_be_held_count_as_the_least_that_can() {
    let door = open(Limits { header_bytes: 0, connections: 0, ..Limits::default() }, None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    assert!(ask(&mut stream, GET).await.ends_with("local=true"));
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_holds_up_nobody_else() {
    let (server, client) = certified();
    let door = open(Limits::default(), Some(server)).await;
    let _silent = TcpStream::connect(door.address).await.unwrap();
    let stream = TcpStream::connect(door.address).await.unwrap();
    let name = ServerName::try_from("room.example").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(client).connect(name, stream).await.unwrap();
    assert!(ask(&mut stream, GET).await.ends_with("tls=true local=true"));
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_let_go() {
    let (server, _) = certified();
    let limits = Limits { handshake_timeout: Duration::from_millis(50), ..Limits::default() };
    let door = open(limits, Some(server)).await;
    let mut silent = TcpStream::connect(door.address).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_broken_off() {
    let door = open(Limits { drain: Duration::from_millis(50), ..Limits::default() }, None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    // Its answer tells that the connection was accepted; the second request is read right behind it.
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /never HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut first_byte = [0];
    stream.read_exact(&mut first_byte).await.unwrap();
    door.shutdown.cancel();
    door.task.await.unwrap();
    let mut rest = Vec::new();
    // A reset ends the connection as well as an end does.
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(String::from_utf8_lossy(&rest).matches("local=true").count(), 1);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_its_turn() {
    let door = open(Limits { connections: 1, ..Limits::default() }, None).await;
    let mut first = TcpStream::connect(door.address).await.unwrap();
    let mut second = TcpStream::connect(door.address).await.unwrap();
    // The first is accepted first because the kernel's backlog is a line too.
    assert!(ask(&mut first, GET).await.ends_with("local=true"));
    drop(first);
    assert!(ask(&mut second, GET).await.ends_with("local=true"));
}

#[tokio::test]
async fn headers_that_never_end_close_the_connection() {
    let limits = Limits { header_read_timeout: Duration::from_millis(50), ..Limits::default() };
    let door = open(limits, None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let answer = ask(&mut stream, "GET / HTTP/1.1\r\nhost: room.example\r\n").await;
    assert!(!answer.contains(" 200 "), "{answer}");
}

#[tokio::test]
async fn a_shutdown_closes_idle_connections_and_ends() {
    let door = open(Limits::default(), None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: room.example\r\n\r\n").await.unwrap();
    let mut first_byte = [0];
    stream.read_exact(&mut first_byte).await.unwrap();
    door.shutdown.cancel();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(String::from_utf8_lossy(&rest).ends_with("local=true"));
    door.task.await.unwrap();
    assert!(TcpStream::connect(door.address).await.is_err());
}

fn certified() -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let made = rcgen::generate_simple_self_signed(["room.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}
