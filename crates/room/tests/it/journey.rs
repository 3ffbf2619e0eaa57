//! The way as it should be: join, wait, be let in, come back.

use std::time::Duration;

use anteroom_protocol::redirect::strip_token;
use anteroom_queue::{Command, Settings};
use axum::body::Body;
use http::{Request, StatusCode};

use crate::support::{
    Browser, HOME, OUTFLOW_PER_MINUTE, ROOM, SEATS, STRAIGHT_THROUGH, World, admitted, enqueue, send,
    send_to_routes, ticket_url,
};

#[tokio::test(start_paused = true)]
async fn visitor_who_finds_the_room_idle_goes_straight_through() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let answer = browser.get(&world, &enqueue(SEATS)).await;
    let way_in = admitted(&world, answer.location());
    assert_eq!(way_in.target, SEATS);
    assert_eq!(browser.ticket().unwrap().queue_id, way_in.queue_id, "the ticket comes with the redirect");
    assert!(answer.header("cache-control").contains("no-store"));

    let again = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(again.location(), answer.location(), "a repeated claim gives the same bytes");
    assert_eq!(again.set_cookies().count(), 0, "nothing new to keep");
}

#[tokio::test(start_paused = true)]
async fn visitor_waits_in_line_and_is_let_in() {
    let world = World::new().await;
    world.fill_line(5).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.state(), "waiting");
    assert_eq!(page.between("id=\"number\">", "<"), "5");
    assert!(page.body.contains("Spring &lt;sale&gt;") && page.body.contains("<b>shop.example</b>"));
    assert!(!page.body.contains("queueittoken"));
    let ticket = browser.ticket().unwrap();
    assert_eq!(ticket.target.as_deref(), Some(SEATS));

    let mut seen = Vec::new();
    let redirect_url = loop {
        let answer = browser.ticket_json(&world).await;
        assert_eq!(answer["queueId"], ticket.queue_id.to_string());
        if answer["state"] == "admitted" {
            break answer["redirectUrl"].as_str().unwrap().to_owned();
        }
        assert_eq!(answer["redirectUrl"], serde_json::Value::Null);
        seen.push((answer["peopleAhead"].as_u64().unwrap(), answer["progress"].as_f64().unwrap()));
        world.pass(Duration::from_millis(answer["askAgainAfterMs"].as_u64().unwrap())).await;
        assert!(seen.len() < 50, "{seen:?}");
    };
    assert!(seen.len() > 2 && seen[0].0 == 5, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0].0 >= pair[1].0 && pair[0].1 <= pair[1].1), "{seen:?}");
    let way_in = admitted(&world, &redirect_url);
    assert_eq!((way_in.target.as_str(), way_in.queue_id), (SEATS, ticket.queue_id));
    assert_eq!(browser.get(&world, &enqueue(SEATS)).await.location(), redirect_url, "page and JSON agree");
}

#[tokio::test(start_paused = true)]
async fn page_and_json_say_the_same_in_every_state() {
    let world = World::new().await;
    world.fill_line(3).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;

    assert_same(&world, &mut browser, "waiting").await;
    world.command(ROOM, Command::Pause { message: "We <mop> the floor.".to_owned() }).await;
    assert_same(&world, &mut browser, "paused").await;
    world.command(ROOM, Command::Resume).await;
    let queue_id = browser.ticket().unwrap().queue_id;
    world.command(ROOM, Command::Cancel { queue_id }).await;
    world.pass(Duration::from_secs(10)).await;
    assert_same(&world, &mut browser, "spent").await;
}

async fn assert_same(world: &World, browser: &mut Browser, state: &str) {
    let page = browser.get(world, &enqueue(SEATS)).await;
    let json = browser.ticket_json(world).await;
    assert_eq!(page.state(), state);
    assert_eq!(json["state"], state);
    assert_eq!(json["message"], page.between("id=\"message\">", "</p>"));
    assert_eq!(json["queueId"], page.between("<code>", "<"));
    let ahead = json["peopleAhead"].as_u64().map_or_else(String::new, |count| count.to_string());
    assert_eq!(ahead, page.between("id=\"number\">", "<"));
    assert_eq!(json["askAgainAfterMs"].to_string(), page.between("data-ask-again-ms=\"", "\""));
}

#[tokio::test(start_paused = true)]
async fn reload_in_any_form_keeps_the_place() {
    let world = World::new().await;
    world.fill_line(3).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    let ticket = browser.ticket().unwrap();
    let refresh_url = page.refresh_url();
    for url in [
        enqueue(SEATS),
        refresh_url.clone(),
        refresh_url,
        // The mark of the button on a spent ticket's page: an old link, or the back button.
        page.button(),
        format!("/?c=acme&e={ROOM}"),
        format!("/?e={ROOM}&c=acme&t="),
    ] {
        let again = browser.get(&world, &url).await;
        assert_eq!(again.status, StatusCode::OK, "{url}");
        assert_eq!(again.set_cookies().count(), 0, "{url}");
        assert_eq!(again.between("id=\"number\">", "<"), "3", "{url}");
    }
    assert_eq!(browser.ticket().unwrap(), ticket);
}

#[tokio::test(start_paused = true)]
async fn visitor_without_script_gets_in_by_reloading_alone() {
    let world = World::new().await;
    world.fill_line(3).await;
    let mut browser = Browser::default();
    let mut page = browser.get(&world, &enqueue(SEATS)).await;
    let mut reloads = 0;
    while page.status == StatusCode::OK {
        let seconds: u64 = page.between("http-equiv=\"refresh\" content=\"", ";").parse().unwrap();
        world.pass(Duration::from_secs(seconds)).await;
        page = browser.get(&world, &page.refresh_url()).await;
        reloads += 1;
        assert!(reloads < 20);
    }
    assert_eq!(admitted(&world, page.location()).target, SEATS);
}

#[tokio::test(start_paused = true)]
async fn newest_wish_counts_when_it_is_allowed() {
    let world = World::new().await;
    world.fill_line(1).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    let place = browser.ticket().unwrap();
    let answer = browser.get(&world, &enqueue("https://shop.example/other")).await;
    assert_eq!(answer.set_cookies().count(), 1);
    browser.get(&world, &enqueue("https://evil.example/")).await;
    let ticket = browser.ticket().unwrap();
    assert_eq!(ticket.target.as_deref(), Some("https://shop.example/other"));
    assert_eq!((ticket.queue_id, ticket.place), (place.queue_id, place.place));
    world.pass(Duration::from_secs(5)).await;
    let json = browser.ticket_json(&world).await;
    assert_eq!(strip_token(json["redirectUrl"].as_str().unwrap()), "https://shop.example/other");
}

#[tokio::test(start_paused = true)]
async fn visitor_without_a_wish_goes_to_the_rooms_own_target() {
    let world = World::new().await;
    let answer = Browser::default().get(&world, &format!("/?c=acme&e={ROOM}")).await;
    assert_eq!(admitted(&world, answer.location()).target, HOME);
}

#[tokio::test(start_paused = true)]
async fn spent_ticket_says_why_and_is_replaced_only_on_request() {
    let world = World::new().await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await.location();
    let first = browser.ticket().unwrap();
    let settings = Settings { re_entry_limit: 0, ..Settings::with_outflow(OUTFLOW_PER_MINUTE) };
    world.pass(settings.token_validity() + Duration::from_secs(1)).await;
    world.command(ROOM, Command::Configure(settings)).await;
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!((page.status, page.state().as_str()), (StatusCode::OK, "spent"));
    assert!(page.body.contains("You were let in with this ticket."));
    assert!(!page.body.contains("http-equiv=\"refresh\""), "nothing to wait for");
    assert_eq!(browser.ticket().unwrap(), first, "it is not taken away unasked");

    let joined = browser.get(&world, &page.button()).await;
    let clean = joined.location().to_owned();
    assert!(clean.starts_with("/?c=acme&e=spring24") && !clean.contains("anteroom="), "{clean}");
    assert_ne!(browser.ticket().unwrap().queue_id, first.queue_id);
    let way_in = admitted(&world, browser.get(&world, &clean).await.location());
    assert_eq!((way_in.target.as_str(), way_in.queue_id), (SEATS, browser.ticket().unwrap().queue_id));
}

#[tokio::test(start_paused = true)]
async fn ticket_of_an_earlier_life_of_the_room_is_told_so() {
    let world = World::new().await;
    world.fill_line(1).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    world.command(ROOM, Command::Reset { epoch: browser.ticket().unwrap().epoch }).await;
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!((page.status, page.state().as_str()), (StatusCode::OK, "spent"));
    assert!(page.body.contains("set up anew"));
    browser.get(&world, &page.button()).await.location();
    assert!(browser.ticket().unwrap().epoch > 1);
}

#[tokio::test(start_paused = true)]
async fn i3_store_that_lost_its_newest_writes_costs_nobody_the_place() {
    let world = World::new().await;
    let before = world.store.memory().documents();
    world.fill_line(3).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    let ticket = browser.ticket().unwrap();
    world.store.memory().restore(before);
    // Another process, which remembers nothing.
    let world = world.restarted().await;
    assert_eq!(browser.ticket_json(&world).await["state"], "waiting");
    let mut next = Browser::default();
    next.get(&world, &enqueue(SEATS)).await;
    assert!(next.ticket().unwrap().place > ticket.place, "and nobody is given it a second time");
}

#[tokio::test(start_paused = true)]
async fn browser_that_refuses_cookies_is_told_so_and_gets_no_place_after_place() {
    let world = World::new().await;
    // In an idle room nobody needs a cookie.
    let mut browser = Browser { refuses_cookies: true, ..Browser::default() };
    for _ in 0..STRAIGHT_THROUGH {
        admitted(&world, browser.get(&world, &enqueue(SEATS)).await.location());
    }
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.state(), "waiting");
    for _ in 0..3 {
        let told = browser.get(&world, &page.refresh_url()).await;
        assert_eq!(told.status, StatusCode::FORBIDDEN);
        assert!(told.body.contains("allow cookies") && !told.body.contains("http-equiv=\"refresh\""));
        assert_eq!(told.set_cookies().count(), 0);
        assert!(told.button().starts_with("/?c=acme&e=spring24&t=https%3A%2F%2Fshop.example"));
    }
    let json = browser.ticket_json(&world).await;
    assert_eq!(json["state"], "unknown");
    assert!(json["message"].as_str().unwrap().contains("allow cookies"));
    assert_eq!(json["queueId"], serde_json::Value::Null);

    let mut next = Browser::default();
    next.get(&world, &enqueue(SEATS)).await;
    assert_eq!(next.ticket().unwrap().place.tag().unwrap(), u64::try_from(STRAIGHT_THROUGH).unwrap() + 2);
}

#[tokio::test(start_paused = true)]
async fn visitor_who_waits_on_is_told_the_same_as_by_the_routes() {
    let world = World::new().await;
    world.fill_line(5).await;
    let mut browser = Browser::default();
    browser.get(&world, &enqueue(SEATS)).await;
    let (name, (value, _)) = browser.cookies.iter().next().unwrap();
    let ask =
        |cookie: &str| Request::get(ticket_url(ROOM)).header("cookie", cookie).body(Body::empty()).unwrap();
    let good = format!("a=b; {name}={value}");
    let forged = format!("{name}={value}x");
    for cookie in [&good, &good, &forged] {
        let (told, by_routes) = (send(&world, ask(cookie)).await, send_to_routes(&world, ask(cookie)).await);
        assert_eq!((told.status, &told.body), (by_routes.status, &by_routes.body));
        // A length is written by whoever writes the body, here or later.
        let without_length = |mut headers: http::HeaderMap| {
            headers.remove("content-length");
            headers
        };
        assert_eq!(without_length(told.headers), without_length(by_routes.headers));
        world.pass(Duration::from_secs(1)).await;
    }
}
