//! Brings the spellings of one address together before an action's triggers look at it.
//!
//! A visitor can write `/tickets` as `//tickets`, `/x/../tickets` or `/%74ickets`; most sites answer all of these
//! alike. Where an action asks for it, its address triggers see the form that this module makes. Nothing else
//! does: the way back and the cookies keep the address as it came.
//!
//! The steps and their order are those of the official connector (protocol section 4.5). One is not followed:
//! there, a character beyond the Basic Multilingual Plane makes the whole pipeline give up, and one such
//! character would switch it off for anybody. Here it is encoded like any other.

/// The normalised form of an address; may be empty.
pub fn normalize(url: &str) -> String {
    let url = trim(url).replace('\\', "/");
    let url = collapse_slashes(&url);
    let url = decode_unreserved(&url);
    let url = encode_others(&url);
    let url = remove_dot_segments_of_url(&url);
    trim(&plus_for_space_in_query(&url)).to_owned()
}

/// White space as JavaScript's `trim` has it: Unicode's, without NEL, with the byte order mark.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}')
}

/// Makes every run of slashes one slash, in the query too, except for the first slash after a colon, which stands
/// for itself: the run after it begins one later.
fn collapse_slashes(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    let mut in_run = false;
    let mut previous = None;
    for c in url.chars() {
        if c != '/' || !in_run {
            out.push(c);
        }
        in_run = c == '/' && previous != Some(':');
        previous = Some(c);
    }
    out
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a character may stand in an address as it is (RFC 3986, sections 2.2 and 2.3, and `%`).
fn may_stand(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_unreserved) || ":/?#%[]@!$&'()*+,;=".contains(c)
}

/// The byte that an escape at the beginning of `text` stands for.
fn leading_escape(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    // The sign that the parser of numbers would take is no digit.
    if digits.starts_with('+') { None } else { u8::from_str_radix(digits, 16).ok() }
}

/// Decodes, in one pass, the escapes of characters that never need one.
fn decode_unreserved(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match leading_escape(rest) {
            Some(byte) if is_unreserved(byte) => {
                out.push(char::from(byte));
                3
            }
            _ => {
                out.push('%');
                1
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// Encodes what may not stand in an address, and writes the hex digits of escapes in upper case unless only one
/// of them is a capital letter or digit-only is all there is: `%ab` becomes `%AB`, `%aB` stays.
fn encode_others(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    let mut bytes = [0; 4];
    for c in url.chars() {
        if may_stand(c) {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut bytes).bytes() {
                push_escape(&mut out, byte);
            }
        }
    }
    upper_case_escapes(&out)
}

fn push_escape(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

fn upper_case_escapes(url: &str) -> String {
    let is_lower_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let mut out = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        if let Some(digits) = rest.get(..2).filter(|digits| digits.chars().all(is_lower_hex)) {
            out.push_str(&digits.to_ascii_uppercase());
            rest = &rest[2..];
        }
    }
    out.push_str(rest);
    out
}

fn remove_dot_segments_of_url(url: &str) -> String {
    let (before, path) = url.split_at(path_start(url));
    let (path, after) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let path = if path.is_empty() && !before.is_empty() { "/".to_owned() } else { remove_dot_segments(path) };
    format!("{before}{path}{after}")
}

/// Where the path begins: after `http(s)://authority`, or after a leading `name.name`, or at the beginning.
fn path_start(url: &str) -> usize {
    let end_of_authority = |rest: &str| rest.find(['/', '?', '#']).unwrap_or(rest.len());
    for scheme in ["https://", "http://"] {
        if let Some(rest) = url.strip_prefix(scheme) {
            let length = end_of_authority(rest);
            return if length == 0 { 0 } else { scheme.len() + length };
        }
    }
    let length = end_of_authority(url);
    let has_inner_dot = url[..length].trim_matches('.').contains('.');
    if has_inner_dot { length } else { 0 }
}

/// RFC 3986, section 5.2.4.
fn remove_dot_segments(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("../").or_else(|| rest.strip_prefix("./")) {
            rest = after;
        } else if rest.starts_with("/./") {
            rest = &rest[2..];
        } else if rest == "/." {
            rest = "/";
        } else if rest.starts_with("/../") || rest == "/.." {
            out.truncate(out.rfind('/').unwrap_or(0));
            rest = if rest == "/.." { "/" } else { &rest[3..] };
        } else if rest == "." || rest == ".." {
            rest = "";
        } else {
            let from = usize::from(rest.starts_with('/'));
            let length = rest[from..].find('/').map_or(rest.len(), |at| at + from);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out
}

/// Writes `%20` as `+` behind the first question mark, the fragment included.
fn plus_for_space_in_query(url: &str) -> String {
    match url.find('?') {
        Some(at) => format!("{}{}", &url[..at], url[at..].replace("%20", "+")),
        None => url.to_owned(),
    }
}
