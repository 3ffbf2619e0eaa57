//! Integration configs made ready, kept as long as the next lines name the same ones.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anteroom_connector::features::{self, Diagnostics, DirectPass, Features};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_protocol::integration::{self, IntegrationConfig};
use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;

use super::case::{Case, Generation};

/// So many are kept. Whoever asks about more at the same time pays for compiling them anew.
const KEPT_MAX: usize = 64;

/// A config, as it was read and as it is followed.
pub(super) struct Ready {
    pub(super) config: IntegrationConfig,
    pub(super) policy: Policy,
}

/// What becomes of a config, by everything that matters for it.
#[derive(Default)]
pub(super) struct Policies(HashMap<Key, Result<Rc<Ready>, String>>);

#[derive(PartialEq, Eq, Hash)]
struct Key {
    customer_id: String,
    secret_key: String,
    document: String,
    generation: Generation,
    /// Whether the room is asked for direct passes, and how long it has.
    direct_pass: Option<Option<u64>>,
}

impl Policies {
    /// The case's config made ready, or everything that is wrong with it in one line.
    pub(super) fn get(&mut self, case: &Case<'_>) -> Result<Rc<Ready>, String> {
        let key = Key {
            customer_id: case.customer_id.clone(),
            secret_key: case.secret_key.expose().to_owned(),
            document: document(case)?.into_owned(),
            generation: case.generation,
            direct_pass: case.direct_pass.as_ref().map(|direct_pass| direct_pass.timeout_millis),
        };
        if let Some(known) = self.0.get(&key) {
            return known.clone();
        }
        if self.0.len() >= KEPT_MAX {
            self.0.clear();
        }
        let ready = make_ready(key.document.as_bytes(), &case.customer_id, &case.secret_key, features(case));
        let ready = ready.map(Rc::new).map_err(|problems| {
            let problems = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
            problems.join("; ")
        });
        self.0.insert(key, ready.clone());
        ready
    }
}

/// The config's text: as it stands on the line, or what the text there holds.
fn document<'c>(case: &Case<'c>) -> Result<Cow<'c, str>, String> {
    let raw = case.integration_config.get();
    if raw.starts_with('"') {
        return serde_json::from_str(raw).map(Cow::Owned).map_err(|error| error.to_string());
    }
    Ok(raw.into())
}

/// As official connectors have it: diagnostics are on and lead to the service's own pages, and a room that does not
/// answer lets pass.
fn features(case: &Case<'_>) -> Features {
    let customer_id = &case.customer_id;
    let direct_pass = case.direct_pass.as_ref().map(|direct_pass| DirectPass {
        proxy_key: Secret::new("not used, as nothing is sent".to_owned()),
        timeout: direct_pass.timeout_millis.map(Duration::from_millis),
        is_passed_on_failure: true,
    });
    Features {
        generation: match case.generation {
            Generation::Four => features::Generation::Four,
            Generation::Five => features::Generation::Five { direct_pass },
        },
        diagnostics: Some(Diagnostics {
            error_base: format!("https://{customer_id}.api2.queue-it.net/{customer_id}"),
            is_strict: false,
        }),
        ..Features::default()
    }
}

/// Reads, checks and compiles a document.
pub(super) fn make_ready(
    document: &[u8],
    customer_id: &str,
    secret_key: &Secret,
    features: Features,
) -> Result<Ready, Vec<Problem>> {
    let config = integration::parse(document)?;
    let settings = Settings {
        customer_id: customer_id.to_owned(),
        secret_key: secret_key.clone(),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features,
    };
    match Policy::compile(&config, &settings) {
        Ok(policy) => Ok(Ready { config, policy }),
        Err(error) => Err(error.problems().to_vec()),
    }
}
