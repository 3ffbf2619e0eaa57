//! Rooms that ask for an enqueue token: who joins, in which lane, and what the others are told.

use std::time::Duration;

use anteroom_protocol::enqueue_token::{NewEnqueueToken, NewPayload, token_id};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;
use anteroom_queue::settings::{EnqueueTokenUse, Schedule};
use anteroom_queue::{Command, Settings};
use anteroom_store::backend::Backend as _;
use http::StatusCode;

use crate::support::{
    Answer, Browser, CUSTOMER, OTHER_ROOM, OUTFLOW_PER_MINUTE, ROOM, SEATS, SECRET_KEY, World, enqueue,
};

const GOOD_FOR: Duration = Duration::from_secs(240);

/// What differs from one token to another.
struct Token<'a> {
    secret: &'a str,
    room: Option<&'a str>,
    expires_at: Option<Timestamp>,
    quality: Option<f64>,
    key: Option<&'a str>,
}

impl Token<'_> {
    fn good(world: &World) -> Self {
        let expires_at = Some(world.store.now().saturating_add(GOOD_FOR));
        Self { secret: SECRET_KEY, room: Some(ROOM), expires_at, quality: None, key: None }
    }

    fn seal(&self, world: &World) -> String {
        let payload = NewPayload { relative_quality: self.quality, key: self.key, ..NewPayload::default() };
        let token = NewEnqueueToken {
            token_id: &token_id(None, [9; 16]),
            customer_id: CUSTOMER,
            event_id: self.room,
            issued_at: world.store.now(),
            expires_at: self.expires_at,
            client_ip: None,
            forwarded_for: None,
            payload: Some(payload),
        };
        token.seal(&Secret::new(self.secret.to_owned()))
    }
}

async fn world(enqueue_token: EnqueueTokenUse) -> World {
    let world = World::without_lines().await;
    let settings = Settings { enqueue_token, ..Settings::with_outflow(OUTFLOW_PER_MINUTE) };
    world.command(ROOM, Command::Configure(settings)).await;
    world
}

async fn come(world: &World, browser: &mut Browser, token: &Token<'_>) -> Answer {
    browser.get(world, &format!("{}&enqueuetoken={}", enqueue(SEATS), token.seal(world))).await
}

#[track_caller]
fn assert_turned_away(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.body.contains(&format!("<code>{code}</code>")), "{code}: {}", answer.body);
    assert_eq!(answer.set_cookies().count(), 0);
    assert_eq!(answer.button(), SEATS, "the site gives a new one");
}

#[tokio::test(start_paused = true)]
async fn room_that_asks_for_a_token_turns_away_who_has_no_good_one() {
    let world = world(EnqueueTokenUse::Required).await;
    let good = Token::good(&world);
    let visitor = &mut Browser::default();
    let answer = visitor.get(&world, &enqueue(SEATS)).await;
    assert_turned_away(&answer, StatusCode::FORBIDDEN, "invitation-missing");

    let expired = Token { expires_at: Some(Timestamp::from_seconds(1_600_000_000)), ..Token::good(&world) };
    assert_turned_away(&come(&world, visitor, &expired).await, StatusCode::GONE, "invitation-expired");
    let elsewhere = Token { room: Some(OTHER_ROOM), ..Token::good(&world) };
    let answer = come(&world, visitor, &elsewhere).await;
    assert_turned_away(&answer, StatusCode::FORBIDDEN, "invitation-other-line");
    let forged = Token { secret: "a key of somebody else's", ..Token::good(&world) };
    let answer = come(&world, visitor, &forged).await;
    assert_turned_away(&answer, StatusCode::BAD_REQUEST, "invitation-unreadable");
    let answer = visitor.get(&world, &format!("{}&enqueuetoken=a.b", enqueue(SEATS))).await;
    assert_turned_away(&answer, StatusCode::BAD_REQUEST, "invitation-unreadable");

    assert_eq!(come(&world, visitor, &good).await.status, StatusCode::FOUND);
    world.pass(GOOD_FOR * 2).await;
    let ticket = visitor.ticket().unwrap();
    visitor.get(&world, &enqueue(SEATS)).await;
    assert_eq!(visitor.ticket().unwrap(), ticket, "who has a ticket is not asked again");
}

#[tokio::test(start_paused = true)]
async fn token_for_every_room_of_the_account_is_good() {
    let world = world(EnqueueTokenUse::Required).await;
    let token = Token { room: None, expires_at: None, ..Token::good(&world) };
    assert_eq!(come(&world, &mut Browser::default(), &token).await.status, StatusCode::FOUND);
}

#[tokio::test(start_paused = true)]
async fn room_for_named_visitors_wants_a_key() {
    let world = world(EnqueueTokenUse::RequiredWithKey).await;
    let answer = come(&world, &mut Browser::default(), &Token::good(&world)).await;
    assert_turned_away(&answer, StatusCode::FORBIDDEN, "invitation-nameless");
    let named = Token { key: Some("member 7"), ..Token::good(&world) };
    assert_eq!(come(&world, &mut Browser::default(), &named).await.status, StatusCode::FOUND);
}

#[tokio::test(start_paused = true)]
async fn where_tokens_are_optional_nobody_is_turned_away() {
    let world = world(EnqueueTokenUse::Optional).await;
    let expired = Token { expires_at: Some(Timestamp::EPOCH), ..Token::good(&world) };
    assert_eq!(come(&world, &mut Browser::default(), &expired).await.status, StatusCode::FOUND);
    let answer = Browser::default().get(&world, &enqueue(SEATS)).await;
    assert_eq!(answer.status, StatusCode::FOUND);
}

#[tokio::test(start_paused = true)]
async fn quality_chooses_the_lane() {
    let world = World::without_lines().await;
    let settings = Settings {
        enqueue_token: EnqueueTokenUse::Optional,
        lane_weights: vec![1, 1, 2],
        ..Settings::with_outflow(OUTFLOW_PER_MINUTE)
    };
    world.command(ROOM, Command::Configure(settings)).await;
    for (quality, lane) in [(None, 0), (Some(0.2), 0), (Some(0.5), 1), (Some(0.9), 2)] {
        let mut browser = Browser::default();
        come(&world, &mut browser, &Token { quality, ..Token::good(&world) }).await;
        assert_eq!(browser.ticket().unwrap().place.lane.number(), lane, "{quality:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn i4_key_that_comes_twice_has_one_place() {
    let world = World::without_lines().await;
    let settings = Settings {
        enqueue_token: EnqueueTokenUse::RequiredWithKey,
        unique_keys: true,
        ..Settings::with_outflow(1)
    };
    world.command(ROOM, Command::Configure(settings)).await;
    for key in ["a", "b", "c"] {
        come(&world, &mut Browser::default(), &Token { key: Some(key), ..Token::good(&world) }).await;
    }
    let (mut phone, mut laptop, mut other) = Default::default();
    let mine = Token { key: Some("member 7"), ..Token::good(&world) };
    assert_eq!(come(&world, &mut phone, &mine).await.state(), "waiting");
    assert_eq!(come(&world, &mut laptop, &mine).await.state(), "waiting");
    let (on_phone, on_laptop) = (phone.ticket().unwrap(), laptop.ticket().unwrap());
    assert_eq!((on_phone.queue_id, on_phone.place), (on_laptop.queue_id, on_laptop.place));
    come(&world, &mut other, &Token { key: Some("member 8"), ..Token::good(&world) }).await;
    assert!(other.ticket().unwrap().place > on_phone.place);

    // The place is given up on one device, and the invitation is good for no other.
    let cancel = format!("/cancel/{CUSTOMER}/{ROOM}/{}", on_phone.queue_id);
    phone.get(&world, &cancel).await;
    let fast = Settings {
        enqueue_token: EnqueueTokenUse::RequiredWithKey,
        unique_keys: true,
        ..Settings::with_outflow(60_000)
    };
    world.command(ROOM, Command::Configure(fast)).await;
    world.pass(Duration::from_secs(3)).await;
    let page = come(&world, &mut laptop, &mine).await;
    assert_eq!(page.state(), "spent");
    for (browser, url) in [
        (&mut laptop, page.button()),
        (&mut phone, format!("{}&enqueuetoken={}", enqueue(SEATS), mine.seal(&world))),
    ] {
        let answer = browser.get(&world, &url).await;
        assert_eq!(answer.status, StatusCode::GONE, "{}", answer.body);
        assert!(answer.body.contains("<code>invitation-used</code>"));
    }
}

#[tokio::test(start_paused = true)]
async fn page_that_waits_for_the_opening_comes_back_with_a_token_that_is_good_then() {
    let world = World::without_lines().await;
    let settings = Settings {
        enqueue_token: EnqueueTokenUse::Required,
        schedule: Schedule {
            starts_at: Some(world.store.now().saturating_add(Duration::from_secs(900))),
            ..Schedule::default()
        },
        ..Settings::with_outflow(OUTFLOW_PER_MINUTE)
    };
    world.command(ROOM, Command::Configure(settings)).await;
    let page = come(&world, &mut Browser::default(), &Token::good(&world)).await;
    assert_eq!((page.state().as_str(), page.refresh_url().as_str()), ("before", SEATS), "by way of the site");
    let lasting = Token { expires_at: None, ..Token::good(&world) };
    let page = come(&world, &mut Browser::default(), &lasting).await;
    assert!(page.refresh_url().contains("&enqueuetoken="), "{}", page.refresh_url());
    world.pass(Duration::from_secs(902)).await;
    let answer = Browser::default().get(&world, &page.refresh_url()).await;
    assert_eq!(answer.status, StatusCode::FOUND);
}
