//! What a visitor is told whom the site sent back, and the one reason that mends itself.

use std::time::Duration;

use anteroom_protocol::encode::enc;
use anteroom_protocol::id::QueueId;
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::time::Timestamp;
use http::StatusCode;

use crate::support::{Browser, OTHER_ROOM, ROOM, SEATS, World, admitted, enqueue, key};

/// As an official connector writes it: the token is not encoded.
fn error_url(code: &str, token: &str, target: &str) -> String {
    format!(
        "/error/{code}/?c=acme&e={ROOM}&ver=javascript-4.4.4&cver=7&man=a&cid=en-GB&l=Blue&queueittoken={token}&ts=1700000000&t={}",
        enc(target)
    )
}

#[tokio::test(start_paused = true)]
async fn every_code_is_explained_and_leads_back_to_the_line() {
    let world = World::new().await;
    for (code, status, text) in [
        ("hash", StatusCode::BAD_REQUEST, "could not be checked"),
        ("eventid", StatusCode::BAD_REQUEST, "another line"),
        ("timestamp", StatusCode::GONE, "has run out"),
        ("ip", StatusCode::BAD_REQUEST, "network has changed"),
        ("connector/sessionstate", StatusCode::BAD_REQUEST, "network has changed"),
        ("qidlimit", StatusCode::GONE, "used too often"),
        ("nonsense", StatusCode::BAD_REQUEST, "sent you back"),
        ("a/b/c", StatusCode::BAD_REQUEST, "sent you back"),
    ] {
        for url in [error_url(code, "none", SEATS), error_url(code, "none", SEATS).replacen("/?", "?", 1)] {
            let mut browser = Browser::default();
            let page = browser.get(&world, &url).await;
            assert_eq!(page.status, status, "{url}");
            assert!(page.body.contains(text), "{url}: {}", page.body);
            assert_eq!(page.button(), format!("/?c=acme&e={ROOM}&cid=en-GB&l=Blue&t={}", enc(SEATS)));
            assert!(browser.cookies.is_empty());
            let way_in = browser.get(&world, &page.button()).await;
            assert_eq!(admitted(&world, way_in.location()).target, SEATS, "the link leads on");
            world.pass(Duration::from_secs(2)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_came_in_the_address_is_shown_raw() {
    let world = World::new().await;
    let evil = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for url in [
        format!("/error/{evil}/?c=acme&e={ROOM}&t={evil}&l={evil}&cid={evil}&icr={evil}"),
        error_url("hash", evil, "https://shop.example/\"><script>alert(1)</script>"),
        error_url("hash", "x&t=https://evil.example/%22%3E%3Cscript%3E#", SEATS),
    ] {
        let page = Browser::default().get(&world, &url).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(
            !page.body.contains("<script>alert") && !page.body.contains("%22%3E%3Cscript%3Ealert(1)%3C/")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn queue_token_that_ran_out_is_replaced_for_the_visitor_it_was_made_for() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let first = admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());

    // Our clock says that it is still good: the same one again would go round in circles.
    let page = browser.get(&world, &error_url("timestamp", &first.token, SEATS)).await;
    assert_eq!(page.status, StatusCode::GONE);

    // Keeps the line moving, so that the late window is that of a live room.
    world.pass(Duration::from_secs(200)).await;
    let mut stranger = Browser::default();
    let page = stranger.get(&world, &error_url("timestamp", &first.token, SEATS)).await;
    assert_eq!(page.status, StatusCode::GONE, "who has no ticket gets nothing for somebody's old token");

    let fresh = browser.get(&world, &error_url("timestamp", &first.token, "https://shop.example/x")).await;
    let fresh = admitted(&world, fresh.location());
    assert_eq!((fresh.target.as_str(), fresh.queue_id), ("https://shop.example/x", first.queue_id));
    assert_ne!(fresh.token, first.token);

    world.pass(Duration::from_secs(200)).await;
    let page = browser.get(&world, &error_url("timestamp", &fresh.token, SEATS)).await;
    assert_eq!(page.status, StatusCode::GONE, "not more often than the room allows");
    assert!(!page.body.contains(&fresh.token));
}

#[tokio::test(start_paused = true)]
async fn no_other_code_and_no_other_token_lets_anybody_pass() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let genuine = admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
    world.pass(Duration::from_secs(200)).await;
    for code in ["hash", "eventid", "ip", "connector/sessionstate", "nonsense"] {
        let page = browser.get(&world, &error_url(code, &genuine.token, SEATS)).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{code}");
        assert!(browser.ticket().is_some());
    }
    let token = |room: &str, queue_id, key: &Key| {
        let token = NewQueueToken {
            room: &room.parse().unwrap(),
            queue_id,
            expires_at: Timestamp::from_seconds(1_700_000_000),
            cookie_validity_minutes: None,
            redirect_type: RedirectType::Queue,
            client_ip: None,
        };
        token.seal(key)
    };
    let own = browser.ticket().unwrap().queue_id;
    for (what, token) in [
        ("of another visitor", token(ROOM, Some(QueueId::from_random([9; 16])), &key())),
        ("of nobody", token(ROOM, None, &key())),
        ("of another room", token(OTHER_ROOM, Some(own), &key())),
        ("signed by somebody else", token(ROOM, Some(own), &Key::new(b"guess"))),
        ("changed", genuine.token.replace("ts_17", "ts_16")),
        ("empty", String::new()),
    ] {
        let page = browser.get(&world, &error_url("timestamp", &token, SEATS)).await;
        assert_eq!(page.status, StatusCode::GONE, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn visitor_over_the_usage_limit_joins_with_a_new_queue_id() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let first = admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
    // A link of somebody else's costs nothing.
    let page = browser.get(&world, &error_url("qidlimit", "none", SEATS)).await;
    assert_eq!(page.set_cookies().count(), 0);
    let page = browser.get(&world, &error_url("qidlimit", &first.token, SEATS)).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert!(browser.cookies.is_empty());
    let second = admitted(&world, browser.get(&world, &page.button()).await.location());
    assert_ne!(second.queue_id, first.queue_id);
}
