use anteroom_tower::{
    Connector, ConnectorSettings, Fallback, Features, Secret, Settings, StartError, TrustedProxies,
};
use axum::Router;

/// Puts the connector in front of a shop. Must be called within a tokio runtime.
pub fn protect(shop: Router, secret_key: Secret, api_key: Secret) -> Result<Router, StartError> {
    let connector = Connector::start(ConnectorSettings {
        connector: Settings {
            customer_id: "acme".into(),
            secret_key,
            room_base: None,
            platform_suffix: Some("shop-1.0".into()),
            fallback: Fallback::Hold,
            features: Features::default(),
        },
        name: "shop-1".into(),
        api_key,
        platform_url: "http://platform.internal:8603".into(),
        platform_authorities: Vec::new(),
        keep_file: Some("/var/lib/shop/integration-config.json".into()),
        public_origin: Some("https://shop.example".into()),
        trusted_proxies: TrustedProxies::default(),
    })?;
    Ok(shop.layer(connector.layer()))
}
