//! The connector stands in front of the site, with nothing but the copy of its config that an earlier run kept.

use anteroom_tower::Fallback;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::world::{EMPTY_OK, Setup, header, nobody, read_until, site, site_answering, within};

/// Everything under `/tickets` leads to the room `concert`.
pub(crate) const CONFIG: &str = r#"{
  "Description": "test",
  "CustomerId": "acme",
  "Version": 3,
  "Integrations": [{
    "Name": "tickets", "ActionType": "Queue", "EventId": "concert", "CookieDomain": "",
    "Culture": "", "ExtendCookieValidity": true, "CookieValidityMinute": 20, "IsNormalizationEnabled": true,
    "RedirectLogic": "AllowTParameter", "QueueDomain": "acme.room.example", "ForcedTargetUrl": "",
    "Triggers": [{
      "LogicalOperator": "Or",
      "TriggerParts": [{
        "Operator": "Contains", "ValueToCompare": "/tickets", "UrlPart": "PageUrl", "CookieName": "",
        "ValidatorType": "UrlValidator", "IsNegative": false, "IsIgnoreCase": true
      }]
    }]
  }]
}"#;

#[tokio::test]
async fn i8_protected_address_leads_to_the_room_though_site_and_platform_are_down() {
    let doorway = Setup { config: Some(CONFIG), ..Setup::before(nobody().await) }.open().await;
    let answer = doorway
        .exchange("GET /tickets?a=1 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 302 Found\r\n"), "{answer}");
    let location = header(&answer, "location").unwrap();
    assert!(location.starts_with("https://acme.room.example/"), "{location}");
    assert!(location.contains("e=concert") && location.contains("shop.example%2Ftickets"), "{location}");
    assert_eq!(header(&answer, "x-queueit-connector"), Some("rust"));
}

#[tokio::test]
async fn i10_protected_address_is_not_reached_by_another_spelling() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup { config: Some(CONFIG), ..Setup::before(site) }.open().await;
    for line in [
        "GET /TICKETS",
        "GET http://shop.example/tickets",
        "POST /tickets",
        "PROPFIND /tickets/x",
        "GET /%74ickets",
    ] {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let answer = doorway.exchange(&request).await;
        assert!(answer.starts_with("HTTP/1.1 302 "), "{line}: {answer}");
    }
    assert_eq!(heads.rest(), [""; 0]);
}

#[tokio::test]
async fn other_addresses_reach_the_site_and_no_path_is_the_gateways_own() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let doorway = Setup { config: Some(CONFIG), ..Setup::before(site) }.open().await;
    for path in ["/", "/health", "/healthz", "/metrics", "/.well-known/anteroom"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
        let answer = doorway.exchange(&request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(header(&answer, "x-queueit-connector"), Some("rust"));
        assert_eq!(header(&answer, "x-queueit-failed"), None);
        assert!(heads.next().await.starts_with(&format!("GET {path} ")));
    }
}

#[tokio::test]
async fn i9_without_any_config_the_fallback_holds() {
    let (site, mut heads) = site_answering(EMPTY_OK).await;
    let request = "GET /tickets HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

    let doorway = Setup { fallback: Fallback::Hold, ..Setup::before(site) }.open().await;
    let answer = doorway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(heads.rest().is_empty());

    let doorway = Setup { fallback: Fallback::LetPass, ..Setup::before(site) }.open().await;
    let answer = doorway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(header(&answer, "x-queueit-failed"), Some("true"));
}

/// Whatever says `buy` in its body leads to the room `concert`.
pub(crate) const CONFIG_ON_BODIES: &str = r#"{
  "CustomerId": "acme", "Version": 3,
  "Integrations": [{
    "Name": "orders", "ActionType": "Queue", "EventId": "concert", "CookieValidityMinute": 20,
    "QueueDomain": "acme.room.example",
    "Triggers": [{
      "LogicalOperator": "And",
      "TriggerParts": [{ "ValidatorType": "RequestBodyValidator", "Operator": "Contains", "ValueToCompare": "buy" }]
    }]
  }]
}"#;

#[tokio::test]
async fn body_that_a_trigger_looks_at_reaches_the_site_as_it_was_framed() {
    let (seen, mut uploads) = mpsc::unbounded_channel();
    let site = site(move |mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_until(&mut stream, "END").await).unwrap();
            stream.write_all(EMPTY_OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let doorway = Setup { config: Some(CONFIG_ON_BODIES), ..Setup::before(site) }.open().await;

    let order = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nbuy=1";
    let answer = doorway.exchange(order).await;
    assert!(answer.starts_with("HTTP/1.1 302 Found\r\n"), "{answer}");

    // Longer than what is looked at, with what would match behind that.
    let body = format!("{}buyEND", "sell".repeat(20_000));
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    let lengths = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunks = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (request, length) in [(lengths, Some(body.len().to_string())), (chunks, None)] {
        let answer = doorway.exchange(&request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let upload = within(uploads.recv()).await.unwrap();
        assert_eq!(header(&upload, "content-length"), length.as_deref());
        assert_eq!(header(&upload, "transfer-encoding").is_none(), length.is_some());
        let sold = upload.matches("sell").count();
        assert!((19_900..=20_000).contains(&sold), "{sold}");
        if length.is_some() {
            assert!(upload.ends_with(&body));
        }
    }
}
