//! The queue token (`queueittoken`): what a waiting room gives a visitor whose turn has come, and what the
//! connector at the site takes it for (protocol 2).
//!
//! ```text
//! e_spring24~q_7d3f0c52-…~ts_1700000060~ce_true~rt_queue~h_9eb4…
//! ```
//!
//! Segments are joined by `~`, each a key and a value joined by exactly one `_`; others are skipped. The MAC in
//! `h` covers the text with the first occurrence of `~h_` and the MAC cut out. Where the official connectors are
//! looser than is safe we are stricter (2.5): a second `h` segment or a queue id that is none count as a wrong MAC.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use memchr::{memchr, memchr_iter};

use crate::client_ip;
use crate::id::{QueueId, RoomId};
use crate::mac::Key;
use crate::number::parse_int;
use crate::time::Timestamp;

/// The longest queue token that is looked at, in bytes; genuine ones have some 250.
pub const QUEUE_TOKEN_BYTES_MAX: usize = 2048;

/// The longest fixed validity of an accepted cookie, in minutes: what its grammar can write (3.5).
pub const FIXED_VALIDITY_MINUTES_MAX: u32 = 999_999;

/// Why a visitor was let in (protocol 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectType {
    /// The visitor's turn came.
    Queue,
    /// The room is a safety net and below its threshold.
    SafetyNet,
    /// The event is over.
    AfterEvent,
    /// Queueing is switched off.
    Disabled,
    /// The visitor entered through a direct link.
    DirectLink,
    /// The room exists, but no queue is needed now.
    Idle,
    /// Connector diagnostics.
    Debug,
    /// Direct pass failed; stands in accepted cookies only.
    Timeout,
    /// The visitor may pass by the line.
    Bypass,
    /// None was told.
    Unknown,
}

impl RedirectType {
    const ALL: [Self; 10] = [
        Self::Queue,
        Self::SafetyNet,
        Self::AfterEvent,
        Self::Disabled,
        Self::DirectLink,
        Self::Idle,
        Self::Debug,
        Self::Timeout,
        Self::Bypass,
        Self::Unknown,
    ];

    /// The spelling on the wire. Mobile apps compare it exactly.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::SafetyNet => "safetynet",
            Self::AfterEvent => "afterevent",
            Self::Disabled => "disabled",
            Self::DirectLink => "directLink",
            Self::Idle => "idle",
            Self::Debug => "debug",
            Self::Timeout => "timeout",
            Self::Bypass => "bypass",
            Self::Unknown => "unknown",
        }
    }

    /// The type of that name, in any letter case, as old services and accepted cookies write it.
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            // Most cookies and tokens say this.
            "queue" => Some(Self::Queue),
            _ => Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text)),
        }
    }
}

impl fmt::Display for RedirectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A queue token as it is read, its signature not yet looked at. Absent segments are `None`; of repeated ones the
/// last counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawQueueToken<'t> {
    text: &'t str,
    /// `e`: the waiting room's id.
    pub event_id: Option<&'t str>,
    /// `q`: the visitor's queue id; may be empty.
    pub queue_id: Option<&'t str>,
    /// `ts`: Unix seconds until which the token may be used; 0 when absent or no number.
    pub expires_at_seconds: i64,
    /// `ce`: decides nothing.
    pub is_cookie_extendable: bool,
    /// `cv`: fixed validity of the accepted cookie in minutes; never 0.
    pub cookie_validity_minutes: Option<i64>,
    /// `rt`: why the visitor was let in, as written.
    pub redirect_type: Option<&'t str>,
    /// `hip`: the hashed address; may be empty.
    pub hashed_ip: Option<&'t str>,
    /// `h`: the MAC.
    pub hash: Option<&'t str>,
    hash_segments: usize,
}

impl<'t> RawQueueToken<'t> {
    /// Reads a token's segments. An empty text is no token.
    pub fn read(text: &'t str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let mut token = Self {
            text,
            event_id: None,
            queue_id: None,
            expires_at_seconds: 0,
            is_cookie_extendable: false,
            cookie_validity_minutes: None,
            redirect_type: None,
            hashed_ip: None,
            hash: None,
            hash_segments: 0,
        };
        for segment in text.split('~') {
            // By bytes, because segments are short: exactly one underscore, and the key before it is shorter still.
            let bytes = segment.as_bytes();
            let Some(at) = bytes.iter().position(|byte| *byte == b'_') else { continue };
            let (key, value) = (&segment[..at], &segment[at + 1..]);
            if memchr(b'_', value.as_bytes()).is_some() {
                continue;
            }
            match key {
                "e" => token.event_id = Some(value),
                "q" => token.queue_id = Some(value),
                "ts" => token.expires_at_seconds = parse_int(value).unwrap_or(0),
                "ce" => token.is_cookie_extendable = value.eq_ignore_ascii_case("true"),
                "cv" => token.cookie_validity_minutes = parse_int(value).filter(|&minutes| minutes != 0),
                "rt" => token.redirect_type = Some(value),
                "hip" => token.hashed_ip = Some(value),
                "h" => {
                    token.hash = Some(value);
                    token.hash_segments += 1;
                }
                _ => {}
            }
        }
        Some(token)
    }

    /// The signed text, in the two pieces around the first occurrence of `~h_` and the MAC.
    pub fn signed_parts(&self) -> [&'t str; 2] {
        let Some(hash) = self.hash else { return [self.text, ""] };
        memchr_iter(b'~', self.text.as_bytes())
            .map(|at| (&self.text[..at], &self.text[at..]))
            .find_map(|(before, after)| Some([before, after.strip_prefix("~h_")?.strip_prefix(hash)?]))
            .unwrap_or([self.text, ""])
    }

    /// Whether it has one MAC, which is that of this key, and is no longer than a queue token may be. Says nothing
    /// about room, time and address.
    pub fn is_signed_with(&self, key: &Key) -> bool {
        let [before, after] = self.signed_parts();
        self.text.len() <= QUEUE_TOKEN_BYTES_MAX
            && self.hash_segments == 1
            && self.hash.is_some_and(|hash| key.verifies_hex(&[before.as_bytes(), after.as_bytes()], hash))
    }
}

impl fmt::Debug for RawQueueToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawQueueToken(..)")
    }
}

/// A genuine queue token for one of the rooms that were asked for, still in time, from the right address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueToken<'t> {
    /// The waiting room's id: one of those asked for.
    pub event_id: &'t str,
    /// The visitor's queue id, if the token has one.
    pub queue_id: Option<&'t str>,
    /// Fixed validity of the accepted cookie in minutes, 1 to [`FIXED_VALIDITY_MINUTES_MAX`].
    pub cookie_validity_minutes: Option<u32>,
    /// Why the visitor was let in, as written; `unknown` when the token does not say.
    pub redirect_type: &'t str,
    /// The hashed address that the token is bound to.
    pub hashed_ip: Option<&'t str>,
}

impl<'t> QueueToken<'t> {
    /// Checks and reads a token for any of these rooms. Allocates nothing unless the address is wrong.
    ///
    /// The address is checked only when both the token is bound to one and the client's is known.
    ///
    /// ```
    /// use anteroom_protocol::mac::Key;
    /// use anteroom_protocol::queue_token::{NewQueueToken, QueueToken, QueueTokenError, RedirectType};
    /// use anteroom_protocol::time::Timestamp;
    ///
    /// let key = Key::new(b"the account's secret key");
    /// let text = NewQueueToken {
    ///     room: &"spring24".parse()?,
    ///     queue_id: None,
    ///     expires_at: Timestamp::from_seconds(1_700_000_060),
    ///     cookie_validity_minutes: None,
    ///     redirect_type: RedirectType::Queue,
    ///     client_ip: None,
    /// }
    /// .seal(&key);
    /// let open = |now| QueueToken::open(&text, &key, Timestamp::from_seconds(now), &["spring24"], None);
    /// assert_eq!(open(1_700_000_060)?.redirect_type, "queue");
    /// assert_eq!(open(1_700_000_061), Err(QueueTokenError::Timestamp));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The first of these that fails: signature, room, time, address. So a token that fails by
    /// [`QueueTokenError::Timestamp`] is genuine and for one of these rooms.
    pub fn open(
        text: &'t str,
        key: &Key,
        now: Timestamp,
        rooms: &[impl AsRef<str>],
        client_ip: Option<IpAddr>,
    ) -> Result<Self, QueueTokenError> {
        if text.len() > QUEUE_TOKEN_BYTES_MAX {
            return Err(QueueTokenError::Hash);
        }
        let raw = RawQueueToken::read(text).ok_or(QueueTokenError::Hash)?;
        if !raw.is_signed_with(key) {
            return Err(QueueTokenError::Hash);
        }
        let queue_id = raw.queue_id.filter(|queue_id| !queue_id.is_empty());
        // A MAC over a text of other make could be shaped into a token; its queue id would not be one.
        if queue_id.is_some_and(|queue_id| !QueueId::is_shape_of(queue_id)) {
            return Err(QueueTokenError::Hash);
        }
        let event_id = raw
            .event_id
            .filter(|event_id| rooms.iter().any(|room| room.as_ref() == *event_id))
            .ok_or(QueueTokenError::EventId)?;
        if u64::try_from(raw.expires_at_seconds).is_ok_and(|at| at >= now.as_seconds()) {
            // In time: equal is still valid.
        } else {
            return Err(QueueTokenError::Timestamp);
        }
        let hashed_ip = raw.hashed_ip.filter(|hashed_ip| !hashed_ip.is_empty());
        if let (Some(hashed_ip), Some(client_ip)) = (hashed_ip, client_ip)
            && !client_ip::is_bound_to(hashed_ip, client_ip, key)
        {
            return Err(QueueTokenError::Ip { hashed_ip: hashed_ip.into() });
        }
        let cookie_validity_minutes =
            raw.cookie_validity_minutes.filter(|&minutes| minutes > 0).map(|minutes| {
                u32::try_from(minutes)
                    .map_or(FIXED_VALIDITY_MINUTES_MAX, |m| m.min(FIXED_VALIDITY_MINUTES_MAX))
            });
        let redirect_type =
            raw.redirect_type.filter(|text| !text.is_empty()).unwrap_or(RedirectType::Unknown.as_str());
        Ok(Self { event_id, queue_id, cookie_validity_minutes, redirect_type, hashed_ip })
    }
}

impl fmt::Debug for QueueToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueToken({}, {}, ..)", self.event_id, self.redirect_type)
    }
}

/// Why a queue token does not admit, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueTokenError {
    /// The signature is not that of this key over this text.
    #[error("the queue token is not signed with this account's key")]
    Hash,
    /// It is for another room.
    #[error("the queue token is for another waiting room")]
    EventId,
    /// It may not be used any more.
    #[error("the queue token is out of date")]
    Timestamp,
    /// It is bound to another address.
    #[error("the queue token is bound to another address")]
    Ip {
        /// The hashed address that it is bound to.
        hashed_ip: Box<str>,
    },
}

impl QueueTokenError {
    /// The code in the address of the error page (protocol 6.3).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::EventId => "eventid",
            Self::Timestamp => "timestamp",
            Self::Ip { .. } => "ip",
        }
    }
}

/// A queue token to be given out.
#[derive(Clone, Copy)]
pub struct NewQueueToken<'a> {
    /// The waiting room.
    pub room: &'a RoomId,
    /// The visitor; left out only for safety-net passes without one.
    pub queue_id: Option<QueueId>,
    /// Until when it may be used; written in whole seconds.
    pub expires_at: Timestamp,
    /// Fixed validity of the accepted cookie, in minutes.
    pub cookie_validity_minutes: Option<u32>,
    /// Why the visitor is let in.
    pub redirect_type: RedirectType,
    /// The only address that may use it.
    pub client_ip: Option<IpAddr>,
}

impl fmt::Debug for NewQueueToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewQueueToken({}, {}, ..)", self.room, self.redirect_type)
    }
}

impl NewQueueToken<'_> {
    /// Writes and signs the token, its segments in the order of the official service: mobile apps need `rt` to
    /// stand neither first nor last.
    pub fn seal(&self, key: &Key) -> String {
        let mut text = String::with_capacity(256);
        self.write(&mut text, key).expect("writing to a String cannot fail");
        text
    }

    fn write(&self, text: &mut String, key: &Key) -> fmt::Result {
        write!(text, "e_{}", self.room)?;
        if let Some(queue_id) = self.queue_id {
            write!(text, "~q_{queue_id}")?;
        }
        write!(text, "~ts_{}~ce_true", self.expires_at.as_seconds())?;
        if let Some(minutes) = self.cookie_validity_minutes {
            write!(text, "~cv_{minutes}")?;
        }
        write!(text, "~rt_{}", self.redirect_type)?;
        if let Some(address) = self.client_ip {
            write!(text, "~hip_{}", client_ip::hashed(address, key))?;
        }
        let mac = key.sign(&[text.as_bytes()]).to_hex();
        write!(text, "~h_{mac}")
    }
}
