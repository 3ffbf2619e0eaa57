//! WebSockets pass; other upgrades do not.

use anteroom_listen::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::world::{EMPTY_OK, SHORT, Setup, header, read_to_end, read_until, site, site_answering, within};

const ASK: &str = "GET /live HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\n\r\n";

/// Switches over, then sends each `ping` back as `pong`.
async fn echo(mut stream: TcpStream) {
    let head = read_until(&mut stream, "\r\n\r\n").await;
    assert_eq!(header(&head, "connection"), Some("upgrade"));
    assert_eq!(header(&head, "upgrade"), Some("websocket"));
    assert_eq!(header(&head, "sec-websocket-key"), Some("x"));
    stream
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
              sec-websocket-accept: y\r\n\r\n",
        )
        .await
        .unwrap();
    while read_until(&mut stream, "ping").await == "ping" {
        stream.write_all(b"pong").await.unwrap();
    }
}

async fn switched_over(stream: &mut TcpStream) {
    stream.write_all(ASK.as_bytes()).await.unwrap();
    let head = read_until(stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert_eq!(header(&head, "sec-websocket-accept"), Some("y"));
    assert_eq!(header(&head, "upgrade"), Some("websocket"));
    assert_eq!(header(&head, "x-queueit-connector"), Some("rust"));
}

#[tokio::test]
async fn messages_pass_both_ways_until_the_client_closes() {
    let doorway = Setup::before(site(echo).await).open().await;
    let mut stream = doorway.connect().await;
    switched_over(&mut stream).await;
    for _ in 0..3 {
        stream.write_all(b"ping").await.unwrap();
        assert_eq!(read_until(&mut stream, "pong").await, "pong");
    }
    stream.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn silent_websocket_is_closed() {
    let mut setup = Setup::before(site(echo).await);
    setup.timeouts.tunnel_idle = SHORT;
    let doorway = setup.open().await;
    let mut stream = doorway.connect().await;
    switched_over(&mut stream).await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn websockets_end_when_the_gateway_stops() {
    let doorway = Setup::before(site(echo).await).open().await;
    let mut stream = doorway.connect().await;
    switched_over(&mut stream).await;
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(read_until(&mut stream, "pong").await, "pong");
    doorway.shutdown.cancel();
    assert_eq!(read_to_end(&mut stream).await, "");
    within(doorway.served).await.unwrap();
}

#[tokio::test]
async fn websocket_counts_among_the_connections() {
    let mut setup = Setup::before(site(echo).await);
    setup.limits = Limits { connections: 1, ..Limits::default() };
    let doorway = setup.open().await;
    let mut first = doorway.connect().await;
    switched_over(&mut first).await;
    let mut second = doorway.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // Time enough for an answer to the second, were it read.
    for _ in 0..50 {
        first.write_all(b"ping").await.unwrap();
        assert_eq!(read_until(&mut first, "pong").await, "pong");
    }
    assert_eq!(second.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert!(read_until(&mut second, "\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn site_may_decline_the_upgrade() {
    let (site, _heads) = site_answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
    let doorway = Setup::before(site).open().await;
    let mut stream = doorway.connect().await;
    stream.write_all(ASK.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "no").await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
}

/// Behind an upgrade to HTTP/2 requests could follow that no connector sees.
#[tokio::test]
async fn i10_other_upgrades_are_not_passed_on() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup::before(site).open().await;
    for upgrade in ["h2c", "websocket, h2c", "TLS/1.0"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: x\r\n\r\n"
        );
        assert!(doorway.exchange(&request).await.starts_with("HTTP/1.1 200 OK\r\n"));
        let head = heads.next().await;
        for gone in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(header(&head, gone), None, "{head}");
        }
    }
}

#[tokio::test]
async fn switch_that_nobody_asked_for_is_a_broken_answer() {
    for (request, protocol) in
        [("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "websocket"), (ASK, "h2c")]
    {
        let site = site(move |mut stream| async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let switch = format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n"
            );
            stream.write_all(switch.as_bytes()).await.unwrap();
        })
        .await;
        let doorway = Setup::before(site).open().await;
        let mut stream = doorway.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    }
}
