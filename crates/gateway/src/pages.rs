//! What the gateway says for itself. Where the site does not answer, the reader has done nothing wrong and cannot
//! mend it, and these pages say so; they neither look nor read like a waiting room, because nobody is in line here.

use anteroom_tower::page::Page;
use http::StatusCode;

/// When a page about a site that does not answer tries again by itself. Rare enough not to hold down a site that is
/// coming up.
const RETRY_SECONDS: u32 = 30;

const AGAIN: &str = "This is not your fault, and nothing is wrong at your end. The page tries again by itself every \
                     half minute; you need not do anything.";
const NOT_AGAIN: &str = "This is not your fault, and nothing is wrong at your end. Nothing was sent a second time: \
                         before you do it again, check whether it has already worked.";

/// Why the site gave no answer that could be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No connection to the site came about.
    Unreachable,
    /// Connecting took too long.
    ConnectTooSlow,
    /// The site has the request and says nothing.
    AnswerTooSlow,
    /// What the site said is no answer, or broke off before it was one.
    AnswerBroken,
    /// The client stopped in the middle of its own request.
    ClientTooSlow,
    /// The client went away, or what it sent is no body.
    ClientBroken,
}

impl Trouble {
    /// Whether the site is to be looked at.
    pub(crate) const fn is_of_site(self) -> bool {
        !matches!(self, Self::ClientTooSlow | Self::ClientBroken)
    }

    /// What an operator reads.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "the site could not be reached",
            Self::ConnectTooSlow => "connecting to the site took too long",
            Self::AnswerTooSlow => "the site did not begin to answer in time",
            Self::AnswerBroken => "the site's answer was broken",
            Self::ClientTooSlow => "the client stopped in the middle of its request",
            Self::ClientBroken => "the client's request broke off",
        }
    }

    /// What the visitor reads. Only a request that changes nothing is tried again by the page itself.
    pub(crate) fn page(self, is_safe_to_repeat: bool) -> Page {
        let (status, title) = match self {
            Self::Unreachable => (StatusCode::BAD_GATEWAY, "This site cannot be reached right now"),
            Self::AnswerBroken => (StatusCode::BAD_GATEWAY, "This site did not answer properly"),
            Self::ConnectTooSlow | Self::AnswerTooSlow => {
                (StatusCode::GATEWAY_TIMEOUT, "This site is taking too long to answer")
            }
            Self::ClientTooSlow => return CLIENT_TOO_SLOW,
            Self::ClientBroken => return CLIENT_BROKEN,
        };
        if is_safe_to_repeat {
            Page { status, title, text: AGAIN, retry_after_seconds: Some(RETRY_SECONDS) }
        } else {
            Page { status, title, text: NOT_AGAIN, retry_after_seconds: None }
        }
    }
}

const CANNOT: &str = "This request cannot be answered";

const fn refused(status: StatusCode, title: &'static str, text: &'static str) -> Page {
    Page { status, title, text, retry_after_seconds: None }
}

pub(crate) const NO_HOST: Page = refused(
    StatusCode::BAD_REQUEST,
    CANNOT,
    "It does not say which site it is for: the Host header is missing.",
);
pub(crate) const SEVERAL_HOSTS: Page =
    refused(StatusCode::BAD_REQUEST, CANNOT, "It names several sites: there is more than one Host header.");
pub(crate) const BAD_HOST: Page =
    refused(StatusCode::BAD_REQUEST, CANNOT, "The site it names is not a host name with at most a port.");
pub(crate) const NO_PATH: Page = refused(
    StatusCode::BAD_REQUEST,
    CANNOT,
    "It does not say which page it is for: the address has no path.",
);
pub(crate) const NOT_A_PROXY: Page =
    refused(StatusCode::NOT_IMPLEMENTED, CANNOT, "This server passes on requests to its own site only.");
pub(crate) const CODING_UNKNOWN: Page = refused(
    StatusCode::NOT_IMPLEMENTED,
    CANNOT,
    "Its body is sent in a transfer coding that this server does not know; it knows chunked.",
);
pub(crate) const ADDRESS_TOO_LONG: Page = refused(
    StatusCode::URI_TOO_LONG,
    "This address is too long",
    "Addresses here can have 8192 characters. If you followed a link, please tell the site it came from.",
);
const CLIENT_TOO_SLOW: Page = refused(
    StatusCode::REQUEST_TIMEOUT,
    "Your data did not arrive",
    "Nothing has been received from you for a while, so the upload was ended. Please try again on a steadier line.",
);
const CLIENT_BROKEN: Page =
    refused(StatusCode::BAD_REQUEST, CANNOT, "It broke off before it was complete. Please try again.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_about_the_site_takes_the_blame_off_the_visitor() {
        for trouble in
            [Trouble::Unreachable, Trouble::ConnectTooSlow, Trouble::AnswerTooSlow, Trouble::AnswerBroken]
        {
            assert!(trouble.page(true).text.contains("not your fault"));
            assert_eq!(trouble.page(true).retry_after_seconds, Some(RETRY_SECONDS));
            assert!(trouble.page(false).text.contains("not your fault"));
            assert_eq!(trouble.page(false).retry_after_seconds, None);
        }
    }

    #[test]
    fn page_about_a_long_address_names_the_limit() {
        assert!(ADDRESS_TOO_LONG.text.contains(&crate::refuse::TARGET_BYTES_MAX.to_string()));
    }
}
