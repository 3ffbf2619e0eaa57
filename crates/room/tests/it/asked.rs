//! What connectors ask: how often a queue id was used, and whether a visitor may pass without queueing.

use std::time::Duration;

use anteroom_protocol::queue_token::QueueToken;
use anteroom_protocol::room_call::{is_use_allowed, read_direct_pass};
use anteroom_queue::settings::EnqueueTokenUse;
use anteroom_queue::{Command, Settings};
use axum::body::Body;
use http::{Method, Request, StatusCode};

use crate::support::{API_KEY, Answer, Browser, CUSTOMER, ROOM, SEATS, World, enqueue, key, send};

const QUEUE_ID: &str = "0f1e2d3c-4b5a-4697-8877-665544332211";

async fn ask(world: &World, url: &str, key: (&str, &str), body: &str) -> Answer {
    let request = Request::builder().method(Method::POST).uri(url).header(key.0, key.1);
    send(world, request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn verify(world: &World, limit: Option<u64>) -> Answer {
    let limit = limit.map(|limit| format!("?limit={limit}")).unwrap_or_default();
    let url = format!("/api/verify/{CUSTOMER}/{ROOM}/{QUEUE_ID}{limit}");
    ask(world, &url, ("api-key", API_KEY), r#"{"url":"https://shop.example/"}"#).await
}

/// The queue token of a visitor who may pass.
async fn direct_pass(world: &World) -> Option<String> {
    let url = format!("/api/directpass/{CUSTOMER}/{ROOM}");
    let answer = ask(world, &url, ("x-queueit-proxykey", API_KEY), r#"{"protectedUrl":"https://x/"}"#).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    read_direct_pass(answer.body.as_bytes()).expect("a connector can read the answer")
}

#[tokio::test(start_paused = true)]
async fn uses_of_a_queue_id_are_counted_up_to_its_limit() {
    let world = World::new().await;
    for expected in [true, true, false, false] {
        let answer = verify(&world, Some(2)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(is_use_allowed(answer.body.as_bytes(), Some(2)), Some(expected));
        assert!(answer.header("cache-control").contains("no-store"));
    }
    assert_eq!(verify(&world.restarted().await, Some(2)).await.body, r#"{"QIdUsageCount":3}"#);
    assert_eq!(is_use_allowed(verify(&world, None).await.body.as_bytes(), None), Some(true));
}

#[tokio::test(start_paused = true)]
async fn only_a_key_of_the_account_gets_an_answer() {
    let world = World::new().await;
    let verify = format!("/api/verify/{CUSTOMER}/{ROOM}/{QUEUE_ID}");
    let pass = format!("/api/directpass/{CUSTOMER}/{ROOM}");
    let mut told = Vec::new();
    for (url, name) in [(&*verify, "api-key"), (&*pass, "x-queueit-proxykey")] {
        for key in [(name, "another"), (name, ""), ("x-other", API_KEY), (name, &*"a".repeat(5_000))] {
            told.push(ask(&world, url, key, "{}").await);
        }
        // Who has no key does not learn which accounts there are.
        told.push(ask(&world, &url.replace(CUSTOMER, "nobody"), (name, API_KEY), "{}").await);
        told.push(ask(&world, &url.replace(ROOM, "nosuch"), (name, "another"), "{}").await);
    }
    for answer in told {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(!answer.body.contains(API_KEY));
    }
}

#[tokio::test(start_paused = true)]
async fn question_with_a_mistake_is_told_what_is_wrong() {
    let world = World::new().await;
    let verify = format!("/api/verify/{CUSTOMER}/{ROOM}/{QUEUE_ID}");
    let key = ("api-key", API_KEY);
    let too_long = format!("{{\"url\":\"{}\"}}", "a".repeat(70_000));
    for (url, body, status, told) in [
        (format!("/api/verify/{CUSTOMER}/nosuch/{QUEUE_ID}"), "{}", StatusCode::NOT_FOUND, "waiting room"),
        (format!("/api/verify/{CUSTOMER}/{ROOM}/7"), "{}", StatusCode::BAD_REQUEST, "UUID"),
        (format!("{verify}?limit=-1"), "{}", StatusCode::BAD_REQUEST, "limit"),
        (format!("{verify}?limit=three"), "{}", StatusCode::BAD_REQUEST, "limit"),
        (verify.clone(), "", StatusCode::BAD_REQUEST, "JSON"),
        (verify.clone(), "url=x", StatusCode::BAD_REQUEST, "JSON"),
        (verify.clone(), &*too_long, StatusCode::PAYLOAD_TOO_LARGE, "65536 bytes"),
        (format!("/api/verify/{CUSTOMER}/{ROOM}/%ff"), "{}", StatusCode::BAD_REQUEST, "address"),
    ] {
        let answer = ask(&world, &url, key, body).await;
        assert_eq!(answer.status, status, "{url}: {}", answer.body);
        assert!(answer.body.contains(told), "{url}: {}", answer.body);
    }
    let answer = Browser::default().get(&world, &verify).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    // None of these was counted.
    assert_eq!(ask(&world, &verify, key, "{}").await.body, r#"{"QIdUsageCount":1}"#);
}

#[tokio::test(start_paused = true)]
async fn question_that_does_not_arrive_is_given_up() {
    let world = World::new().await;
    let body = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = Request::builder().method(Method::POST).header("api-key", API_KEY);
    let request = request.uri(format!("/api/verify/{CUSTOMER}/{ROOM}/{QUEUE_ID}")).body(body).unwrap();
    assert_eq!(send(&world, request).await.status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn store_that_is_down_is_no_answer_rather_than_a_wrong_one() {
    let world = World::new().await;
    world.store.set_down(true);
    let answer = verify(&world, Some(2)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(is_use_allowed(answer.body.as_bytes(), Some(2)), None);
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test(start_paused = true)]
async fn i1_idle_room_lets_pass_a_burst_and_then_at_the_outflow() {
    let world = World::new().await;
    let mut passed = Vec::new();
    for _ in 0..600 {
        if let Some(token) = direct_pass(&world).await {
            passed.push(token);
        }
        world.pass(Duration::from_millis(100)).await;
    }
    // A minute at one a second, and the burst of two.
    assert!((58..=62).contains(&passed.len()), "{} passed", passed.len());
    let mut ids: Vec<String> = passed
        .iter()
        .map(|token| {
            // The first ones have run out by now.
            let opened =
                QueueToken::open(token, &key(), anteroom_protocol::time::Timestamp::EPOCH, &[ROOM], None);
            let opened = opened.unwrap();
            assert_eq!(opened.redirect_type, "idle");
            opened.queue_id.unwrap().to_string()
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), passed.len(), "everybody has an id of their own");
}

#[tokio::test(start_paused = true)]
async fn i2_nobody_passes_those_who_wait_and_no_place_is_taken_from_them() {
    let world = World::new().await;
    let mut waiting = world.fill_line(5).await;
    for _ in 0..100 {
        assert_eq!(direct_pass(&world).await, None);
    }
    let last = waiting.last_mut().unwrap();
    let ahead = last.ticket_json(&world).await["peopleAhead"].as_u64().unwrap();
    assert!(ahead <= 4, "{ahead}");
    let mut newcomer = Browser::default();
    newcomer.get(&world, &enqueue(SEATS)).await;
    let ahead = newcomer.ticket_json(&world).await["peopleAhead"].as_u64().unwrap();
    assert!(ahead <= 5, "{ahead} ahead: those who asked at the site hold no places");
}

#[tokio::test(start_paused = true)]
async fn crowd_that_asks_at_once_leaves_no_crowd_in_the_line() {
    let world = World::new().await;
    let passed = futures_util::future::join_all((0..500).map(|_| direct_pass(&world))).await;
    assert!(passed.into_iter().flatten().count() <= 2);
    let mut newcomer = Browser::default();
    newcomer.get(&world, &enqueue(SEATS)).await;
    let ahead = newcomer.ticket_json(&world).await["peopleAhead"].as_u64().unwrap();
    assert!(ahead <= 2, "{ahead}");
}

#[tokio::test(start_paused = true)]
async fn paused_room_lets_nobody_pass() {
    let world = World::new().await;
    world.command(ROOM, Command::Pause { message: "back at noon".to_owned() }).await;
    assert_eq!(direct_pass(&world).await, None);
    world.command(ROOM, Command::Resume).await;
    assert!(direct_pass(&world).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn room_that_asks_for_invitations_lets_nobody_pass_without_one() {
    let world = World::new().await;
    let mut settings = Settings::with_outflow(60);
    settings.enqueue_token = EnqueueTokenUse::Required;
    world.command(ROOM, Command::Configure(settings.clone())).await;
    assert_eq!(direct_pass(&world).await, None);
    settings.enqueue_token = EnqueueTokenUse::Optional;
    world.command(ROOM, Command::Configure(settings)).await;
    assert!(direct_pass(&world).await.is_some());
}
