//! The queue token within an address.

use std::borrow::Cow;

use memchr::memchr;

use crate::encode::percent_decode_strictly;

/// The query parameter that carries the queue token.
pub const TOKEN_PARAMETER: &str = "queueittoken";

/// The token in an address, percent-decoded: the first one that is not empty. A malformed one is none.
///
/// ```
/// use anteroom_protocol::redirect::find_token;
///
/// assert_eq!(find_token("https://shop.example/?a=1&queueittoken=e_x~h_0#f").as_deref(), Some("e_x~h_0"));
/// assert_eq!(find_token("https://shop.example/#?queueittoken=x"), None);
/// ```
pub fn find_token(url: &str) -> Option<Cow<'_, str>> {
    let (_, query, _) = split(url);
    query?
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| *name == TOKEN_PARAMETER)
        .filter_map(|(_, value)| percent_decode_strictly(value))
        .find(|token| !token.is_empty())
}

/// The address without any token: every parameter of that name, in any letter case, is taken out. All other bytes
/// stay, and the `?` goes only when nothing is left behind it (protocol 5.6-8).
///
/// ```
/// use anteroom_protocol::redirect::strip_token;
///
/// assert_eq!(strip_token("https://shop.example/p?queueittoken=x&a=1#f"), "https://shop.example/p?a=1#f");
/// ```
pub fn strip_token(url: &str) -> Cow<'_, str> {
    let (before, query, fragment) = split(url);
    let Some(query) = query else { return Cow::Borrowed(url) };
    // Most addresses have no room for the name.
    if query.len() < TOKEN_PARAMETER.len() || !query.split('&').any(is_token) {
        return Cow::Borrowed(url);
    }
    let mut stripped = String::with_capacity(url.len());
    stripped.push_str(before);
    let query_start = stripped.len();
    let mut separator = '?';
    for parameter in query.split('&').filter(|parameter| !is_token(parameter)) {
        stripped.push(separator);
        stripped.push_str(parameter);
        separator = '&';
    }
    if stripped.len() == query_start + 1 {
        stripped.truncate(query_start);
    }
    stripped.push_str(fragment);
    Cow::Owned(stripped)
}

/// The target with this token as its only one, last in the query and before the fragment: mobile apps cut it out
/// there (protocol 2.6, 10.1).
///
/// ```
/// use anteroom_protocol::redirect::with_token;
///
/// assert_eq!(with_token("https://shop.example/?queueittoken=old#f", "new"), "https://shop.example/?queueittoken=new#f");
/// ```
pub fn with_token(target: &str, token: &str) -> String {
    let stripped = strip_token(target);
    let (before, query, fragment) = split(&stripped);
    let (query, separator) = match query {
        None => ("", "?"),
        Some("") => ("", "?"),
        Some(query) => (query, "&"),
    };
    let question_mark = if query.is_empty() { "" } else { "?" };
    format!("{before}{question_mark}{query}{separator}{TOKEN_PARAMETER}={token}{fragment}")
}

/// What stands before the `?`, between it and the `#`, and from the `#` on.
fn split(url: &str) -> (&str, Option<&str>, &str) {
    let (rest, fragment) = url.split_at(memchr(b'#', url.as_bytes()).unwrap_or(url.len()));
    match memchr(b'?', rest.as_bytes()) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..]), fragment),
        None => (rest, None, fragment),
    }
}

fn is_token(parameter: &str) -> bool {
    let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
    name.eq_ignore_ascii_case(TOKEN_PARAMETER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_token_that_is_not_empty_counts() {
        assert_eq!(find_token("/?queueittoken=&queueittoken=a&queueittoken=b").as_deref(), Some("a"));
        assert_eq!(find_token("/?queueittoken=%zz&queueittoken=%41").as_deref(), Some("A"));
        assert_eq!(find_token("/?QueueItToken=a"), None);
    }

    #[test]
    fn all_but_tokens_stays_also_empty_parameters() {
        for (url, stripped) in [
            ("/?&a&queueittoken=x", "/?&a"),
            ("/?a&&QueueITToken=x&b#f", "/?a&&b#f"),
            ("/?queueittoken=x&queueittoken=y#f", "/#f"),
            ("/?&queueittoken=x", "/"),
            ("/?a&queueittoken", "/?a"),
        ] {
            assert_eq!(strip_token(url), stripped, "{url}");
        }
    }

    #[test]
    fn token_is_appended_last_and_once() {
        assert_eq!(with_token("https://a.b/", "t"), "https://a.b/?queueittoken=t");
        assert_eq!(with_token("https://a.b/?", "t"), "https://a.b/?queueittoken=t");
        assert_eq!(
            with_token("https://a.b/?x=1&QUEUEITTOKEN=o&y#f", "t"),
            "https://a.b/?x=1&y&queueittoken=t#f"
        );
    }
}
