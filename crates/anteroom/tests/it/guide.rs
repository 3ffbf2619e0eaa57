//! What the guides show is what works.

#[allow(unreachable_pub, reason = "as the guide shows it, for a crate of the reader's own")]
mod inline_example;
#[allow(unreachable_pub, reason = "as the guide shows it, for a crate of the reader's own")]
mod layer_example;

use axum::Router;
use axum::routing::get;

/// The guide shows the very text that is compiled here.
#[test]
fn guide_for_engineers_shows_code_that_compiles() {
    let guide = include_str!("../../../../docs/engineers.md");
    for example in [include_str!("guide/layer_example.rs"), include_str!("guide/inline_example.rs")] {
        assert!(guide.contains(&format!("```rust\n{example}```")), "docs/engineers.md must show:\n{example}");
    }
}

/// Whoever comes to the checkout queues first, with an enqueue token.
#[tokio::test]
async fn action_of_the_guide_given_in_code_sends_visitors_to_its_room() {
    let checkout = Router::new().route("/checkout", get(|| async { "checkout" }));
    let secret_key = anteroom_tower::Secret::new("secret key".to_owned());
    let protected = inline_example::protect(checkout, secret_key).unwrap();
    let request =
        http::Request::get("/checkout").header("host", "shop.example").body(axum::body::Body::empty());
    let answer = tower::ServiceExt::oneshot(protected, request.unwrap()).await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://queue.shop.example/?c=acme&e=spring24&"), "{location}");
    assert!(location.contains("&enqueuetoken=eyJ"), "{location}");
}

/// Without a configuration and with `hold`, nobody reaches the shop.
#[tokio::test]
async fn layer_of_the_guide_stands_in_front_of_the_shop() {
    let secret = |text: &str| anteroom_tower::Secret::new(text.to_owned());
    let shop = Router::new().route("/tickets", get(|| async { "tickets" }));
    let protected = layer_example::protect(shop, secret("secret key"), secret("api key")).unwrap();
    let request =
        http::Request::get("/tickets").header("host", "shop.example").body(axum::body::Body::empty());
    let answer = tower::ServiceExt::oneshot(protected, request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), http::StatusCode::SERVICE_UNAVAILABLE);
}
