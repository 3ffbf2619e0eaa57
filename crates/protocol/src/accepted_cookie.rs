//! The accepted cookie: what a connector gives a visitor whose queue token was good, so that the next requests pass
//! (protocol 3).
//!
//! ```text
//! EventId=spring24&QueueId=7d3f0c52-…&RedirectType=queue&IssueTime=1700000000&Hash=9eb4…
//! ```
//!
//! The MAC covers the values joined *without anything between them*, which the wire protocol prescribes and which is
//! dangerous: characters moved from one value to the next keep the MAC right. In official connectors a visitor can
//! so make a cookie that never ends, or one for another room. Therefore each value has a strict form here (3.5), by
//! which every joined text can be cut in one way only, and what does not have it counts as forged:
//!
//! * each known key at most once and with one `=`; unknown keys are left aside;
//! * `EventId` is the room that was asked for, in any letter case;
//! * `QueueId` is absent, empty, the word `undefined` (some connectors write that), or has the form of a UUID;
//! * `FixedValidityMins` is absent or has 1 to 6 digits, the first of them no 0;
//! * `RedirectType` is a [known one](RedirectType), in any letter case;
//! * `IssueTime` has 10 or 11 digits; `Hip` is absent or a MAC; `Hash` is a MAC;
//! * of two rooms `abc` and `abc3`, a cookie must tell a real queue id: see [`rooms_that_need_queue_id`].

mod encoded;
mod fields;
mod seal;

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::client_ip;
use crate::id::QueueId;
use crate::mac::{Key, Signing};
use crate::queue_token::RedirectType;
use crate::time::Timestamp;

use self::encoded::Encoded;
use self::fields::Fields;
pub use self::seal::NewAcceptedCookie;

/// The longest value that is looked at, in bytes; the longest genuine one has some 300.
pub const ACCEPTED_COOKIE_BYTES_MAX: usize = 512;

/// The longest room id that a cookie can be told apart by, in bytes: shorter than a queue id, so that no room's name
/// can be another's with a queue id behind it.
pub const EVENT_ID_BYTES_MAX: usize = 30;

/// What some connectors write when a queue token had no queue id.
const NO_QUEUE_ID: &str = "undefined";

/// The cookie's name for a room.
pub fn name(event_id: &str) -> String {
    format!("QueueITAccepted-SDFrts345E-V3_{event_id}")
}

/// The rooms among these, in lower case, whose cookies must tell a queue id. A cookie without one for a room `abc3`
/// could be cut so that it is one for `abc` with a fixed validity that begins with 3, and the other way round.
///
/// ```
/// use anteroom_protocol::accepted_cookie::rooms_that_need_queue_id;
///
/// let rooms = rooms_that_need_queue_id(["abc", "abc3", "abc4x", "other"]);
/// assert!(rooms.contains("abc") && rooms.contains("abc3") && rooms.len() == 2);
/// ```
pub fn rooms_that_need_queue_id<'a>(event_ids: impl IntoIterator<Item = &'a str>) -> HashSet<String> {
    let known = event_ids.into_iter().map(str::to_ascii_lowercase).collect::<HashSet<_>>();
    let mut found = HashSet::new();
    for long in &known {
        let mut short = long.as_str();
        loop {
            short = match short.strip_suffix(|c: char| c.is_ascii_digit()) {
                Some(rest) => rest,
                // The word could be cut off as well, and digits before it would not be a queue id.
                None => match short.strip_suffix(NO_QUEUE_ID) {
                    Some(rest) => {
                        found.extend(
                            known.get(rest).into_iter().flat_map(|short| [short.clone(), long.clone()]),
                        );
                        break;
                    }
                    None => break,
                },
            };
            if known.contains(short) {
                found.extend([short.to_owned(), long.clone()]);
            }
        }
    }
    found
}

/// The room whose cookie is opened.
#[derive(Clone, Copy, Debug)]
pub struct CookieRoom<'a> {
    /// Its id, as configured.
    pub event_id: &'a str,
    /// Whether it is one of the [`rooms_that_need_queue_id`].
    pub is_queue_id_needed: bool,
}

/// Whether it matters how old a cookie is.
#[derive(Clone, Copy, Debug)]
pub enum CookieAge {
    /// It must not be over by now.
    Counts {
        /// The time of the request.
        now: Timestamp,
        /// How long it counts, in whole seconds, when it does not say itself.
        validity: Duration,
    },
    /// It may be of any age: a visit can be ended late.
    DoesNotMatter,
}

/// A genuine accepted cookie of the room that was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AcceptedCookie<'v> {
    /// The visitor's queue id, if the cookie tells it.
    pub queue_id: Option<QueueId>,
    /// How many minutes it counts from when it was issued, whatever is configured.
    pub fixed_validity_minutes: Option<u32>,
    /// Why the visitor was let in.
    pub redirect_type: RedirectType,
    /// The same as it stands there, in any letter case.
    pub redirect_type_text: &'v str,
    /// When it was issued; by another clock, so it may lie ahead.
    pub issued_at: Timestamp,
    /// The hashed address that it is bound to.
    pub hashed_ip: Option<&'v str>,
}

/// Why an accepted cookie does not let anybody pass, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptedCookieError<'v> {
    /// There is none: the value is empty.
    #[error("there is no accepted cookie")]
    NotFound,
    /// Not signed with this key, for another room, or not in the strict form.
    #[error("the accepted cookie is not genuine")]
    HashMismatch,
    /// Its time is over.
    #[error("the accepted cookie is out of date")]
    Expired,
    /// It is genuine and in time, but bound to another address; this is what it says.
    #[error("the accepted cookie is bound to another address")]
    IpMismatch(AcceptedCookie<'v>),
}

impl<'v> AcceptedCookie<'v> {
    /// Checks and reads a cookie's value as it was written, that is, percent-decoded already. Costs one MAC, a second
    /// one when it is bound to an address, and no allocation for a room id without capital letters.
    ///
    /// The address is checked only when both the cookie is bound to one and the client's is known.
    ///
    /// ```
    /// use anteroom_protocol::accepted_cookie::{AcceptedCookie, CookieAge, CookieRoom, NewAcceptedCookie};
    /// use anteroom_protocol::{mac::Key, queue_token::RedirectType, time::Timestamp};
    ///
    /// let key = Key::new(b"the account's secret key");
    /// let issued_at = Timestamp::from_seconds(1_700_000_000);
    /// let value = NewAcceptedCookie {
    ///     event_id: "spring24",
    ///     queue_id: None,
    ///     fixed_validity_minutes: Some(3),
    ///     redirect_type: RedirectType::Queue,
    ///     issued_at,
    ///     hashed_ip: None,
    /// }
    /// .seal(&key);
    ///
    /// let room = CookieRoom { event_id: "spring24", is_queue_id_needed: false };
    /// let validity = std::time::Duration::from_secs(20 * 60);
    /// let open = |seconds| {
    ///     let age = CookieAge::Counts { now: Timestamp::from_seconds(seconds), validity };
    ///     AcceptedCookie::open(&value, &key, room, age, None)
    /// };
    /// assert!(open(1_700_000_180).is_ok());
    /// assert!(open(1_700_000_181).is_err());
    /// ```
    ///
    /// # Errors
    /// Why the cookie does not count.
    pub fn open(
        value: &'v str,
        key: &Key,
        room: CookieRoom<'_>,
        age: CookieAge,
        client_ip: Option<IpAddr>,
    ) -> Result<Self, AcceptedCookieError<'v>> {
        if value.is_empty() {
            return Err(AcceptedCookieError::NotFound);
        }
        let fields = Fields::read(value).ok_or(AcceptedCookieError::HashMismatch)?;
        let cookie = fields.check(room).ok_or(AcceptedCookieError::HashMismatch)?;
        if !fields.is_signed_with(key, room) {
            return Err(AcceptedCookieError::HashMismatch);
        }
        cookie.judge(key, age, client_ip)
    }

    /// The same for a value as it stands in a `Cookie` header, up to the header's end: other cookies may follow behind a
    /// semicolon. It is read when it is written as browsers send what connectors set: with each `&` and `=`
    /// percent-encoded, nothing else encoded, and the values in their usual order. Nothing when it is written in another
    /// way; then it must be cut out and decoded first. What this says, [`open`](Self::open) says of the value cut out and
    /// decoded; it is a matter of speed alone.
    ///
    /// # Errors
    /// Why the cookie does not count.
    #[inline]
    pub fn open_in_header(
        text: &'v str,
        key: &Key,
        room: CookieRoom<'_>,
        age: CookieAge,
        client_ip: Option<IpAddr>,
    ) -> Option<Result<Self, AcceptedCookieError<'v>>> {
        let encoded = Encoded::read(text)?;
        // The processor hashes only what has reached its cache in pieces of 16 bytes; so the text is laid out first and
        // hashed after it was checked.
        let mut signing = Signing::new(key);
        encoded.push_signed(&mut signing);
        // What has not the strict form may have it once it is decoded.
        let cookie = encoded.check(room)?;
        if !signing.is_signed_by(encoded.hash) {
            // It may be signed with small letters.
            return (!has_capitals(room.event_id)).then_some(Err(AcceptedCookieError::HashMismatch));
        }
        Some(cookie.judge(key, age, client_ip))
    }

    /// Whether a genuine cookie counts.
    #[inline]
    fn judge(
        self,
        key: &Key,
        age: CookieAge,
        client_ip: Option<IpAddr>,
    ) -> Result<Self, AcceptedCookieError<'v>> {
        if let CookieAge::Counts { now, validity } = age {
            let fixed =
                self.fixed_validity_minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
            // Whole seconds on both sides; the last one still counts.
            if self.issued_at.saturating_add(fixed.unwrap_or(validity)).as_seconds() < now.as_seconds() {
                return Err(AcceptedCookieError::Expired);
            }
        }
        if let (Some(hashed_ip), Some(client_ip)) = (self.hashed_ip, client_ip)
            && !client_ip::is_bound_to(hashed_ip, client_ip, key)
        {
            return Err(AcceptedCookieError::IpMismatch(self));
        }
        Ok(self)
    }
}

impl fmt::Debug for AcceptedCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptedCookie({}, ..)", self.redirect_type)
    }
}

fn has_capitals(event_id: &str) -> bool {
    event_id.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_a_cut_could_confuse_need_a_queue_id() {
        let found = rooms_that_need_queue_id([
            "a",
            "a1",
            "a12",
            "b2",
            "b",
            "c1",
            "c2",
            "d",
            "dundefined7",
            "eundefined",
            "E",
        ]);
        let mut found = found.iter().map(String::as_str).collect::<Vec<_>>();
        found.sort_unstable();
        assert_eq!(found, ["a", "a1", "a12", "b", "b2", "d", "dundefined7", "e", "eundefined"]);
    }
}
