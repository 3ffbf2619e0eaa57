//! Names of things as types. This module knows how they are written, not what they are for.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not an id of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a {kind}: {rule}")]
pub struct IdError {
    kind: &'static str,
    rule: &'static str,
    found: String,
}

impl IdError {
    fn new(kind: &'static str, rule: &'static str, found: &str) -> Self {
        const SHOWN_CHARS: usize = 60;
        Self { kind, rule, found: found.chars().take(SHOWN_CHARS).collect() }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) { Ok(Self(text.into())) } else { Err(IdError::new($kind, $rule, text)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// An account's name: 1 to 50 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit
    /// (protocol section 1). It also stands in host names and addresses, un-encoded.
    CustomerId,
    "customer id",
    "1 to 50 of a-z, 0-9 and -, not beginning or ending with -",
    |text| (1..=50).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
);

text_id!(
    /// A waiting room's name within its account: 3 to 20 of `a-z` and `0-9` (protocol section 1). Never
    /// upper-case: official connectors loop on such ids (protocol 11-B2).
    RoomId,
    "waiting room id",
    "3 to 20 of a-z and 0-9",
    |text| (3..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

/// A visitor's unique id in one waiting room: a UUID of version 4, random in 122 bits so that it tells
/// nothing about when the visitor came.
///
/// Ours are written in small letters. One that was read with capitals is written as it came, since a waiting room of
/// somebody else's may know its ids by their text; for comparing, letter case makes no difference.
#[derive(Clone, Copy)]
pub struct QueueId {
    bytes: [u8; 16],
    /// A bit for each hex digit that is a capital, the first digit's the lowest.
    capitals: u32,
}

impl QueueId {
    /// Length of the written form.
    pub const TEXT_LEN: usize = 36;

    /// Makes an id of 16 random bytes, of which six bits are overwritten with the version and variant.
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self::from_bytes(bytes)
    }

    /// The id as bytes, as written from left to right.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// The id whose [`as_bytes`](Self::as_bytes) these are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, capitals: 0 }
    }
}

impl QueueId {
    /// Whether a text has the shape of a queue id: a UUID of any version, in either letter case.
    pub fn is_shape_of(text: &str) -> bool {
        Self::parse(text).is_some()
    }

    /// The id of that shape. One pass without a branch for each digit, because a connector reads one with each request.
    #[inline]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_array(text.as_bytes().try_into().ok()?)
    }

    #[inline]
    pub(crate) fn parse_array(text: &[u8; Self::TEXT_LEN]) -> Option<Self> {
        let mut digits = [0; 32];
        let mut filled = 0;
        for group in [&text[..8], &text[9..13], &text[14..18], &text[19..23], &text[24..]] {
            digits[filled..filled + group.len()].copy_from_slice(group);
            filled += group.len();
        }
        // What is no digit gets a value beyond 15, which is seen in all of them together.
        let mut all = 0;
        let mut has_capitals = false;
        for digit in &mut digits {
            has_capitals |= digit.wrapping_sub(b'A') < 6;
            let number = digit.wrapping_sub(b'0');
            let letter = (*digit | 0x20).wrapping_sub(b'a');
            *digit = if number < 10 {
                number
            } else if letter < 6 {
                letter + 10
            } else {
                0xf0
            };
            all |= *digit;
        }
        let is_shape = all < 16 && [text[8], text[13], text[18], text[23]] == *b"----";
        let mut bytes = [0; 16];
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
            *byte = (high << 4) | (low & 15);
        }
        let capitals = if has_capitals { capitals_of(text) } else { 0 };
        is_shape.then_some(Self { bytes, capitals })
    }

    /// As it is written. Every byte of it is ASCII.
    fn to_text(self) -> [u8; Self::TEXT_LEN] {
        const SMALL: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; Self::TEXT_LEN];
        let (mut at, mut capitals) = (0, self.capitals);
        for (number, byte) in self.bytes.iter().enumerate() {
            at += usize::from(matches!(number, 4 | 6 | 8 | 10));
            for half in [byte >> 4, byte & 15] {
                let digit = SMALL[usize::from(half)];
                text[at] = if capitals & 1 == 1 { digit.to_ascii_uppercase() } else { digit };
                capitals >>= 1;
                at += 1;
            }
        }
        text
    }
}

/// A bit for each digit that is a capital, the first digit's the lowest.
fn capitals_of(text: &[u8; QueueId::TEXT_LEN]) -> u32 {
    let digits = text.iter().rev().filter(|byte| **byte != b'-');
    digits.fold(0, |bits, digit| (bits << 1) | u32::from(digit.is_ascii_uppercase()))
}

impl PartialEq for QueueId {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for QueueId {}

impl PartialOrd for QueueId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for QueueId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl Hash for QueueId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl FromStr for QueueId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text).ok_or_else(|| {
            IdError::new("queue id", "a UUID such as 7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f", text)
        })
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_text()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueId({self})")
    }
}

impl Serialize for QueueId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_text();
        serializer.serialize_str(str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for QueueId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_id_is_written_as_it_was_read() {
        let text = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";
        assert_eq!(text.parse::<QueueId>().unwrap().to_string(), text);
        assert_eq!(QueueId::parse(&text.to_uppercase()), QueueId::parse(text));
    }

    /// Each byte at each place.
    #[test]
    fn queue_id_is_hex_digits_with_four_hyphens() {
        let text = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f";
        for at in 0..text.len() {
            for byte in 0..128_u8 {
                let mut altered = text.as_bytes().to_vec();
                altered[at] = byte;
                let altered = String::from_utf8(altered).unwrap();
                let is_right =
                    if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() };
                assert_eq!(QueueId::is_shape_of(&altered), is_right, "{altered}");
            }
        }
    }

    #[test]
    fn queue_id_with_capitals_is_the_same_and_written_as_it_came() {
        let small = "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6f".parse::<QueueId>().unwrap();
        for text in ["7D3F0C52-8A4E-4C0E-9E55-1F2B3C4D5E6F", "7D3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6F"] {
            let read = text.parse::<QueueId>().unwrap();
            assert_eq!(read, small);
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn queue_id_refuses_other_shapes() {
        for text in [
            "",
            "7d3f0c528a4e4c0e9e551f2b3c4d5e6f",
            "7d3f0c52-8a4e-4c0e-9e55-1f2b3c4d5e6g",
            "7d3f0c52-8a4e-4c0e-9e5-51f2b3c4d5e6f",
            "ééééééééé-éééé",
        ] {
            assert!(text.parse::<QueueId>().is_err(), "{text}");
        }
    }

    #[test]
    fn random_queue_id_is_of_version_4() {
        assert_eq!(QueueId::from_random([0xff; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn room_and_customer_ids_keep_their_alphabet() {
        assert!("spring24".parse::<RoomId>().is_ok());
        for text in ["ab", "Spring24", "spring-24", "aaaaaaaaaaaaaaaaaaaaa", "späß"] {
            assert!(text.parse::<RoomId>().is_err(), "{text}");
        }
        assert!("acme-tickets".parse::<CustomerId>().is_ok());
        for text in ["", "-a", "a-", "Acme", "a_b"] {
            assert!(text.parse::<CustomerId>().is_err(), "{text}");
        }
    }
}
