//! A site or a client that lets the other down.

use anteroom_gateway::{Gateway, GatewaySettings, StartError, Timeouts};
use anteroom_listen::Limits;
use anteroom_tower::{ConnectorSettings, Fallback, Features, Secret, Settings, TrustedProxies};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::world::{
    EMPTY_OK, SHORT, Setup, header, nobody, read_to_end, read_until, site, site_answering, within,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

fn assert_calm_page(answer: &str, status: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
    assert!(answer.contains("This is not your fault"), "{answer}");
    assert_eq!(header(answer, "x-queueit-connector"), Some("rust"), "{answer}");
    assert_eq!(header(answer, "cache-control"), Some("no-store"), "{answer}");
}

#[tokio::test]
async fn i9_site_that_is_down_gets_a_page_that_takes_the_blame_off_the_visitor() {
    let doorway = Setup::before(nobody().await).open().await;
    let answer = doorway.exchange(GET).await;
    assert_calm_page(&answer, "502 Bad Gateway");
    assert_eq!(header(&answer, "retry-after"), Some("30"));
    let answer = doorway.exchange(POST).await;
    assert_calm_page(&answer, "502 Bad Gateway");
    assert_eq!(header(&answer, "retry-after"), None, "a page must not send an order twice: {answer}");
}

#[tokio::test]
async fn i9_site_that_never_answers_is_given_up() {
    let site = site(|mut stream| async move {
        read_to_end(&mut stream).await;
    })
    .await;
    let mut setup = Setup::before(site);
    setup.timeouts.response_header = SHORT;
    let doorway = setup.open().await;
    assert_calm_page(&doorway.exchange(GET).await, "504 Gateway Timeout");
    assert_calm_page(&doorway.exchange(POST).await, "504 Gateway Timeout");
}

#[tokio::test]
async fn i9_answer_that_is_none_becomes_a_page() {
    for nonsense in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbroken",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ] {
        let site = site(move |mut stream| async move {
            read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(nonsense.as_bytes()).await.unwrap();
        })
        .await;
        let doorway = Setup::before(site).open().await;
        assert_calm_page(&doorway.exchange(GET).await, "502 Bad Gateway");
    }
}

#[tokio::test]
async fn order_that_may_have_reached_the_site_is_not_sent_twice() {
    let (got, mut heads) = mpsc::unbounded_channel();
    let site = site(move |mut stream| {
        let got = got.clone();
        async move {
            // The first is answered, so that its connection is kept; the second is read and then left.
            got.send(read_until(&mut stream, "\r\n\r\nhi").await).unwrap();
            stream.write_all(EMPTY_OK.as_bytes()).await.unwrap();
            got.send(read_until(&mut stream, "\r\n\r\nhi").await).unwrap();
        }
    })
    .await;
    let doorway = Setup::before(site).open().await;
    assert!(doorway.exchange(POST).await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_calm_page(&doorway.exchange(POST).await, "502 Bad Gateway");
    let mut count = 0;
    while heads.try_recv().is_ok_and(|head| head.starts_with("POST")) {
        count += 1;
    }
    assert_eq!(count, 2);
}

#[tokio::test]
async fn connection_that_the_site_closed_meanwhile_is_noticed() {
    let (closed, mut closings) = mpsc::unbounded_channel();
    let site = site(move |mut stream| {
        let closed = closed.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(EMPTY_OK.as_bytes()).await.unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    })
    .await;
    let doorway = Setup::before(site).open().await;
    for _ in 0..20 {
        let answer = doorway.exchange(GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        within(closings.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn client_that_stops_within_its_upload_is_told_so() {
    let (site, _heads) = site_answering("").await;
    let mut setup = Setup::before(site);
    setup.timeouts.idle = SHORT;
    let doorway = setup.open().await;
    let answer = doorway.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("Your data did not arrive"), "{answer}");
}

#[tokio::test]
async fn slow_client_is_not_held_against_the_site() {
    let (site, _heads) = site_answering("").await;
    let mut setup = Setup::before(site);
    // The site is allowed less than the client, and the client uses all that it is allowed. Connecting to the site is
    // the site's time, so that must be ample even on a busy machine.
    setup.timeouts.response_header = SHORT * 20;
    setup.timeouts.idle = SHORT * 40;
    let doorway = setup.open().await;
    let answer = doorway.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn address_of_the_site_that_cannot_be_used_is_named() {
    for (upstream, expected) in [
        ("", "found \"\""),
        ("shop:8080", "found \"shop:8080\""),
        ("http://shop/path", "found \"http://shop/path\""),
        ("https://shop", "\"https://shop\""),
        ("http://me:secret@shop", "not shown"),
    ] {
        let error = Gateway::start(GatewaySettings {
            upstream: upstream.to_owned(),
            connector: ConnectorSettings {
                connector: Settings {
                    customer_id: "acme".to_owned(),
                    secret_key: Secret::new("key".to_owned()),
                    room_base: None,
                    platform_suffix: None,
                    fallback: Fallback::LetPass,
                    features: Features::default(),
                },
                name: "test".to_owned(),
                api_key: Secret::new("key".to_owned()),
                platform_url: "http://127.0.0.1:1".to_owned(),
                platform_authorities: Vec::new(),
                keep_file: None,
                public_origin: None,
                trusted_proxies: TrustedProxies::default(),
            },
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        })
        .unwrap_err();
        let text = match &error {
            StartError::Upstream(source) => source.to_string(),
            other => other.to_string(),
        };
        assert!(text.contains(expected) && !text.contains("secret"), "{text}");
    }
}
