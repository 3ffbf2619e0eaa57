//! A gateway that is told to stop finishes what it has begun.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::world::{EMPTY_OK, Setup, read_to_end, read_until, site, within};

#[tokio::test]
async fn request_in_flight_is_answered_and_nobody_new_is_let_in() {
    let (got, mut requests) = mpsc::unbounded_channel();
    let answer_now = Arc::new(Notify::new());
    let go_on = Arc::clone(&answer_now);
    let site = site(move |mut stream| {
        let (got, go_on) = (got.clone(), Arc::clone(&go_on));
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            got.send(()).unwrap();
            go_on.notified().await;
            stream.write_all(EMPTY_OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let doorway = Setup::before(site).open().await;
    let mut stream = doorway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    within(requests.recv()).await.unwrap();
    doorway.shutdown.cancel();
    // The door is closed once the listener is gone, which another connection attempt shows.
    while let Ok(mut late) = TcpStream::connect(doorway.address).await {
        read_to_end(&mut late).await;
    }
    answer_now.notify_one();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    within(doorway.served).await.unwrap();
}
