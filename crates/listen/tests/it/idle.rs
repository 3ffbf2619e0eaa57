//! Connections on which nothing goes on: they are parked, and nobody notices. Time stands still but for what is waited
//! for; loopback sockets need none.

use std::time::Duration;

use anteroom_listen::Limits;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{certified, open};

const KEEP: &str = "GET / HTTP/1.1\r\nhost: room.example\r\n\r\n";
/// Longer than a connection stays as it was after an answer, and shorter than it is kept.
const A_WHILE: Duration = Duration::from_secs(20);

/// Asks without closing, and reads the one answer.
async fn ask(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), request: &str) -> Option<String> {
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    while !answer.ends_with("local=true") {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes).await.ok()? {
            0 => return None,
            length => answer.push_str(str::from_utf8(&bytes[..length]).ok()?),
        }
    }
    Some(answer)
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_answers_as_if_nothing_had_been() {
    let door = open(Limits::default(), None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    for _ in 0..3 {
        assert!(ask(&mut stream, KEEP).await.is_some_and(|answer| answer.contains("tls=false")));
        tokio::time::sleep(A_WHILE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_encrypted_connection_answers_as_if_nothing_had_been() {
    let (server, client) = certified();
    let door = open(Limits::default(), Some(server)).await;
    let stream = TcpStream::connect(door.address).await.unwrap();
    let name = ServerName::try_from("room.example").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(client).connect(name, stream).await.unwrap();
    for _ in 0..3 {
        assert!(ask(&mut stream, KEEP).await.is_some_and(|answer| answer.contains("tls=true")));
        tokio::time::sleep(A_WHILE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_begun_is_not_lost_by_a_pause() {
    let door = open(Limits::default(), None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let (begun, rest) = KEEP.split_at(7);
    // The beginning of the second comes with the first, so it is read by whoever reads the first.
    assert!(ask(&mut stream, &format!("{KEEP}{begun}")).await.is_some());
    tokio::time::sleep(A_WHILE).await;
    assert!(ask(&mut stream, &format!("{rest}{begun}")).await.is_some());
    tokio::time::sleep(A_WHILE).await;
    assert!(ask(&mut stream, rest).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_when_its_time_is_over() {
    let door = open(Limits::default(), None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    assert!(ask(&mut stream, KEEP).await.is_some());
    let begun = tokio::time::Instant::now();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    let kept = begun.elapsed();
    let meant = Limits::default().header_read_timeout;
    assert!(kept >= meant && kept <= meant + Duration::from_secs(2), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_makes_way_for_a_new_one() {
    let door = open(Limits { connections: 1, ..Limits::default() }, None).await;
    let mut first = TcpStream::connect(door.address).await.unwrap();
    assert!(ask(&mut first, KEEP).await.is_some());
    tokio::time::sleep(A_WHILE).await;
    let begun = tokio::time::Instant::now();
    let mut second = TcpStream::connect(door.address).await.unwrap();
    assert!(ask(&mut second, KEEP).await.is_some());
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits until the first one's time is over");
    assert_eq!(ask(&mut first, KEEP).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_just_come_makes_way_for_nobody() {
    let door = open(Limits { connections: 1, ..Limits::default() }, None).await;
    let mut first = TcpStream::connect(door.address).await.unwrap();
    let mut second = TcpStream::connect(door.address).await.unwrap();
    let (of_first, of_second) = tokio::join!(
        async {
            tokio::time::sleep(A_WHILE).await;
            ask(&mut first, KEEP).await
        },
        ask(&mut second, KEEP),
    );
    assert!(of_first.is_some() && of_second.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_closes_connections_that_are_parked_and_those_that_are_not_yet() {
    let door = open(Limits::default(), None).await;
    let mut parked = TcpStream::connect(door.address).await.unwrap();
    assert!(ask(&mut parked, KEEP).await.is_some());
    tokio::time::sleep(A_WHILE).await;
    let mut fresh = TcpStream::connect(door.address).await.unwrap();
    assert!(ask(&mut fresh, KEEP).await.is_some());
    door.shutdown.cancel();
    door.task.await.unwrap();
    for stream in [&mut parked, &mut fresh] {
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
}
