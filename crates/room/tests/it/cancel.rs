//! Giving up a place: what is cancelled, what is not, and where the visitor goes then.

use std::time::Duration;

use anteroom_protocol::encode::enc;
use anteroom_protocol::id::QueueId;
use anteroom_queue::Command;
use http::StatusCode;

use crate::support::{Browser, CUSTOMER, HOME, OTHER_ROOM, ROOM, SEATS, World, admitted, enqueue};

const DONE: &str = "https://shop.example/done?a=1";

#[tokio::test(start_paused = true)]
async fn cancelled_place_is_not_used_again() {
    let world = World::new().await;
    for form in [
        |id: QueueId| format!("/cancel/multiple/{CUSTOMER}?wrl={ROOM}~{id}_{OTHER_ROOM}&r={}", enc(DONE)),
        |id: QueueId| format!("/cancel/{CUSTOMER}/{ROOM}/{id}?c={CUSTOMER}&e={ROOM}&r={}", enc(DONE)),
        |id: QueueId| format!("/cancel/{CUSTOMER}/{ROOM}/{id}/?r={}", enc(DONE)),
        // Fastly's connector, and scripts in browsers.
        |_: QueueId| format!("/cancel/{CUSTOMER}/{ROOM}/?r={}", enc(DONE)),
    ] {
        world.pass(Duration::from_secs(5)).await;
        let mut browser = Browser::default();
        let first = admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
        let copy = browser.clone();
        let url = form(first.queue_id);
        for _ in 0..2 {
            assert_eq!(browser.get(&world, &url).await.location(), DONE, "{url}");
            assert!(browser.cookies.is_empty(), "{url}");
        }
        let second = admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
        assert_ne!(second.queue_id, first.queue_id, "{url}");
        // Who kept a copy of the ticket has nothing of it.
        let mut copy = copy;
        assert_eq!(copy.get(&world, &enqueue(SEATS)).await.state(), "spent", "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn answer_tells_nobody_which_queue_ids_exist() {
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await.location();
    for queue_id in ["7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f", "no-id", "%00", "..", "7d3f0c52"] {
        let url = format!("/cancel/multiple/{CUSTOMER}?wrl={ROOM}~{queue_id}&r={}", enc(DONE));
        let answer = browser.get(&world, &url).await;
        assert_eq!(answer.location(), DONE, "{queue_id}");
        assert_eq!(answer.set_cookies().count(), 0, "another place than one's own is not one's own");
        let answer = browser.get(&world, &format!("/cancel/{CUSTOMER}/{ROOM}/{queue_id}")).await;
        assert_eq!(answer.location(), HOME);
    }
}

#[tokio::test(start_paused = true)]
async fn i3_link_on_somebodys_page_costs_nobody_the_place_in_line() {
    let world = World::new().await;
    world.fill_line(2).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    for url in [
        format!("/cancel/{CUSTOMER}/{ROOM}"),
        format!("/cancel/multiple/{CUSTOMER}?wrl={ROOM}"),
        format!("/cancel/{CUSTOMER}/{ROOM}/7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f"),
    ] {
        assert_eq!(browser.get(&world, &url).await.location(), HOME, "{url}");
        assert_eq!(browser.ticket_json(&world).await["state"], "waiting", "{url}");
    }
    // Also while nobody is let in.
    world.command(ROOM, Command::Pause { message: String::new() }).await;
    browser.get(&world, &format!("/cancel/{CUSTOMER}/{ROOM}")).await;
    assert!(browser.ticket().is_some());
    let own = browser.ticket().unwrap().queue_id;
    browser.get(&world, &format!("/cancel/{CUSTOMER}/{ROOM}/{own}")).await;
    assert!(browser.ticket().is_none(), "one's own place can be given up while waiting");
}

#[tokio::test(start_paused = true)]
async fn rooms_that_do_not_exist_are_passed_over() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let url = format!("/cancel/multiple/{CUSTOMER}?wrl=nosuch_{ROOM}__~_x&r={}", enc(DONE));
    assert_eq!(browser.get(&world, &url).await.location(), DONE);
    for url in [
        format!("/cancel/multiple/{CUSTOMER}?wrl=nosuch"),
        format!("/cancel/multiple/{CUSTOMER}"),
        format!("/cancel/nobody/{ROOM}"),
        "/cancel/multiple".to_owned(),
        format!("/cancel/{CUSTOMER}/{ROOM}/a/b"),
    ] {
        assert_eq!(browser.get(&world, &url).await.status, StatusCode::NOT_FOUND, "{url}");
    }
}
