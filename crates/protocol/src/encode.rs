//! Percent-encoding, both ways (protocol 1.1 and 6.1).
//!
//! Nobody in this protocol writes `+` for a space, so nothing here reads it so.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Component encoding: every byte of the UTF-8 text except `A-Z a-z 0-9 - _ . ~` as `%XX`, in upper-case hex.
///
/// The asterisk alone becomes `%2a` in lower case, as in the official connectors, whose texts must come out
/// byte for byte the same.
///
/// ```
/// assert_eq!(anteroom_protocol::encode::enc("a b*/é"), "a%20b%2a%2F%C3%A9");
/// ```
pub fn enc(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 2);
    enc_into(&mut encoded, text);
    encoded
}

/// Appends the [component encoding](enc) of a text.
pub fn enc_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b'*' => out.push_str("%2a"),
            _ => push_escape(out, byte),
        }
    }
}

/// An address as it may stand in a header: whatever is not visible ASCII is written as `%XX`, byte by byte. So no
/// line can be ended in it, and no browser has to guess what raw bytes mean.
///
/// ```
/// use anteroom_protocol::encode::visible_ascii;
///
/// assert_eq!(visible_ascii("https://shop.example/a%20b?x=1"), "https://shop.example/a%20b?x=1");
/// assert_eq!(visible_ascii("/é\r\nSet-Cookie: a"), "/%C3%A9%0D%0ASet-Cookie:%20a");
/// ```
pub fn visible_ascii(address: &str) -> Cow<'_, str> {
    if address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(address);
    }
    let mut encoded = String::with_capacity(address.len() + 32);
    for byte in address.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            push_escape(&mut encoded, byte);
        }
    }
    Cow::Owned(encoded)
}

fn push_escape(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Decodes `%XX` once. What is malformed stays as it stands: a `%` without two hex digits is itself, and a text
/// whose bytes are not UTF-8 once decoded is returned unchanged.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    decode(text).map_or(Cow::Borrowed(text), |(decoded, _)| decoded)
}

/// Decodes `%XX` once, or gives nothing when any of it is malformed: a `%` without two hex digits, or bytes that
/// are not UTF-8.
pub fn percent_decode_strictly(text: &str) -> Option<Cow<'_, str>> {
    decode(text).filter(|(_, is_well_formed)| *is_well_formed).map(|(decoded, _)| decoded)
}

/// Decodes `%XX` once into a buffer, without an allocation. As in [`percent_decode`], a `%` without two hex digits is
/// itself. Nothing when the decoded text does not fit or is not UTF-8.
pub fn percent_decode_into<'b>(buffer: &'b mut [u8], text: &str) -> Option<&'b str> {
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        buffer.get_mut(len..len + bytes.len())?.copy_from_slice(bytes);
        len += bytes.len();
        Some(())
    };
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        put(&rest[..at])?;
        let escape = escaped_byte(&rest[at + 1..]);
        put(&[escape.unwrap_or(b'%')])?;
        rest = &rest[at + if escape.is_some() { 3 } else { 1 }..];
    }
    put(rest)?;
    str::from_utf8(&buffer[..len]).ok()
}

/// The address in an `x-queueit-ajaxpageurl` header: decoded once, empty when malformed. Total over every text,
/// because an exception here let visitors past in older connectors (protocol 11-S6).
pub fn decode_ajax_page_url(header: &str) -> String {
    percent_decode_strictly(header).unwrap_or_default().into_owned()
}

/// The decoded text, and whether each `%` in it began an escape. Nothing when the bytes are not UTF-8.
fn decode(text: &str) -> Option<(Cow<'_, str>, bool)> {
    let Some(first) = text.find('%') else {
        return Some((Cow::Borrowed(text), true));
    };
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut is_well_formed = true;
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        let escape = if byte == b'%' { escaped_byte(&bytes[at + 1..]) } else { None };
        match escape {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                is_well_formed &= byte != b'%';
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Some((Cow::Owned(String::from_utf8(decoded).ok()?), is_well_formed))
}

fn escaped_byte(digits: &[u8]) -> Option<u8> {
    Some((hex_value(*digits.first()?)? << 4) | hex_value(*digits.get(1)?)?)
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Each UTF-16 unit of a text in hex, at least two digits: the form in which a client address stands in `icr`
/// (protocol 6.4).
pub fn utf16_hex(text: &str) -> String {
    text.encode_utf16().fold(String::with_capacity(2 * text.len()), |mut hex, unit| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{unit:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_escapes_stay_as_they_stand() {
        assert_eq!(percent_decode("100%&%zz%4"), "100%&%zz%4");
        assert_eq!(percent_decode("%41%"), "A%");
        assert_eq!(percent_decode("a%FFb"), "a%FFb");
        assert_eq!(percent_decode_strictly("%41%"), None);
        assert_eq!(percent_decode_strictly("%C3%A9").as_deref(), Some("é"));
        assert_eq!(percent_decode_into(&mut [0; 8], "%41%%3d%C3%A9%4"), Some("A%=é%4"));
        assert_eq!(percent_decode_into(&mut [0; 2], "abc"), None);
        assert_eq!(percent_decode_into(&mut [0; 8], "a%FFb"), None);
    }
}
