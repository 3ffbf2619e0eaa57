//! Reads the request's cookies by name.

use std::borrow::Cow;
use std::ops::ControlFlow;

use anteroom_protocol::accepted_cookie::ACCEPTED_COOKIE_BYTES_MAX;
use anteroom_protocol::encode;
use memchr::memchr;

use crate::view::Headers;

/// A cookie's name, to be looked for. Names are compared by case.
pub(crate) struct CookieName {
    text: String,
    /// Whether a header can hold it: a separator in it would end the cookie before.
    is_possible: bool,
}

impl CookieName {
    pub(crate) fn new(text: String) -> Self {
        Self { is_possible: !text.contains(';'), text }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Calls `visit` with each cookie of this name in the request's order, which is the browser's: the most specific
    /// first. See [`find_first`](Self::find_first).
    pub(crate) fn visit<'v>(
        &self,
        headers: &'v dyn Headers,
        visit: &mut dyn FnMut(&'v str) -> ControlFlow<()>,
    ) {
        let mut flow = ControlFlow::Continue(());
        headers.for_each("cookie", &mut |header| {
            let mut rest = Some(header).filter(|_| self.is_possible);
            while flow.is_continue()
                && let Some(text) = rest.and_then(|rest| find(rest, &self.text))
            {
                flow = visit(text);
                rest = behind_separator(text);
            }
        });
    }

    /// What follows the equals sign of the first cookie of this name as it stands in the request, up to the end of the
    /// header: to read an accepted cookie, its end need not be looked for. [`value`] is the value alone.
    pub(crate) fn find_first<'v>(&self, headers: &'v dyn Headers) -> Option<&'v str> {
        if self.is_possible { find_first(headers, &self.text) } else { None }
    }
}

fn find_first<'v>(headers: &'v dyn Headers, name: &str) -> Option<&'v str> {
    let mut first = None;
    headers.for_each("cookie", &mut |header| {
        if first.is_none() {
            first = find(header, name);
        }
    });
    first
}

/// A cookie of another name costs one comparison and the search for its end. No separator is in the name.
fn find<'v>(header: &'v str, name: &str) -> Option<&'v str> {
    let mut rest = header;
    loop {
        let cookie = rest.trim_ascii_start();
        // Most names differ in their first letter, which is seen without a call.
        let first = |text: &str| text.bytes().next();
        if (first(cookie) == first(name) || name.is_empty())
            && let Some(behind) = cookie.strip_prefix(name)
            && let Some(text) = behind.trim_ascii_start().strip_prefix('=')
        {
            return Some(text);
        }
        rest = behind_separator(rest)?;
    }
}

fn behind_separator(text: &str) -> Option<&str> {
    memchr(b';', text.as_bytes()).map(|at| &text[at + 1..])
}

/// The value at the beginning of what follows a cookie's equals sign.
pub(crate) fn value(text: &str) -> &str {
    let value = text[..memchr(b';', text.as_bytes()).unwrap_or(text.len())].trim_ascii();
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// The first cookie of this name, decoded; empty when there is none.
pub(crate) fn first_decoded<'v>(headers: &'v dyn Headers, name: &str) -> Cow<'v, str> {
    // No cookie has such a name, whatever a trigger asks for; part of a value could be taken for it.
    if name.contains(['=', ';']) || name.trim_ascii_end() != name {
        return Cow::Borrowed("");
    }
    encode::percent_decode(find_first(headers, name).map(value).unwrap_or_default())
}

/// Room for an accepted cookie's decoded value.
pub(crate) type AcceptedValueBuffer = [u8; ACCEPTED_COOKIE_BYTES_MAX];

/// An accepted cookie's value as it was written, or nothing when that cannot be one. Most writers encode it; a few do
/// not, and their value must not be decoded (protocol section 3.7). No field of it holds an encoded `=` of its own.
pub(crate) fn decode_accepted<'b>(buffer: &'b mut AcceptedValueBuffer, value: &'b str) -> Option<&'b str> {
    if value.contains("%3D") || value.contains("%3d") {
        encode::percent_decode_into(buffer, value)
    } else {
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cookie_of_a_name_counts_over_several_headers() {
        let headers = [("Cookie", "a=1; seg=\"G%6Fld\" ;b"), ("cookie", "seg=late; =; ;c=x=y")];
        assert_eq!(first_decoded(&headers, "seg"), "Gold");
        assert_eq!(first_decoded(&headers, "c"), "x=y");
        assert_eq!(first_decoded(&headers, "SEG"), "");
        assert_eq!(first_decoded(&headers, "b"), "");
        let headers = [("cookie", "segment=x; seg \t = y ; seg=z")];
        assert_eq!(first_decoded(&headers, "seg"), "y");
        assert_eq!(first_decoded(&[("cookie", "a=b=c")], "a=b"), "");
        assert_eq!(first_decoded(&[("cookie", "a;b=c")], "a;b"), "");
        assert_eq!(first_decoded(&[("cookie", "a=b; =c")], ""), "c");
    }

    #[test]
    fn every_cookie_of_a_name_is_visited_until_it_is_enough() {
        let headers = [("cookie", "a=1; b=2;a=3 ;; aa=4"), ("cookie", "a = \"5\""), ("cookie", "a=6")];
        let visited = |name: &str, enough: &str| {
            let mut visited = Vec::new();
            CookieName::new(name.to_owned()).visit(&headers, &mut |text| {
                visited.push(value(text));
                if value(text) == enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            visited
        };
        assert_eq!(visited("a", ""), ["1", "3", "5", "6"]);
        assert_eq!(visited("a", "5"), ["1", "3", "5"]);
        assert_eq!(visited("a=1; b", ""), [""; 0]);
    }

    #[test]
    fn plus_is_not_a_space_and_malformed_escapes_stay() {
        let headers = [("cookie", "a=1+1%")];
        assert_eq!(first_decoded(&headers, "a"), "1+1%");
    }
}
