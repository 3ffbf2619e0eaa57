//! What names a place in a waiting room's line. Only how it is named: what it is worth, the room alone knows.

use serde::{Deserialize, Serialize};

/// The most lanes a room has.
pub const LANES_MAX: usize = 4;

/// A lane of a waiting room: 0 is the ordinary one, and there are at most [`LANES_MAX`].
///
/// ```
/// use anteroom_protocol::place::Lane;
///
/// assert_eq!(Lane::new(1), Some(Lane::ALL[1]));
/// assert_eq!(Lane::new(4), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Lane(u8);

impl Lane {
    /// The lane of everybody who has no other one.
    pub const ORDINARY: Self = Self(0);
    /// All there can be.
    pub const ALL: [Self; LANES_MAX] = [Self(0), Self(1), Self(2), Self(3)];

    /// The lane of this number, if there can be one.
    pub const fn new(number: u8) -> Option<Self> {
        if (number as usize) < LANES_MAX { Some(Self(number)) } else { None }
    }

    /// Its number, below [`LANES_MAX`].
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its number, for use with arrays of [`LANES_MAX`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl TryFrom<u8> for Lane {
    type Error = NoSuchLane;

    fn try_from(number: u8) -> Result<Self, NoSuchLane> {
        Self::new(number).ok_or(NoSuchLane(number))
    }
}

impl From<Lane> for u8 {
    fn from(lane: Lane) -> Self {
        lane.0
    }
}

/// The number is not that of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no lane {0}, a room has {LANES_MAX} at the most")]
pub struct NoSuchLane(u8);

/// A place in a room's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The lane that it is in.
    pub lane: Lane,
    /// Which one of that lane.
    pub number: PlaceNumber,
}

impl Place {
    /// A place in the ordinary lane.
    pub const fn ordinary(tag: u64) -> Self {
        Self { lane: Lane::ORDINARY, number: PlaceNumber::Tag(tag) }
    }

    /// The tag, if it is one.
    pub const fn tag(self) -> Option<u64> {
        match self.number {
            PlaceNumber::Tag(tag) => Some(tag),
            PlaceNumber::Entry(_) => None,
        }
    }
}

/// Which place of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceNumber {
    /// The place itself: smaller ones are called first.
    Tag(u64),
    /// An index of the pre-queue, from 0; the place is drawn at the start.
    Entry(u64),
}
