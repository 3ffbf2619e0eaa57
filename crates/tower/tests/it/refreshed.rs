//! The config's way from the platform into force, and what becomes of requests meanwhile.

use std::time::Instant;

use anteroom_tower::{Connector, Fallback, Source};
use tokio::net::TcpListener;

use crate::platform::{Platform, Says};
use crate::world::{
    ask, assert_queued, assert_reached_site, document, document_of, get, says, settings, until, within,
};

#[tokio::test]
async fn i9_without_any_config_the_fallback_holds() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = Platform::open(Says::Nothing).await;
    for platform_url in [format!("http://{nobody}"), silent.url()] {
        let connector = Connector::start(settings(platform_url.clone())).unwrap();
        let response = ask(&connector, get("http://shop.example/tickets")).await;
        assert_reached_site(&response);
        assert_eq!(response.headers()["x-queueit-failed"], "true");

        let mut holding = settings(platform_url);
        holding.connector.fallback = Fallback::Hold;
        let response = ask(&Connector::start(holding).unwrap(), get("http://shop.example/tickets")).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "10");
        assert_eq!(response.headers()["x-queueit-connector"], "rust");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("no-store"));
        assert!(response.body().contains("Nothing is wrong at your end"), "{}", response.body());
        assert!(!response.headers().contains_key("set-cookie"), "the site was not reached");
    }
}

#[tokio::test]
async fn question_says_who_asks_and_what_runs() {
    let mut platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
    let _connector = Connector::start(settings(platform.url())).unwrap();
    let first = platform.asked(|_| true).await;
    assert_eq!(first.target, "/api/v1/connectors/acme/config?wait=25");
    assert_eq!(first.header("api-key"), Some("the api key"));
    assert_eq!(first.header("x-anteroom-connector"), Some("shop-1"));
    assert_eq!(first.header("if-none-match"), None);
    assert_eq!(first.header("x-anteroom-running-version"), None);
    let second = platform.asked(|_| true).await;
    assert_eq!(second.header("if-none-match"), Some("\"3\""));
    assert_eq!(second.header("x-anteroom-running-version"), Some("3"));
    assert_eq!(second.header("x-anteroom-problem"), None);
    assert_eq!(first.header("x-anteroom-instance"), second.header("x-anteroom-instance"));
}

#[tokio::test]
async fn official_download_is_asked_as_it_stands() {
    let mut platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
    let url = format!("{}/status/integrationconfig/secure/acme", platform.url());
    let connector = Connector::start(settings(url)).unwrap();
    until(&connector, |status| status.running_version == Some(3)).await;
    assert_eq!(platform.asked(|_| true).await.target, "/status/integrationconfig/secure/acme");
}

#[tokio::test]
async fn published_change_is_in_force_within_a_second() {
    let mut platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
    let connector = Connector::start(settings(platform.url())).unwrap();
    // The question that is held.
    platform.asked(|question| question.header("if-none-match") == Some("\"3\"")).await;
    assert_queued(&ask(&connector, get("http://shop.example/tickets")).await);
    assert_reached_site(&ask(&connector, get("http://shop.example/checkout")).await);

    let published = Instant::now();
    platform.say(says(document(4, "/checkout"), "\"4\""));
    let status = until(&connector, |status| status.running_version == Some(4)).await;
    assert!(published.elapsed().as_millis() < 1000, "{:?}", published.elapsed());
    assert_eq!((status.source, status.last_error), (Some(Source::Fetched), None));
    assert!(status.last_success.is_some());
    assert_queued(&ask(&connector, get("http://shop.example/checkout")).await);
    assert_reached_site(&ask(&connector, get("http://shop.example/tickets")).await);
}

#[tokio::test]
async fn document_that_is_not_for_use_is_refused_and_reported() {
    let too_large = {
        let mut bytes = document(9, "/checkout");
        bytes.resize(4 * 1024 * 1024 + 1, b' ');
        bytes
    };
    for (bytes, expected) in [
        (b"<html>504 Gateway Timeout</html>".to_vec(), "not usable"),
        (Vec::new(), "not usable"),
        (document(2, "/checkout"), "older than version 3"),
        (document_of("other", 9, "/checkout"), "of customer"),
        (too_large, "larger than"),
    ] {
        let mut platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
        let connector = Connector::start(settings(platform.url())).unwrap();
        platform.asked(|question| question.header("if-none-match") == Some("\"3\"")).await;
        platform.say(says(bytes, "\"bad\""));
        let status = until(&connector, |status| status.last_error.is_some()).await;
        assert!(status.last_error.as_deref().unwrap().contains(expected), "{status:?}");
        assert_eq!(status.running_version, Some(3));
        assert_queued(&ask(&connector, get("http://shop.example/tickets")).await);

        let report = platform.asked(|question| question.header("x-anteroom-problem").is_some()).await;
        assert!(report.header("x-anteroom-problem").unwrap().contains(expected), "{report:?}");
        assert_eq!(report.header("x-anteroom-running-version"), Some("3"));

        platform.say(says(document(10, "/checkout"), "\"10\""));
        let status = until(&connector, |status| status.running_version == Some(10)).await;
        assert_eq!(status.last_error, None);
    }
}

#[tokio::test]
async fn refusal_by_the_platform_says_what_to_look_at() {
    for (status, expected) in [
        (401, "does not accept this api key"),
        (404, "no published integration config"),
        (500, "answered 500"),
    ] {
        let platform = Platform::open(Says::Status(status)).await;
        let connector = Connector::start(settings(platform.url())).unwrap();
        let found = until(&connector, |status| status.last_error.is_some()).await.last_error.unwrap();
        assert!(found.contains(expected), "{found}");
        assert!(!found.contains("the api key"), "{found}");
        platform.say(says(document(3, "/tickets"), "\"3\""));
        let found = until(&connector, |status| status.running_version == Some(3)).await;
        assert_eq!(found.last_error, None);
    }
}

#[tokio::test]
async fn i8_requests_are_decided_while_the_platform_hangs() {
    let mut platform = Platform::open(says(document(3, "/tickets"), "\"3\"")).await;
    let connector = Connector::start(settings(platform.url())).unwrap();
    platform.asked(|question| question.header("if-none-match").is_some()).await;
    platform.say(Says::Nothing);
    for _ in 0..100 {
        assert_queued(&ask(&connector, get("http://shop.example/tickets")).await);
        assert_reached_site(&ask(&connector, get("http://shop.example/")).await);
    }
}

#[tokio::test]
async fn platform_is_believed_only_when_somebody_trusted_vouches_for_it() {
    let (platform, certificate) = Platform::open_encrypted(says(document(3, "/tickets"), "\"3\"")).await;
    let url = format!("https://{}", platform.address);

    let stranger = Connector::start(settings(url.clone())).unwrap();
    let status = until(&stranger, |status| status.last_error.is_some()).await;
    assert_eq!(status.running_version, None);
    assert!(status.last_error.as_deref().unwrap().contains("certificate"), "{status:?}");

    let mut trusting = settings(url);
    trusting.platform_authorities = vec![certificate];
    let connector = Connector::start(trusting).unwrap();
    until(&connector, |status| status.running_version == Some(3)).await;
}

#[tokio::test]
async fn task_ends_with_the_last_that_needs_it() {
    let mut platform = Platform::open(Says::Nothing).await;
    let connector = Connector::start(settings(platform.url())).unwrap();
    let layer = connector.layer();
    let mut changes = connector.changed();
    platform.asked(|_| true).await;
    drop(connector);
    assert!(changes.has_changed().is_ok(), "a layer still needs it");
    drop(layer);
    within(async { while changes.changed().await.is_ok() {} }).await;
}
