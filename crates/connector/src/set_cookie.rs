//! One `Set-Cookie` header: an accepted cookie being written, or being removed.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use anteroom_protocol::encode;
use anteroom_protocol::time::Timestamp;
use httpdate::HttpDate;

/// How long a browser keeps an accepted cookie: a day. How long it *counts* is written inside it, and is shorter
/// (protocol section 3.6).
pub const COOKIE_AGE_MAX: Duration = Duration::from_secs(86_400);

/// A cookie to be set on whatever response goes out, a redirect included.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie<'p> {
    /// The cookie's name.
    pub name: &'p str,
    /// The value as it is meant, not yet encoded for the wire. `None` removes the cookie.
    pub value: Option<String>,
    /// How long a browser keeps it, unless it is removed: [`COOKIE_AGE_MAX`] for an accepted cookie.
    pub age_max: Duration,
    /// The `Domain` attribute, if any.
    pub domain: Option<&'p str>,
    /// Whether page scripts are kept from reading it. Off by default: the iframe client reads the issue time.
    pub is_http_only: bool,
    /// Whether it travels over TLS alone.
    pub is_secure: bool,
}

impl SetCookie<'_> {
    /// When a browser forgets it; the epoch for one that is removed.
    pub fn expires_at(&self, now: Timestamp) -> Timestamp {
        match self.value {
            Some(_) => now.saturating_add(self.age_max),
            None => Timestamp::EPOCH,
        }
    }

    /// The whole value of the `Set-Cookie` header, ASCII and without control characters.
    pub fn to_header_value(&self, now: Timestamp) -> String {
        // A genuine cookie is some 200 bytes long, its name 50, and the attributes 120.
        let mut header = String::with_capacity(384);
        header.push_str(self.name);
        header.push('=');
        match &self.value {
            Some(value) => {
                header.push_str(&encode::enc(value));
                let expires = http_date(self.expires_at(now));
                let _ = write!(header, "; Max-Age={}; Expires={expires}", self.age_max.as_secs());
            }
            None => {
                let _ = write!(header, "; Max-Age=0; Expires={}", http_date(Timestamp::EPOCH));
            }
        }
        header.push_str("; Path=/");
        if let Some(domain) = self.domain {
            header.push_str("; Domain=");
            header.push_str(domain);
        }
        if self.is_http_only {
            header.push_str("; HttpOnly");
        }
        if self.is_secure {
            header.push_str("; Secure");
        }
        header
    }
}

impl std::fmt::Debug for SetCookie<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.value.is_some() { "[redacted]" } else { "[removed]" };
        f.debug_struct("SetCookie").field("name", &self.name).field("value", &value).finish_non_exhaustive()
    }
}

/// A moment as HTTP writes it (RFC 9110, section 5.6.7). A year has four digits there, so time ends with 9999.
fn http_date(moment: Timestamp) -> HttpDate {
    const LAST_SECOND: u64 = 253_402_300_799;
    HttpDate::from(UNIX_EPOCH + Duration::from_secs(moment.as_seconds().min(LAST_SECOND)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(seconds: u64) -> String {
        http_date(Timestamp::from_seconds(seconds)).to_string()
    }

    #[test]
    fn dates_are_written_as_http_writes_them() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(date(1_700_086_400), "Wed, 15 Nov 2023 22:13:20 GMT");
        assert_eq!(date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
        assert_eq!(date(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn a_written_cookie_is_encoded_and_lasts_a_day() {
        let cookie = SetCookie {
            name: "QueueITAccepted-SDFrts345E-V3_spring24",
            value: Some("EventId=spring24&Hash=0".into()),
            age_max: COOKIE_AGE_MAX,
            domain: Some(".shop.example"),
            is_http_only: true,
            is_secure: true,
        };
        assert_eq!(
            cookie.to_header_value(Timestamp::from_seconds(1_700_000_000)),
            "QueueITAccepted-SDFrts345E-V3_spring24=EventId%3Dspring24%26Hash%3D0; Max-Age=86400; \
             Expires=Wed, 15 Nov 2023 22:13:20 GMT; Path=/; Domain=.shop.example; HttpOnly; Secure"
        );
        assert!(!format!("{cookie:?}").contains("EventId"));
    }

    #[test]
    fn a_removed_cookie_is_empty_and_long_over() {
        let cookie = SetCookie {
            name: "n",
            value: None,
            age_max: COOKIE_AGE_MAX,
            domain: None,
            is_http_only: false,
            is_secure: false,
        };
        assert_eq!(
            cookie.to_header_value(Timestamp::from_seconds(1_700_000_000)),
            "n=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"
        );
    }
}
