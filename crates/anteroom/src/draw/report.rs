//! What was found, in plain words and as JSON.

use std::fmt;

use anteroom_queue::draw::document::{Commitment, Document};
use serde::Serialize;

/// Everything that was checked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Whether nothing that was checked is wrong.
    pub(super) agrees: bool,
    account: String,
    room: String,
    epoch: u64,
    commitment: CommitmentFound,
    beacon: Option<String>,
    /// Absent when no entry was named.
    entry: Option<Entry>,
    /// Every lane, when all of it was to be computed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lanes: Vec<Whole>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommitmentFound {
    published: Commitment,
    /// What the published key comes to.
    computed: Commitment,
    is_kept: bool,
    noted: Option<Commitment>,
    is_as_noted: Option<bool>,
}

/// One entrant. Counted from 1, as everything that is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    lane: u8,
    entry: u64,
    entrants: u64,
    /// The place that follows.
    place: u64,
    place_shown: Option<u64>,
    is_as_shown: Option<bool>,
}

/// A lane of which every place was computed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole {
    pub(super) lane: u8,
    pub(super) entrants: u64,
    pub(super) is_permutation: bool,
}

impl Entry {
    pub(super) fn new(lane: u8, entry: u64, entrants: u64, place: u64, shown: Option<u64>) -> Self {
        Self {
            lane,
            entry,
            entrants,
            place,
            place_shown: shown,
            is_as_shown: shown.map(|shown| shown == place),
        }
    }
}

impl Report {
    pub(super) fn new(
        document: &Document,
        computed: Commitment,
        noted: Option<Commitment>,
        entry: Option<Entry>,
        lanes: Vec<Whole>,
    ) -> Self {
        let published = document.commitment;
        let commitment = CommitmentFound {
            published,
            computed,
            is_kept: computed == published,
            noted,
            is_as_noted: noted.map(|noted| noted == published),
        };
        let agrees = commitment.is_kept
            && commitment.is_as_noted != Some(false)
            && entry.as_ref().is_none_or(|entry| entry.is_as_shown != Some(false))
            && lanes.iter().all(|lane| lane.is_permutation);
        Self {
            agrees,
            account: document.account.to_string(),
            room: document.room.to_string(),
            epoch: document.epoch,
            commitment,
            beacon: document.beacon.clone(),
            entry,
            lanes,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, room, epoch, commitment, .. } = self;
        writeln!(f, "Draw of the waiting room {room} of {account}, epoch {epoch}.")?;
        match commitment.is_kept {
            true => writeln!(f, "The published key is the one that was committed to.")?,
            false => {
                let (published, computed) =
                    (String::from(commitment.published), String::from(commitment.computed));
                writeln!(f, "THE PUBLISHED KEY IS NOT THE ONE THAT WAS COMMITTED TO.")?;
                writeln!(f, "  commitment published  {published}")?;
                writeln!(f, "  the key comes to      {computed}")?;
            }
        }
        match commitment.is_as_noted {
            None => {}
            Some(true) => writeln!(f, "The commitment is the one that you noted.")?,
            Some(false) => writeln!(f, "THE COMMITMENT IS NOT THE ONE THAT YOU NOTED.")?,
        }
        if let Some(beacon) = &self.beacon {
            writeln!(f, "The beacon mixed in was {beacon:?}: compare it with its source.")?;
        }
        if let Some(Entry { lane, entry, entrants, place, place_shown, is_as_shown }) = &self.entry {
            writeln!(f, "Entry {entry} of {entrants} in lane {lane} has place {place}.")?;
            match (place_shown, is_as_shown) {
                (Some(_), Some(true)) => writeln!(f, "That is the place that was shown.")?,
                (Some(shown), Some(false)) => {
                    writeln!(f, "THE PLACE THAT WAS SHOWN IS ANOTHER ONE: {shown}.")?;
                }
                _ => {}
            }
        }
        for Whole { lane, entrants, is_permutation } in &self.lanes {
            match is_permutation {
                true => writeln!(f, "Lane {lane}: each of the {entrants} places is given exactly once.")?,
                false => writeln!(f, "Lane {lane}: THE PLACES ARE NOT GIVEN ONCE EACH.")?,
            }
        }
        Ok(())
    }
}
