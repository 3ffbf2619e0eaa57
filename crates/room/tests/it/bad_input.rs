//! Whatever comes is answered: with the right status, a page or a problem that helps, and nothing lost.

use anteroom_protocol::mac::Key;
use anteroom_protocol::place::Place;
use anteroom_protocol::ticket::Ticket;
use axum::body::Body;
use http::{Method, Request, StatusCode};

use crate::support::{Browser, CUSTOMER, OTHER_ROOM, ROOM, SEATS, World, enqueue, key, send, ticket_url};

#[tokio::test(start_paused = true)]
async fn address_that_leads_nowhere_gets_a_page_that_helps() {
    let world = World::new().await;
    for url in [
        "/".to_owned(),
        format!("/?c={CUSTOMER}"),
        format!("/?e={ROOM}"),
        format!("/?c={CUSTOMER}&e=nosuch"),
        format!("/?c=nobody&e={ROOM}"),
        "/?c=%00%ff&e=../../etc".to_owned(),
        format!("/?c={CUSTOMER}&e=Spring24"),
        format!("/error/hash/?c={CUSTOMER}&e=nosuch"),
        "/error/hash".to_owned(),
        "/error/".to_owned(),
        "/error".to_owned(),
        "/cancel/".to_owned(),
        "/no/such/page".to_owned(),
        "/%ff%fe".to_owned(),
        "//".to_owned(),
        "/assets/nothing.css".to_owned(),
        "/assets/%ff".to_owned(),
        "/assets/../Cargo.toml".to_owned(),
    ] {
        let answer = Browser::default().get(&world, &url).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{url}");
        assert!(answer.header("content-type").starts_with("text/html"), "{url}");
        assert!(answer.body.contains("<h1>"), "{url}");
        assert_eq!(answer.set_cookies().count(), 0, "{url}");
        assert!(answer.header("cache-control").contains("no-store"), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn ticket_of_an_unknown_room_is_a_problem_document() {
    let world = World::new().await;
    for url in [
        ticket_url("nosuch"),
        format!("/api/v1/rooms/{ROOM}/ticket"),
        format!("/api/v1/rooms/{ROOM}/ticket?c=nobody"),
        format!("/api/v1/rooms/{ROOM}/ticket?c="),
        format!("/api/v1/rooms/%ff/ticket?c={CUSTOMER}"),
        format!("/api/v1/rooms/{ROOM}/ticket/?c=%ff"),
    ] {
        let answer = Browser::default().get(&world, &url).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{url}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{url}");
        assert_eq!(answer.json()["status"], 404);
    }
    let answer = Browser::default().get(&world, &format!("/api/v1/rooms/{ROOM}/ticket/?c={CUSTOMER}")).await;
    assert_eq!((answer.status, &answer.json()["state"]), (StatusCode::OK, &"unknown".into()));
}

#[tokio::test(start_paused = true)]
async fn i10_forged_and_borrowed_tickets_are_no_tickets() {
    let world = World::new().await;
    world.fill_line(2).await;
    let mut holder = Browser::default();
    holder.get(&world, &enqueue(SEATS)).await;
    let genuine = holder.ticket().unwrap();
    let text = genuine.seal(&key());
    let other = |edit: fn(&mut Ticket)| {
        let mut ticket = genuine.clone();
        edit(&mut ticket);
        ticket.seal(&key())
    };
    let name = Ticket::cookie_name(&genuine.customer, &genuine.room);
    for (what, value) in [
        ("empty", String::new()),
        ("garbage", "%00; DROP".to_owned()),
        ("oversize", "1".repeat(9_000)),
        ("cut", text[..text.len() - 1].to_owned()),
        ("of a newer release", format!("2{}", &text[1..])),
        ("signed by somebody else", genuine.seal(&Key::new(b"guess"))),
        ("signed for another purpose", genuine.seal(&key().derive("ticket"))),
        ("of another room", other(|ticket| ticket.room = OTHER_ROOM.parse().unwrap())),
        ("of another account", other(|ticket| ticket.customer = "other".parse().unwrap())),
    ] {
        let mut browser = Browser::default();
        browser.cookies.insert(name.clone(), (value, false));
        let json = browser.ticket_json(&world).await;
        assert_eq!(json["state"], "unknown", "{what}");
        assert_eq!(json["redirectUrl"], serde_json::Value::Null, "{what}");
        let page = browser.get(&world, &enqueue(SEATS)).await;
        assert_eq!(page.state(), "waiting", "{what}: and they get a real place");
        assert!(browser.ticket().unwrap().place > genuine.place, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn account_or_room_that_is_gone_is_told_clearly() {
    let world = World::new().await;
    let mut browser = Browser::default();
    world.fill_line(1).await;
    browser.get(&world, &enqueue(SEATS)).await;
    world.edit_account(|account| account.rooms.retain(|record| record.room.as_str() != ROOM)).await;
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("no such waiting room"), "{}", page.body);
    assert_eq!(browser.get(&world, &ticket_url(ROOM)).await.status, StatusCode::NOT_FOUND);
    assert!(browser.ticket().is_some(), "if it was a mistake, the place is still there");
}

#[tokio::test(start_paused = true)]
async fn long_addresses_are_refused_with_a_page() {
    let world = World::new().await;
    let long = "a".repeat(20_000);
    for url in [
        enqueue(&long),
        format!("/{long}"),
        format!("/api/v1/rooms/{long}/ticket"),
        format!("/cancel/{long}"),
    ] {
        let answer = Browser::default().get(&world, &url).await;
        assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
        assert!(answer.body.contains("too long") && !answer.header("content-security-policy").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_refused_and_told_which_do() {
    let world = World::new().await;
    for url in [
        enqueue(SEATS),
        format!("/error/hash/?c={CUSTOMER}&e={ROOM}"),
        format!("/cancel/multiple/{CUSTOMER}?wrl={ROOM}"),
        ticket_url(ROOM),
        "/health".to_owned(),
    ] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let answer = Browser::default().ask(&world, method.clone(), &url).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {url}");
            assert!(answer.header("allow").contains("GET") && answer.header("allow").contains("HEAD"));
            assert_eq!(answer.set_cookies().count(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn head_changes_nothing() {
    let world = World::new().await;
    let mut browser = Browser::default();
    for (url, status) in [
        (enqueue(SEATS), StatusCode::OK),
        (format!("/?c={CUSTOMER}&e=nosuch"), StatusCode::NOT_FOUND),
        (format!("/error/hash/?c={CUSTOMER}&e={ROOM}"), StatusCode::OK),
        (ticket_url(ROOM), StatusCode::OK),
        (ticket_url("nosuch"), StatusCode::NOT_FOUND),
        ("/health".to_owned(), StatusCode::OK),
    ] {
        let answer = browser.ask(&world, Method::HEAD, &url).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{url}");
        assert_eq!(answer.set_cookies().count(), 0, "{url}");
    }
    browser.get(&world, &enqueue(SEATS)).await.location();
    let own = browser.ticket().unwrap();
    assert_eq!(own.place, Place::ordinary(1), "no place was taken");
    let cancel = format!("/cancel/{CUSTOMER}/{ROOM}/{}", own.queue_id);
    assert_eq!(browser.ask(&world, Method::HEAD, &cancel).await.status, StatusCode::OK);
    assert_eq!(browser.ticket_json(&world).await["state"], "admitted", "nothing was cancelled");
}

#[tokio::test(start_paused = true)]
async fn what_stands_around_the_pages_is_served() {
    let world = World::new().await;
    world.fill_line(1).await;
    let page = Browser::default().get(&world, &enqueue(SEATS)).await;
    for (before, after, content_type) in [
        ("rel=\"stylesheet\" href=\"", "\"", "text/css; charset=utf-8"),
        ("<script src=\"", "\"", "text/javascript; charset=utf-8"),
        ("rel=\"icon\" href=\"", "\"", "image/svg+xml"),
    ] {
        let url = page.between(before, after);
        let asset = Browser::default().get(&world, &url).await;
        assert_eq!((asset.status, asset.header("content-type")), (StatusCode::OK, content_type), "{url}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        // While an installation is upgraded, a page may have been drawn by another release.
        let (stem, extension) = (url.split('.').next().unwrap(), url.rsplit('.').next().unwrap());
        let other = Browser::default().get(&world, &format!("{stem}.0123456789ab.{extension}")).await;
        assert_eq!(other.body, asset.body);
        assert!(other.header("cache-control").contains("no-store"));
    }
    for (url, part) in
        [("/robots.txt", "Disallow: /"), ("/favicon.ico", "<svg"), ("/health", "ok"), ("/healthz/", "ok")]
    {
        let answer = Browser::default().get(&world, url).await;
        assert_eq!(answer.status, StatusCode::OK, "{url}");
        assert!(answer.body.contains(part), "{url}: {}", answer.body);
        for (name, value) in [
            ("content-security-policy", "default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert!(answer.header(name).contains(value), "{url}: {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn request_without_a_known_peer_is_answered() {
    let world = World::new().await;
    let request = Request::builder().uri(enqueue(SEATS)).header("x-forwarded-proto", "https");
    let answer = send(&world, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert!(answer.set_cookies().all(|cookie| !cookie.contains("Secure")));
}
