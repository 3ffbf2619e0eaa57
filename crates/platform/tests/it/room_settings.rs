//! What an operator sets for a room, when it is to happen, and what the interface says of it.

use serde_json::{Value, json};

use crate::world::World;

async fn with_room() -> World {
    let world = World::start().await;
    let room = json!({
        "waitingRoomId": "spring", "displayName": "Spring sale",
        "defaultTarget": "https://shop.example/seats", "outflowPerMinute": 60
    });
    world.ask("POST", "/rooms", Some(room)).await.answered(201);
    world
}

async fn patch(world: &World, body: Value) -> crate::world::Answer {
    world.ask("PATCH", "/rooms/spring", Some(body)).await
}

async fn newest_audit(world: &World) -> String {
    let audit = world.ask("GET", "/audit", None).await.json();
    audit["entries"][0]["what"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_setting_is_taken_shown_and_written_down() {
    let world = with_room().await;
    let settings = json!({
        "outflowPerMinute": 600, "burst": 30, "lateWindowSeconds": 600, "tokenValiditySeconds": 60,
        "reEntryLimit": 3, "mode": "closed", "laneWeights": [3, 1], "maxActive": 500, "sessionSeconds": 900,
        "rampSeconds": 120, "uniqueKeys": true, "enqueueToken": "requiredWithKey",
    });
    let shown = patch(&world, settings.clone()).await.answered(200);
    for (name, value) in settings.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    assert_eq!(shown["state"], "closed");
    let said = newest_audit(&world).await;
    for part in [
        "changed the room spring: it is closed",
        "its outflow a minute is 600 instead of 60",
        "its burst is 30 instead of 2",
        "at most 500 are inside",
        "the weights of its lanes are 3, 1",
        "a key holds one place",
        "nobody joins without an enqueue token that has a key",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let shown =
        patch(&world, json!({ "maxActive": null, "burst": null, "laneWeights": [], "mode": "queue" }))
            .await
            .answered(200);
    assert_eq!((&shown["maxActive"], &shown["burst"]), (&json!(null), &json!(null)));
    assert_eq!((&shown["laneWeights"], &shown["uniqueKeys"]), (&json!([]), &json!(true)));
}

#[tokio::test]
async fn changes_of_different_settings_at_the_same_time_are_all_made() {
    let world = with_room().await;
    let bodies = [
        json!({ "maxActive": 5 }),
        json!({ "rampSeconds": 60 }),
        json!({ "outflowPerMinute": 120 }),
        json!({ "uniqueKeys": true }),
        json!({ "laneWeights": [2, 1] }),
    ];
    let [one, two, three, four, five] = bodies.map(|body| patch(&world, body));
    let _ = tokio::join!(one, two, three, four, five);
    let shown = world.ask("GET", "/rooms/spring", None).await.answered(200);
    assert_eq!((&shown["maxActive"], &shown["rampSeconds"]), (&json!(5), &json!(60)));
    assert_eq!((&shown["outflowPerMinute"], &shown["uniqueKeys"]), (&json!(120), &json!(true)));
    assert_eq!(shown["laneWeights"], json!([2, 1]));
}

#[tokio::test]
async fn schedule_is_kept_as_it_was_written_and_resolved_by_its_zone() {
    let world = with_room().await;
    let schedule = json!({
        "timeZone": "Europe/Berlin", "preQueueAt": "2096-11-24T09:30", "startsAt": "2096-11-24T10:00",
    });
    let shown = patch(&world, json!({ "schedule": schedule })).await.answered(200);
    let found = &shown["schedule"];
    assert_eq!(
        (&found["timeZone"], &found["startsAt"]),
        (&json!("Europe/Berlin"), &json!("2096-11-24T10:00"))
    );
    assert_eq!(found["startsAtUtc"], "2096-11-24T09:00:00Z");
    assert_eq!((&found["endsAt"], &found["remark"]), (&json!(null), &json!(null)));
    assert!(shown["plan"][0].as_str().is_some(), "{shown}");
    let said = newest_audit(&world).await;
    assert!(said.contains("it starts at Sat 24 Nov 2096 10:00 Europe/Berlin (09:00 UTC)"), "{said}");
    assert_eq!(world.ask("GET", "/rooms/spring", None).await.answered(200)["schedule"], shown["schedule"]);

    // The same moments in another zone are another text, and nothing changes for visitors.
    let schedule =
        json!({ "timeZone": "UTC", "preQueueAt": "2096-11-24T08:30", "startsAt": "2096-11-24T09:00" });
    let moved = patch(&world, json!({ "schedule": schedule })).await.answered(200);
    assert_eq!(moved["schedule"]["startsAtUtc"], shown["schedule"]["startsAtUtc"]);
    assert_eq!(moved["schedule"]["timeZone"], "UTC");
    assert!(newest_audit(&world).await.contains("written differently"));

    let gone = patch(&world, json!({ "schedule": null })).await.answered(200);
    assert_eq!(gone["schedule"], json!(null));
    assert!(newest_audit(&world).await.contains("it has no schedule"));
}

#[tokio::test]
async fn check_tells_what_would_happen_and_changes_nothing() {
    let world = with_room().await;
    let before = world.ask("GET", "/rooms/spring", None).await.answered(200);
    let check = async |body| world.ask("POST", "/rooms/spring/check", Some(body)).await;
    let schedule = json!({ "timeZone": "America/New_York", "startsAt": "2096-07-01T20:00" });
    let shown = check(json!({ "schedule": schedule, "maxActive": 5 })).await.answered(200);
    assert_eq!(shown["schedule"]["startsAtUtc"], "2096-07-02T00:00:00Z");
    assert!(
        shown["plan"].to_string().contains("America/New_York (Mon 2 Jul 00:00 UTC)"),
        "{}",
        shown["plan"]
    );
    assert_eq!(world.ask("GET", "/rooms/spring", None).await.answered(200), before);
}

#[tokio::test]
async fn everything_that_cannot_be_is_told_at_once_and_nothing_is_changed() {
    let world = with_room().await;
    let before = world.ask("GET", "/rooms/spring", None).await.answered(200);
    let body = json!({
        "displayName": "New", "laneWeights": [0], "maxActive": 0, "rampSeconds": 4000, "sessionSeconds": 5,
        "schedule": { "timeZone": "Europe/Berlin", "preQueueAt": "2096-11-24T11:00", "startsAt": "2026-03-29T02:30" },
    });
    let answer = patch(&world, body).await;
    assert_eq!(
        answer.refused(422),
        ["schedule.startsAt", "maxActive", "sessionSeconds", "rampSeconds", "laneWeights"]
    );
    assert!(answer.text.contains("does not exist there"), "{}", answer.text);
    let body = json!({
        "mode": "open", "enqueueToken": true, "uniqueKeys": "yes", "laneWeights": [1, 2, 3, 4, 5],
        "schedule": { "startsAt": 7, "begins": "x" },
    });
    let answer = patch(&world, body).await;
    assert_eq!(
        answer.refused(422),
        [
            "mode",
            "schedule.timeZone",
            "schedule.startsAt",
            "schedule.begins",
            "laneWeights",
            "uniqueKeys",
            "enqueueToken"
        ]
    );
    assert_eq!(patch(&world, json!({ "schedule": [] })).await.refused(422), ["schedule"]);
    assert_eq!(world.ask("GET", "/rooms/spring", None).await.answered(200), before);
}

#[tokio::test]
async fn room_is_added_with_its_settings_at_once() {
    let world = World::start().await;
    let mut room = json!({
        "waitingRoomId": "spring", "displayName": "Spring sale", "defaultTarget": "https://shop.example/",
        "outflowPerMinute": 600, "maxActive": 50, "laneWeights": [2, 1],
        "schedule": { "timeZone": "Europe/Berlin", "startsAt": "2096-11-24T10:00" },
    });
    let shown = world.ask("POST", "/rooms", Some(room.clone())).await.answered(201);
    assert_eq!((&shown["maxActive"], &shown["laneWeights"]), (&json!(50), &json!([2, 1])));
    assert_eq!(shown["schedule"]["startsAtUtc"], "2096-11-24T09:00:00Z");
    room["waitingRoomId"] = json!("autumn");
    room["maxActive"] = json!(0);
    room["schedule"]["timeZone"] = json!("Berlin");
    let answer = world.ask("POST", "/rooms", Some(room)).await;
    assert_eq!(answer.refused(422), ["schedule.timeZone", "maxActive"]);
}
#[tokio::test]
async fn reset_needs_the_rooms_name_and_the_epoch_that_ends() {
    let world = with_room().await;
    let reset = async |body| world.ask("POST", "/rooms/spring/reset", Some(body)).await;
    assert_eq!(reset(json!({})).await.refused(422), ["confirm", "epoch"]);
    assert_eq!(reset(json!({ "confirm": "yes", "epoch": 1 })).await.refused(422), ["confirm"]);
    let epoch = world.ask("GET", "/rooms/spring", None).await.answered(200)["epoch"].clone();
    let shown = reset(json!({ "confirm": "spring", "epoch": epoch })).await.answered(200);
    assert!(shown["epoch"].as_u64() > epoch.as_u64(), "{shown}");
    assert!(newest_audit(&world).await.contains("reset the room spring"));
    // The answer was lost, and it is asked for again: that is one reset.
    let again = reset(json!({ "confirm": "spring", "epoch": epoch })).await;
    assert!(again.status == 200 || again.status == 409, "{again:?}");
    assert_eq!(world.ask("GET", "/rooms/spring", None).await.answered(200)["epoch"], shown["epoch"]);
    reset(json!({ "confirm": "spring", "epoch": 77 })).await.refused(409);
}

#[tokio::test]
async fn draw_is_published_before_the_start_and_takes_a_beacon() {
    let world = with_room().await;
    let beacon =
        async |value: Value| world.ask("POST", "/rooms/spring/beacon", Some(json!({ "value": value }))).await;
    beacon(json!("4 8 15 16 23 42")).await.refused(409);
    assert_eq!(beacon(json!("")).await.refused(422), ["value"]);
    assert_eq!(beacon(json!("x".repeat(201))).await.refused(422), ["value"]);
    assert_eq!(beacon(json!("ä".repeat(150))).await.refused(422), ["value"]);
    // A room that has started stays so: the schedule is for a room after its reset.
    let schedule = json!({
        "timeZone": "Europe/Berlin", "preQueueAt": "2096-11-24T09:30", "startsAt": "2096-11-24T10:00",
    });
    let scheduled = patch(&world, json!({ "schedule": schedule })).await.answered(200);
    let body = json!({ "confirm": "spring", "epoch": scheduled["epoch"] });
    let shown = world.ask("POST", "/rooms/spring/reset", Some(body)).await.answered(200);
    assert_eq!((&shown["state"], &shown["phase"]), (&json!("before"), &json!("before")));
    let draw = &shown["draw"];
    assert_eq!(draw["commitment"].as_str().map(str::len), Some(64), "{shown}");
    assert_eq!((&draw["key"], &draw["beacon"]), (&json!(null), &json!(null)));
    let shown = beacon(json!("4 8 15 16 23 42")).await.answered(200);
    assert_eq!(shown["draw"]["beacon"], "4 8 15 16 23 42");
    assert_eq!(newest_audit(&world).await, "set the beacon of the room spring to “4 8 15 16 23 42”");
}
