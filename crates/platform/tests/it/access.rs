//! Who may ask for what, and what everything that is refused looks like.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::world::{World, request};

/// Every route below an account, with a method it knows.
const ACCOUNT_ROUTES: &[(&str, &str)] = &[
    ("GET", ""),
    ("GET", "/audit"),
    ("GET", "/connectors"),
    ("GET", "/draft"),
    ("PUT", "/draft"),
    ("POST", "/draft/check"),
    ("POST", "/publish"),
    ("GET", "/rooms"),
    ("POST", "/rooms"),
    ("GET", "/rooms/spring"),
    ("PATCH", "/rooms/spring"),
    ("POST", "/rooms/spring/pause"),
    ("POST", "/rooms/spring/resume"),
    ("GET", "/versions"),
    ("GET", "/versions/1"),
];

#[tokio::test]
async fn nobody_gets_anywhere_without_credentials() {
    let world = World::start().await;
    for (method, path) in ACCOUNT_ROUTES {
        let address = format!("/api/v1/accounts/acme{path}");
        let answer = world.send(request(method, &address, &[], None)).await;
        answer.refused(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        for bad in ["Bearer wrong", "Bearer", "Basic b3BlcmF0b3I6eA==", "", "Bearer \u{1f}"] {
            let Ok(value) = http::HeaderValue::from_str(bad) else { continue };
            let mut asked = request(method, &address, &[], None);
            asked.headers_mut().insert("authorization", value);
            world.send(asked).await.refused(401);
        }
        let cookie = [("cookie", "anteroom_console=made-up"), ("x-anteroom-console", "1")];
        world.send(request(method, &address, &cookie, None)).await.refused(401);
    }
}

#[tokio::test]
async fn api_key_opens_its_own_account_and_does_not_tell_of_others() {
    let world = World::start().await;
    let other = world.add_account("other").await;
    let key = format!("Bearer {}", other.api_key.expose());
    for (method, path) in ACCOUNT_ROUTES {
        let ask = async |customer: &str| {
            let address = format!("/api/v1/accounts/{customer}{path}");
            let answer = world.send(request(method, &address, &[("authorization", &key)], None)).await;
            answer.refused(401);
            answer.text.replace(customer, "…")
        };
        assert_eq!(ask("acme").await, ask("nobody").await, "{method} {path}");
        assert_eq!(ask("acme").await, ask("Not_an_ID").await, "{method} {path}");
    }
    let own = world.send(request("GET", "/api/v1/accounts/other", &[("authorization", &key)], None)).await;
    assert_eq!(own.answered(200)["customerId"], "other");
}

#[tokio::test]
async fn operator_sees_every_account_and_learns_which_is_none() {
    let world = World::start().await;
    world.add_account("other").await;
    let cookie = world.sign_in().await;
    for (customer, status) in
        [("acme", 200), ("other", 200), ("nobody", 404), ("Not_an_ID", 404), ("a%ffb", 404)]
    {
        let address = format!("/api/v1/accounts/{customer}");
        let answer = world.send(request("GET", &address, &[("cookie", &cookie)], None)).await;
        assert_eq!(answer.status.as_u16(), status, "{customer}: {}", answer.text);
    }
}

#[tokio::test]
async fn cookie_changes_something_only_from_the_console_itself() {
    let world = World::start().await;
    let cookie = world.sign_in().await;
    let cookie = ("cookie", cookie.as_str());
    let check = "/api/v1/accounts/acme/draft/check";
    let console = ("x-anteroom-console", "1");
    for headers in [
        &[cookie][..],
        &[cookie, console, ("sec-fetch-site", "cross-site")],
        &[cookie, console, ("host", "platform.example"), ("origin", "https://evil.example")],
    ] {
        world.send(request("POST", check, headers, None)).await.refused(403);
    }
    world.send(request("POST", check, &[cookie, console], None)).await.answered(200);
    let headers = [cookie, console, ("host", "platform.example"), ("origin", "http://platform.example")];
    world.send(request("POST", check, &headers, None)).await.answered(200);
}

#[tokio::test]
async fn account_shows_no_secret() {
    let world = World::start().await;
    world.ask("GET", "", None).await.answered(200);
    for path in ["", "/rooms", "/draft", "/versions", "/connectors", "/audit"] {
        let text = world.ask("GET", path, None).await.text;
        for secret in [&world.new.secret_key, &world.new.api_key, &world.new.operator_password] {
            assert!(!text.contains(secret.expose()), "{path}: {text}");
        }
    }
    let details = world.ask("GET", "", None).await.json();
    assert_eq!(details["roomHost"], "room.example");
    assert_eq!(details["allowedHosts"], json!(["shop.example"]));
    assert_eq!(details["displayName"], "The acme");
}

#[tokio::test]
async fn wrong_method_and_wrong_address_are_told_apart() {
    let world = World::start().await;
    for (method, path, allowed) in [
        ("DELETE", "/api/v1/accounts/acme/draft", "GET,HEAD,PUT"),
        ("POST", "/api/v1/accounts/acme", "GET,HEAD"),
        ("PUT", "/api/v1/session", "GET,HEAD,POST,DELETE"),
        ("POST", "/", "GET,HEAD"),
        ("POST", "/status/integrationconfig/secure/acme", "GET,HEAD"),
    ] {
        let answer = world.send(request(method, path, &[], None)).await;
        answer.refused(405);
        let mut methods: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        let mut expected: Vec<&str> = allowed.split(',').collect();
        methods.sort_unstable();
        expected.sort_unstable();
        assert_eq!(methods, expected, "{method} {path}");
    }
    for path in
        ["/api/v1", "/api/v2/session", "/api/v1/accounts/acme/colour", "/assets/", "/assets/nothing.js", "/x"]
    {
        world.send(request("GET", path, &[], None)).await.refused(404);
    }
}

#[tokio::test]
async fn body_must_be_json_of_a_bounded_size() {
    let world = World::start().await;
    let key = format!("Bearer {}", world.new.api_key.expose());
    let send = async |path: &str, content_type: Option<&str>, body: Vec<u8>| {
        let mut asked = Request::put(format!("/api/v1/accounts/acme{path}"))
            .header("authorization", &key)
            .header("if-match", "*");
        if let Some(content_type) = content_type {
            asked = asked.header("content-type", content_type);
        }
        world.send(asked.body(Body::from(body)).unwrap()).await
    };
    let json = Some("application/json");
    send("/draft", json, b"{".to_vec()).await.refused(400);
    send("/draft", json, b"\xff\xfe".to_vec()).await.refused(400);
    send("/draft", json, "[".repeat(100_000).into_bytes()).await.refused(400);
    assert_eq!(send("/draft", json, b"[]".to_vec()).await.refused(422), [""]);
    send("/draft", None, b"{}".to_vec()).await.refused(415);
    send("/draft", Some("text/plain"), b"{}".to_vec()).await.refused(415);
    send("/draft", json, vec![b' '; 2 * 1024 * 1024 + 1]).await.refused(413);
    assert_eq!(
        send("/draft", Some("application/json; charset=utf-8"), b"{}".to_vec()).await.refused(422),
        ["integrations"]
    );

    // Without a length beforehand, the body itself is counted.
    let chunks = futures_body(3 * 1024 * 1024);
    let asked = Request::put("/api/v1/accounts/acme/draft")
        .header("authorization", &key)
        .header("if-match", "*")
        .header("content-type", "application/json")
        .body(chunks)
        .unwrap();
    world.send(asked).await.refused(413);
}

/// A body whose length nobody says.
fn futures_body(bytes: usize) -> Body {
    struct Chunks(usize);
    impl http_body::Body for Chunks {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            const CHUNK: &[u8] = &[b' '; 16 * 1024];
            let chunk = &CHUNK[..CHUNK.len().min(self.0)];
            self.0 -= chunk.len();
            let frame = http_body::Frame::data(bytes::Bytes::from_static(chunk));
            std::task::Poll::Ready((!chunk.is_empty()).then_some(Ok(frame)))
        }
    }
    Body::new(Chunks(bytes))
}
