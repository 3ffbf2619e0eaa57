//! Nodes with folders of their own on one shared server.

use http::StatusCode;
use serde_json::json;

use crate::redis::Server;
use crate::support::{Http, Operator, Place, Program};

const PLATFORM_IS_AT: &str = "the console is at ";
const ROOM_IS_AT: &str = "the waiting room is at ";

pub(crate) fn place(server: &Server) -> Place {
    Place::new(&format!("[store]\nkind = \"valkey\"\nurl = {:?}\n", server.url()))
}

#[tokio::test]
async fn nodes_share_what_is_kept_and_each_needs_the_master_key_of_the_first() {
    let server = Server::durable();
    let (first, second) = (place(&server), place(&server));
    let mut platform = Program::part("platform", &first.settings());
    let platform_at = platform.wait_for(PLATFORM_IS_AT);
    let room_to_add = json!({
        "waitingRoomId": "spring",
        "displayName": "Spring",
        "defaultTarget": "https://shop.example/",
        "outflowPerMinute": 60,
    });
    Operator::new(&platform_at, &first.credentials()).add_room(&room_to_add).await;

    let without = Program::part("room", &second.settings()).ended();
    without.assert_refused(&["copy its master.key to", second.data_dir().to_str().unwrap()]);
    assert!(!second.data_dir().join("master.key").exists());
    std::fs::write(second.data_dir().join("master.key"), "0".repeat(64)).unwrap();
    Program::part("room", &second.settings())
        .ended()
        .assert_refused(&["not the master key that the store was set up with"]);
    std::fs::copy(first.data_dir().join("master.key"), second.data_dir().join("master.key")).unwrap();

    let mut room = Program::part("room", &second.settings());
    let room_at = room.wait_for(ROOM_IS_AT);
    let answer = Http::new().get(&format!("{room_at}/?c=acme&e=spring"), &[]).await;
    assert_ne!(answer.status, StatusCode::NOT_FOUND, "it knows the room that the first node was told of");
    assert!(!second.data_dir().join("anteroom.db").exists());
}

#[test]
fn server_that_would_forget_is_refused_at_the_start_and_an_absent_one_is_told() {
    let mut server = Server::start(&["--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru"]);
    let place = place(&server);
    Program::part("all", &place.settings()).ended().assert_refused(&["allkeys-lru", "noeviction"]);
    server.kill();
    let mut program = Program::part("all", &place.settings());
    program.wait_for("the store does not answer yet");
    program.ended().assert_refused(&["could not reach the store at 127.0.0.1", "check that the server runs"]);
}
