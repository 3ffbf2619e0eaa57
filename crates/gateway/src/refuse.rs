//! Requests that no two servers would read alike. They are refused here, so that the connector and the site never
//! disagree on what was asked for and where.
//!
//! What stands here is what hyper lets through. It refuses by itself lengths that are no numbers or differ, codings
//! that do not end in `chunked`, obsolete line folding and spaces before a colon. Of a `Content-Length` beside a
//! `Transfer-Encoding` it drops the former and closes the connection behind the answer, which RFC 9112 section 6.3
//! allows and which leaves nothing to smuggle, as the request is framed anew on its way to the site.

use anteroom_tower::named_host;
use anteroom_tower::page::Page;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{Method, Request, Version};

use crate::pages;

/// Bytes of a request's path and query. More than any browser sends of its own accord, and less than what commonly
/// stands behind a gateway takes; the address also travels through the waiting room as a parameter.
pub(crate) const TARGET_BYTES_MAX: usize = 8 * 1024;

/// The page that answers a request which must go no further.
pub(crate) fn refusal<B>(request: &Request<B>) -> Option<Page> {
    if *request.method() == Method::CONNECT {
        return Some(pages::NOT_A_PROXY);
    }
    let Some(target) = request.uri().path_and_query() else {
        return Some(pages::NO_PATH);
    };
    if target.as_str().len() > TARGET_BYTES_MAX {
        return Some(pages::ADDRESS_TOO_LONG);
    }
    if request.uri().scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Some(pages::NOT_A_PROXY);
    }
    if let Some(refusal) = host_refusal(request) {
        return Some(refusal);
    }
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    // Hyper takes off the chunks and nothing else, so what is left would reach the site under a wrong name.
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some(pages::CODING_UNKNOWN),
    }
}

/// A host is named exactly once, and is one (RFC 9112 section 3.2). HTTP/1.0 need not name any.
fn host_refusal<B>(request: &Request<B>) -> Option<Page> {
    match request.headers().get_all(HOST).iter().count() {
        0 if request.version() >= Version::HTTP_11 => Some(pages::NO_HOST),
        0 | 1 => named_host(request).is_err().then_some(pages::BAD_HOST),
        _ => Some(pages::SEVERAL_HOSTS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(method: &str, target: &str, version: Version, headers: &[(&str, &str)]) -> Option<u16> {
        let mut builder = Request::builder().method(method).uri(target).version(version);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        refusal(&builder.body(()).unwrap()).map(|page| page.status.as_u16())
    }

    #[test]
    fn host_is_named_once_and_is_one() {
        for (version, hosts, expected) in [
            (Version::HTTP_11, &["a"][..], None),
            (Version::HTTP_11, &["a:8080"], None),
            (Version::HTTP_11, &["[::1]:8080"], None),
            (Version::HTTP_11, &[], Some(400)),
            (Version::HTTP_11, &["a", "a"], Some(400)),
            (Version::HTTP_11, &["a/b"], Some(400)),
            (Version::HTTP_11, &["b@a"], Some(400)),
            (Version::HTTP_11, &[""], Some(400)),
            (Version::HTTP_10, &[], None),
            (Version::HTTP_10, &["a", "a"], Some(400)),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            assert_eq!(status_of("GET", "/", version, &headers), expected, "{version:?} {hosts:?}");
        }
    }

    #[test]
    fn target_is_an_address_at_this_site() {
        for (method, target, expected) in [
            ("GET", "/a?b", None),
            ("GET", "http://a/b", None),
            ("GET", "ftp://a/b", Some(501)),
            ("OPTIONS", "*", None),
            ("CONNECT", "a:443", Some(501)),
            ("GET", "a:443", Some(400)),
        ] {
            assert_eq!(
                status_of(method, target, Version::HTTP_11, &[("host", "a")]),
                expected,
                "{method} {target}"
            );
        }
    }

    #[test]
    fn address_up_to_the_limit_passes() {
        let longest = format!("/{}", "a".repeat(TARGET_BYTES_MAX - 1));
        assert_eq!(status_of("GET", &longest, Version::HTTP_11, &[("host", "a")]), None);
        assert_eq!(status_of("GET", &format!("{longest}a"), Version::HTTP_11, &[("host", "a")]), Some(414));
    }

    #[test]
    fn only_chunks_are_taken_off_a_body() {
        for (codings, expected) in
            [(&["Chunked"][..], None), (&["gzip, chunked"], Some(501)), (&["gzip", "chunked"], Some(501))]
        {
            let mut headers = vec![("host", "a")];
            headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            assert_eq!(status_of("POST", "/", Version::HTTP_11, &headers), expected, "{codings:?}");
        }
    }
}
