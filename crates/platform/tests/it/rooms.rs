//! Waiting rooms: added, looked at, changed, paused, resumed.

use anteroom_protocol::id::QueueId;
use anteroom_queue::{Command, Lane};
use serde_json::{Value, json};

use crate::world::World;

fn spring() -> Value {
    json!({
        "waitingRoomId": "spring", "displayName": "Spring sale", "defaultTarget": "https://shop.example/sale",
        "outflowPerMinute": 60,
    })
}

async fn with_room() -> World {
    let world = World::start().await;
    world.ask("POST", "/rooms", Some(spring())).await.answered(201);
    world
}

#[tokio::test]
async fn added_room_is_idle_and_listed() {
    let world = World::start().await;
    assert_eq!(world.ask("GET", "/rooms", None).await.answered(200), json!({ "rooms": [] }));
    let made = world.ask("POST", "/rooms", Some(spring())).await.answered(201);
    for (field, value) in spring().as_object().unwrap() {
        assert_eq!(&made[field], value, "{field}");
    }
    assert_eq!(
        (&made["state"], &made["waiting"], &made["pauseMessage"]),
        (&json!("idle"), &json!(0), &json!(null))
    );
    assert_eq!(world.ask("GET", "/rooms", None).await.answered(200)["rooms"], json!([made]));
    assert_eq!(world.ask("GET", "/rooms/spring", None).await.answered(200), made);
    world.ask("POST", "/rooms", Some(spring())).await.refused(409);
    let audit = world.ask("GET", "/audit", None).await.json();
    assert_eq!(audit["entries"][0]["what"], "added the room spring, which lets in 60 a minute");
}

#[tokio::test]
async fn everything_wrong_with_a_new_room_is_told() {
    let world = World::start().await;
    let add = async |body| world.ask("POST", "/rooms", Some(body)).await;
    let answer = add(
        json!({ "waitingRoomId": "Not an id", "displayName": " ", "outflowPerMinute": 1.5, "target": "" }),
    )
    .await;
    assert_eq!(
        answer.refused(422),
        ["waitingRoomId", "displayName", "defaultTarget", "outflowPerMinute", "target"]
    );
    let mut bad = spring();
    bad["defaultTarget"] = json!("https://evil.example/");
    bad["outflowPerMinute"] = json!(0);
    let answer = add(bad).await;
    assert_eq!(answer.refused(422), ["defaultTarget", "outflowPerMinute"]);
    assert!(answer.text.contains("shop.example"), "{}", answer.text);
    assert_eq!(world.ask("GET", "/rooms", None).await.json(), json!({ "rooms": [] }));
}

#[tokio::test]
async fn change_takes_what_is_named_and_leaves_the_rest() {
    let world = with_room().await;
    let patch = async |body| world.ask("PATCH", "/rooms/spring", Some(body)).await;
    let changed = patch(json!({ "outflowPerMinute": 90 })).await.answered(200);
    assert_eq!((&changed["outflowPerMinute"], &changed["displayName"]), (&json!(90), &json!("Spring sale")));
    let changed = patch(json!({ "displayName": "Summer", "defaultTarget": "https://shop.example/" }))
        .await
        .answered(200);
    assert_eq!((&changed["outflowPerMinute"], &changed["displayName"]), (&json!(90), &json!("Summer")));
    assert_eq!(changed["defaultTarget"], "https://shop.example/");
    let unchanged = patch(json!({})).await.answered(200);
    assert_eq!(unchanged, changed);

    let audit = world.ask("GET", "/audit", None).await.json();
    let what = |at: usize| audit["entries"][at]["what"].as_str().unwrap().to_owned();
    assert_eq!(
        what(0),
        "changed the room spring: its name is “Summer”, its default target is https://shop.example/"
    );
    assert_eq!(what(1), "changed the room spring: its outflow a minute is 90 instead of 60");
}

#[tokio::test]
async fn faulty_change_changes_nothing() {
    let world = with_room().await;
    let before = world.ask("GET", "/rooms/spring", None).await.json();
    let body =
        json!({ "displayName": "New", "defaultTarget": "javascript:alert(1)", "outflowPerMinute": 600_001 });
    assert_eq!(
        world.ask("PATCH", "/rooms/spring", Some(body)).await.refused(422),
        ["defaultTarget", "outflowPerMinute"]
    );
    let body = json!({ "displayName": "", "outflow": 7 });
    let answer = world.ask("PATCH", "/rooms/spring", Some(body)).await;
    assert_eq!(answer.refused(422), ["displayName", "outflow"]);
    assert!(answer.text.contains("“outflowPerMinute”"), "{}", answer.text);
    assert_eq!(world.ask("GET", "/rooms/spring", None).await.json(), before);
    for path in ["/rooms/winter", "/rooms/NO", "/rooms/x"] {
        world.ask("PATCH", path, Some(json!({}))).await.refused(404);
        world.ask("GET", path, None).await.refused(404);
        world.ask("POST", &format!("{path}/resume"), None).await.refused(404);
        world.ask("POST", &format!("{path}/pause"), Some(json!({ "message": "x" }))).await.refused(404);
    }
}

#[tokio::test]
async fn room_is_paused_with_a_message_and_resumed() {
    let world = with_room().await;
    let pause = async |body| world.ask("POST", "/rooms/spring/pause", Some(body)).await;
    assert_eq!(pause(json!({})).await.refused(422), ["message"]);
    assert_eq!(pause(json!({ "message": "  " })).await.refused(422), ["message"]);
    assert_eq!(pause(json!({ "message": "x".repeat(501) })).await.refused(422), ["message"]);
    let paused = pause(json!({ "message": "A short break." })).await.answered(200);
    assert_eq!((&paused["state"], &paused["pauseMessage"]), (&json!("paused"), &json!("A short break.")));
    // A script may send no body at all.
    let resumed = world.ask("POST", "/rooms/spring/resume", None).await.answered(200);
    assert_eq!((&resumed["state"], &resumed["pauseMessage"]), (&json!("idle"), &json!(null)));
    let audit = world.ask("GET", "/audit", None).await.json();
    assert_eq!(audit["entries"][0]["what"], "resumed the room spring");
    assert_eq!(audit["entries"][1]["what"], "paused the room spring with the message “A short break.”");
}

#[tokio::test]
async fn room_with_a_line_is_running() {
    let world = with_room().await;
    let room = world.rooms.open(world.customer(), &"spring".parse().unwrap()).await.unwrap();
    for number in 0..30 {
        let arrive =
            Command::Arrive { queue_id: QueueId::from_random([number; 16]), lane: Lane::ORDINARY, key: None };
        room.submit(arrive).await.unwrap();
    }
    let shown = world.ask("GET", "/rooms/spring", None).await.answered(200);
    assert_eq!(shown["state"], "running");
    assert!(shown["waiting"].as_u64().unwrap() > 20, "{shown}");
    assert!(shown["expectedWaitSeconds"].as_u64().unwrap() > 10, "{shown}");
}

#[tokio::test]
async fn room_without_a_line_does_not_hide_the_others() {
    let world = with_room().await;
    world.add_room_record("broken").await;
    let rooms = world.ask("GET", "/rooms", None).await.answered(200);
    assert_eq!(rooms["rooms"][0]["state"], "idle");
    assert_eq!(
        (&rooms["rooms"][1]["state"], &rooms["rooms"][1]["waiting"]),
        (&json!("unavailable"), &json!(null))
    );
    assert!(rooms["rooms"][1]["problem"].as_str().is_some_and(|text| !text.is_empty()));
    world.ask("POST", "/rooms/broken/resume", None).await.refused(409);
}

#[tokio::test]
async fn one_of_two_who_add_the_same_room_is_told() {
    let world = World::start().await;
    let add = || world.ask("POST", "/rooms", Some(spring()));
    let (one, two) = tokio::join!(add(), add());
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(world.ask("GET", "/rooms", None).await.json()["rooms"].as_array().unwrap().len(), 1);
}
