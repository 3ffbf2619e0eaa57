//! Reads the request's cookies by name.

use std::borrow::Cow;
use std::ops::ControlFlow;

use anteroom_protocol::accepted_cookie::ACCEPTED_COOKIE_BYTES_MAX;
use anteroom_protocol::encode;
use memchr::memchr;

use crate::view::Headers;

/// Calls `visit` with each cookie of this name as it stands in the request, in its order, which is the browser's:
/// the most specific first. Names are compared by case.
///
/// One pass: a cookie of another name costs the search for its end and, mostly, one comparison.
pub(crate) fn visit<'v>(
    headers: &'v dyn Headers,
    name: &str,
    visit: &mut dyn FnMut(&'v str) -> ControlFlow<()>,
) {
    let mut flow = ControlFlow::Continue(());
    headers.for_each("cookie", &mut |header| {
        let mut rest = header;
        while flow.is_continue() {
            let end = memchr(b';', rest.as_bytes());
            let (pair, behind) = rest.split_at(end.unwrap_or(rest.len()));
            if let Some(value) = pair.trim_ascii_start().strip_prefix(name)
                && let Some(value) = value.trim_ascii_start().strip_prefix('=')
            {
                flow = visit(unquote(value.trim_ascii()));
            }
            let Some(behind) = behind.strip_prefix(';') else { return };
            rest = behind;
        }
    });
}

/// The first cookie of this name, decoded; empty when there is none.
pub(crate) fn first_decoded<'v>(headers: &'v dyn Headers, name: &str) -> Cow<'v, str> {
    // No cookie has such a name, whatever a trigger asks for; `visit` would take part of the value for it.
    if name.contains('=') || name.trim_ascii_end() != name {
        return Cow::Borrowed("");
    }
    let mut first = "";
    visit(headers, name, &mut |value| {
        first = value;
        ControlFlow::Break(())
    });
    encode::percent_decode(first)
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

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
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
    }

    #[test]
    fn plus_is_not_a_space_and_malformed_escapes_stay() {
        let headers = [("cookie", "a=1+1%")];
        assert_eq!(first_decoded(&headers, "a"), "1+1%");
    }
}
