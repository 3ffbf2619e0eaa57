//! The helpers: settings, a site that tells when it is reached, documents, and questions to the layer.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use anteroom_tower::{
    ClientAddress, Connector, ConnectorBody, ConnectorSettings, ConnectorStatus, Fallback, Features,
    RequestBody, Secret, Settings, TrustedProxies,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::platform::Says;

pub(crate) const SECRET_KEY: &str = "a made-up key for tests";

/// For waits that must not happen; a test that runs into one fails.
const LONG: Duration = Duration::from_secs(20);

pub(crate) fn settings(platform_url: String) -> ConnectorSettings {
    ConnectorSettings {
        connector: Settings {
            customer_id: "acme".to_owned(),
            secret_key: Secret::new(SECRET_KEY.to_owned()),
            room_base: None,
            platform_suffix: None,
            fallback: Fallback::LetPass,
            features: Features::default(),
        },
        name: "shop-1".to_owned(),
        api_key: Secret::new("the api key".to_owned()),
        platform_url,
        platform_authorities: Vec::new(),
        keep_file: None,
        public_origin: None,
        trusted_proxies: TrustedProxies::default(),
    }
}

/// An integration config of this version: everything under `path` leads to the room `concert`.
pub(crate) fn document(version: u64, path: &str) -> Vec<u8> {
    document_of("acme", version, path)
}

pub(crate) fn document_of(customer: &str, version: u64, path: &str) -> Vec<u8> {
    let text = r#"{
        "Description": "test", "CustomerId": "CUSTOMER", "Version": VERSION,
        "Integrations": [{
            "Name": "tickets", "ActionType": "Queue", "EventId": "concert", "CookieDomain": "", "Culture": "",
            "ExtendCookieValidity": true, "CookieValidityMinute": 20, "RedirectLogic": "AllowTParameter",
            "QueueDomain": "acme.room.example", "ForcedTargetUrl": "",
            "Triggers": [{
                "LogicalOperator": "Or",
                "TriggerParts": [{
                    "Operator": "Contains", "ValueToCompare": "PATH", "UrlPart": "PageUrl",
                    "ValidatorType": "UrlValidator", "IsNegative": false, "IsIgnoreCase": true
                }]
            }]
        }]
    }"#;
    let text =
        text.replace("CUSTOMER", customer).replace("VERSION", &version.to_string()).replace("PATH", path);
    text.into_bytes()
}

pub(crate) fn says(bytes: Vec<u8>, etag: &'static str) -> Says {
    Says::Document { bytes, etag }
}

/// A request from a visitor's browser.
pub(crate) fn get(url: &str) -> Request<Full<Bytes>> {
    let path = url.strip_prefix("http://shop.example").unwrap();
    let mut request = Request::get(path).body(Full::default()).unwrap();
    request.headers_mut().insert("host", "shop.example".parse().unwrap());
    let client = ClientAddress { ip: "203.0.113.9".parse().unwrap(), is_tls: false };
    request.extensions_mut().insert(client);
    request
}

/// What comes out of the layer in front of a site that sets a cookie and says `the site`.
pub(crate) async fn ask(connector: &Connector, request: Request<Full<Bytes>>) -> Response<String> {
    let site = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        let mut response = Response::new(Full::new(Bytes::from_static(b"the site")));
        response.headers_mut().insert("set-cookie", "cart=7".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let response: Response<ConnectorBody<Full<Bytes>>> =
        within(connector.layer().layer(site).oneshot(request)).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Waits until the connector's status is like that.
pub(crate) async fn until(
    connector: &Connector,
    is_so: impl FnMut(&ConnectorStatus) -> bool,
) -> ConnectorStatus {
    within(connector.changed().wait_for(is_so)).await.unwrap().clone()
}

pub(crate) fn assert_queued(response: &Response<String>) {
    assert_eq!(response.status(), 302, "{response:?}");
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://acme.room.example/?c=acme&e=concert&"), "{location}");
}

pub(crate) fn assert_reached_site(response: &Response<String>) {
    assert_eq!((response.status().as_u16(), response.body().as_str()), (200, "the site"));
    assert_eq!(response.headers()["x-queueit-connector"], "rust");
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LONG, future).await.unwrap()
}
