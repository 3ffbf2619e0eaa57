//! What connectors get: the official download, and the long poll of our own.

use std::time::Duration;

use serde_json::json;

use crate::world::{Answer, World, queue_action, request};

async fn download(world: &World, customer: &str, headers: &[(&str, &str)]) -> Answer {
    let address = format!("/status/integrationconfig/secure/{customer}");
    world.send(request("GET", &address, headers, None)).await
}

#[tokio::test]
async fn official_download_hands_out_the_newest_version() {
    let world = World::start().await;
    let key = ("api-key", world.new.api_key.expose());
    let nothing = download(&world, "acme", &[key]).await;
    nothing.refused(404);
    assert!(nothing.text.contains("published"), "{}", nothing.text);

    world.add_room_record("spring").await;
    world.publish(json!([queue_action()])).await.answered(201);
    let got = download(&world, "acme", &[key]).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), "application/json; charset=utf-8");
    let config = got.json();
    assert_eq!((&config["Version"], &config["CustomerId"]), (&json!(1), &json!("acme")));
    // What the author left out is filled in as official documents have it.
    assert_eq!(config["Integrations"][0]["CookieDomain"], serde_json::Value::Null);
    assert_eq!(config["Integrations"][0]["IsCookieHttpOnly"], false);

    let same = download(&world, "acme", &[key, ("if-none-match", got.header("etag"))]).await;
    assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""));
    world.publish(json!([])).await.answered(201);
    let newer = download(&world, "acme", &[key, ("if-none-match", got.header("etag"))]).await;
    assert_eq!((newer.status.as_u16(), &newer.json()["Version"]), (200, &json!(2)));
}

#[tokio::test]
async fn download_without_a_key_of_the_account_tells_nothing() {
    let world = World::start().await;
    let other = world.add_account("other").await;
    world.publish(json!([])).await.answered(201);
    download(&world, "acme", &[]).await.refused(401);
    download(&world, "acme", &[("api-key", "")]).await.refused(401);
    for key in ["wrong", other.api_key.expose(), &"x".repeat(5_000)] {
        let known = download(&world, "acme", &[("api-key", key)]).await;
        let unknown = download(&world, "nobody", &[("api-key", key)]).await;
        known.refused(401);
        unknown.refused(401);
        assert_eq!(known.text.replace("acme", "…"), unknown.text.replace("nobody", "…"));
    }
    for customer in ["acme", "nobody"] {
        let open =
            world.send(request("GET", &format!("/status/integrationconfig/{customer}"), &[], None)).await;
        open.refused(404);
        assert!(open.text.contains("api-key"), "{}", open.text);
    }
}

#[tokio::test]
async fn poll_answers_at_once_when_there_is_something_new() {
    let world = World::start().await;
    world.connect("", &[]).await.refused(404);
    world.publish(json!([])).await.answered(201);
    let got = world.connect("?wait=25", &[]).await;
    assert_eq!((got.status.as_u16(), &got.json()["Version"]), (200, &json!(1)));
    let etag = ("if-none-match", got.header("etag"));
    assert_eq!(world.connect("?wait=0", &[etag]).await.status, 304);
    assert_eq!(world.connect("", &[etag]).await.status, 304);
    assert_eq!(world.connect("?wait=25", &[("if-none-match", "\"1-0000\"")]).await.status, 200);
    for bad in ["?wait=x", "?wait=-1", "?wait="] {
        assert_eq!(world.connect(bad, &[etag]).await.refused(422), ["wait"]);
    }
    let stranger = request("GET", "/api/v1/connectors/acme/config", &[("api-key", "wrong")], None);
    world.send(stranger).await.refused(401);
}

#[tokio::test]
async fn held_poll_is_woken_by_a_publication_and_by_nothing_else() {
    let world = World::start().await;
    world.publish(json!([])).await.answered(201);
    let got = world.connect("", &[]).await;
    let etag = [("if-none-match", got.header("etag"))];
    let held = world.connect("?wait=25", &etag);
    tokio::pin!(held);
    // A saved draft moves the account too, and is nothing for connectors.
    let saving = world.ask_with(
        "PUT",
        "/draft",
        &[("if-match", "*")],
        Some(json!({ "description": "x", "integrations": [] })),
    );
    tokio::select! {
        biased;
        answer = &mut held => panic!("answered for a draft: {}", answer.text),
        saved = saving => drop(saved.answered(200)),
    }
    let publishing = async {
        world.ask("POST", "/publish", None).await.answered(201);
        std::time::Instant::now()
    };
    let (answer, published) = tokio::join!(&mut held, publishing);
    assert_eq!((answer.status.as_u16(), &answer.json()["Version"]), (200, &json!(2)));
    assert!(published.elapsed() < Duration::from_secs(1), "{:?}", published.elapsed());
}

#[tokio::test]
async fn poll_waits_for_the_very_first_publication() {
    let world = World::start().await;
    let (answer, _) = tokio::join!(world.connect("?wait=25", &[]), world.publish(json!([])));
    assert_eq!((answer.status.as_u16(), &answer.json()["Version"]), (200, &json!(1)));
}

#[tokio::test]
async fn held_poll_ends_with_its_wait() {
    let world = World::start().await;
    world.connect("?wait=1", &[]).await.refused(404);
    world.publish(json!([])).await.answered(201);
    let got = world.connect("", &[]).await;
    assert_eq!(world.connect("?wait=1", &[("if-none-match", got.header("etag"))]).await.status, 304);
}

#[tokio::test]
async fn connectors_are_listed_with_what_they_run() {
    let world = World::start().await;
    let list = async || world.ask("GET", "/connectors", None).await.answered(200);
    assert_eq!(list().await, json!({ "headVersion": null, "connectors": [] }));

    let shop = [("x-anteroom-connector", "shop"), ("x-anteroom-instance", "a1")];
    world.connect("", &shop).await.refused(404);
    // Who does not say its name is not listed.
    world.connect("", &[("x-anteroom-connector", "nameless")]).await.refused(404);
    let listed = list().await;
    assert_eq!(listed["connectors"].as_array().unwrap().len(), 1);
    assert_eq!(listed["connectors"][0]["state"], "current", "it runs the newest: none");

    world.publish(json!([])).await.answered(201);
    assert_eq!(list().await["connectors"][0]["state"], "behind");
    let got = world.connect("", &shop).await;
    let etag = ("if-none-match", got.header("etag"));
    let running = [&shop[..], &[("x-anteroom-running-version", "1"), etag]].concat();
    assert_eq!(world.connect("", &running).await.status, 304);
    let listed = list().await;
    let one = &listed["connectors"][0];
    assert_eq!(
        (&listed["headVersion"], &one["state"], &one["runningVersion"]),
        (&json!(1), &json!("current"), &json!(1))
    );
    assert!(one["inForceAfterMs"].as_u64().is_some_and(|millis| millis < 60_000), "{one}");
    assert!(one["lastSeenAt"].as_str().unwrap().ends_with('Z'));

    // One that was not there when the version was published says nothing about how long it took.
    let late = [
        ("x-anteroom-connector", "late"),
        ("x-anteroom-instance", "b2"),
        ("x-anteroom-running-version", "1"),
        etag,
    ];
    world.publish(json!([])).await.answered(201);
    let refuses =
        [&shop[..], &[("x-anteroom-running-version", "1"), ("x-anteroom-problem", "too new for me"), etag]]
            .concat();
    world.connect("", &refuses).await;
    world.connect("", &late).await;
    let listed = list().await;
    let late = &listed["connectors"][0];
    assert_eq!(
        (&late["name"], &late["state"], &late["inForceAfterMs"]),
        (&json!("late"), &json!("behind"), &json!(null))
    );
    let shop = &listed["connectors"][1];
    assert_eq!((&shop["state"], &shop["problem"]), (&json!("refuses"), &json!("too new for me")));
}

#[tokio::test]
async fn long_words_of_a_connector_are_cut() {
    let world = World::start().await;
    let long = "x".repeat(5_000);
    let headers = [
        ("x-anteroom-connector", long.as_str()),
        ("x-anteroom-instance", &long),
        ("x-anteroom-problem", &long),
    ];
    world.connect("", &headers).await;
    let listed = world.ask("GET", "/connectors", None).await.json();
    for field in ["name", "instance", "problem"] {
        assert_eq!(listed["connectors"][0][field].as_str().unwrap().len(), 200);
    }
}
