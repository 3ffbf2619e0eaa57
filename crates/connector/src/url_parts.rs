//! Which piece of an address a trigger looks at: the generic splitting of RFC 3986, appendix B, over any text.
//!
//! Nothing is decoded or folded. What does not look like an address is split all the same, so `ex.com/path` has
//! no host and the whole text as its path (protocol section 4.4).

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
        Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    (host, &rest[..rest.find(['?', '#']).unwrap_or(rest.len())])
}

fn after_scheme(url: &str) -> &str {
    match url.find([':', '/', '?', '#']) {
        Some(at) if at > 0 && url[at..].starts_with(':') => &url[at + 1..],
        _ => url,
    }
}
