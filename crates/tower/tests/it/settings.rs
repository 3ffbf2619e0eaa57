//! Settings that cannot be used are told at the start, each with what would do.

use anteroom_tower::{Connector, ConnectorSettings, Secret};
use rustls_pki_types::CertificateDer;

use crate::world::settings;

type Change = fn(&mut ConnectorSettings);

#[tokio::test]
async fn settings_that_cannot_be_used_are_named_and_no_secret_is_shown() {
    let cases: [(Change, &str); 10] = [
        (|settings| settings.platform_url = "platform".to_owned(), "the platform's address \"platform\""),
        (|settings| settings.platform_url = "http://a:b".to_owned(), "\"http://a:b\""),
        (|settings| settings.platform_url = "http://me:hidden@a".to_owned(), "user info"),
        (|settings| settings.public_origin = Some("shop.example".to_owned()), "the public origin"),
        (|settings| settings.connector.customer_id = String::new(), "customer_id"),
        (|settings| settings.connector.secret_key = Secret::new(String::new()), "secret_key"),
        (|settings| settings.connector.room_base = Some("room".to_owned()), "room_base"),
        (|settings| settings.api_key = Secret::new("hidden\n".to_owned()), "the api key"),
        (|settings| settings.name = "a\nb".to_owned(), "the connector's name"),
        (|settings| settings.platform_authorities = vec![CertificateDer::from(vec![1])], "certificate 0"),
    ];
    for (change, expected) in cases {
        let mut settings = settings("http://127.0.0.1:1".to_owned());
        change(&mut settings);
        let error = Connector::start(settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[test]
fn start_outside_a_runtime_is_an_error() {
    let error = Connector::start(settings("http://127.0.0.1:1".to_owned())).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
