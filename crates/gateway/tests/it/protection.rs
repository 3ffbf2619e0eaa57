//! The connector stands in front of the site, with nothing but the copy of its config that an earlier run kept.

use anteroom_tower::Fallback;

use crate::world::{EMPTY_OK, Setup, header, nobody, site_answering};

/// Everything under `/tickets` leads to the room `concert`.
const CONFIG: &str = r#"{
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
