//! Integration configs made ready, kept as long as the next lines name the same ones.

use std::collections::HashMap;
use std::rc::Rc;

use anteroom_connector::features::Features;
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_protocol::integration::{self, IntegrationConfig};
use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;

/// So many are kept. Whoever asks about more at the same time pays for compiling them anew.
const KEPT_MAX: usize = 64;

/// A config, as it was read and as it is followed.
pub(super) struct Ready {
    pub(super) config: IntegrationConfig,
    pub(super) policy: Policy,
}

/// What becomes of a config, by everything that matters for it.
#[derive(Default)]
pub(super) struct Policies(HashMap<(String, String, String), Result<Rc<Ready>, String>>);

impl Policies {
    /// The config made ready, or everything that is wrong with it in one line.
    pub(super) fn get(
        &mut self,
        document: &str,
        customer_id: &str,
        secret_key: &Secret,
    ) -> Result<Rc<Ready>, String> {
        let key = (customer_id.to_owned(), secret_key.expose().to_owned(), document.to_owned());
        if let Some(known) = self.0.get(&key) {
            return known.clone();
        }
        if self.0.len() >= KEPT_MAX {
            self.0.clear();
        }
        let ready =
            make_ready(document.as_bytes(), customer_id, secret_key).map(Rc::new).map_err(|problems| {
                let problems = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
                problems.join("; ")
            });
        self.0.insert(key, ready.clone());
        ready
    }
}

/// Reads, checks and compiles a document.
pub(super) fn make_ready(
    document: &[u8],
    customer_id: &str,
    secret_key: &Secret,
) -> Result<Ready, Vec<Problem>> {
    let config = integration::parse(document)?;
    let settings = Settings {
        customer_id: customer_id.to_owned(),
        secret_key: secret_key.clone(),
        room_base: None,
        platform_suffix: None,
        fallback: Fallback::LetPass,
        features: Features::default(),
    };
    match Policy::compile(&config, &settings) {
        Ok(policy) => Ok(Ready { config, policy }),
        Err(error) => Err(error.problems().to_vec()),
    }
}
