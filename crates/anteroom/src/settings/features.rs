//! What a gateway turns on beyond the plain flow, as typed and as meant. Nothing of it is on unless a file says so.

use std::sync::Arc;
use std::time::Duration;

use anteroom_tower::enqueue_token::{CustomData, EnqueueRequest};
use anteroom_tower::{
    Diagnostics, DirectPass, EnqueueTokens, Features, Generation, OnFailure, Secret, SignedEnqueueTokens,
};
use serde::Deserialize;

use super::check::Mistake;
use crate::credentials::Credentials;

/// Most entries of custom data: with the longest values, an enqueue token is still one that rooms read.
const CUSTOM_DATA_MAX: usize = 16;
/// Longest name or value in custom data, in bytes. What a header holds beyond it is cut off.
const CUSTOM_DATA_BYTES_MAX: usize = 200;
/// Longest beginning of an enqueue token's id, in bytes.
const PREFIX_BYTES_MAX: usize = 50;
/// Longest beginning of a body that can be asked for, in bytes: each request holds that much memory.
const BODY_BYTES_MAX: usize = 1 << 20;

/// As typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedFeatures {
    generation: String,
    verify_failure: String,
    body_bytes_max: i64,
    enqueue_token: TypedEnqueueToken,
    direct_pass: TypedDirectPass,
    diagnostics: TypedDiagnostics,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedEnqueueToken {
    is_sent: bool,
    validity_seconds: i64,
    id_prefix: String,
    has_key: bool,
    has_address: bool,
    relative_quality: String,
    custom_data: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedDirectPass {
    is_asked: bool,
    timeout_ms: i64,
    passes_on_failure: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedDiagnostics {
    error_base: String,
    is_strict: bool,
}

/// As meant; keys come from the credentials.
#[derive(Clone, Debug)]
pub(crate) struct FeatureSettings {
    is_generation_five: bool,
    verify_failure: OnFailure,
    body_bytes_max: usize,
    enqueue_token: Option<EnqueueTokenSettings>,
    direct_pass: Option<DirectPassSettings>,
    diagnostics: Option<Diagnostics>,
}

#[derive(Clone, Debug)]
struct EnqueueTokenSettings {
    validity: Duration,
    id_prefix: Option<String>,
    has_key: bool,
    has_address: bool,
    relative_quality: Option<f64>,
    custom_data: Vec<CustomDatum>,
}

#[derive(Clone, Copy, Debug)]
struct DirectPassSettings {
    timeout: Duration,
    is_passed_on_failure: bool,
}

/// One entry of an enqueue token's custom data.
#[derive(Clone, Debug)]
struct CustomDatum {
    name: String,
    value: CustomValue,
}

#[derive(Clone, Debug)]
enum CustomValue {
    Text(String),
    /// What a header of the visitor's request holds.
    Header(String),
}

impl Default for FeatureSettings {
    fn default() -> Self {
        let Features { verify_failure, body_bytes_max, .. } = Features::default();
        Self {
            is_generation_five: false,
            verify_failure,
            body_bytes_max,
            enqueue_token: None,
            direct_pass: None,
            diagnostics: None,
        }
    }
}

impl FeatureSettings {
    /// What the connector is told.
    pub(crate) fn features(&self, credentials: &Credentials) -> Features {
        let proxy_key = credentials.proxy_key.as_ref().unwrap_or(&credentials.api_key);
        let direct_pass = self.direct_pass.map(|direct_pass| DirectPass {
            proxy_key: proxy_key.clone(),
            timeout: Some(direct_pass.timeout),
            is_passed_on_failure: direct_pass.is_passed_on_failure,
        });
        let enqueue_tokens = self.enqueue_token.clone();
        Features {
            enqueue_tokens: enqueue_tokens.map(|settings| settings.signed_with(&credentials.secret_key)),
            verify_failure: self.verify_failure,
            generation: if self.is_generation_five {
                Generation::Five { direct_pass }
            } else {
                Generation::Four
            },
            diagnostics: self.diagnostics.clone(),
            body_bytes_max: self.body_bytes_max,
        }
    }
}

impl EnqueueTokenSettings {
    fn signed_with(self, secret_key: &Secret) -> EnqueueTokens {
        let entropy = || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).ok().map(|()| bytes)
        };
        let custom_data = self.custom_data;
        let of_request = move |request: &EnqueueRequest<'_>| {
            let value_of = |datum: &CustomDatum| match &datum.value {
                CustomValue::Text(text) => Some(text.clone()),
                CustomValue::Header(name) => {
                    request.view.headers.get(name).map(|value| cut(value).to_owned())
                }
            };
            custom_data.iter().filter_map(|datum| Some((datum.name.clone(), value_of(datum)?))).collect()
        };
        EnqueueTokens::new(SignedEnqueueTokens {
            validity: self.validity,
            token_id_prefix: self.id_prefix,
            has_key: self.has_key,
            has_address: self.has_address,
            relative_quality: self.relative_quality,
            custom_data: Some(Arc::new(of_request) as CustomData),
            ..SignedEnqueueTokens::new(secret_key.clone(), Arc::new(entropy))
        })
    }
}

/// Checks what the values mean and adds every mistake to the others.
pub(super) fn refine(typed: &TypedFeatures, mistakes: &mut Vec<Mistake>) -> FeatureSettings {
    let mut check = Check { mistakes };
    let is_generation_five = check.is_second("generation", &typed.generation, ["4", "5"]);
    let is_denied = check.is_second("verify_failure", &typed.verify_failure, ["allow", "deny"]);
    let body_bytes_max =
        check.number("body_bytes_max", typed.body_bytes_max, 0..=BODY_BYTES_MAX as u64, "bytes");
    let direct_pass = &typed.direct_pass;
    let timeout_ms =
        check.number("direct_pass.timeout_ms", direct_pass.timeout_ms, 800..=5_000, "milliseconds");
    if direct_pass.is_asked && !is_generation_five {
        check.refuse("direct_pass.is_asked", "is on, and needs generation = \"5\"".to_owned());
    }
    let error_base = &typed.diagnostics.error_base;
    let is_address = |text: &str| {
        (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(['?', '#'])
    };
    if !error_base.is_empty() && !is_address(error_base) {
        let expected = "an address such as \"https://acme.api2.queue-it.net/acme\", without ? and #";
        check.refuse("diagnostics.error_base", format!("found {error_base:?}, expected {expected}"));
    }
    FeatureSettings {
        is_generation_five,
        verify_failure: if is_denied { OnFailure::Deny } else { OnFailure::Allow },
        body_bytes_max: usize::try_from(body_bytes_max).unwrap_or(BODY_BYTES_MAX),
        enqueue_token: check.enqueue_token(&typed.enqueue_token),
        direct_pass: direct_pass.is_asked.then_some(DirectPassSettings {
            timeout: Duration::from_millis(timeout_ms),
            is_passed_on_failure: direct_pass.passes_on_failure,
        }),
        diagnostics: (!error_base.is_empty())
            .then(|| Diagnostics { error_base: error_base.clone(), is_strict: typed.diagnostics.is_strict }),
    }
}

struct Check<'a> {
    mistakes: &'a mut Vec<Mistake>,
}

impl Check<'_> {
    fn refuse(&mut self, key: &str, what: String) {
        self.mistakes.push(Mistake::new(format!("gateway.features.{key}"), what));
    }

    /// Whether the second of two words stands there.
    fn is_second(&mut self, key: &str, found: &str, words: [&str; 2]) -> bool {
        if !words.contains(&found) {
            self.refuse(key, format!("found {found:?}, expected {:?} or {:?}", words[0], words[1]));
        }
        found == words[1]
    }

    fn number(&mut self, key: &str, found: i64, range: std::ops::RangeInclusive<u64>, unit: &str) -> u64 {
        let number = u64::try_from(found).ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            self.refuse(key, format!("found {found}, expected {least} to {most} {unit}"));
        }
        number.unwrap_or(*range.start())
    }

    fn enqueue_token(&mut self, typed: &TypedEnqueueToken) -> Option<EnqueueTokenSettings> {
        let validity_seconds =
            self.number("enqueue_token.validity_seconds", typed.validity_seconds, 30..=86_400, "seconds");
        let id_prefix = &typed.id_prefix;
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if id_prefix.len() > PREFIX_BYTES_MAX || !is_plain(id_prefix) {
            let expected = format!("at most {PREFIX_BYTES_MAX} of a-z, A-Z, 0-9 and -");
            self.refuse("enqueue_token.id_prefix", format!("found {id_prefix:?}, expected {expected}"));
        }
        let quality = &typed.relative_quality;
        let relative_quality = quality.parse().ok().filter(|quality: &f64| quality.is_finite());
        if relative_quality.is_none() && !quality.is_empty() {
            let what = format!("found {quality:?}, expected a number such as \"0.5\"");
            self.refuse("enqueue_token.relative_quality", what);
        }
        let settings = EnqueueTokenSettings {
            validity: Duration::from_secs(validity_seconds),
            id_prefix: (!id_prefix.is_empty()).then(|| id_prefix.clone()),
            has_key: typed.has_key,
            has_address: typed.has_address,
            relative_quality,
            custom_data: self.custom_data(&typed.custom_data),
        };
        typed.is_sent.then_some(settings)
    }

    fn custom_data(&mut self, typed: &[String]) -> Vec<CustomDatum> {
        if typed.len() > CUSTOM_DATA_MAX {
            let what = format!("has {} entries, expected at most {CUSTOM_DATA_MAX}", typed.len());
            self.refuse("enqueue_token.custom_data", what);
        }
        let mut data = Vec::with_capacity(typed.len());
        for (at, entry) in typed.iter().enumerate() {
            match custom_datum(entry) {
                Some(datum) => data.push(datum),
                None => {
                    let expected = format!(
                        "\"name=text\" or \"name=@header\", neither longer than {CUSTOM_DATA_BYTES_MAX} bytes"
                    );
                    let what = format!("found {entry:?}, expected {expected}");
                    self.refuse(&format!("enqueue_token.custom_data[{at}]"), what);
                }
            }
        }
        data
    }
}

fn custom_datum(entry: &str) -> Option<CustomDatum> {
    let (name, value) = entry.split_once('=')?;
    let is_within = |text: &str| text.len() <= CUSTOM_DATA_BYTES_MAX;
    if name.is_empty() || !is_within(name) || !is_within(value) {
        return None;
    }
    let value = match value.strip_prefix('@') {
        Some(header) => {
            let is_name =
                |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            CustomValue::Header(
                Some(header.to_ascii_lowercase()).filter(|name| is_name(name) && !name.is_empty())?,
            )
        }
        None => CustomValue::Text(value.to_owned()),
    };
    Some(CustomDatum { name: name.to_owned(), value })
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(CUSTOM_DATA_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn features(text: &str) -> Result<Features, Vec<String>> {
        let text = format!("[gateway]\nupstream = \"http://127.0.0.1:1\"\n{text}");
        let credentials = Credentials {
            customer_id: "acme".parse().unwrap(),
            secret_key: Secret::new("secret".to_owned()),
            api_key: Secret::new("api".to_owned()),
            proxy_key: None,
            operator: None,
        };
        match Settings::parse(&text) {
            Ok(settings) => Ok(settings.gateway.unwrap().features.features(&credentials)),
            Err(mistakes) => Err(mistakes.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn nothing_is_on_unless_a_file_says_so() {
        let features = features("").unwrap();
        let expected = Features::default();
        assert_eq!(features.body_bytes_max, expected.body_bytes_max);
        assert_eq!(features.verify_failure, expected.verify_failure);
        assert!(matches!(features.generation, Generation::Four));
        assert!(features.enqueue_tokens.is_none() && features.diagnostics.is_none());
    }

    #[test]
    fn what_a_file_turns_on_is_on() {
        let text = "[gateway.features]\ngeneration = \"5\"\nverify_failure = \"deny\"\nbody_bytes_max = 0\n\
                    [gateway.features.enqueue_token]\nis_sent = true\ncustom_data = [\"shop=web\", \"from=@CF-IPCountry\"]\n\
                    [gateway.features.direct_pass]\nis_asked = true\ntimeout_ms = 900\n\
                    [gateway.features.diagnostics]\nerror_base = \"https://x.example/acme\"\n";
        let features = features(text).unwrap();
        let Generation::Five { direct_pass: Some(direct_pass) } = features.generation else {
            panic!("generation five with direct pass");
        };
        assert_eq!(direct_pass.proxy_key.expose(), "api");
        assert_eq!(direct_pass.timeout_used(), Duration::from_millis(900));
        assert!(!direct_pass.is_passed_on_failure);
        assert_eq!((features.verify_failure, features.body_bytes_max), (OnFailure::Deny, 0));
        assert!(features.enqueue_tokens.is_some() && features.diagnostics.is_some());
    }

    #[test]
    fn every_value_that_cannot_be_is_named() {
        let text = "[gateway.features]\ngeneration = \"6\"\nverify_failure = \"maybe\"\nbody_bytes_max = -1\n\
                    [gateway.features.enqueue_token]\nvalidity_seconds = 5\nid_prefix = \"a~b\"\nrelative_quality = \"NaN\"\n\
                    custom_data = [\"good=1\", \"nothing\", \"x=@a b\"]\n\
                    [gateway.features.direct_pass]\nis_asked = true\ntimeout_ms = 60000\n\
                    [gateway.features.diagnostics]\nerror_base = \"acme\"\n";
        let mistakes = features(text).unwrap_err();
        for key in [
            "generation",
            "verify_failure",
            "body_bytes_max",
            "enqueue_token.validity_seconds",
            "enqueue_token.id_prefix",
            "enqueue_token.relative_quality",
            "enqueue_token.custom_data[1]",
            "enqueue_token.custom_data[2]",
            "direct_pass.timeout_ms",
            "direct_pass.is_asked",
            "diagnostics.error_base",
        ] {
            let is_named = |mistake: &&String| mistake.starts_with(&format!("gateway.features.{key}: "));
            assert_eq!(mistakes.iter().filter(is_named).count(), 1, "{key}: {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), 11, "{mistakes:#?}");
        let mistakes = features("[gateway.features]\nbody_bytes_max = \"all\"\n").unwrap_err();
        assert!(mistakes[0].contains("expected a whole number such as 65536"), "{mistakes:?}");
    }
}
