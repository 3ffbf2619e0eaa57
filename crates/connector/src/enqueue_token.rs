//! Who gives visitors their enqueue tokens (protocol section 7.3): asked only when a visitor is about to be sent to
//! queue.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anteroom_protocol::enqueue_token::{NewEnqueueToken, NewPayload, Origin, token_id};
use anteroom_protocol::id::QueueId;
use anteroom_protocol::problem::Problem;
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;

use crate::view::RequestView;

/// How long a visitor has to come to the waiting room at the least.
const VALIDITY_MIN: Duration = Duration::from_secs(30);

/// How long a visitor has to come to the waiting room unless it is said otherwise.
pub const VALIDITY_DEFAULT: Duration = Duration::from_secs(240);

/// The longest `X-Forwarded-For` that is put into a token, in bytes: a dozen proxies. Clients write what they like into
/// it, and a room refuses tokens that are too long.
const FORWARDED_FOR_BYTES_MAX: usize = 512;

/// A visitor who is about to be sent to queue.
#[derive(Clone, Copy)]
pub struct EnqueueRequest<'a> {
    /// The account.
    pub customer_id: &'a str,
    /// The room.
    pub event_id: &'a str,
    /// The visitor's request.
    pub view: &'a RequestView<'a>,
    /// Its time.
    pub now: Timestamp,
}

/// Makes enqueue tokens.
///
/// A wrong one costs its visitor an error page of the room where that demands enqueue tokens, and nothing elsewhere. It
/// is called while the request waits, so it must not wait for anything itself.
pub trait EnqueueTokenProvider: Send + Sync {
    /// The token for this visitor; `None` or an empty text for none. What holds anything but the letters of one
    /// (`A-Z a-z 0-9 - _ . ~`) is left out of the address.
    fn enqueue_token(&self, request: &EnqueueRequest<'_>) -> Option<String>;
}

impl<F> EnqueueTokenProvider for F
where
    F: Fn(&EnqueueRequest<'_>) -> Option<String> + Send + Sync,
{
    fn enqueue_token(&self, request: &EnqueueRequest<'_>) -> Option<String> {
        self(request)
    }
}

/// Who gives visitors their enqueue tokens. Clones share it.
///
/// ```
/// use anteroom_connector::enqueue_token::EnqueueTokens;
///
/// let tokens = EnqueueTokens::new(|request: &anteroom_connector::enqueue_token::EnqueueRequest<'_>| {
///     (request.event_id == "spring24").then(|| "a.b.c".to_owned())
/// });
/// # let _ = tokens;
/// ```
#[derive(Clone)]
pub struct EnqueueTokens(Arc<dyn EnqueueTokenProvider>);

impl EnqueueTokens {
    /// Takes a provider.
    pub fn new(provider: impl EnqueueTokenProvider + 'static) -> Self {
        Self(Arc::new(provider))
    }

    pub(crate) fn give(&self, request: &EnqueueRequest<'_>) -> Option<String> {
        self.0.enqueue_token(request)
    }
}

/// Whether a token can stand in an address as it is.
pub(crate) fn is_plain(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'))
}

impl fmt::Debug for EnqueueTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnqueueTokens(..)")
    }
}

/// Fresh random bytes, by whoever has any: this crate has none. Without any, a visitor goes without an enqueue token.
pub type Entropy = Arc<dyn Fn() -> Option<[u8; 32]> + Send + Sync>;

/// What a site wants kept with a visitor's place, as pairs of a name and a text.
pub type CustomData = Arc<dyn Fn(&EnqueueRequest<'_>) -> Vec<(String, String)> + Send + Sync>;

/// The provider that official platforms bring along: an enqueue token signed for the room, the visitor's address and
/// some minutes.
///
/// ```
/// use std::sync::Arc;
/// use anteroom_connector::enqueue_token::{EnqueueTokens, SignedEnqueueTokens};
/// use anteroom_protocol::secret::Secret;
///
/// let secret_key = Secret::new("the account's secret key".to_owned());
/// # fn random() -> Option<[u8; 32]> { Some([7; 32]) }
/// let provider = SignedEnqueueTokens { has_key: true, ..SignedEnqueueTokens::new(secret_key, Arc::new(random)) };
/// let tokens = EnqueueTokens::new(provider);
/// # let _ = tokens;
/// ```
#[derive(Clone)]
pub struct SignedEnqueueTokens {
    /// The account's secret key.
    pub secret_key: Secret,
    /// How long a visitor has to come to the room. Default: [`VALIDITY_DEFAULT`]; less than 30 s counts as 30 s.
    pub validity: Duration,
    /// What each token's id begins with. Default: nothing.
    pub token_id_prefix: Option<String>,
    /// Whether each token has a random key, so that it stands for one place alone. Default: no.
    pub has_key: bool,
    /// The visitor's relative quality, by which the room may choose a lane. Default: none.
    pub relative_quality: Option<f64>,
    /// Whether the visitor's address is in the token, which the room may insist on. Default: yes.
    pub has_address: bool,
    /// What else is kept with the place. Default: nothing.
    pub custom_data: Option<CustomData>,
    /// Where ids and keys are drawn from. Two calls must never give the same bytes.
    pub entropy: Entropy,
}

impl SignedEnqueueTokens {
    /// The defaults.
    pub fn new(secret_key: Secret, entropy: Entropy) -> Self {
        Self {
            secret_key,
            validity: VALIDITY_DEFAULT,
            token_id_prefix: None,
            has_key: false,
            relative_quality: None,
            has_address: true,
            custom_data: None,
            entropy,
        }
    }

    /// Everything about it that cannot be used, each with the name of the setting.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.secret_key.expose().is_empty() {
            problems.push(Problem::new("secret_key", "an empty text", "the account's secret key"));
        }
        problems
    }
}

impl EnqueueTokenProvider for SignedEnqueueTokens {
    fn enqueue_token(&self, request: &EnqueueRequest<'_>) -> Option<String> {
        let random = (self.entropy)()?;
        let [id, key] =
            [&random[..16], &random[16..]].map(|half| <[u8; 16]>::try_from(half).unwrap_or_default());
        let key = self.has_key.then(|| QueueId::from_random(key).to_string());
        let custom_data = self.custom_data.as_ref().map(|of| of(request)).unwrap_or_default();
        let client_ip = request.view.client_ip.filter(|_| self.has_address);
        let forwarded_for = request.view.headers.get("x-forwarded-for").filter(|_| self.has_address);
        let token = NewEnqueueToken {
            token_id: &token_id(self.token_id_prefix.as_deref(), id),
            customer_id: request.customer_id,
            event_id: Some(request.event_id),
            issued_at: request.now,
            expires_at: Some(request.now.saturating_add(self.validity.max(VALIDITY_MIN))),
            client_ip,
            forwarded_for: forwarded_for.filter(|text| text.len() <= FORWARDED_FOR_BYTES_MAX),
            payload: Some(NewPayload {
                relative_quality: self.relative_quality,
                key: key.as_deref(),
                custom_data: &custom_data,
                origin: Origin::Connector,
            }),
        };
        Some(token.seal(&self.secret_key))
    }
}

impl fmt::Debug for SignedEnqueueTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedEnqueueTokens")
            .field("validity", &self.validity)
            .field("has_key", &self.has_key)
            .finish_non_exhaustive()
    }
}
