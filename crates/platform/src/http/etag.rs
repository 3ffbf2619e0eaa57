//! Entity tags (RFC 9110, 8.8.3) and the headers that name them.

use anteroom_store::backend::Version;
use http::{HeaderMap, HeaderName, StatusCode, header};

use super::answer::Refusal;
use crate::actions::Expected;

/// The tag of a draft before the first was saved.
const NONE: &str = "\"none\"";

/// The tag of a draft.
pub(super) fn of_draft(version: Option<Version>) -> String {
    version.map_or_else(|| NONE.to_owned(), |version| format!("\"{}\"", version.0))
}

/// Which draft `If-Match` names; none without the header. Only one can be there, so of a list the first that could be
/// ours counts. Weak tags never match (RFC 9110, 13.1.1).
pub(super) fn expected_draft(headers: &HeaderMap) -> Result<Option<Expected>, Refusal> {
    let mut tags = tags(headers, header::IF_MATCH).peekable();
    if tags.peek().is_none() {
        return Ok(None);
    }
    let named = tags.find_map(|tag| match tag {
        "*" => Some(Expected::Any),
        NONE => Some(Expected::None),
        _ => tag
            .strip_prefix('"')?
            .strip_suffix('"')?
            .parse()
            .ok()
            .map(|version| Expected::At(Version(version))),
    });
    named.map(Some).ok_or_else(|| {
        let detail =
            "The header “If-Match” names a draft that never was. Send back the “ETag” you were given.";
        Refusal::new(StatusCode::PRECONDITION_FAILED, "Not a known draft", detail)
    })
}

/// Whether `If-None-Match` names this tag.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    tags(headers, header::IF_NONE_MATCH)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    // Our tags have no comma inside.
    texts.flat_map(|text| text.split(',')).map(str::trim).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn if_match_names_one_draft() {
        let expected = |value: &str| expected_draft(&headers(header::IF_MATCH, value)).ok().flatten();
        assert_eq!(expected("\"7\""), Some(Expected::At(Version(7))));
        assert_eq!(expected("\"x\", \"7\""), Some(Expected::At(Version(7))));
        assert_eq!(expected("*"), Some(Expected::Any));
        assert_eq!(expected(&of_draft(None)), Some(Expected::None));
        assert_eq!(expected(&of_draft(Some(Version(3)))), Some(Expected::At(Version(3))));
        for bad in ["7", "W/\"7\"", "\"\"", "\""] {
            assert!(expected_draft(&headers(header::IF_MATCH, bad)).is_err(), "{bad}");
        }
        assert!(expected_draft(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for known in ["\"1-a\"", "W/\"1-a\"", "\"0\", \"1-a\"", "*"] {
            assert!(is_known(&headers(header::IF_NONE_MATCH, known), "\"1-a\""), "{known}");
        }
        assert!(!is_known(&headers(header::IF_NONE_MATCH, "\"1-b\""), "\"1-a\""));
        assert!(!is_known(&HeaderMap::new(), "\"1-a\""));
    }
}
