//! Connectors with a policy made in code, and what a request has to wait for: a waiting room's word, or its own body.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anteroom_connector::policy::Policy;
use anteroom_protocol::integration::{self, IntegrationConfig, QueueConfig};
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::time::Timestamp;
use anteroom_tower::{
    AskedResult, AskedWhat, Connector, ConnectorBody, DirectPass, Fallback, Features, Generation,
    InlineSettings, OnFailure, RequestBody, Secret, Settings,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

use crate::platform::{Platform, Says};
use crate::world::{SECRET_KEY, ask, assert_reached_site, get, says, within};

const QUEUE_ID: &str = "7d3f0c52-1111-4222-8333-444455556666";

fn queue_config() -> QueueConfig {
    QueueConfig {
        event_id: "concert".to_owned(),
        queue_domain: "acme.room.example".to_owned(),
        cookie_validity_minutes: 20,
        is_queue_id_verified: true,
        queue_id_usage_limit: Some(3),
        ..QueueConfig::default()
    }
}

fn connector(config: &IntegrationConfig, room_base: Option<String>, features: Features) -> Connector {
    let settings = Settings {
        customer_id: "acme".to_owned(),
        secret_key: Secret::new(SECRET_KEY.to_owned()),
        room_base,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features,
    };
    let policy = Policy::compile(config, &settings).unwrap();
    let settings =
        InlineSettings { api_key: Some(Secret::new("the api key".to_owned())), ..InlineSettings::default() };
    Connector::inline(policy, settings).unwrap()
}

fn queue_token() -> String {
    let now = Timestamp::EPOCH.saturating_add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
    let token = NewQueueToken {
        room: &"concert".parse().unwrap(),
        queue_id: Some(QUEUE_ID.parse().unwrap()),
        expires_at: now.saturating_add(Duration::from_secs(60)),
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: None,
    };
    token.seal(&Key::from_secret(&Secret::new(SECRET_KEY.to_owned())))
}

/// What becomes of a visitor with a good queue token in a header.
async fn come(connector: &Connector) -> Response<String> {
    let mut request = get("http://shop.example/tickets");
    request.headers_mut().insert("x-queueittoken", queue_token().parse().unwrap());
    ask(connector, request).await
}

fn location(response: &Response<String>) -> &str {
    response.headers()["location"].to_str().unwrap()
}

#[tokio::test]
async fn policy_made_in_code_guards_without_a_platform() {
    let connector = connector(&queue_config().check().unwrap(), None, Features::default());
    assert_eq!(connector.status().running_version, Some(0));
    let response = ask(&connector, get("http://shop.example/anything")).await;
    assert_eq!(response.status(), 302);
    assert!(location(&response).starts_with("https://acme.room.example/?c=acme&e=concert&"), "{response:?}");
    assert!(location(&response).contains("&cver=-1&"), "{response:?}");
}

#[tokio::test]
async fn room_counts_the_uses_of_a_queue_id() {
    for (count, is_allowed) in [(3, true), (4, false)] {
        let answer = format!("{{\"QIdUsageCount\": {count}}}").into_bytes();
        let mut room = Platform::open(says(answer, "\"1\"")).await;
        let connector = connector(&queue_config().check().unwrap(), Some(room.url()), Features::default());
        let response = come(&connector).await;
        let question = room.asked(|_| true).await;
        assert_eq!(question.target, format!("/api/verify/acme/concert/{QUEUE_ID}?limit=3"));
        assert_eq!(question.header("api-key"), Some("the api key"));
        assert_eq!(question.header("content-type"), Some("application/json"));
        if is_allowed {
            assert_reached_site(&response);
            assert!(response.headers().get_all("set-cookie").iter().count() == 2);
        } else {
            assert_eq!(response.status(), 302);
            let page = format!("{}/error/qidlimit/?c=acme&e=concert&", room.url());
            assert!(location(&response).starts_with(&page), "{response:?}");
        }
    }
}

#[tokio::test]
async fn room_that_does_not_say_is_as_the_settings_say() {
    let room = Platform::open(Says::Status(500)).await;
    let config = queue_config().check().unwrap();
    let allowing = connector(&config, Some(room.url()), Features::default());
    let response = come(&allowing).await;
    assert_reached_site(&response);
    assert_eq!(response.headers()["x-queueit-failed"], "true");

    let features = Features { verify_failure: OnFailure::Deny, ..Features::default() };
    let response = come(&connector(&config, Some(room.url()), features)).await;
    assert_eq!(response.status(), 302);
    assert!(!response.headers().contains_key("x-queueit-failed"));

    let asked = allowing.asked();
    assert_eq!((asked.of(AskedWhat::Verify, AskedResult::Refused), asked.failed()), (1, 1));
}

#[tokio::test]
async fn room_may_let_a_visitor_pass_without_queueing() {
    let direct_pass = DirectPass {
        proxy_key: Secret::new("the proxy key".to_owned()),
        timeout: None,
        is_passed_on_failure: false,
    };
    let features =
        Features { generation: Generation::Five { direct_pass: Some(direct_pass) }, ..Features::default() };
    let config = QueueConfig { is_queue_id_verified: false, ..queue_config() }.check().unwrap();

    let answer = format!("{{\"HasPassed\": true, \"QueueItToken\": \"{}\"}}", queue_token()).into_bytes();
    let mut room = Platform::open(says(answer, "\"1\"")).await;
    let connector = connector(&config, Some(room.url()), features);
    let response = ask(&connector, get("http://shop.example/tickets")).await;
    let question = room.asked(|_| true).await;
    assert_eq!(question.target, "/api/directpass/acme/concert");
    assert_eq!(question.header("x-queueit-proxykey"), Some("the proxy key"));
    assert_reached_site(&response);
    let passed = connector.asked();
    assert_eq!((passed.of(AskedWhat::DirectPass, AskedResult::Answered), passed.failed()), (1, 0));

    for says_no in [says(br#"{"HasPassed": false}"#.to_vec(), "\"2\""), Says::Status(503)] {
        room.say(says_no);
        let response = ask(&connector, get("http://shop.example/tickets")).await;
        assert_eq!(response.status(), 302);
        assert!(location(&response).starts_with(&format!("{}/?c=acme", room.url())), "{response:?}");
    }
    room.say(says(b"oops".to_vec(), "\"3\""));
    ask(&connector, get("http://shop.example/tickets")).await;
    let asked = connector.asked();
    let counts = AskedResult::ALL.map(|result| asked.of(AskedWhat::DirectPass, result));
    assert_eq!(counts, [2, 0, 0, 1, 1, 0], "answered twice, refused once, unreadable once");
}

/// Whatever posts `buy` within the first 8 bytes has to queue.
fn config_for_bodies() -> IntegrationConfig {
    let document = br#"{ "Version": 1, "Integrations": [{
        "Name": "orders", "ActionType": "Queue", "EventId": "concert", "QueueDomain": "acme.room.example",
        "CookieValidityMinute": 20, "Triggers": [{ "LogicalOperator": "And", "TriggerParts": [
            { "ValidatorType": "RequestBodyValidator", "Operator": "Contains", "ValueToCompare": "buy" }
        ] }]
    }] }"#;
    integration::parse(document).unwrap()
}

#[tokio::test]
async fn body_is_looked_at_and_handed_on_as_it_came() {
    let features = Features { body_bytes_max: 8, ..Features::default() };
    let connector = connector(&config_for_bodies(), None, features);
    for (body, is_queued) in [
        (&b"buy=1"[..], true),
        (b"\xff\xfebuy", true),
        (b"12345buy", true),
        (b"123456buy", false),
        (b"sell=1\xff\x00 and much more", false),
        (b"", false),
    ] {
        let echo = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        });
        let mut request = Request::post("/order").body(Full::new(Bytes::from(body))).unwrap();
        request.headers_mut().insert("host", "shop.example".parse().unwrap());
        let response: Response<ConnectorBody<Full<Bytes>>> =
            within(connector.layer().layer(echo).oneshot(request)).await.unwrap();
        assert_eq!(response.status() == 302, is_queued, "{body:?}");
        let answered = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(answered, if is_queued { &b""[..] } else { body });
    }
}

/// Nothing ever comes of it.
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn i9_body_that_does_not_come_holds_nobody_for_ever() {
    let connector = connector(&config_for_bodies(), None, Features::default());
    let site = service_fn(|_: Request<RequestBody<Silent>>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let mut request = Request::post("/order").body(Silent).unwrap();
    request.headers_mut().insert("host", "shop.example".parse().unwrap());
    let response: Response<ConnectorBody<Full<Bytes>>> =
        connector.layer().layer(site).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 408);
    assert_eq!(response.headers()["x-queueit-connector"], "rust");
}

#[tokio::test(start_paused = true)]
async fn i9_room_that_hangs_holds_a_visitor_for_a_second() {
    let room = Platform::open(Says::Nothing).await;
    let connector = connector(&queue_config().check().unwrap(), Some(room.url()), Features::default());
    let since = Instant::now();
    let response = come(&connector).await;
    assert_reached_site(&response);
    assert_eq!(response.headers()["x-queueit-failed"], "true");
    let waited = since.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(15)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_visitors_wait_for_a_room_at_once() {
    let room = Platform::open(Says::Nothing).await;
    let connector = connector(&queue_config().check().unwrap(), Some(room.url()), Features::default());
    let mut waiting = (0..300).map(|_| Box::pin(come(&connector))).collect::<Vec<_>>();
    // Each is asked for as far as it goes: those beyond the limit are through at once.
    let mut context = Context::from_waker(Waker::noop());
    let through = waiting.iter_mut().filter_map(|visitor| match visitor.as_mut().poll(&mut context) {
        Poll::Ready(response) => Some(response),
        Poll::Pending => None,
    });
    let through = through.inspect(assert_reached_site).count();
    assert_eq!(through, 300 - 256);
}
