//! Reads an accepted cookie where it stands in a header, without decoding it first: as browsers send what connectors set, with each `&` and `=`
//! percent-encoded, nothing else encoded, and the values in their usual order. No value in the strict form holds a
//! character that is encoded.
//!
//! This runs for nearly each request of a site, and beside the MAC it is the dearest part of a decision. So it is one
//! straight walk over the text.

use super::{ACCEPTED_COOKIE_BYTES_MAX, AcceptedCookie, CookieRoom};
use crate::id::QueueId;
use crate::mac::{HEX_LEN, Signing, is_hex_mac};
use crate::number::parse_digits;
use crate::queue_token::RedirectType;
use crate::time::Timestamp;

/// So many digits has the time of writing from 2001 to 2286.
const ISSUE_TIME_LEN: usize = 10;

/// The values as they stand in a cookie; those that are absent are empty. What has only one length is told by its type, so
/// that it is copied without a call.
#[derive(Clone, Copy)]
pub(super) struct Encoded<'v> {
    event_id: &'v str,
    queue_id: Option<&'v [u8; QueueId::TEXT_LEN]>,
    fixed_validity_minutes: &'v str,
    redirect_type: &'v str,
    issue_time: &'v [u8; ISSUE_TIME_LEN],
    hip: &'v str,
    pub(super) hash: &'v str,
}

impl<'v> Encoded<'v> {
    /// Nothing for every other form than the usual one.
    #[inline]
    pub(super) fn read(text: &'v str) -> Option<Self> {
        let mut rest = text.strip_prefix("EventId%3D")?;
        let event_id = take_to_percent(&mut rest)?;
        let queue_id = match skip(&mut rest, "%26QueueId%3D") {
            true => Some(take_array(&mut rest)?),
            false => None,
        };
        let fixed_validity_minutes = match skip(&mut rest, "%26FixedValidityMins%3D") {
            true => take_to_percent(&mut rest).filter(|digits| !digits.is_empty())?,
            false => "",
        };
        rest = rest.strip_prefix("%26RedirectType%3D")?;
        // Nearly every cookie says this.
        let redirect_type = match rest.starts_with("queue%") {
            true => take(&mut rest, "queue".len())?,
            false => take_to_percent(&mut rest)?,
        };
        rest = rest.strip_prefix("%26IssueTime%3D")?;
        let issue_time = take_array(&mut rest)?;
        let hip = match skip(&mut rest, "%26Hip%3D") {
            true => take(&mut rest, HEX_LEN)?,
            false => "",
        };
        rest = rest.strip_prefix("%26Hash%3D")?;
        let hash = take(&mut rest, HEX_LEN)?;
        let is_whole = rest.is_empty() || rest.starts_with(';');
        if !is_whole || text.len() - rest.len() > ACCEPTED_COOKIE_BYTES_MAX {
            return None;
        }
        Some(Self { event_id, queue_id, fixed_validity_minutes, redirect_type, issue_time, hip, hash })
    }

    /// Lays out what the MAC covers.
    #[inline]
    pub(super) fn push_signed(&self, signing: &mut Signing<'_>) {
        signing.push(self.event_id.as_bytes());
        if let Some(queue_id) = self.queue_id {
            signing.push(queue_id);
        }
        if !self.fixed_validity_minutes.is_empty() {
            signing.push(self.fixed_validity_minutes.as_bytes());
        }
        signing.push(self.redirect_type.as_bytes());
        signing.push(self.issue_time);
        if !self.hip.is_empty() {
            signing.push(self.hip.as_bytes());
        }
    }

    /// The strict form, except that of the hash, which is compared later. Nothing for what has not that form, and for
    /// what may have it only once it is decoded.
    #[inline]
    pub(super) fn check(&self, room: CookieRoom<'_>) -> Option<AcceptedCookie<'v>> {
        // Nearly every cookie has the very same letters, and those are compared in one step.
        if self.event_id != room.event_id && !self.event_id.eq_ignore_ascii_case(room.event_id) {
            return None;
        }
        let queue_id = match self.queue_id {
            None if room.is_queue_id_needed => return None,
            None => None,
            Some(queue_id) => Some(QueueId::parse_array(queue_id)?),
        };
        let fixed_validity_minutes = match self.fixed_validity_minutes {
            "" => None,
            digits if digits.len() <= 6 && !digits.starts_with('0') => {
                Some(u32::try_from(parse_digits(digits.as_bytes())?).ok()?)
            }
            _ => return None,
        };
        let hashed_ip = match self.hip {
            "" => None,
            hip => Some(hip).filter(|hip| is_hex_mac(hip)).map(Some)?,
        };
        Some(AcceptedCookie {
            queue_id,
            fixed_validity_minutes,
            redirect_type: RedirectType::from_text(self.redirect_type)?,
            redirect_type_text: self.redirect_type,
            issued_at: Timestamp::from_seconds(parse_digits(self.issue_time)?),
            hashed_ip,
        })
    }
}

/// Whether the text begins with this name; if so, goes past it.
#[inline]
fn skip(rest: &mut &str, name: &str) -> bool {
    match rest.strip_prefix(name) {
        Some(behind) => {
            *rest = behind;
            true
        }
        None => false,
    }
}

/// The next so many bytes.
#[inline]
fn take<'v>(rest: &mut &'v str, len: usize) -> Option<&'v str> {
    let (text, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(text)
}

#[inline]
fn take_array<'v, const LEN: usize>(rest: &mut &'v str) -> Option<&'v [u8; LEN]> {
    take(rest, LEN)?.as_bytes().try_into().ok()
}

/// What stands before the next encoded character. Nothing when there is none, or when the text would be cut at another
/// character before, as the end of the value or once it is decoded. Byte by byte: what is looked at here is too short for anything cleverer to pay.
#[inline]
fn take_to_percent<'v>(rest: &mut &'v str) -> Option<&'v str> {
    let end = rest.bytes().position(|byte| matches!(byte, b'%' | b'&' | b'=' | b';'))?;
    let (text, behind) = rest.split_at(end);
    *rest = behind;
    behind.starts_with('%').then_some(text)
}
