//! An accepted cookie's values as they stand in its decoded text, and the strict form of each.

use super::{ACCEPTED_COOKIE_BYTES_MAX, AcceptedCookie, CookieRoom, NO_QUEUE_ID, has_capitals};
use crate::id::QueueId;
use crate::mac::{Key, is_hex_mac};
use crate::number::parse_digits;
use crate::queue_token::RedirectType;
use crate::time::Timestamp;

/// The values as they stand in a cookie; absent ones are `None`.
#[derive(Default)]
pub(super) struct Fields<'v> {
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
    pub(super) fn read(value: &'v str) -> Option<Self> {
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

    /// The strict form, except that of the hash, which is compared later.
    pub(super) fn check(&self, room: CookieRoom<'_>) -> Option<AcceptedCookie<'v>> {
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
                Some(u32::try_from(parse_digits(digits.as_bytes())?).ok()?)
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
            issued_at: Timestamp::from_seconds(parse_digits(issue_time.as_bytes())?),
            hashed_ip: match self.hip {
                None => None,
                Some(hip) => Some(hip).filter(|hip| is_hex_mac(hip)).map(Some)?,
            },
        })
    }

    pub(super) fn is_signed_with(&self, key: &Key, room: CookieRoom<'_>) -> bool {
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
