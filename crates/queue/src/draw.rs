//! The draw: everybody who is there before the start gets a random place, and anybody can check it afterwards (I6).
//!
//! In short: each entrant has an index, in the order in which they came. At the start a secret key turns the indices
//! `0..n` into places `0..n`, each taken once. Before the pre-queue opens a hash of the key is published, the
//! [`commitment`], so that the key cannot be chosen when it is known who stands where. After the start the key
//! itself is published, so that whoever holds an index can compute the place.
//!
//! How the places follow from the key is written down for a stranger in `docs/draw.md`, and held by the golden cases of
//! `vectors/draw.json`. It is the swap-or-not shuffle of Hoang, Morris and Rogaway (CRYPTO 2012), which works for every
//! number of entrants and one index at a time: in each round a round key pairs every place with another, and a hash says
//! for each pair whether the two change places.
//!
//! How close to a perfect draw that is, taking the hash for a random function:
//!
//! * A single visitor's place is uniform up to 2^-192: in each round the chance is one half that the place becomes one
//!   that is uniform and independent of what was before.
//! * For the places of `q` visitors together, the paper's bound on what can be told from a perfect draw is the sum over
//!   `l < q` of `√n / 2 · ((l + n) / 2n)^(rounds / 2)`. With 192 rounds that is below 2^-80 for any two of a thousand
//!   million, below 2^-78 for any hundred of a million, and below 2^-60 for
//!   any hundred thousand of a million, and below 2^-16 for any half of a million.
//!
//! A Feistel network over the same hash would take fewer rounds, but what can be proven of one ends at about the square
//! root of `n` visitors, and it is at its worst for few entrants, where people look most closely.

pub mod document;

use std::fmt;

use anteroom_protocol::mac::{Key, sha256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::block_api::compress256;

use crate::broken::{self, Broken};

/// The name of this draw in everything that is hashed: a change of the rules gets another.
const NAME: &str = "anteroom-draw-1";

/// Rounds of swap-or-not. How that was chosen stands at the head of this module, and a test holds it.
const ROUNDS: u32 = 192;

/// Most bytes of a beacon: a line of lottery numbers or a block's hash, with some words about it.
pub const BEACON_BYTES_MAX: usize = 200;

/// What decides a draw. Secret until the start, published afterwards; its debug output shows nothing.
///
/// ```
/// use anteroom_queue::draw::{Draw, DrawKey, commitment};
///
/// let key = DrawKey::from_entropy([7; 32]);
/// let published = commitment(&key, b"shop\nsale\n1");
/// // ... the pre-queue fills up, and the room starts; the visitor who came first asks for a place:
/// let draw = Draw::new(&key, None, 0, 1000);
/// assert_eq!(draw.index_of(draw.place(0)), 0);
/// assert_eq!(commitment(&key, b"shop\nsale\n1"), published);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DrawKey([u8; 32]);

impl DrawKey {
    /// A key of 32 bytes that nobody could have guessed.
    pub const fn from_entropy(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// Reads what [`to_hex`](Self::to_hex) writes; capitals are taken as well.
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// The key as 64 lower-case hex digits: the secret itself, until it is published.
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }
}

impl fmt::Debug for DrawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DrawKey([secret])")
    }
}

impl Serialize for DrawKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for DrawKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        // What was found is not repeated: it may be most of a key.
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a draw's key is 64 hex digits"))
    }
}

/// Bytes as lower-case hex digits, as a commitment is shown.
pub fn to_hex(bytes: &[u8; 32]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads what [`to_hex`] writes; capitals are taken as well.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// What a draw is bound to, as text: the account, the room and its epoch, a line each. Neither id can hold a line
/// break, so two different ones never read the same.
pub fn context(account: &str, room: &str, epoch: u64) -> String {
    format!("{account}\n{room}\n{epoch}")
}

/// What is published before anybody can join: the SHA-256 of the draw's name, the key in hex and the
/// [`context`], a line break after each of the first two.
///
/// It says nothing of the key, and there is no second key with the same.
pub fn commitment(key: &DrawKey, context: &[u8]) -> [u8; 32] {
    sha256(&[NAME.as_bytes(), b"\n", key.to_hex().as_bytes(), b"\n", context])
}

/// The places of one lane: a permutation of its entrants.
///
/// Making one costs about as much as one place and keeps some 1.6 KB; a place costs one SHA-256 compression a round, whatever
/// the number of entrants.
#[derive(Clone)]
pub struct Draw {
    entrants: u64,
    seed: [u8; 32],
    round_keys: Box<[u64]>,
}

impl Draw {
    /// The draw of a lane that so many entered. The beacon is a value that nobody knew when the key was committed to; none
    /// and an empty one are the same.
    pub fn new(key: &DrawKey, beacon: Option<&str>, lane: u8, entrants: u64) -> Self {
        let what = format!("{NAME}\n{lane}\n{entrants}\n{}", beacon.unwrap_or_default());
        let seed = *Key::new(&key.0).sign(&[what.as_bytes()]).as_bytes();
        let round_key = |round: u32| below(entrants, hash(&seed, &round.to_be_bytes()));
        Self { entrants, seed, round_keys: (0..ROUNDS).map(round_key).collect() }
    }

    /// How many entered.
    pub const fn entrants(&self) -> u64 {
        self.entrants
    }

    /// The place of the one with this index, counted from 0. An index that nobody was given is its own place, so that the
    /// whole remains one-to-one.
    pub fn place(&self, index: u64) -> u64 {
        if broken::is(Broken::BiasedDraw) {
            return index;
        }
        self.rounds().fold(index, |at, (round, key)| self.swap_or_not(at, round, key))
    }

    /// The index of the one with this place: what [`place`](Self::place) came from.
    pub fn index_of(&self, place: u64) -> u64 {
        self.rounds().rev().fold(place, |at, (round, key)| self.swap_or_not(at, round, key))
    }

    fn rounds(&self) -> impl DoubleEndedIterator<Item = (u32, u64)> {
        (0..ROUNDS).zip(self.round_keys.iter().copied())
    }

    /// One round. It is its own inverse: both of a pair ask the hash about the larger of the two.
    fn swap_or_not(&self, at: u64, round: u32, round_key: u64) -> u64 {
        if at >= self.entrants {
            return at;
        }
        // (round_key − at) mod entrants, where nothing can overflow: both are below the number of entrants.
        let other = if at <= round_key { round_key - at } else { self.entrants - (at - round_key) };
        if self.is_swap(round, at.max(other)) { other } else { at }
    }

    /// Whether the SHA-256 of the seed, the round and the larger place begins with an odd byte.
    fn is_swap(&self, round: u32, larger: u64) -> bool {
        let mut question = [0; 12];
        question[..4].copy_from_slice(&round.to_be_bytes());
        question[4..].copy_from_slice(&larger.to_be_bytes());
        hash(&self.seed, &question)[0] & 0x0100_0000 != 0
    }
}

impl fmt::Debug for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draw").field("entrants", &self.entrants).finish_non_exhaustive()
    }
}

/// A number below the limit: the first 16 bytes of a hash, modulo the limit. They are so many more than needed that each
/// number is as likely as any other up to `limit / 2^128`.
fn below(limit: u64, hash: [u32; 8]) -> u64 {
    let wide = hash[..4].iter().fold(0_u128, |number, &word| number << 32 | u128::from(word));
    u64::try_from(wide % u128::from(limit.max(1))).unwrap_or_default()
}

/// SHA-256 of the seed and a few bytes, as big-endian words. It fits in one block: behind the text stand one bit, zeros and
/// the length in bits (FIPS 180-4, section 5.1.1). The general function takes twice as long, and this is all that a
/// place costs.
fn hash<const LENGTH: usize>(seed: &[u8; 32], rest: &[u8; LENGTH]) -> [u32; 8] {
    const { assert!(LENGTH < 64 - 32 - 8, "the text, one bit and the length are one block") };
    let mut block = [0; 64];
    block[..32].copy_from_slice(seed);
    block[32..32 + LENGTH].copy_from_slice(rest);
    block[32 + LENGTH] = 0x80;
    block[56..].copy_from_slice(&(8 * (32 + LENGTH as u64)).to_be_bytes());
    let mut state = INITIAL_STATE;
    compress256(&mut state, &[block]);
    state
}

/// Where SHA-256 begins (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hashed_in_one_block_is_plain_sha_256() {
        let seed = std::array::from_fn(|at| u8::try_from(255 - 3 * at).unwrap());
        let bytes = |words: [u32; 8]| words.map(u32::to_be_bytes).concat();
        assert_eq!(bytes(hash(&seed, &[1, 2, 3, 4])), sha256(&[&seed, &[1, 2, 3, 4]]));
        assert_eq!(bytes(hash(&seed, &[0xff; 12])), sha256(&[&seed, &[0xff; 12]]));
    }

    /// The bound of the paper's lemma, as the head of this module quotes it.
    #[test]
    fn rounds_are_enough_for_what_is_claimed() {
        let log2_of_bound = |visitors: u32, entrants: f64| {
            let rounds = f64::from(ROUNDS);
            let of_one = |before: u32| ((f64::from(before) + entrants) / (2.0 * entrants)).powf(rounds / 2.0);
            ((0..visitors).map(of_one).sum::<f64>() * entrants.sqrt() / 2.0).log2()
        };
        assert!(log2_of_bound(2, 1e9) < -80.0);
        assert!(log2_of_bound(100, 1e6) < -78.0);
        assert!(log2_of_bound(100_000, 1e6) < -60.0);
        assert!(log2_of_bound(500_000, 1e6) < -16.0);
    }

    #[test]
    fn key_is_read_as_it_is_written_and_never_shown() {
        let key = DrawKey::from_entropy(std::array::from_fn(|at| u8::try_from(7 * at).unwrap()));
        assert_eq!(DrawKey::from_hex(&key.to_hex()), Some(key.clone()));
        assert_eq!(DrawKey::from_hex(&key.to_hex().to_uppercase()), Some(key.clone()));
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, format!("\"{}\"", key.to_hex()));
        assert_eq!(serde_json::from_str::<DrawKey>(&json).unwrap(), key);
        assert_eq!(format!("{key:?}"), "DrawKey([secret])");
        assert_eq!(format!("{:?}", Draw::new(&key, None, 0, 5)), "Draw { entrants: 5, .. }");
    }

    #[test]
    fn text_that_is_no_key_is_refused() {
        for text in
            ["", "12", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"+".repeat(64), &"é".repeat(32)]
        {
            assert_eq!(DrawKey::from_hex(text), None, "{text}");
        }
        let error = serde_json::from_str::<DrawKey>("\"00ff\"").unwrap_err().to_string();
        assert!(error.contains("64 hex digits") && !error.contains("00ff"), "{error}");
    }

    #[test]
    fn nobody_or_one_entrant_needs_no_luck() {
        let key = DrawKey::from_entropy([1; 32]);
        assert_eq!(Draw::new(&key, None, 0, 0).place(0), 0);
        assert_eq!(Draw::new(&key, None, 0, 1).place(0), 0);
    }
}
