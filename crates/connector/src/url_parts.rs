//! Which piece of an address a trigger looks at: the generic splitting of RFC 3986, appendix B, over any text.
//!
//! Nothing is decoded or folded. What does not look like an address is split all the same, so `ex.com/path` has
//! no host and the whole text as its path (protocol section 4.4).

use memchr::memchr2;

/// The authority of an address, user information and port included; empty when there is none.
pub fn host_name(url: &str) -> &str {
    split(url).0
}

/// The path of an address, un-decoded; empty when there is none.
pub fn page_path(url: &str) -> &str {
    split(url).1
}

fn split(url: &str) -> (&str, &str) {
    let rest = after_scheme(url);
    let (host, rest) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(end_before(rest, |byte| matches!(byte, b'/' | b'?' | b'#'))),
        None => ("", rest),
    };
    (host, &rest[..memchr2(b'?', b'#', rest.as_bytes()).unwrap_or(rest.len())])
}

fn after_scheme(url: &str) -> &str {
    let (scheme, rest) = url.split_at(end_before(url, |byte| matches!(byte, b':' | b'/' | b'?' | b'#')));
    match rest.strip_prefix(':') {
        Some(rest) if !scheme.is_empty() => rest,
        _ => url,
    }
}

/// Byte by byte: schemes and hosts are too short for anything cleverer to pay.
fn end_before(text: &str, is_end: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(is_end).unwrap_or(text.len())
}
