//! What a room publishes of its draw, as a JSON document that anybody can keep and check (`docs/draw.md`). Before the
//! start it holds the commitment; after the start also the key, and so everything that the places follow from.

use anteroom_protocol::id::{CustomerId, RoomId};
use serde::{Deserialize, Serialize};

use super::{Draw, DrawKey, commitment, context, from_hex, to_hex};

/// A document is no longer than this, in bytes: four lanes and a long beacon are a fifth of it.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024;

/// What a room publishes of its draw.
///
/// ```
/// use anteroom_queue::draw::document::{Document, Receipt};
///
/// let text = br#"{ "format": "anteroom-draw-1", "account": "shop", "room": "sale2026", "epoch": 1,
///     "commitment": "7207057320f00372a49538f20d704f2d44e599d96ff1c317eef8671762e40c7b",
///     "key": "f268bef3bf55fdf34fe018297b871117b7a3a5f6cda5f23e447bfa614693b286",
///     "beacon": null, "lanes": [{ "lane": 0, "entrants": 10, "firstTag": 1 }] }"#;
/// let document: Document = serde_json::from_slice(text)?;
/// assert_eq!(document.has_kept_commitment(), Some(true));
/// let place = document.place(Receipt { lane: 0, entry: 1 }).expect("there were ten entrants");
/// assert!((1..=10).contains(&place));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Which rules it follows.
    pub format: Format,
    /// Whose room it is.
    pub account: CustomerId,
    /// The room.
    pub room: RoomId,
    /// The room's life that was drawn: a reset begins another.
    pub epoch: u64,
    /// What was published before anybody could join.
    pub commitment: Commitment,
    /// The key; absent before the start.
    #[serde(default)]
    pub key: Option<DrawKey>,
    /// The value that nobody knew beforehand, where one was announced.
    #[serde(default)]
    pub beacon: Option<String>,
    /// The lanes that somebody entered, so far or before the start.
    pub lanes: Vec<DrawnLane>,
}

/// The rules of a document, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Those of `docs/draw.md`.
    #[serde(rename = "anteroom-draw-1")]
    One,
}

/// A lane of a draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrawnLane {
    /// Which lane; 0 is the ordinary one.
    pub lane: u8,
    /// How many entered before the start.
    pub entrants: u64,
    /// The place in the line that the first place of the draw became; the others follow it. Absent before the start.
    #[serde(default)]
    pub first_tag: Option<u64>,
}

/// A [`commitment`], written as 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commitment(pub [u8; 32]);

/// What a visitor holds of a draw. Entries and places are counted from 1, as they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The lane.
    pub lane: u8,
    /// The how-manieth entrant of the lane it was.
    pub entry: u64,
}

/// Why no place follows for a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The draw has not been made.
    #[error("the key is not published yet; it is when the room starts")]
    NoKey,
    /// Nobody entered that lane.
    #[error("nobody entered lane {lane}")]
    NoLane {
        /// The lane that was asked for.
        lane: u8,
    },
    /// There is no such entry.
    #[error("there is no entry {entry}: lane {lane} had {entrants} entrants, counted from 1")]
    NoEntry {
        /// The entry that was asked for.
        entry: u64,
        /// Its lane.
        lane: u8,
        /// How many entered it.
        entrants: u64,
    },
}

impl Document {
    /// What the key of the document comes to as a commitment; absent while there is no key.
    pub fn commitment_of_key(&self) -> Option<Commitment> {
        let context = context(self.account.as_str(), self.room.as_str(), self.epoch);
        self.key.as_ref().map(|key| Commitment(commitment(key, context.as_bytes())))
    }

    /// Whether the key is the one that was committed to; absent while there is no key.
    pub fn has_kept_commitment(&self) -> Option<bool> {
        self.commitment_of_key().map(|commitment| commitment == self.commitment)
    }

    /// The draw of a lane.
    ///
    /// # Errors
    /// When the key is not published yet, or nobody entered that lane.
    pub fn draw(&self, lane: u8) -> Result<Draw, NoPlace> {
        let key = self.key.as_ref().ok_or(NoPlace::NoKey)?;
        let entered =
            self.lanes.iter().find(|entered| entered.lane == lane).ok_or(NoPlace::NoLane { lane })?;
        Ok(Draw::new(key, self.beacon.as_deref(), lane, entered.entrants))
    }

    /// The place of an entry, counted from 1.
    ///
    /// # Errors
    /// When there is no such entry, or no draw yet.
    pub fn place(&self, receipt: Receipt) -> Result<u64, NoPlace> {
        let Receipt { lane, entry } = receipt;
        let draw = self.draw(lane)?;
        match entry.checked_sub(1) {
            Some(index) if index < draw.entrants() => Ok(draw.place(index) + 1),
            _ => Err(NoPlace::NoEntry { entry, lane, entrants: draw.entrants() }),
        }
    }
}

impl TryFrom<String> for Commitment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        from_hex(&text).map(Self).ok_or_else(|| format!("found {text:?}, expected 64 hex digits"))
    }
}

impl From<Commitment> for String {
    fn from(commitment: Commitment) -> Self {
        to_hex(&commitment.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let key = DrawKey::from_entropy([3; 32]);
        Document {
            format: Format::One,
            account: "shop".parse().unwrap(),
            room: "sale2026".parse().unwrap(),
            epoch: 4,
            commitment: Commitment(commitment(&key, b"shop\nsale2026\n4")),
            key: Some(key),
            beacon: None,
            lanes: vec![DrawnLane { lane: 0, entrants: 10, first_tag: Some(1) }],
        }
    }

    #[test]
    fn document_is_read_as_it_is_written() {
        let text = serde_json::to_string(&document()).unwrap();
        assert!(text.contains("\"format\":\"anteroom-draw-1\""), "{text}");
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), document());
    }

    #[test]
    fn commitment_is_kept_by_its_own_key_room_and_epoch_only() {
        assert_eq!(document().has_kept_commitment(), Some(true));
        assert_eq!(Document { epoch: 5, ..document() }.has_kept_commitment(), Some(false));
        assert_eq!(
            Document { room: "sale2027".parse().unwrap(), ..document() }.has_kept_commitment(),
            Some(false)
        );
        let key = Some(DrawKey::from_entropy([4; 32]));
        assert_eq!(Document { key, ..document() }.has_kept_commitment(), Some(false));
        assert_eq!(Document { key: None, ..document() }.has_kept_commitment(), None);
    }

    #[test]
    fn receipt_without_a_place_is_told_why() {
        let document = document();
        assert_eq!(document.place(Receipt { lane: 1, entry: 1 }), Err(NoPlace::NoLane { lane: 1 }));
        for entry in [0, 11, u64::MAX] {
            let expected = NoPlace::NoEntry { entry, lane: 0, entrants: 10 };
            assert_eq!(document.place(Receipt { lane: 0, entry }), Err(expected));
        }
        let before = Document { key: None, ..document };
        assert_eq!(before.place(Receipt { lane: 0, entry: 1 }), Err(NoPlace::NoKey));
    }
}
