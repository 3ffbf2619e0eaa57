//! What a visitor gets, once a config is in force.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::time::Timestamp;
use anteroom_tower::{Connector, Secret};
use http::{HeaderMap, Request, Response};
use http_body_util::Full;

use crate::platform::Platform;
use crate::world::{
    SECRET_KEY, ask, assert_queued, assert_reached_site, document, get, says, settings, until,
};

async fn protected() -> (Platform, Connector) {
    let platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
    let connector = Connector::start(settings(platform.url())).unwrap();
    until(&connector, |status| status.running_version == Some(3)).await;
    (platform, connector)
}

fn queue_token() -> String {
    let now = Timestamp::EPOCH.saturating_add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
    let token = NewQueueToken {
        room: &"concert".parse().unwrap(),
        queue_id: Some("7d3f0c52-1111-4222-8333-444455556666".parse().unwrap()),
        expires_at: now.saturating_add(Duration::from_secs(60)),
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: None,
    };
    token.seal(&Key::from_secret(&Secret::new(SECRET_KEY.to_owned())))
}

fn assert_kept_by_nobody(response: &Response<String>) {
    let headers = response.headers();
    assert_eq!(headers["cache-control"], "no-cache, no-store, must-revalidate, max-age=0");
    assert_eq!(headers["pragma"], "no-cache");
    assert_eq!(headers["expires"], "Fri, 01 Jan 1990 00:00:00 GMT");
}

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn visitor_without_a_pass_is_sent_to_the_room() {
    let (_platform, connector) = protected().await;
    let response = ask(&connector, get("http://shop.example/tickets?seat=1")).await;
    assert_queued(&response);
    assert_kept_by_nobody(&response);
    assert_eq!(response.headers()["x-queueit-connector"], "rust");
    assert_eq!(response.body(), "");
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.contains("t=http%3A%2F%2Fshop.example%2Ftickets%3Fseat%3D1"), "{location}");
}

#[tokio::test]
async fn other_addresses_reach_the_site_untouched() {
    let (_platform, connector) = protected().await;
    let response = ask(&connector, get("http://shop.example/")).await;
    assert_reached_site(&response);
    assert_eq!(cookies(response.headers()), ["cart=7"]);
    for absent in ["cache-control", "x-queueit-failed"] {
        assert!(!response.headers().contains_key(absent));
    }
}

#[tokio::test]
async fn queue_token_becomes_a_cookie_that_lets_pass() {
    let (_platform, connector) = protected().await;
    let response =
        ask(&connector, get(&format!("http://shop.example/tickets?a=1&queueittoken={}", queue_token())))
            .await;
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "http://shop.example/tickets?a=1");
    assert_kept_by_nobody(&response);
    let ours = cookies(response.headers())[0].split(';').next().unwrap().to_owned();
    assert!(ours.starts_with("QueueITAccepted-SDFrts345E-V3_concert="), "{ours}");

    let mut again = get("http://shop.example/tickets?a=1");
    // Beside a cookie of somebody else's that is no text.
    again.headers_mut().append("cookie", http::HeaderValue::from_bytes(b"broken=\xff").unwrap());
    again.headers_mut().append("cookie", ours.parse().unwrap());
    let response = ask(&connector, again).await;
    assert_reached_site(&response);
    let cookies = cookies(response.headers());
    assert_eq!(cookies[0], "cart=7");
    assert!(cookies[1].starts_with("QueueITAccepted-SDFrts345E-V3_concert="), "{cookies:?}");
}

#[tokio::test]
async fn i10_altered_queue_token_and_cookie_let_nobody_pass() {
    let (_platform, connector) = protected().await;
    let altered = queue_token().replace("rt_queue", "rt_idle");
    let response = ask(&connector, get(&format!("http://shop.example/tickets?queueittoken={altered}"))).await;
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://acme.room.example/error/hash/?"), "{location}");

    let mut request = get("http://shop.example/tickets");
    let forged = "QueueITAccepted-SDFrts345E-V3_concert=EventId=concert&QueueId=x&RedirectType=queue&IssueTime=99999999999&Hash=00";
    request.headers_mut().insert("cookie", forged.parse().unwrap());
    assert_queued(&ask(&connector, request).await);
}

#[tokio::test]
async fn script_is_told_where_to_go_in_a_header() {
    let (_platform, connector) = protected().await;
    let mut request = get("http://shop.example/tickets/free");
    request
        .headers_mut()
        .insert("x-queueit-ajaxpageurl", "http%3A%2F%2Fshop.example%2Fpage".parse().unwrap());
    let response = ask(&connector, request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.body(), "");
    assert_kept_by_nobody(&response);
    assert_eq!(response.headers()["access-control-expose-headers"], "x-queueit-redirect");
    let address = response.headers()["x-queueit-redirect"].to_str().unwrap();
    assert!(address.starts_with("https%3A%2F%2Facme.room.example%2F%3Fc%3Dacme"), "{address}");
}

#[tokio::test]
async fn request_that_names_no_host_clearly_is_refused() {
    let (_platform, connector) = protected().await;
    for hosts in [&["shop.example/tickets?", "b"][..], &["a/b"]] {
        let mut request = Request::get("/").body(Full::default()).unwrap();
        for host in hosts {
            request.headers_mut().append("host", host.parse().unwrap());
        }
        let response = ask(&connector, request).await;
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["x-queueit-connector"], "rust");
    }
}
