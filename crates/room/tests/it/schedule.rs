//! A room with a schedule: before it opens, in the pre-queue, at the start, and after the end.

use std::time::Duration;

use anteroom_protocol::place::PlaceNumber;
use anteroom_queue::draw::document::{Document, Receipt};
use anteroom_queue::settings::{Mode, Schedule};
use anteroom_queue::{Command, Settings};
use anteroom_store::backend::Backend as _;
use http::StatusCode;
use serde_json::Value;

use crate::support::{Answer, Browser, CUSTOMER, OUTFLOW_PER_MINUTE, ROOM, SEATS, World, admitted, enqueue};

const OPENS_IN: Duration = Duration::from_secs(600);
const STARTS_IN: Duration = Duration::from_secs(1_200);
const LATER: Duration = Duration::from_secs(2);

fn scheduled(world: &World, opens_in: Option<Duration>, starts_in: Duration) -> Settings {
    let at = |span| Some(world.store.now().saturating_add(span));
    let schedule = Schedule { pre_queue_at: opens_in.and_then(at), starts_at: at(starts_in), ends_at: None };
    Settings { schedule, ..Settings::with_outflow(OUTFLOW_PER_MINUTE) }
}

async fn with_pre_queue() -> World {
    let world = World::without_lines().await;
    let settings = scheduled(&world, Some(OPENS_IN), STARTS_IN);
    world.command(ROOM, Command::Configure(settings)).await;
    world
}

async fn published(world: &World) -> Answer {
    Browser::default().get(world, &format!("/draw/{CUSTOMER}/{ROOM}.json")).await
}

fn page_name(page: &Answer) -> String {
    page.between("data-page=\"", "\"")
}

#[tokio::test(start_paused = true)]
async fn before_the_opening_the_page_counts_down_and_nobody_has_a_place() {
    let world = with_pre_queue().await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!((page.status, page.state().as_str()), (StatusCode::OK, "before"));
    assert_eq!(page.set_cookies().count(), 0);
    let countdown_ms: u64 = page.between("data-countdown-ms=\"", "\"").parse().unwrap();
    assert!((599_000..=600_000).contains(&countdown_ms), "{countdown_ms}");
    assert!(page.body.contains("Tuesday 14 November 2023, 22:33 UTC"), "the start: {}", page.body);

    let json = browser.ticket_json(&world).await;
    assert_eq!(json["state"], "before");
    assert_eq!(json["phase"], "before");
    assert!((599_000..=600_000).contains(&json["countdownMs"].as_u64().unwrap()), "{json}");
    assert_eq!(
        (&json["opensAt"], &json["startsAt"]),
        (&"2023-11-14T22:23:20Z".into(), &"2023-11-14T22:33:20Z".into())
    );
    assert_eq!(json["page"], page_name(&page));
    assert_eq!(json["message"], page.between("id=\"message\">", "</p>"));

    let draw = published(&world).await.json();
    assert_eq!(draw["key"], Value::Null, "what decides is secret until the start");
    assert!(page.body.contains(draw["commitment"].as_str().unwrap()), "what it was committed to is not");
}

#[tokio::test(start_paused = true)]
async fn page_that_waits_for_the_opening_joins_by_itself_with_and_without_script() {
    let world = with_pre_queue().await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    world.pass(OPENS_IN + LATER).await;
    let json = browser.ticket_json(&world).await;
    assert_eq!((&json["state"], &json["phase"]), (&"unknown".into(), &"prequeue".into()));
    assert_ne!(json["page"], page_name(&page), "so the script loads the page again");
    let again = browser.get(&world, &page.refresh_url()).await;
    assert_eq!(again.state(), "prequeue");
    let ticket = browser.ticket().unwrap();
    assert_eq!((ticket.place.tag(), ticket.target.as_deref()), (None, Some(SEATS)));
}

#[tokio::test(start_paused = true)]
async fn crowd_that_waits_for_the_opening_does_not_come_in_one_moment() {
    let world = with_pre_queue().await;
    world.pass(OPENS_IN - Duration::from_secs(10)).await;
    let mut asks = Vec::new();
    for _ in 0..50 {
        asks.push(Browser::default().ticket_json(&world).await["askAgainAfterMs"].as_u64().unwrap());
    }
    asks.sort_unstable();
    assert!(asks[0] >= 10_000 && asks[49] <= 30_000, "{asks:?}");
    assert!(asks[40] - asks[10] > 5_000, "{asks:?}");
}

#[tokio::test(start_paused = true)]
async fn i6_everybody_in_the_pre_queue_gets_the_place_that_the_published_draw_gives() {
    const VISITORS: u64 = 12;
    let world = with_pre_queue().await;
    let commitment = published(&world).await.json()["commitment"].clone();
    world.pass(OPENS_IN + LATER).await;
    let mut browsers = Vec::new();
    for entry in 1..=VISITORS {
        let mut browser = Browser::default();
        let page = browser.get(&world, &enqueue(SEATS)).await;
        assert_eq!((page.state().as_str(), page.set_cookies().count()), ("prequeue", 1));
        let json = browser.ticket_json(&world).await;
        assert_eq!((&json["state"], &json["phase"]), (&"prequeue".into(), &"prequeue".into()));
        assert_eq!((json["entry"].as_u64(), json["peopleAhead"].as_u64()), (Some(entry), None));
        assert_eq!(json["page"], page_name(&page));
        assert!(page.body.contains(&format!("You are entry <b>{entry}</b>.")), "{}", page.body);
        assert!(page.body.contains(commitment.as_str().unwrap()));
        browsers.push(browser);
    }

    world.pass(STARTS_IN - OPENS_IN).await;
    let answer = published(&world).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let document: Document = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.json()["commitment"], commitment, "it is the one of before");
    assert_eq!(document.has_kept_commitment(), Some(true));
    assert_eq!(document.lanes[0].entrants, VISITORS);

    let mut places = Vec::new();
    for (entry, browser) in (1..).zip(&mut browsers) {
        let json = browser.ticket_json(&world).await;
        assert_eq!((&json["phase"], &json["entry"]), (&"running".into(), &entry.into()));
        let place = document.place(Receipt { lane: 0, entry }).unwrap();
        places.push(place);
        let page = browser.get(&world, &enqueue(SEATS)).await;
        if page.status == StatusCode::FOUND {
            assert!(place <= 4, "only the first of the draw are called: {place}");
            continue;
        }
        assert_eq!(page.state(), "waiting");
        let receipt = format!("Entry <b>{entry}</b> of {VISITORS} got place <b>{place}</b>.");
        assert!(page.body.contains(&receipt), "{receipt}: {}", page.body);
        assert!(page.body.contains(&document.key.as_ref().unwrap().to_hex()));
        assert!(page.body.contains(&format!("--entry {entry} --place {place}")));
        assert!(page.body.contains("Your place was drawn at the start."));
    }
    places.sort_unstable();
    assert!(places.into_iter().eq(1..=VISITORS));

    let mut late = Browser::default();
    let page = late.get(&world, &enqueue(SEATS)).await;
    assert!(!page.body.contains("got place"), "who comes after the start has no part in the draw");
    assert_eq!(late.ticket_json(&world).await["entry"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn progress_begins_at_the_place_that_was_drawn() {
    let world = with_pre_queue().await;
    world.pass(OPENS_IN + LATER).await;
    let mut browsers = vec![Browser::default(); 12];
    for browser in &mut browsers {
        browser.get(&world, &enqueue(SEATS)).await;
    }
    world.pass(STARTS_IN - OPENS_IN).await;
    for browser in &mut browsers {
        browser.ticket_json(&world).await;
    }
    let mut furthest = None;
    for browser in browsers {
        let ahead = browser.clone().ticket_json(&world).await["peopleAhead"].as_u64();
        if ahead.is_some_and(|ahead| ahead >= 4) {
            furthest = Some(browser);
        }
    }
    let mut browser = furthest.unwrap();
    let progress = |json: &Value| json["progress"].as_f64().unwrap();
    let before = browser.ticket_json(&world).await;
    world.pass(Duration::from_secs(2)).await;
    let after = browser.ticket_json(&world).await;
    assert!(progress(&before) < progress(&after) && progress(&after) < 1.0, "{before} {after}");
}

#[tokio::test(start_paused = true)]
async fn i3_entry_that_the_draw_was_held_without_gets_a_place_at_the_end() {
    let world = with_pre_queue().await;
    world.pass(OPENS_IN + LATER).await;
    let mut browsers = vec![Browser::default(); 8];
    for browser in &mut browsers {
        browser.get(&world, &enqueue(SEATS)).await;
    }
    world.pass(STARTS_IN - OPENS_IN).await;
    browsers[0].ticket_json(&world).await;

    // As if the store had lost the last entries just before the start.
    let mut lost = browsers[7].ticket().unwrap();
    lost.place.number = PlaceNumber::Entry(50);
    let mut browser = Browser::default();
    browser.hold(&lost);
    let json = browser.ticket_json(&world).await;
    assert_eq!(json["state"], "waiting", "{json}");
    let ticket = browser.ticket().unwrap();
    assert_eq!(
        (ticket.queue_id, ticket.place.tag()),
        (lost.queue_id, Some(9)),
        "behind all eight of the draw"
    );
    assert_eq!(json["entry"], Value::Null);
    browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(browser.ticket().unwrap(), ticket, "and it is kept");
}

#[tokio::test(start_paused = true)]
async fn start_that_is_moved_brings_another_page() {
    let world = with_pre_queue().await;
    world.pass(OPENS_IN + LATER).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    let settings = scheduled(&world, Some(Duration::ZERO), Duration::from_secs(3_600));
    world.command(ROOM, Command::Configure(settings)).await;
    let json = browser.ticket_json(&world).await;
    assert_eq!(json["state"], "prequeue");
    assert!((3_599_000..=3_600_000).contains(&json["countdownMs"].as_u64().unwrap()), "{json}");
    assert_ne!(json["page"], page_name(&page));
}

#[tokio::test(start_paused = true)]
async fn without_a_pre_queue_the_page_waits_for_the_start() {
    let world = World::without_lines().await;
    let settings = scheduled(&world, None, STARTS_IN);
    world.command(ROOM, Command::Configure(settings)).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.state(), "before");
    assert!(!page.body.contains("random"), "nothing is drawn");
    assert!(!page.body.contains("Commitment"));
    world.pass(STARTS_IN + LATER).await;
    let again = browser.get(&world, &page.refresh_url()).await;
    assert_eq!(admitted(&world, again.location()).target, SEATS);
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nobody_joins_and_who_waits_is_told() {
    let world = World::without_lines().await;
    let mut settings = Settings::with_outflow(OUTFLOW_PER_MINUTE);
    settings.schedule.ends_at = Some(world.store.now().saturating_add(Duration::from_secs(5)));
    world.command(ROOM, Command::Configure(settings)).await;
    let mut waiting = world.fill_line(30).await.pop().unwrap();
    world.pass(Duration::from_secs(6)).await;
    let mut newcomer = Browser::default();
    for browser in [&mut waiting, &mut newcomer] {
        let page = browser.get(&world, &enqueue(SEATS)).await;
        assert_eq!((page.status, page.state().as_str()), (StatusCode::OK, "ended"));
        let json = browser.ticket_json(&world).await;
        assert_eq!((&json["state"], &json["phase"]), (&"ended".into(), &"ended".into()));
        assert_eq!(json["message"], page.between("id=\"message\">", "</p>"));
    }
    assert!(newcomer.ticket().is_none() && waiting.ticket().is_some());
}

#[tokio::test(start_paused = true)]
async fn closed_room_keeps_places_and_gives_none() {
    let world = World::new().await;
    let mut waiting = world.fill_line(10).await.pop().unwrap();
    let closed = Settings { mode: Mode::Closed, ..Settings::with_outflow(OUTFLOW_PER_MINUTE) };
    world.command(ROOM, Command::Configure(closed)).await;
    assert_eq!(waiting.ticket_json(&world).await["state"], "closed");
    assert_eq!(waiting.get(&world, &enqueue(SEATS)).await.state(), "closed");
    let mut newcomer = Browser::default();
    let page = newcomer.get(&world, &enqueue(SEATS)).await;
    assert_eq!((page.state().as_str(), page.set_cookies().count()), ("closed", 0));
    assert_eq!(newcomer.ticket_json(&world).await["page"], page_name(&page));

    world.command(ROOM, Command::Configure(Settings::with_outflow(OUTFLOW_PER_MINUTE))).await;
    assert_eq!(waiting.ticket_json(&world).await["state"], "waiting");
    assert_ne!(newcomer.ticket_json(&world).await["page"], page_name(&page), "the page joins by itself");
    assert_eq!(newcomer.get(&world, &page.refresh_url()).await.state(), "waiting");
}

#[tokio::test(start_paused = true)]
async fn reset_tells_old_tickets_and_takes_them_as_none_while_nobody_can_join() {
    let world = World::new().await;
    let mut browser = world.fill_line(10).await.pop().unwrap();
    world.command(ROOM, Command::Reset { epoch: browser.ticket().unwrap().epoch }).await;
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.state(), "spent");
    assert!(page.body.contains("set up anew"), "{}", page.body);

    world.command(ROOM, Command::Configure(scheduled(&world, Some(OPENS_IN), STARTS_IN))).await;
    world.command(ROOM, Command::Reset { epoch: browser.ticket().unwrap().epoch + 1 }).await;
    assert_eq!(browser.ticket_json(&world).await["state"], "before");
    let page = browser.get(&world, &enqueue(SEATS)).await;
    assert_eq!(page.state(), "before");
    assert_eq!(browser.ticket_json(&world).await["page"], page_name(&page));

    world.pass(OPENS_IN + LATER).await;
    let page = browser.get(&world, &page.refresh_url()).await;
    assert_eq!(page.state(), "spent");
    let joined = browser.get(&world, &page.button()).await;
    assert_eq!(browser.get(&world, joined.location()).await.state(), "prequeue");
}

#[tokio::test(start_paused = true)]
async fn room_that_lets_everybody_pass_shows_no_page_and_says_why_in_the_token() {
    let world = World::without_lines().await;
    let settings = Settings { mode: Mode::Passthrough, ..Settings::with_outflow(OUTFLOW_PER_MINUTE) };
    world.command(ROOM, Command::Configure(settings)).await;
    for _ in 0..20 {
        let answer = Browser::default().get(&world, &enqueue(SEATS)).await;
        assert!(answer.location().contains("rt_disabled"), "{}", answer.location());
    }
}

#[tokio::test(start_paused = true)]
async fn line_of_a_full_site_says_what_it_waits_for() {
    let world = World::without_lines().await;
    let settings = Settings { max_active: Some(2), ..Settings::with_outflow(OUTFLOW_PER_MINUTE) };
    world.command(ROOM, Command::Configure(settings)).await;
    let mut browsers = vec![Browser::default(); 4];
    for browser in &mut browsers {
        browser.get(&world, &enqueue(SEATS)).await;
    }
    world.pass(Duration::from_secs(30)).await;
    let json = browsers[3].ticket_json(&world).await;
    assert_eq!(json["state"], "waiting");
    assert_eq!(json["expectedWaitSeconds"], Value::Null);
    assert!(json["message"].as_str().unwrap().contains("Places come free"), "{json}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_of_rooms_that_draw_nothing_or_do_not_exist() {
    let world = World::new().await;
    for (path, status) in [
        (format!("/draw/{CUSTOMER}/{ROOM}.json"), StatusCode::NOT_FOUND),
        (format!("/draw/{CUSTOMER}/{ROOM}"), StatusCode::NOT_FOUND),
        (format!("/draw/{CUSTOMER}/nosuchroom.json"), StatusCode::NOT_FOUND),
        (format!("/draw/%00/{ROOM}.json"), StatusCode::NOT_FOUND),
    ] {
        let answer = Browser::default().get(&world, &path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
}
