//! An operator signs in, is known, and signs out.

use anteroom_protocol::mac::sha256;
use anteroom_protocol::time::Timestamp;
use anteroom_store::records::Session;
use serde_json::json;

use crate::world::{TRUSTED_PROXY, World, request};

#[tokio::test]
async fn operator_signs_in_and_out() {
    let world = World::start().await;
    world.add_account("other").await;
    world.send(request("GET", "/api/v1/session", &[], None)).await.refused(401);

    let answer = world.sign_in_with(world.new.operator_password.expose(), &[]).await;
    let body = answer.answered(200);
    assert_eq!(body["name"], "operator");
    assert_eq!(
        body["accounts"],
        json!([
            {"customerId": "acme", "displayName": "The acme"},
            {"customerId": "other", "displayName": "The other"},
        ])
    );
    let set = answer.header("set-cookie");
    for attribute in ["Path=/api/v1", "HttpOnly", "SameSite=Strict", "Max-Age=86400"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "over plain HTTP a browser would not keep it: {set}");

    let cookie = set.split(';').next().unwrap();
    let look = async || world.send(request("GET", "/api/v1/session", &[("cookie", cookie)], None)).await;
    assert_eq!(look().await.answered(200), body);

    let headers = [("cookie", cookie), ("x-anteroom-console", "1")];
    world.send(request("DELETE", "/api/v1/session", &headers[..1], None)).await.refused(403);
    look().await.answered(200);
    let out = world.send(request("DELETE", "/api/v1/session", &headers, None)).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    look().await.refused(401);
}

#[tokio::test]
async fn wrong_name_and_wrong_password_are_told_alike() {
    let world = World::start().await;
    let wrong = world.sign_in_with("wrong", &[]).await;
    wrong.refused(401);
    let body = json!({ "name": "nobody", "password": world.new.operator_password.expose() });
    let unknown =
        world.send(request("POST", "/api/v1/session", &[("x-anteroom-console", "1")], Some(body))).await;
    unknown.refused(401);
    assert_eq!(wrong.text, unknown.text);
}

#[tokio::test]
async fn every_faulty_field_of_a_sign_in_is_told() {
    let world = World::start().await;
    let body = json!({ "nmae": "operator", "password": "" });
    let answer =
        world.send(request("POST", "/api/v1/session", &[("x-anteroom-console", "1")], Some(body))).await;
    assert_eq!(answer.refused(422), ["name", "password", "nmae"]);
    assert!(answer.text.contains("“name”"), "the nearest name is offered: {}", answer.text);
}

#[tokio::test]
async fn sign_in_from_another_page_is_refused() {
    let world = World::start().await;
    let body = json!({ "name": "operator", "password": world.new.operator_password.expose() });
    world.send(request("POST", "/api/v1/session", &[], Some(body))).await.refused(403);
    let cross_site = [("sec-fetch-site", "cross-site")];
    world.sign_in_with(world.new.operator_password.expose(), &cross_site).await.refused(403);
}

#[tokio::test]
async fn guessing_is_slowed_for_the_network_it_comes_from_alone() {
    let world = World::start().await;
    for _ in 0..5 {
        world.sign_in_with("wrong", &[]).await.refused(401);
    }
    let slowed = world.sign_in_with(world.new.operator_password.expose(), &[]).await;
    slowed.refused(429);
    assert!((1..=10).contains(&slowed.header("retry-after").parse::<u64>().unwrap()));

    let body = json!({ "name": "operator", "password": world.new.operator_password.expose() });
    let from_elsewhere =
        || request("POST", "/api/v1/session", &[("x-anteroom-console", "1")], Some(body.clone()));
    world.send_from("198.51.100.4", from_elsewhere()).await.answered(200);
    // What a stranger says of where it comes from does not count.
    let mut lying = from_elsewhere();
    lying.headers_mut().insert("x-forwarded-for", "203.0.113.1".parse().unwrap());
    world.send(lying).await.refused(429);
}

#[tokio::test]
async fn cookie_is_secure_where_a_trusted_proxy_says_that_it_came_over_tls() {
    let world = World::start().await;
    let password = world.new.operator_password.expose();
    for (peer, is_secure) in [(TRUSTED_PROXY, true), ("192.0.2.7", false)] {
        let body = json!({ "name": "operator", "password": password });
        let headers = [("x-anteroom-console", "1"), ("x-forwarded-proto", "https")];
        let answer = world.send_from(peer, request("POST", "/api/v1/session", &headers, Some(body))).await;
        assert_eq!(answer.header("set-cookie").contains("; Secure"), is_secure, "{peer}");
    }
}

#[tokio::test]
async fn old_session_is_none() {
    let world = World::start().await;
    let ended = Session { operator: "operator".into(), expires_at: Timestamp::from_seconds(1) };
    world.records.save_session(&sha256(&[b"old"]), &ended).await.unwrap();
    let asked = request("GET", "/api/v1/session", &[("cookie", "anteroom_console=old")], None);
    world.send(asked).await.refused(401);
}
