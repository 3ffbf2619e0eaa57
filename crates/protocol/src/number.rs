//! Numbers as the wire writes them.

/// A leading integer, read as JavaScript's `parseInt` does without a radix: white space, a sign, `0x` for hex,
/// the longest run of digits, and the rest ignored. Nothing when there are no digits. Values beyond `i64` stop at
/// its ends.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let (is_negative, text) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let run = &digits[..end];
    if run.is_empty() {
        return None;
    }
    let magnitude = i64::from_str_radix(run, radix).unwrap_or(i64::MAX);
    Some(if is_negative { -magnitude } else { magnitude })
}

/// An unsigned number of 1 to 19 decimal digits and nothing else; so many never overflow.
#[inline]
pub(crate) fn parse_digits(text: &[u8]) -> Option<u64> {
    if !(1..=19).contains(&text.len()) {
        return None;
    }
    let mut number = 0;
    let mut is_number = true;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        is_number &= digit < 10;
        number = 10 * number + u64::from(digit & 15);
    }
    is_number.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_alone_make_a_number() {
        assert_eq!(parse_digits(b"0001700000000"), Some(1_700_000_000));
        assert_eq!(parse_digits(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        for text in ["", "-1", "+1", " 1", "1 ", "0x1", "10000000000000000000", "\u{661}"] {
            assert_eq!(parse_digits(text.as_bytes()), None, "{text}");
        }
    }
}
