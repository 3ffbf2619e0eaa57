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

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use crate::client_ip;
use crate::id::QueueId;
use crate::mac::{HEX_LEN, Key, is_hex_mac};
use crate::number::parse_digits;
use crate::queue_token::RedirectType;
use crate::time::Timestamp;

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
        cookie.judge(&fields, key, room, age, client_ip)
    }

    /// The same for a value as browsers send what connectors set: with each `&` and `=` percent-encoded, nothing else
    /// encoded, and the values in their usual order. Nothing when it is written in another way; then it must be decoded
    /// first. What this says, [`open`](Self::open) says once it is decoded; it is a matter of speed alone.
    ///
    /// # Errors
    /// Why the cookie does not count.
    pub fn open_encoded(
        value: &'v str,
        key: &Key,
        room: CookieRoom<'_>,
        age: CookieAge,
        client_ip: Option<IpAddr>,
    ) -> Option<Result<Self, AcceptedCookieError<'v>>> {
        let fields = Fields::read_encoded(value)?;
        // What has not the strict form may have it once it is decoded.
        let cookie = fields.check(room)?;
        Some(cookie.judge(&fields, key, room, age, client_ip))
    }

    /// Whether a cookie in the strict form is genuine and counts.
    fn judge(
        self,
        fields: &Fields<'v>,
        key: &Key,
        room: CookieRoom<'_>,
        age: CookieAge,
        client_ip: Option<IpAddr>,
    ) -> Result<Self, AcceptedCookieError<'v>> {
        if !fields.is_signed_with(key, room) {
            return Err(AcceptedCookieError::HashMismatch);
        }
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

/// The values as they stand in a cookie; absent ones are `None`.
#[derive(Default)]
struct Fields<'v> {
    event_id: Option<&'v str>,
    queue_id: Option<&'v str>,
    fixed_validity_minutes: Option<&'v str>,
    redirect_type: Option<&'v str>,
    issue_time: Option<&'v str>,
    hip: Option<&'v str>,
    hash: Option<&'v str>,
}

impl<'v> Fields<'v> {
    /// Nothing when a known key stands there twice, or without exactly one `=`, or when the value is too long.
    fn read(value: &'v str) -> Option<Self> {
        if value.len() > ACCEPTED_COOKIE_BYTES_MAX {
            return None;
        }
        let mut fields = Self::default();
        for part in value.split('&') {
            let (key, text) = part.split_once('=').map_or((part, None), |(key, text)| (key, Some(text)));
            let field = match key {
                "EventId" => &mut fields.event_id,
                "QueueId" => &mut fields.queue_id,
                "FixedValidityMins" => &mut fields.fixed_validity_minutes,
                "RedirectType" => &mut fields.redirect_type,
                "IssueTime" => &mut fields.issue_time,
                "Hip" => &mut fields.hip,
                "Hash" => &mut fields.hash,
                _ => continue,
            };
            let text = text.filter(|text| !text.contains('='))?;
            if field.replace(text).is_some() {
                return None;
            }
        }
        Some(fields)
    }

    /// The values of a cookie that is written as connectors do and encoded for the wire, without decoding it: no value
    /// in the strict form holds a character that is encoded. Nothing for every other form.
    fn read_encoded(value: &'v str) -> Option<Self> {
        if value.len() > ACCEPTED_COOKIE_BYTES_MAX {
            return None;
        }
        let mut rest = value;
        let fields = Self {
            event_id: take_encoded(&mut rest, "EventId%3D"),
            queue_id: take_encoded(&mut rest, "%26QueueId%3D"),
            fixed_validity_minutes: take_encoded(&mut rest, "%26FixedValidityMins%3D"),
            redirect_type: take_encoded(&mut rest, "%26RedirectType%3D"),
            issue_time: take_encoded(&mut rest, "%26IssueTime%3D"),
            hip: take_encoded(&mut rest, "%26Hip%3D"),
            hash: rest.strip_prefix("%26Hash%3D"),
        };
        // Nothing follows a hash of this length. Decoded, the room's id would end at one of these; in the strict form
        // of the other values there is no room for them.
        let is_whole = fields.hash.is_some_and(|hash| hash.len() == HEX_LEN)
            && fields
                .event_id
                .is_some_and(|event_id| !event_id.bytes().any(|byte| matches!(byte, b'&' | b'=')));
        is_whole.then_some(fields)
    }

    /// The strict form, except that of the hash, which is compared later.
    fn check(&self, room: CookieRoom<'_>) -> Option<AcceptedCookie<'v>> {
        let event_id = self.event_id?;
        // Nearly every cookie has the very same letters, and those are compared in one step.
        if event_id != room.event_id && !event_id.eq_ignore_ascii_case(room.event_id) {
            return None;
        }
        let queue_id = match self.queue_id {
            None | Some("" | NO_QUEUE_ID) => None,
            Some(queue_id) => Some(QueueId::parse(queue_id)?),
        };
        if room.is_queue_id_needed && queue_id.is_none() {
            return None;
        }
        let fixed_validity_minutes = match self.fixed_validity_minutes {
            None => None,
            Some(digits) if (1..=6).contains(&digits.len()) && !digits.starts_with('0') => {
                Some(u32::try_from(parse_digits(digits)?).ok()?)
            }
            Some(_) => return None,
        };
        let redirect_type_text = self.redirect_type?;
        let issue_time = self.issue_time.filter(|digits| matches!(digits.len(), 10 | 11))?;
        Some(AcceptedCookie {
            queue_id,
            fixed_validity_minutes,
            redirect_type: RedirectType::from_text(redirect_type_text)?,
            redirect_type_text,
            issued_at: Timestamp::from_seconds(parse_digits(issue_time)?),
            hashed_ip: match self.hip {
                None => None,
                Some(hip) => Some(hip).filter(|hip| is_hex_mac(hip)).map(Some)?,
            },
        })
    }

    fn is_signed_with(&self, key: &Key, room: CookieRoom<'_>) -> bool {
        // It is compared as a text of lower-case hex digits, so what is none is refused here.
        let Some(hash) = self.hash else { return false };
        let event_id = self.event_id.unwrap_or_default();
        let is_mac_with = |event_id: &str| key.verifies_hex(&self.signed_parts(event_id), hash);
        // Official connectors write a room's capital letters but sign small ones (11-B2).
        is_mac_with(event_id) || (has_capitals(room.event_id) && is_mac_with(&event_id.to_ascii_lowercase()))
    }

    fn signed_parts<'s>(&'s self, event_id: &'s str) -> [&'s [u8]; 6] {
        [
            event_id.as_bytes(),
            self.queue_id.unwrap_or_default().as_bytes(),
            self.fixed_validity_minutes.unwrap_or_default().as_bytes(),
            self.redirect_type.unwrap_or_default().as_bytes(),
            self.issue_time.unwrap_or_default().as_bytes(),
            self.hip.unwrap_or_default().as_bytes(),
        ]
    }
}

/// The value that follows this name at the beginning of the text, up to the next encoded character. Inlined, because a
/// name that is known where it is compared makes two instructions of a call.
#[inline(always)]
fn take_encoded<'v>(rest: &mut &'v str, name: &str) -> Option<&'v str> {
    let behind = rest.strip_prefix(name)?;
    // A queue id is looked at in one step; what else stands here is too short for more than a loop to pay.
    let is_end = |at: usize| behind.as_bytes().get(at) == Some(&b'%');
    let end = if is_end(QueueId::TEXT_LEN) && !behind.as_bytes()[..QueueId::TEXT_LEN].contains(&b'%') {
        QueueId::TEXT_LEN
    } else {
        behind.bytes().position(|byte| byte == b'%').unwrap_or(behind.len())
    };
    let (text, behind) = behind.split_at(end);
    *rest = behind;
    Some(text)
}

fn has_capitals(event_id: &str) -> bool {
    event_id.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// An accepted cookie to be given out.
#[derive(Clone, Copy)]
pub struct NewAcceptedCookie<'a> {
    /// The room that let the visitor in, as configured.
    pub event_id: &'a str,
    /// The visitor's queue id, if it is known; has the form of a UUID.
    pub queue_id: Option<&'a str>,
    /// How many minutes it is to count whatever is configured; 1 to 999,999.
    pub fixed_validity_minutes: Option<u32>,
    /// Why the visitor was let in.
    pub redirect_type: RedirectType,
    /// The time of writing.
    pub issued_at: Timestamp,
    /// The hashed address that it is bound to, taken over from the queue token or the cookie before.
    pub hashed_ip: Option<&'a str>,
}

impl fmt::Debug for NewAcceptedCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewAcceptedCookie({}, {}, ..)", self.event_id, self.redirect_type)
    }
}

impl NewAcceptedCookie<'_> {
    /// Writes and signs the cookie's value, not yet encoded for the wire.
    ///
    /// The room's id is written in small letters, because every official connector accepts that, and none its own
    /// cookie with capitals (11-B2).
    pub fn seal(&self, key: &Key) -> String {
        self.write(key).expect("writing to a String cannot fail")
    }

    fn write(&self, key: &Key) -> Result<String, fmt::Error> {
        // The values as they are signed, one behind the other, and where each ends.
        let mut signed = String::with_capacity(192);
        let mut ends = [0; 6];
        signed.push_str(self.event_id);
        signed.make_ascii_lowercase();
        ends[0] = signed.len();
        signed.push_str(self.queue_id.unwrap_or_default());
        ends[1] = signed.len();
        if let Some(minutes) = self.fixed_validity_minutes {
            write!(signed, "{minutes}")?;
        }
        ends[2] = signed.len();
        signed.push_str(self.redirect_type.as_str());
        signed[ends[2]..].make_ascii_lowercase();
        ends[3] = signed.len();
        // Ten digits before 2001 too, so that a clock that is far off makes short cookies and no forged ones.
        write!(signed, "{:010}", self.issued_at.as_seconds())?;
        ends[4] = signed.len();
        signed.push_str(self.hashed_ip.unwrap_or_default());
        ends[5] = signed.len();

        let names =
            ["EventId=", "&QueueId=", "&FixedValidityMins=", "&RedirectType=", "&IssueTime=", "&Hip="];
        let mut value = String::with_capacity(320);
        let mut start = 0;
        for (name, end) in names.into_iter().zip(ends) {
            if start < end {
                value.push_str(name);
                value.push_str(&signed[start..end]);
            }
            start = end;
        }
        value.push_str("&Hash=");
        value.push_str(key.sign(&[signed.as_bytes()]).to_hex().as_str());
        Ok(value)
    }
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

    #[test]
    fn clock_before_2001_still_writes_ten_digits() {
        let key = Key::new(b"k");
        let new = NewAcceptedCookie {
            event_id: "abc",
            queue_id: None,
            fixed_validity_minutes: None,
            redirect_type: RedirectType::DirectLink,
            issued_at: Timestamp::from_seconds(5),
            hashed_ip: None,
        };
        let value = new.seal(&key);
        assert!(
            value.starts_with("EventId=abc&RedirectType=directlink&IssueTime=0000000005&Hash="),
            "{value}"
        );
        let room = CookieRoom { event_id: "abc", is_queue_id_needed: false };
        assert!(AcceptedCookie::open(&value, &key, room, CookieAge::DoesNotMatter, None).is_ok());
    }
}
