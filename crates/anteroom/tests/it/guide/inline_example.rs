use std::sync::Arc;

use anteroom_tower::{
    Connector, EnqueueTokens, Fallback, Features, InlineSettings, Policy, QueueConfig, Secret, Settings,
    SignedEnqueueTokens, StartError,
};
use axum::Router;

/// Puts a waiting room before everything that this router serves, without a platform.
pub fn protect(checkout: Router, secret_key: Secret) -> Result<Router, StartError> {
    let config = QueueConfig {
        event_id: "spring24".into(),
        queue_domain: "queue.shop.example".into(),
        cookie_validity_minutes: 20,
        is_cookie_extended: true,
        ..QueueConfig::default()
    };
    let enqueue_tokens = SignedEnqueueTokens::new(secret_key.clone(), Arc::new(random));
    let settings = Settings {
        customer_id: "acme".into(),
        secret_key,
        room_base: None,
        platform_suffix: Some("shop-1.0".into()),
        fallback: Fallback::Hold,
        features: Features {
            enqueue_tokens: Some(EnqueueTokens::new(enqueue_tokens)),
            ..Features::default()
        },
    };
    let config = config.check().expect("the action above has what it needs");
    let policy = Policy::compile(&config, &settings).expect("the settings above have what they need");
    Ok(checkout.layer(Connector::inline(policy, InlineSettings::default())?.layer()))
}

fn random() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}
