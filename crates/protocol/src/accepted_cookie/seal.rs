//! Writes accepted cookies.

use std::fmt::{self, Write as _};

use crate::mac::Key;
use crate::queue_token::RedirectType;
use crate::time::Timestamp;

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
    use crate::accepted_cookie::{AcceptedCookie, CookieAge, CookieRoom};

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
