//! A store that does not answer costs nobody the place, and is never reported as success.

use std::time::Duration;

use http::StatusCode;

use crate::support::{Browser, CUSTOMER, ROOM, SEATS, World, admitted, enqueue, ticket_url};

#[tokio::test(start_paused = true)]
async fn waiting_goes_on_from_memory_while_the_store_is_down() {
    let world = World::new().await;
    world.fill_line(600).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    world.store.set_down(true);
    assert_eq!(browser.ticket_json(&world).await["state"], "waiting");
    assert_eq!(browser.get(&world, &enqueue(SEATS)).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn newcomer_is_asked_for_patience_and_then_gets_in() {
    let world = World::new().await;
    world.store.set_down(true);
    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header("retry-after"), "5");
    assert!(page.body.contains("http-equiv=\"refresh\" content=\"5\""), "{}", page.body);
    assert!(browser.cookies.is_empty());
    world.store.set_down(false);
    world.pass(Duration::from_secs(5)).await;
    admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
}

#[tokio::test(start_paused = true)]
async fn i3_visitor_whose_turn_comes_while_the_store_is_down_keeps_the_place() {
    let world = World::new().await;
    world.fill_line(2).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    let ticket = browser.ticket().unwrap();
    // The room knows that the turn has come, and cannot write down that it was taken.
    world.pass(Duration::from_secs(4)).await;
    world.store.set_down(true);

    let answer = browser.get(&world, &ticket_url(ROOM)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    let json = answer.json();
    assert_eq!((&json["state"], &json["peopleAhead"]), (&"waiting".into(), &serde_json::Value::Null));
    assert_eq!(json["queueId"], ticket.queue_id.to_string());
    assert!(json["message"].as_str().unwrap().contains("It is safe"));

    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.between("id=\"message\">", "</p>"), json["message"]);
    assert!(page.body.contains("http-equiv=\"refresh\""), "and tries again without script too");
    assert_eq!(browser.ticket().unwrap(), ticket);

    world.store.set_down(false);
    world.pass(Duration::from_secs(5)).await;
    let way_in = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(admitted(&world, way_in.location()).queue_id, ticket.queue_id);
}

#[tokio::test(start_paused = true)]
async fn cancellation_that_was_not_kept_is_not_reported_as_done() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let first = admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
    world.store.set_down(true);
    let url = format!("/cancel/multiple/{CUSTOMER}?wrl={ROOM}~{}", first.queue_id);
    let page = browser.get(&world, &url).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("http-equiv=\"refresh\""), "the page tries again by itself");
    assert!(browser.ticket().is_some(), "nothing is dropped before it is cancelled");
    world.store.set_down(false);
    world.pass(Duration::from_secs(5)).await;
    browser.get(&world, &url).await.location();
    assert!(browser.ticket().is_none());
}

#[tokio::test(start_paused = true)]
async fn room_without_a_line_is_the_operators_to_mend() {
    let world = World::without_lines().await;
    let page = Browser::default().get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header("retry-after"), "20");
}

#[tokio::test(start_paused = true)]
async fn process_that_stops_asks_visitors_to_come_back() {
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await.location();
    world.rooms.close().await;
    assert_eq!(browser.get(&world, &ticket_url(ROOM)).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let page = Browser::default().get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Browser::default().get(&world, "/health").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn node_that_is_cut_off_says_so_and_goes_on_by_itself() {
    let world = World::new().await;
    let mut browsers = world.fill_line(40).await;
    let visitor = browsers.last_mut().unwrap();
    let ticket = visitor.ticket();
    assert!(ticket.is_some());
    world.store.set_down(true);
    world.pass(Duration::from_secs(2)).await;
    let poll = visitor.get(&world, &ticket_url(ROOM)).await;
    assert_eq!(poll.status, StatusCode::OK, "a short trouble is nobody's business");
    world.pass(Duration::from_secs(8)).await;
    let poll = visitor.get(&world, &ticket_url(ROOM)).await;
    assert_eq!((poll.status, poll.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    let page = visitor.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("http-equiv=\"refresh\""), "the page tries again by itself");
    assert_eq!(visitor.ticket(), ticket, "the place is kept");
    let health = Browser::default().get(&world, "/health").await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Browser::default().get(&world, "/healthz").await.status, StatusCode::OK);
    world.store.set_down(false);
    world.pass(Duration::from_secs(4)).await;
    assert_eq!(visitor.get(&world, &ticket_url(ROOM)).await.status, StatusCode::OK);
    assert_eq!(Browser::default().get(&world, "/health").await.status, StatusCode::OK);
}
