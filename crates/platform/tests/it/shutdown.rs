//! The service over a real socket: it serves, and it ends at once although polls are held.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::world::World;

#[tokio::test]
async fn held_polls_do_not_hold_up_the_end() {
    let world = World::start().await;
    world.publish(json!([])).await.answered(201);
    let got = world.connect("", &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(world.service.clone().serve(listener, shutdown.clone()));

    let asked = format!(
        "GET /api/v1/connectors/acme/config?wait=25 HTTP/1.1\r\nhost: x\r\napi-key: {}\r\nif-none-match: {}\r\n\
         x-anteroom-connector: shop\r\nx-anteroom-instance: a1\r\n\r\n",
        world.new.api_key.expose(),
        got.header("etag"),
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(asked.as_bytes()).await.unwrap();
    // The poll is under way once the connector is listed.
    while world.ask("GET", "/connectors", None).await.json()["connectors"] == json!([]) {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer));
    read.await.expect("an answer comes at once").unwrap();
    // Not 304: the connector would take that for a platform that holds no polls, and ask rarely from then on.
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.to_lowercase().contains("retry-after: 1\r\n"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), serving).await.expect("it ends").unwrap();
}
