//! A number for each lane.

use std::ops::{Index, IndexMut};

use anteroom_protocol::place::{LANES_MAX, Lane};
use serde::{Deserialize, Serialize};

/// A number for each lane. Written as a plain number while only the ordinary lane has one, as it was before there were
/// lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub(crate) struct PerLane([u64; LANES_MAX]);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Ordinary(u64),
    Each(Vec<u64>),
}

impl PerLane {
    /// Nothing in any lane.
    pub(crate) const ZERO: Self = Self([0; LANES_MAX]);

    pub(crate) fn of(number_of: impl Fn(Lane) -> u64) -> Self {
        Self(Lane::ALL.map(number_of))
    }

    /// All of them together.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, number| sum.saturating_add(*number))
    }

    /// The larger in each lane.
    pub(crate) fn max(self, other: Self) -> Self {
        Self::of(|lane| self[lane].max(other[lane]))
    }

    /// How much further this one is, in all lanes together.
    pub(crate) fn since(&self, earlier: &Self) -> u64 {
        Self::of(|lane| self[lane].saturating_sub(earlier[lane])).sum()
    }

    /// Whether no lane lies behind the other's.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        Lane::ALL.iter().all(|&lane| self[lane] >= other[lane])
    }

    /// Whether only the ordinary lane has something.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.0[1..].iter().all(|number| *number == 0)
    }
}

impl Index<Lane> for PerLane {
    type Output = u64;

    fn index(&self, lane: Lane) -> &u64 {
        &self.0[lane.index()]
    }
}

impl IndexMut<Lane> for PerLane {
    fn index_mut(&mut self, lane: Lane) -> &mut u64 {
        &mut self.0[lane.index()]
    }
}

impl From<PerLane> for Form {
    fn from(numbers: PerLane) -> Self {
        if numbers.is_ordinary() { Self::Ordinary(numbers.0[0]) } else { Self::Each(numbers.0.to_vec()) }
    }
}

impl TryFrom<Form> for PerLane {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, &'static str> {
        let mut numbers = [0; LANES_MAX];
        match form {
            Form::Ordinary(number) => numbers[0] = number,
            Form::Each(each) => numbers
                .get_mut(..each.len())
                .ok_or("a number for more lanes than there can be")?
                .copy_from_slice(&each),
        }
        Ok(Self(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lane_is_written_as_a_plain_number() {
        let mut numbers = PerLane::of(|lane| if lane == Lane::ORDINARY { 7 } else { 0 });
        assert_eq!(serde_json::to_string(&numbers).unwrap(), "7");
        numbers[Lane::ALL[2]] = 5;
        assert_eq!(serde_json::to_string(&numbers).unwrap(), "[7,0,5,0]");
        for text in ["7", "[7,0,5,0]", "[1]"] {
            let read: PerLane = serde_json::from_str(text).unwrap();
            assert!(read.is_ordinary() || text == "[7,0,5,0]");
        }
        assert!(serde_json::from_str::<PerLane>("[1,2,3,4,5]").is_err());
    }
}
