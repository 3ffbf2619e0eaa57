//! The ticket's cookie: secure where the visitor's connection is, and never in its own way.

use http::StatusCode;

use crate::support::{Browser, PROXY, SEATS, World, admitted, enqueue};

const SECURE: &str = "__Host-anteroom-ticket-acme-spring24";
const IN_CLEAR: &str = "anteroom-ticket-acme-spring24";

#[tokio::test(start_paused = true)]
async fn cookie_is_secure_where_the_connection_is() {
    let world = World::new().await;
    let over_tls = Browser { is_tls: true, ..Browser::default() };
    let stranger = "203.0.113.9:4000";
    for (mut browser, name, what) in [
        (Browser::default(), IN_CLEAR, "in the clear"),
        (over_tls.clone(), SECURE, "over TLS"),
        (Browser { proxy: Some((PROXY, "https")), ..over_tls.clone() }, SECURE, "over TLS to a proxy"),
        (Browser { proxy: Some((PROXY, "http, https")), ..over_tls }, SECURE, "the nearest proxy's word"),
        (Browser { proxy: Some((PROXY, "http")), ..Browser::default() }, IN_CLEAR, "in the clear to a proxy"),
        (Browser { proxy: Some((stranger, "https")), ..Browser::default() }, IN_CLEAR, "a stranger's word"),
    ] {
        let answer = browser.get(&world, &enqueue(SEATS)).await;
        let cookies: Vec<&str> = answer.set_cookies().collect();
        let [cookie] = cookies.as_slice() else { panic!("{what}: {cookies:?}") };
        assert!(cookie.starts_with(&format!("{name}=")), "{what}: {cookie}");
        assert_eq!(cookie.contains("; Secure"), name == SECURE, "{what}: {cookie}");
        for attribute in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=604800"] {
            assert!(cookie.contains(attribute), "{what}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{what}: {cookie}");
    }
}

/// A demo serves both on one host, and browsers share cookies between its ports.
#[tokio::test(start_paused = true)]
async fn secure_cookie_does_not_keep_a_visitor_out_of_the_room_in_the_clear() {
    let world = World::new().await;
    world.fill_line(2).await;
    let mut browser = Browser { is_tls: true, ..Browser::default() };
    browser.get(&world, &enqueue(SEATS)).await;
    browser.is_tls = false;
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.state(), "waiting");
    let again = browser.get(&world, &page.refresh_url()).await;
    assert_eq!((again.status, again.state().as_str()), (StatusCode::OK, "waiting"));
    assert_eq!(browser.cookies.len(), 2);
    assert_eq!(browser.ticket_json(&world).await["peopleAhead"], 3, "a place of its own");
    browser.is_tls = true;
    assert_eq!(browser.ticket_json(&world).await["peopleAhead"], 2, "and the first one is kept");
}

#[tokio::test(start_paused = true)]
async fn place_from_a_page_in_the_clear_holds_over_tls() {
    let world = World::new().await;
    world.fill_line(2).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    let ticket = browser.ticket().unwrap();
    browser.is_tls = true;
    assert_eq!(browser.ticket_json(&world).await["queueId"], ticket.queue_id.to_string());

    let own = ticket.queue_id;
    browser.get(&world, &format!("/cancel/acme/spring24/{own}")).await.location();
    assert!(browser.cookies.is_empty(), "and both kinds go together");
}

#[tokio::test(start_paused = true)]
async fn genuine_cookie_is_found_among_planted_ones() {
    let world = World::new().await;
    let mut browser = Browser { is_tls: true, ..Browser::default() };
    let first = admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
    browser.cookies.insert(IN_CLEAR.to_owned(), ("planted".to_owned(), false));
    assert_eq!(browser.ticket_json(&world).await["queueId"], first.queue_id.to_string());
    let (genuine, _) = browser.cookies.remove(SECURE).unwrap();
    browser.cookies.insert("a".to_owned(), (format!("b; {SECURE}=x; {SECURE}={genuine}"), false));
    assert_eq!(browser.ticket_json(&world).await["queueId"], first.queue_id.to_string());
}
