//! Parts as processes of their own over one data directory, and what a start and a stop leave behind.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use http::StatusCode;
use serde_json::json;

use crate::support::{Http, Operator, Place, Program, ROOM_AND_PLATFORM};

const PLATFORM_IS_AT: &str = "the console is at ";
const ROOM_IS_AT: &str = "the waiting room is at ";

#[tokio::test]
async fn room_and_platform_work_as_two_processes_and_each_restarts_alone() {
    let place = Place::new("");
    let settings = place.settings();
    let mut room = Program::part("room", &settings);
    let room_at = room.wait_for(ROOM_IS_AT);
    let mut platform = Program::part("platform", &settings);
    let platform_at = platform.wait_for(PLATFORM_IS_AT);
    let credentials = place.credentials();

    let room_to_add = json!({
        "waitingRoomId": "spring",
        "displayName": "Spring",
        "defaultTarget": "https://shop.example/",
        "outflowPerMinute": 60,
    });
    Operator::new(&platform_at, &credentials).add_room(&room_to_add).await;
    let http = Http::new();
    let enter = |base: &str| format!("{base}/?c=acme&e=spring");
    // The room hears of it by watching the store.
    while http.get(&enter(&room_at), &[]).await.status == StatusCode::NOT_FOUND {
        tokio::task::yield_now().await;
    }
    platform.terminate();
    assert_eq!(platform.ended().status.code(), Some(0));
    assert_ne!(
        http.get(&enter(&room_at), &[]).await.status,
        StatusCode::NOT_FOUND,
        "the room needs no platform"
    );

    room.terminate();
    assert_eq!(room.ended().status.code(), Some(0));
    let mut room = Program::part("room", &settings);
    let room_at = room.wait_for(ROOM_IS_AT);
    assert_ne!(
        http.get(&enter(&room_at), &[]).await.status,
        StatusCode::NOT_FOUND,
        "the room is still there"
    );
}

#[test]
fn first_start_says_once_where_the_credentials_are() {
    let place = Place::new("");
    let mut program = Program::part("all", &place.settings());
    program.wait_for("first start: ");
    program.wait_for(ROOM_IS_AT);
    program.terminate();
    let ended = program.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    let credentials = place.credentials();
    let path = place.data_dir().join("credentials.json");
    assert!(ended.errors.contains(path.to_str().unwrap()), "{}", ended.errors);
    for secret in [&credentials["secretKey"], &credentials["apiKey"], &credentials["operator"]["password"]] {
        assert!(!ended.errors.contains(secret.as_str().unwrap()), "the log holds no secret");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let mut program = Program::part("all", &place.settings());
    program.wait_for(ROOM_IS_AT);
    program.terminate();
    assert!(!program.ended().errors.contains("first start"));
    assert_eq!(place.credentials(), credentials, "the keys stay");
}

#[test]
fn start_that_was_cut_short_goes_on_with_the_same_keys() {
    let place = Place::new("");
    let mut program = Program::part("all", &place.settings());
    program.wait_for(ROOM_IS_AT);
    program.kill();
    let credentials = place.credentials();
    // As if the crash had come after the credentials were written and before anything else was.
    for name in ["anteroom.db", "anteroom.db-wal", "anteroom.db-shm"] {
        let _ = std::fs::remove_file(place.data_dir().join(name));
    }
    let mut program = Program::part("all", &place.settings());
    program.wait_for("first start: ");
    program.wait_for(ROOM_IS_AT);
    assert_eq!(place.credentials(), credentials);
}

#[tokio::test]
async fn idle_connections_and_long_polls_do_not_hold_up_a_stop() {
    let place = Place::new("");
    let mut program = Program::part("all", &place.settings());
    let platform_at = program.wait_for(PLATFORM_IS_AT);
    let room_at = program.wait_for(ROOM_IS_AT);
    let idle: Vec<TcpStream> = [&platform_at, &room_at]
        .map(|at| TcpStream::connect(at.trim_start_matches("http://")).unwrap())
        .into();
    let begun = std::time::Instant::now();
    program.terminate();
    let ended = program.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "it took {:?}", begun.elapsed());
    drop(idle);
}

#[test]
fn check_is_content_with_good_settings_and_with_its_own_reference() {
    let place = Place::new("");
    let ended = Program::part("check", &place.settings()).ended();
    assert_eq!((ended.status.code(), ended.output.as_str()), (Some(0), "The settings are good.\n"));
    let reference = Program::start(&["check", "--reference"]).ended();
    assert_eq!(reference.status.code(), Some(0));
    std::fs::write(place.settings(), reference.output).unwrap();
    assert_eq!(Program::part("check", &place.settings()).ended().status.code(), Some(0));
    place.set(&format!("{ROOM_AND_PLATFORM}[log]\nformat = \"json\"\n"));
    assert_eq!(Program::part("check", &place.settings()).ended().status.code(), Some(0));
}
