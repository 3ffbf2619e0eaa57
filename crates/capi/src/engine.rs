//! An engine: settings, and the policy of the integration config that is in force.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anteroom_connector::enqueue_token::{EnqueueTokens, SignedEnqueueTokens, VALIDITY_DEFAULT};
use anteroom_connector::features::{
    BODY_BYTES_MAX_DEFAULT, Diagnostics, DirectPass, Features, Generation, OnFailure,
};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::{Fallback, Settings};
use anteroom_protocol::integration::{self, DOCUMENT_BYTES_MAX};
use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;
use arc_swap::ArcSwapOption;

use crate::abi::*;
use crate::failure::{AnteroomStatus, Failure, guarded};
use crate::memory::{self, Lent};

/// Decides requests. Made by `anteroom_engine_create`; what is in it is the library's own.
pub struct AnteroomEngine {
    settings: Settings,
    policy: ArcSwapOption<Policy>,
    /// Held while a config is compared with the one in force and put in its place.
    updating: Mutex<()>,
}

impl AnteroomEngine {
    pub(crate) fn policy(&self) -> arc_swap::Guard<Option<Arc<Policy>>> {
        self.policy.load()
    }

    pub(crate) const fn fallback(&self) -> Fallback {
        self.settings.fallback
    }

    /// By the rules of `anteroom_connector::refresh`: this account's, not older, and it compiles.
    fn update(&self, config: &[u8]) -> Result<(), Failure> {
        if config.len() > DOCUMENT_BYTES_MAX {
            let found = format!("{} bytes", config.len());
            return Err(refused("", found, format!("at most {DOCUMENT_BYTES_MAX} bytes")));
        }
        let config = integration::parse(config).map_err(Failure::Config)?;
        if let Some(named) = config.customer_id.as_deref()
            && named != self.settings.customer_id
        {
            let expected =
                format!("the account of the settings, {}", Problem::quote(&self.settings.customer_id));
            return Err(refused("CustomerId", Problem::quote(named), expected));
        }
        // Nothing that a panic could leave half done is behind this lock.
        let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = self.policy().as_ref().map(|policy| policy.version())
            && config.version < running
        {
            let expected = format!("{running}, the version in force, or a later one");
            return Err(refused("Version", config.version.to_string(), expected));
        }
        let policy = Policy::compile(&config, &self.settings)
            .map_err(|error| Failure::Config(error.problems().to_vec()))?;
        self.policy.store(Some(Arc::new(policy)));
        Ok(())
    }
}

fn refused(path: &str, found: String, expected: String) -> Failure {
    Failure::Config(vec![Problem::new(path, found, expected)])
}

/// Makes an engine. With a config that cannot be followed there is none; with an empty one the fallback holds until
/// `anteroom_engine_update`.
///
/// # Safety
/// `settings` and what it points at must be readable, `engine` writable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_engine_create(
    settings: *const AnteroomSettings,
    engine: *mut *mut AnteroomEngine,
    error: *mut AnteroomOwnedText,
) -> AnteroomStatus {
    let call = || {
        if engine.is_null() || !engine.is_aligned() {
            return Err(Failure::null("the place for the engine"));
        }
        // SAFETY: it is writable, as the caller promised, and aligned.
        unsafe { engine.write(std::ptr::null_mut()) };
        // SAFETY: as the caller promised; nothing of it is kept.
        let lent = unsafe { Lent::new() };
        let given = lent.read(settings)?;
        let settings = read_settings(lent, &given)?;
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(Failure::Config(problems));
        }
        let made = AnteroomEngine { settings, policy: ArcSwapOption::empty(), updating: Mutex::new(()) };
        let config = lent.bytes(given.config, "config")?;
        if !config.is_empty() {
            made.update(config)?;
        }
        // SAFETY: it is writable, as the caller promised, and aligned.
        unsafe { memory::give(engine, Box::new(made)) };
        Ok(())
    };
    // SAFETY: as the caller promised.
    unsafe { guarded(error, call) }
}

/// Puts another integration config into force, for all threads and from one moment to the next: decisions that are
/// being made go on with the one before. One that cannot be followed, is of
/// another account or is older than the one in force changes nothing.
///
/// # Safety
/// `engine` must be one that was not freed, `config` readable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_engine_update(
    engine: *const AnteroomEngine,
    config: AnteroomText,
    error: *mut AnteroomOwnedText,
) -> AnteroomStatus {
    let call = || {
        // SAFETY: as the caller promised; nothing of it is kept.
        let lent = unsafe { Lent::new() };
        lent.handle(engine, "the engine")?.update(lent.bytes(config, "config")?)
    };
    // SAFETY: as the caller promised.
    unsafe { guarded(error, call) }
}

/// Says what an engine follows at the moment.
///
/// # Safety
/// `engine` must be one that was not freed, `state` writable with its size set, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_engine_describe(
    engine: *const AnteroomEngine,
    state: *mut AnteroomEngineState,
    error: *mut AnteroomOwnedText,
) -> AnteroomStatus {
    let call = || {
        // SAFETY: as the caller promised; nothing of it is kept.
        let lent = unsafe { Lent::new() };
        let policy = lent.handle(engine, "the engine")?.policy();
        let described = AnteroomEngineState {
            struct_size: 0,
            config_version: policy.as_ref().map_or(0, |policy| policy.version()),
            body_bytes_max: policy.as_ref().map_or(0, |policy| policy.body_bytes_max()),
            has_config: policy.is_some().into(),
        };
        // SAFETY: as the caller promised.
        unsafe { memory::write(state, described) }
    };
    // SAFETY: as the caller promised.
    unsafe { guarded(error, call) }
}

/// What in the config in force is allowed but probably not meant: a line each. Empty when there is nothing to say.
///
/// # Safety
/// `engine` must be one that was not freed, `warnings` writable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_engine_warnings(
    engine: *const AnteroomEngine,
    warnings: *mut AnteroomOwnedText,
    error: *mut AnteroomOwnedText,
) -> AnteroomStatus {
    let call = || {
        if warnings.is_null() {
            return Err(Failure::null("the place for the warnings"));
        }
        // SAFETY: it is writable, as the caller promised.
        unsafe { memory::give_text(warnings, None) };
        // SAFETY: as the caller promised; nothing of it is kept.
        let lent = unsafe { Lent::new() };
        let policy = lent.handle(engine, "the engine")?.policy();
        let text = policy.as_ref().map(|policy| policy.warnings().join("\n")).unwrap_or_default();
        // SAFETY: it is writable, as the caller promised.
        unsafe { memory::give_text(warnings, Some(&text)) };
        Ok(())
    };
    // SAFETY: as the caller promised.
    unsafe { guarded(error, call) }
}

/// Gives an engine back and sets the variable to null. Null, and a variable that is null, are left alone. No other call
/// with this engine may be under way or follow; decisions that it made stay good.
///
/// # Safety
/// `engine` must be null, or lead to null or to an engine that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_engine_free(engine: *mut *mut AnteroomEngine) {
    let call = || {
        // SAFETY: as the caller promised.
        drop(unsafe { memory::take(engine) });
        Ok(())
    };
    // SAFETY: no place for a message is given.
    unsafe { guarded(std::ptr::null_mut(), call) };
}

fn read_settings(lent: Lent<'_>, given: &AnteroomSettings) -> Result<Settings, Failure> {
    let owned = |text, what| lent.given(text, what).map(|text| text.map(str::to_owned));
    let secret_key = Secret::new(lent.text(given.secret_key, "secret_key")?.to_owned());
    let diagnostics = owned(given.diagnostics_error_base, "diagnostics_error_base")?
        .map(|error_base| Diagnostics { error_base, is_strict: given.is_diagnostics_strict != 0 });
    let direct_pass = owned(given.direct_pass_proxy_key, "direct_pass_proxy_key")?.map(|key| DirectPass {
        proxy_key: Secret::new(key),
        timeout: Some(Duration::from_millis(given.direct_pass_timeout_ms)),
        is_passed_on_failure: given.is_passed_on_failure != 0,
    });
    let enqueue_tokens = match given.is_enqueue_token_sent {
        0 => None,
        _ => Some(EnqueueTokens::new(signed_enqueue_tokens(lent, given, secret_key.clone())?)),
    };
    Ok(Settings {
        customer_id: lent.text(given.customer_id, "customer_id")?.to_owned(),
        secret_key,
        room_base: owned(given.room_base, "room_base")?,
        platform_suffix: owned(given.platform_suffix, "platform_suffix")?,
        fallback: match given.fallback {
            ANTEROOM_FALLBACK_LET_PASS => Fallback::LetPass,
            ANTEROOM_FALLBACK_HOLD => Fallback::Hold,
            other => return Err(unknown("fallback", other)),
        },
        features: Features {
            enqueue_tokens,
            verify_failure: match given.verify_failure {
                ANTEROOM_ON_FAILURE_ALLOW => OnFailure::Allow,
                ANTEROOM_ON_FAILURE_DENY => OnFailure::Deny,
                other => return Err(unknown("verify_failure", other)),
            },
            generation: match (given.generation, direct_pass) {
                (0 | 4, None) => Generation::Four,
                (0 | 4, Some(_)) => {
                    let text = "direct_pass_proxy_key is given, but direct pass needs generation 5";
                    return Err(Failure::Argument(text.to_owned()));
                }
                (5, direct_pass) => Generation::Five { direct_pass },
                (other, _) => return Err(unknown("generation", other)),
            },
            diagnostics,
            body_bytes_max: match given.has_body_bytes_max {
                0 => BODY_BYTES_MAX_DEFAULT,
                _ => given.body_bytes_max,
            },
        },
    })
}

fn signed_enqueue_tokens(
    lent: Lent<'_>,
    given: &AnteroomSettings,
    secret_key: Secret,
) -> Result<SignedEnqueueTokens, Failure> {
    let custom_data = custom_data(
        lent,
        given.enqueue_token_custom_data,
        given.enqueue_token_custom_data_len,
        "enqueue_token_custom_data",
    )?;
    let entropy = || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok().map(|()| bytes)
    };
    Ok(SignedEnqueueTokens {
        validity: match given.enqueue_token_validity_seconds {
            0 => VALIDITY_DEFAULT,
            seconds => Duration::from_secs(seconds),
        },
        token_id_prefix: lent
            .given(given.enqueue_token_id_prefix, "enqueue_token_id_prefix")?
            .map(str::to_owned),
        has_key: given.has_enqueue_token_key != 0,
        relative_quality: (given.has_enqueue_token_relative_quality != 0)
            .then_some(given.enqueue_token_relative_quality),
        has_address: given.is_enqueue_token_without_address == 0,
        custom_data: if custom_data.is_empty() { None } else { Some(Arc::new(move |_| custom_data.clone())) },
        ..SignedEnqueueTokens::new(secret_key, Arc::new(entropy))
    })
}

/// Pairs of an enqueue token.
pub(crate) fn custom_data(
    lent: Lent<'_>,
    first: *const AnteroomPair,
    len: usize,
    what: &'static str,
) -> Result<Vec<(String, String)>, Failure> {
    let pairs = lent.pairs(first, len, what)?.iter();
    pairs
        .map(|pair| Ok((lent.text(pair.name, what)?.to_owned(), lent.text(pair.value, what)?.to_owned())))
        .collect()
}

pub(crate) fn unknown(what: &str, value: u32) -> Failure {
    Failure::Unsupported(format!("{what} is {value}, which this version of the library does not know"))
}
