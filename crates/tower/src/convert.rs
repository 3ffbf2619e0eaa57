//! Between `http` and the connector: a request becomes a view, a decision becomes a response. The only place that
//! knows both.

use std::fmt::Write as _;
use std::time::Duration;

use anteroom_connector::ask::{Answers, Question, Step};
use anteroom_connector::decision::{
    AJAX_REDIRECT_HEADER, CONNECTOR_HEADER, Decision, EXPOSE_HEADER, FAILED_HEADER, NO_CACHE_HEADERS, Outcome,
};
use anteroom_connector::policy::Policy;
use anteroom_connector::settings::Fallback;
use anteroom_connector::view::{Headers, RequestView};
use anteroom_protocol::time::Timestamp;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use http::{Request, Response, StatusCode};

use crate::body::ConnectorBody;
use crate::page::Page;
use crate::viewpoint::Viewpoint;

/// What [`CONNECTOR_HEADER`] says, in the manner of the official connectors.
const CONNECTOR_NAME: HeaderValue = HeaderValue::from_static("rust");

/// When a visitor who is held may try again. The refresh asks at least this often while it has no policy.
const HOLD_RETRY_SECONDS: u32 = 10;

/// How long the beginning of a body may take, where triggers look at bodies: a client that sends it drop by drop would
/// hold the request for ever.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// What is to become of a request.
pub(crate) enum Verdict {
    /// It reaches the site, and these headers come onto the site's answer.
    Forward(Additions),
    /// It is answered here.
    Answer(Response<Bytes>),
}

/// What is added to a response on its way out.
#[derive(Debug, Default)]
pub(crate) struct Additions {
    cookies: Vec<HeaderValue>,
    is_undecided: bool,
}

impl Additions {
    /// The site's own cookies stay; ours come behind them.
    pub(crate) fn apply(self, headers: &mut HeaderMap) {
        headers.insert(HeaderName::from_static(CONNECTOR_HEADER), CONNECTOR_NAME);
        for cookie in self.cookies {
            headers.append(SET_COOKIE, cookie);
        }
        if self.is_undecided {
            headers.insert(HeaderName::from_static(FAILED_HEADER), HeaderValue::from_static("true"));
        }
    }
}

/// How a request looks to the policy in force.
pub(crate) enum Sight {
    /// It is decided.
    Clear(Verdict),
    /// A waiting room must be asked first.
    Question(Box<Question>),
}

/// Looks at a request by the policy in force, with the beginning of its body, where that was read.
pub(crate) fn look<B>(
    policy: &Policy,
    viewpoint: &Viewpoint,
    request: &Request<B>,
    body: Option<&str>,
    now: Timestamp,
    answers: &Answers,
) -> Sight {
    let url = match viewpoint.public_url(request) {
        Ok(url) => url,
        Err(reason) => {
            tracing::debug!(%reason, "refused");
            return Sight::Clear(Verdict::Answer(finished(bad_host(), Additions::default())));
        }
    };
    let headers = RequestHeaders::new(request.headers());
    let view = RequestView {
        method: request.method().as_str(),
        url: &url,
        headers: &headers,
        client_ip: viewpoint.client_ip(request),
        body,
    };
    let decision = match policy.step(&view, now, answers) {
        Step::Decided(decision) => decision,
        Step::Ask(question) => return Sight::Question(question),
    };
    tracing::debug!(
        outcome = ?decision.outcome,
        action = decision.action_name,
        room = decision.event_id,
        reason = %decision.reason,
        "decided"
    );
    Sight::Clear(act_on(decision, now))
}

/// The verdict on a request whose body does not come.
pub(crate) fn too_slow() -> Verdict {
    let page = Page {
        status: StatusCode::REQUEST_TIMEOUT,
        title: "This took too long",
        text: "What you sent did not arrive in time. Please try again.",
        retry_after_seconds: None,
    };
    Verdict::Answer(finished(page.into_response(), Additions::default()))
}

/// The verdict while there is no policy.
pub(crate) fn undecided(fallback: Fallback) -> Verdict {
    match fallback {
        Fallback::LetPass => Verdict::Forward(Additions { cookies: Vec::new(), is_undecided: true }),
        Fallback::Hold => Verdict::Answer(finished(hold(), Additions::default())),
    }
}

fn act_on(decision: Decision<'_>, now: Timestamp) -> Verdict {
    let cookies = decision
        .set_cookies
        .iter()
        .filter_map(|cookie| HeaderValue::try_from(cookie.to_header_value(now)).ok())
        .collect();
    let additions = Additions { cookies, is_undecided: decision.has_failed };
    let response = match decision.outcome {
        Outcome::Pass => return Verdict::Forward(additions),
        Outcome::Redirect { location } | Outcome::StripToken { location } => {
            with_header(StatusCode::FOUND, LOCATION, &location)
        }
        Outcome::AjaxRedirect { header_value } => {
            let mut response =
                with_header(StatusCode::OK, HeaderName::from_static(AJAX_REDIRECT_HEADER), &header_value);
            let exposed = HeaderValue::from_static(AJAX_REDIRECT_HEADER);
            response.headers_mut().insert(HeaderName::from_static(EXPOSE_HEADER), exposed);
            response
        }
    };
    Verdict::Answer(finished(response, additions))
}

/// An empty answer with an address in a header.
fn with_header(status: StatusCode, name: HeaderName, address: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    match HeaderValue::try_from(ascii_address(address)) {
        Ok(address) => {
            *response.status_mut() = status;
            response.headers_mut().insert(name, address);
        }
        // Not reached, as visible ASCII always makes a header. The request must not slip through all the same.
        Err(_) => response = hold(),
    }
    response
}

/// The address with everything but visible ASCII percent-encoded. A request's address may hold raw UTF-8, and
/// what a browser makes of such bytes in `Location` is its own guess.
fn ascii_address(address: &str) -> String {
    let mut ascii = String::with_capacity(address.len());
    for &byte in address.as_bytes() {
        if byte.is_ascii_graphic() {
            ascii.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(ascii, "%{byte:02X}");
        }
    }
    ascii
}

/// A page as a host's own answer to a request that it does not even show to the connector: one it cannot make out,
/// say. Marked like every answer that went through the connector, and kept by nobody.
pub fn answer<B>(page: Page) -> Response<ConnectorBody<B>> {
    finished(page.into_response(), Additions::default()).map(ConnectorBody::of_connector)
}

/// An answer of ours is for one visitor at one moment, so nobody on the way may keep it.
fn finished(mut response: Response<Bytes>, additions: Additions) -> Response<Bytes> {
    let headers = response.headers_mut();
    for (name, value) in NO_CACHE_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    additions.apply(headers);
    response
}

fn hold() -> Response<Bytes> {
    let page = Page {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "One moment, please",
        text: "This page cannot be opened right now. Nothing is wrong at your end, and there is nothing you need to do: \
               it tries again by itself every few seconds.",
        retry_after_seconds: Some(HOLD_RETRY_SECONDS),
    };
    page.into_response()
}

fn bad_host() -> Response<Bytes> {
    let page = Page {
        status: StatusCode::BAD_REQUEST,
        title: "This request cannot be answered",
        text: "It does not say clearly which site it is for.",
        retry_after_seconds: None,
    };
    page.into_response()
}

/// A request's headers as texts. Values that are not UTF-8 are handed over with replacement characters, so that
/// one broken cookie of somebody else's does not hide the accepted cookie beside it.
struct RequestHeaders<'a> {
    headers: &'a HeaderMap,
    /// Mended texts beside the bytes they stand for; empty for nearly every request, and bounded by the size of a
    /// request's head.
    mended: Vec<(&'a [u8], String)>,
}

impl<'a> RequestHeaders<'a> {
    fn new(headers: &'a HeaderMap) -> Self {
        let mended = headers
            .values()
            .map(HeaderValue::as_bytes)
            .filter(|bytes| std::str::from_utf8(bytes).is_err())
            .map(|bytes| (bytes, String::from_utf8_lossy(bytes).into_owned()))
            .collect();
        Self { headers, mended }
    }

    fn text<'s>(&'s self, value: &'s HeaderValue) -> &'s str {
        let bytes = value.as_bytes();
        std::str::from_utf8(bytes).unwrap_or_else(|_| {
            self.mended.iter().find(|(broken, _)| *broken == bytes).map_or("", |(_, text)| text)
        })
    }
}

impl Headers for RequestHeaders<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| self.text(value))
    }

    fn for_each<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a str)) {
        for value in self.headers.get_all(name) {
            each(self.text(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_header_value_is_mended_and_hides_no_other() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_bytes(b"a=\xff; b=1").unwrap());
        headers.append("cookie", HeaderValue::from_static("c=2"));
        headers.append("cookie", HeaderValue::from_bytes("d=ä".as_bytes()).unwrap());
        let headers = RequestHeaders::new(&headers);
        let mut seen = Vec::new();
        headers.for_each("Cookie", &mut |value| seen.push(value.to_owned()));
        assert_eq!(seen, ["a=\u{fffd}; b=1", "c=2", "d=ä"]);
        assert_eq!(headers.get("COOKIE"), Some("a=\u{fffd}; b=1"));
        assert_eq!(headers.get("no such header"), None);
    }

    #[test]
    fn location_is_visible_ascii() {
        assert_eq!(ascii_address("https://shop.example/ä b?c=%20"), "https://shop.example/%C3%A4%20b?c=%20");
    }

    #[test]
    fn site_cookies_stay_and_ours_come_behind() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("cart=1"));
        headers.insert("x-queueit-connector", HeaderValue::from_static("something else"));
        let cookies = vec![HeaderValue::from_static("ours=2")];
        Additions { cookies, is_undecided: false }.apply(&mut headers);
        let all: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(all, ["cart=1", "ours=2"]);
        assert_eq!(headers.get_all("x-queueit-connector").iter().collect::<Vec<_>>(), ["rust"]);
        assert!(!headers.contains_key("x-queueit-failed"));
    }
}
