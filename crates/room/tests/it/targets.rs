//! Nobody is sent to a host that the account did not register, least of all with a queue token.

use anteroom_protocol::encode::enc;
use anteroom_protocol::ticket::Ticket;
use anteroom_protocol::time::Timestamp;
use http::StatusCode;

use crate::support::{Browser, CUSTOMER, HOME, ROOM, SEATS, World, admitted, enqueue};

const ELSEWHERE: &[&str] = &[
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "https:/\\evil.example",
    "https://shop.example@evil.example/",
    "https://shop.example.evil.example/",
    "https://evil.example/https://shop.example/",
    "https://evil.example\\@shop.example/",
    "https://shop.example:8443/",
    "javascript:alert(1)",
    "javascript://shop.example/%0aalert(1)",
    "data:text/html,x",
    "https://shop.example/\r\nlocation: https://evil.example/",
    "https://shop.example/\u{0}",
    "relative",
    "",
];

#[tokio::test(start_paused = true)]
async fn no_target_elsewhere_is_redirected_to() {
    let world = World::new().await;
    for target in ELSEWHERE {
        let mut browser = Browser::default();
        let answer = browser.get(&world, &enqueue(target)).await;
        assert_eq!(admitted(&world, answer.location()).target, HOME, "{target:?}");
        assert_eq!(browser.ticket().unwrap().target, None, "{target:?}");
        world.pass(std::time::Duration::from_secs(2)).await;

        let cancel = format!("/cancel/multiple/{CUSTOMER}?wrl={ROOM}&r={}", enc(target));
        assert_eq!(browser.get(&world, &cancel).await.location(), HOME, "{target:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn old_token_in_the_target_is_replaced() {
    let world = World::new().await;
    let target = "https://shop.example/a?queueittoken=old&b=1#end";
    let answer = Browser::default().get(&world, &enqueue(target)).await;
    let location = answer.location();
    assert!(location.starts_with("https://shop.example/a?b=1&queueittoken=e_spring24~q_"), "{location}");
    assert!(location.ends_with("#end") && location.matches("queueittoken").count() == 1, "{location}");
}

#[tokio::test(start_paused = true)]
async fn host_that_is_not_allowed_any_more_is_not_redirected_to() {
    let world = World::new().await;
    world.fill_line(1).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    world
        .edit_account(|account| {
            account.allowed_hosts = vec!["new.example".to_owned()];
            account.rooms[0].default_target = "https://new.example/".to_owned();
        })
        .await;
    world.pass(std::time::Duration::from_secs(5)).await;
    let json = browser.ticket_json(&world).await;
    assert_eq!(admitted(&world, json["redirectUrl"].as_str().unwrap()).target, "https://new.example/");
}

#[tokio::test(start_paused = true)]
async fn room_that_leads_nowhere_gives_no_places_and_keeps_tickets() {
    let world = World::new().await;
    world.fill_line(1).await;
    let mut holder = Browser::default();
    holder.get(&world, &enqueue(SEATS)).await;
    world.edit_account(|account| account.allowed_hosts = vec!["new.example".to_owned()]).await;

    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.body.contains("One moment, please") && page.body.contains("http-equiv=\"refresh\""));
    assert!(browser.cookies.is_empty(), "nobody waits for nothing");

    let page = holder.get(&world, &enqueue(SEATS)).await;
    assert_eq!((page.status, page.state().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "waiting"));
    assert!(holder.ticket().is_some());
    // Nowhere to go after a cancellation either: then a page says that it is done.
    let given_up = holder.get(&world, &format!("/cancel/{CUSTOMER}/{ROOM}")).await;
    assert_eq!(given_up.status, StatusCode::OK);
    assert!(given_up.body.contains("You are out"));
}

#[tokio::test(start_paused = true)]
async fn longest_target_of_all_still_fits_the_cookie_and_the_address() {
    let world = World::new().await;
    let target = format!("https://shop.example/?q={}", "%C3%A9".repeat(320));
    let mut browser = Browser::default();
    let answer = browser.get(&world, &enqueue(&target)).await;
    assert_eq!(admitted(&world, answer.location()).target, target);
    assert!(answer.set_cookies().all(|cookie| cookie.len() < 4096));
    let name = Ticket::cookie_name(&CUSTOMER.parse().unwrap(), &ROOM.parse().unwrap());
    assert!(browser.cookies.contains_key(&name));
    assert!(browser.ticket().unwrap().issued_at > Timestamp::EPOCH);
}
