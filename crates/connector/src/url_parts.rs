//! Which piece of an address a trigger looks at: the generic splitting of RFC 3986, appendix B, over any text.
//!
//! Nothing is decoded or folded. What does not look like an address is split all the same, so `ex.com/path` has
//! no host and the whole text as its path (protocol section 4.4).

use memchr::{memchr, memchr2};

/// The authority of an address, user information and port included; empty when there is none.
pub fn host_name(url: &str) -> &str {
    UrlParts::of(url).host_name
}

/// The path of an address, un-decoded; empty when there is none.
pub fn page_path(url: &str) -> &str {
    UrlParts::of(url).page_path
}

/// An address in pieces.
#[derive(Clone, Copy)]
pub(crate) struct UrlParts<'u> {
    /// The [`host_name`].
    pub(crate) host_name: &'u str,
    /// The [`page_path`].
    pub(crate) page_path: &'u str,
    /// The query with its question mark and the fragment with its number sign; may be empty.
    pub(crate) query_and_fragment: &'u str,
}

impl<'u> UrlParts<'u> {
    #[inline]
    pub(crate) fn of(url: &'u str) -> Self {
        let (before, query_and_fragment) =
            url.split_at(memchr2(b'?', b'#', url.as_bytes()).unwrap_or(url.len()));
        let rest = after_scheme(before);
        let (host_name, page_path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(memchr(b'/', rest.as_bytes()).unwrap_or(rest.len())),
            None => ("", rest),
        };
        Self { host_name, page_path, query_and_fragment }
    }
}

/// `url` ends before its query and its fragment.
fn after_scheme(url: &str) -> &str {
    // Nearly every address begins with one of these.
    if let Some(rest) = url.strip_prefix("https:").or_else(|| url.strip_prefix("http:")) {
        return rest;
    }
    match url.find([':', '/']).map(|end| url.split_at(end)) {
        Some((scheme, rest)) if !scheme.is_empty() => rest.strip_prefix(':').unwrap_or(url),
        _ => url,
    }
}
