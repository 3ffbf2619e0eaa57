//! The enqueue token (`QT1`): what a protected site may give a visitor on the way to the waiting room, to say who they
//! are and how well they should do there (protocol 7).
//!
//! ```text
//! base64url(header JSON) "." base64url(AES-256-CBC(payload JSON)) "." base64url(hash of both and the secret)
//! ```
//!
//! The wire format hashes with plain SHA-256 and draws key and IV from the secret and the token's id, so a token's id
//! must never come twice: make it with [`token_id`] of fresh randomness. The hash is checked, in constant time, before
//! anything is decoded or decrypted, so nobody learns anything from how long that takes or how it fails.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use constant_time_eq::constant_time_eq;
use data_encoding::BASE64URL_NOPAD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize, Serializer};

use crate::client_ip::canonical_text;
use crate::id::QueueId;
use crate::mac::sha256;
use crate::secret::Secret;
use crate::time::Timestamp;

/// The longest header that is looked at, in bytes of its base64.
pub const HEADER_BYTES_MAX: usize = 2 * 1024;

/// The longest payload that is looked at, in bytes of its base64.
pub const PAYLOAD_BYTES_MAX: usize = 8 * 1024;

/// How far ahead of our clock the site's may be.
pub const ISSUED_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);

/// The only kind and cipher there are.
const TYPE: &str = "QT1";
const CIPHER: &str = "AES256";

/// Numbers below this are seconds, as the published documentation says; all others are milliseconds, as everybody
/// writes (protocol 7.1).
const MILLIS_FROM: u64 = 100_000_000_000;

/// A token's id: a UUID of this randomness, behind a prefix and `~` where there is one.
pub fn token_id(prefix: Option<&str>, random: [u8; 16]) -> String {
    // A queue id is written just so.
    let uuid = QueueId::from_random(random);
    match prefix.filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => format!("{prefix}~{uuid}"),
        None => uuid.to_string(),
    }
}

/// Who made a visitor's enqueue token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A connector at a protected site.
    #[default]
    Connector,
    /// An invitation.
    InviteOnly,
    /// A bot manager in front of the site.
    AkamaiBotManagerHeaderValidator,
}

/// An enqueue token to be given out.
///
/// ```
/// use anteroom_protocol::enqueue_token::{EnqueueToken, Expected, NewEnqueueToken, NewPayload, token_id};
/// use anteroom_protocol::{secret::Secret, time::Timestamp};
///
/// let secret = Secret::new("the account's secret key".to_owned());
/// let now = Timestamp::from_seconds(1_700_000_000);
/// let text = NewEnqueueToken {
///     token_id: &token_id(Some("shop"), [7; 16]),
///     customer_id: "acme",
///     event_id: Some("spring24"),
///     issued_at: now,
///     expires_at: Some(Timestamp::from_seconds(1_700_000_240)),
///     client_ip: None,
///     forwarded_for: None,
///     payload: Some(NewPayload { key: Some("member 7"), ..NewPayload::default() }),
/// }
/// .seal(&secret);
///
/// let expected = Expected { customer_id: "acme", event_id: "spring24", now, client_ip: None };
/// let token = EnqueueToken::open(&text, &secret, &expected)?;
/// assert_eq!(token.payload.unwrap().key.as_deref(), Some("member 7"));
/// # Ok::<(), anteroom_protocol::enqueue_token::EnqueueTokenError>(())
/// ```
#[derive(Clone, Copy)]
pub struct NewEnqueueToken<'a> {
    /// Its id, which must never come twice: see [`token_id`].
    pub token_id: &'a str,
    /// The account.
    pub customer_id: &'a str,
    /// The waiting room; without one, the token is good for every room of the account.
    pub event_id: Option<&'a str>,
    /// The time of writing.
    pub issued_at: Timestamp,
    /// Until when it may be used; without it, for ever.
    pub expires_at: Option<Timestamp>,
    /// The visitor's address, if it is known.
    pub client_ip: Option<IpAddr>,
    /// The `X-Forwarded-For` of the visitor's request; left out when empty.
    pub forwarded_for: Option<&'a str>,
    /// What the room alone can read.
    pub payload: Option<NewPayload<'a>>,
}

impl fmt::Debug for NewEnqueueToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewEnqueueToken({}, ..)", self.customer_id)
    }
}

/// What an enqueue token says to the room alone.
#[derive(Clone, Copy, Default)]
pub struct NewPayload<'a> {
    /// How well the visitor should do against others, from 0 to 1. What is no finite number is left out.
    pub relative_quality: Option<f64>,
    /// Who the visitor is: each key has one place in a room that demands unique ones.
    pub key: Option<&'a str>,
    /// What else the site wants kept with the place, in this order.
    pub custom_data: &'a [(String, String)],
    /// Who makes the token.
    pub origin: Origin,
}

impl fmt::Debug for NewPayload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPayload").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct WrittenHeader<'a> {
    typ: &'static str,
    enc: &'static str,
    iss: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    ti: &'a str,
    c: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xff: Option<&'a str>,
}

#[derive(Serialize)]
struct WrittenPayload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "write_pairs")]
    cd: &'a [(String, String)],
    o: Origin,
}

/// As JavaScript writes it: by its shortest text, and a whole number without a fraction.
fn number(number: f64) -> Option<serde_json::Number> {
    // Only a whole number is read from its text, because reading may move others to a neighbour.
    let whole = if number.fract() == 0.0 { number.to_string().parse().ok() } else { None };
    whole.or_else(|| serde_json::Number::from_f64(number))
}

fn write_pairs<S: Serializer>(pairs: &&[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

impl NewEnqueueToken<'_> {
    /// Writes and signs the token; its letters need no encoding in an address.
    pub fn seal(&self, secret: &Secret) -> String {
        let header = WrittenHeader {
            typ: TYPE,
            enc: CIPHER,
            iss: self.issued_at.as_millis(),
            exp: self.expires_at.map(Timestamp::as_millis),
            ti: self.token_id,
            c: self.customer_id,
            e: self.event_id.filter(|event_id| !event_id.is_empty()),
            ip: self.client_ip.map(canonical_text),
            xff: self.forwarded_for.filter(|text| !text.is_empty()),
        };
        let mut text = BASE64URL_NOPAD.encode(&to_json(&header));
        text.push('.');
        if let Some(payload) = &self.payload {
            let payload = to_json(&WrittenPayload {
                r: payload.relative_quality.and_then(number),
                k: payload.key,
                cd: payload.custom_data,
                o: payload.origin,
            });
            let (key, iv) = key_and_iv(secret, self.token_id);
            let encrypted =
                cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(&payload);
            BASE64URL_NOPAD.encode_append(&encrypted, &mut text);
        }
        let hash = hash(&text, secret);
        text.push('.');
        text.push_str(&hash);
        text
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a struct of texts and numbers can be written as JSON")
}

fn key_and_iv(secret: &Secret, token_id: &str) -> ([u8; 32], [u8; 16]) {
    (sha256(&[secret.expose().as_bytes()]), Md5::digest(token_id.as_bytes()).into())
}

fn hash(signed: &str, secret: &Secret) -> String {
    BASE64URL_NOPAD.encode(&sha256(&[signed.as_bytes(), secret.expose().as_bytes()]))
}

/// What an enqueue token must be for (protocol 7.2).
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The account whose room is entered.
    pub customer_id: &'a str,
    /// That room.
    pub event_id: &'a str,
    /// The time of the request.
    pub now: Timestamp,
    /// The visitor's address, where the room wants the token's to be the same.
    pub client_ip: Option<IpAddr>,
}

/// An enqueue token as its site wrote it.
#[derive(Clone, PartialEq)]
pub struct EnqueueToken {
    /// Its id. A room that takes each token once keeps these until [`expires_at`](Self::expires_at).
    pub token_id: String,
    /// The account.
    pub customer_id: String,
    /// The waiting room, if it is for one alone.
    pub event_id: Option<String>,
    /// When it was written, by the site's clock.
    pub issued_at: Timestamp,
    /// Until when it may be used.
    pub expires_at: Option<Timestamp>,
    /// The visitor's address, as the site saw it.
    pub client_ip: Option<String>,
    /// What stood in `X-Forwarded-For`. Clients write most of it, so it proves nothing.
    pub forwarded_for: Option<String>,
    /// What the site says to the room alone.
    pub payload: Option<Payload>,
}

/// What an enqueue token says to the room alone.
#[derive(Clone, Default, PartialEq)]
pub struct Payload {
    /// How well the visitor should do against others.
    pub relative_quality: Option<f64>,
    /// Who the visitor is.
    pub key: Option<String>,
    /// What else the site wants kept with the place.
    pub custom_data: BTreeMap<String, String>,
    /// Who made the token.
    pub origin: Origin,
}

impl fmt::Debug for EnqueueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnqueueToken({}, ..)", self.customer_id)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({:?}, ..)", self.origin)
    }
}

/// Why an enqueue token is not taken, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueTokenError {
    /// It does not have three parts of a length that can be.
    #[error("the enqueue token does not have the form of one")]
    Malformed,
    /// It is not signed with this secret key.
    #[error("the enqueue token is not signed with this account's key")]
    Hash,
    /// It is signed, but what is in it cannot be read.
    #[error("the enqueue token is signed, but its content cannot be read")]
    Unreadable,
    /// It is of another kind or enciphered otherwise.
    #[error("the enqueue token is of a kind that is not known")]
    Unsupported,
    /// It is another account's.
    #[error("the enqueue token is for another account")]
    Customer,
    /// It is for another waiting room.
    #[error("the enqueue token is for another waiting room")]
    Event,
    /// It says that it was written more than [`ISSUED_AHEAD_MAX`] ahead of now.
    #[error("the enqueue token was issued in the future")]
    NotYetIssued,
    /// It may not be used any more.
    #[error("the enqueue token is out of date")]
    Expired,
    /// It was given to a visitor at another address.
    #[error("the enqueue token was given to another address")]
    Address,
}

#[derive(Deserialize)]
struct ReadHeader {
    #[serde(default)]
    typ: String,
    #[serde(default)]
    enc: String,
    iss: u64,
    exp: Option<u64>,
    ti: String,
    c: String,
    e: Option<String>,
    ip: Option<String>,
    xff: Option<String>,
}

#[derive(Deserialize)]
struct ReadPayload {
    r: Option<f64>,
    k: Option<String>,
    cd: Option<BTreeMap<String, String>>,
    #[serde(alias = "O")]
    o: Option<Origin>,
}

impl EnqueueToken {
    /// Checks and reads a token for a room.
    ///
    /// Not checked here, because it needs a memory: that the token's id and the payload's key come once only, where a
    /// room demands that.
    ///
    /// # Errors
    /// The first of these that fails: form, signature, content, account, room, time, address.
    pub fn open(text: &str, secret: &Secret, expected: &Expected<'_>) -> Result<Self, EnqueueTokenError> {
        let token = Self::read(text, secret)?;
        if token.customer_id != expected.customer_id {
            return Err(EnqueueTokenError::Customer);
        }
        if token.event_id.as_deref().is_some_and(|event_id| event_id != expected.event_id) {
            return Err(EnqueueTokenError::Event);
        }
        if token.issued_at > expected.now.saturating_add(ISSUED_AHEAD_MAX) {
            return Err(EnqueueTokenError::NotYetIssued);
        }
        if token.expires_at.is_some_and(|expires_at| expires_at < expected.now) {
            return Err(EnqueueTokenError::Expired);
        }
        if let Some(client_ip) = expected.client_ip {
            let written = token.client_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
            if written.map(|written| written.to_canonical()) != Some(client_ip.to_canonical()) {
                return Err(EnqueueTokenError::Address);
            }
        }
        Ok(token)
    }

    /// Reads a genuine token, whatever account, room and time it is for.
    ///
    /// # Errors
    /// When it has not the form of one, is not signed with this key, or cannot be read.
    pub fn read(text: &str, secret: &Secret) -> Result<Self, EnqueueTokenError> {
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(found), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(EnqueueTokenError::Malformed);
        };
        let is_of_size = (1..=HEADER_BYTES_MAX).contains(&header.len()) && payload.len() <= PAYLOAD_BYTES_MAX;
        // With an empty key, anybody could sign.
        if !is_of_size || found.is_empty() || secret.expose().is_empty() {
            return Err(EnqueueTokenError::Malformed);
        }
        let signed = &text[..header.len() + 1 + payload.len()];
        if !constant_time_eq(hash(signed, secret).as_bytes(), found.as_bytes()) {
            return Err(EnqueueTokenError::Hash);
        }
        let header = decode(header)
            .and_then(|json| serde_json::from_slice::<ReadHeader>(&json).ok())
            .ok_or(EnqueueTokenError::Unreadable)?;
        if header.typ != TYPE || header.enc != CIPHER {
            return Err(EnqueueTokenError::Unsupported);
        }
        let payload = match payload {
            "" => None,
            _ => Some(Payload::read(payload, secret, &header.ti).ok_or(EnqueueTokenError::Unreadable)?),
        };
        Ok(Self {
            token_id: header.ti,
            customer_id: header.c,
            event_id: header.e.filter(|event_id| !event_id.is_empty()),
            issued_at: moment(header.iss),
            expires_at: header.exp.map(moment),
            client_ip: header.ip,
            forwarded_for: header.xff,
            payload,
        })
    }
}

impl Payload {
    fn read(encoded: &str, secret: &Secret, token_id: &str) -> Option<Self> {
        let (key, iv) = key_and_iv(secret, token_id);
        let json = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into())
            .decrypt_padded_vec::<Pkcs7>(&decode(encoded)?)
            .ok()?;
        let read = serde_json::from_slice::<ReadPayload>(&json).ok()?;
        Some(Self {
            relative_quality: read.r,
            key: read.k,
            custom_data: read.cd.unwrap_or_default(),
            origin: read.o.unwrap_or_default(),
        })
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

fn moment(number: u64) -> Timestamp {
    if number < MILLIS_FROM { Timestamp::from_seconds(number) } else { Timestamp::from_millis(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        let written = |value: f64| number(value).map(|number| number.to_string());
        // The last one was written as its neighbour once.
        for text in ["0", "1", "17", "0.5", "0.45678663514", "0.9131936115830027"] {
            assert_eq!(written(text.parse().unwrap()).as_deref(), Some(text));
        }
        assert_eq!(written(f64::NAN), None);
        assert_eq!(written(f64::INFINITY), None);
    }
}
