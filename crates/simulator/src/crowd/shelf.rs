//! The store of a crowd: the store's contract over a table that packs what it keeps. Records differ in their numbers only,
//! so the text around the numbers is kept once.

use std::collections::HashMap;

use anteroom_protocol::time::Timestamp;
use anteroom_queue::RecordId;
use anteroom_queue::node::{Document, Found, StoreRequest, Versioned, Write};

use crate::store::Answer;

/// Numbers in a record at the most; one with more is kept as it is.
const NUMBERS_MAX: usize = 4;
/// Stands for a number.
const GAP: u8 = b'#';

#[derive(Default)]
pub(super) struct Shelf {
    state: Option<Versioned>,
    records: HashMap<RecordId, Packed>,
    texts: Vec<Vec<u8>>,
    newest: u64,
    pub(super) swept_at: u64,
}

struct Packed {
    version: u64,
    expires_at: u64,
    numbers: [u64; NUMBERS_MAX],
    text: u32,
}

impl Shelf {
    pub(super) fn state_bytes(&self) -> usize {
        self.state.as_ref().map_or(0, |state| state.bytes.len())
    }

    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    pub(super) fn sweep(&mut self, now: Timestamp, since_start: u64) {
        self.swept_at = since_start;
        self.records.retain(|_, packed| packed.expires_at > now.as_millis());
    }

    pub(super) fn carry_out(&mut self, request: &StoreRequest, now: Timestamp) -> Answer {
        match request {
            StoreRequest::Load { documents } => {
                let found = documents.iter().map(|document| self.get(*document)).collect();
                Answer::Loaded { found, now }
            }
            StoreRequest::Save { writes } => self.save(writes, now),
        }
    }

    fn save(&mut self, writes: &[Write], now: Timestamp) -> Answer {
        if !writes.iter().all(|write| self.version(write.document) == write.expected) {
            let current = writes.iter().map(|write| self.get(write.document)).collect();
            return Answer::Conflict { current, now };
        }
        self.newest += 1;
        for write in writes {
            match write.document {
                Document::State => {
                    self.state = Some(Versioned { version: self.newest, bytes: write.bytes.clone() });
                }
                Document::Record(id) => {
                    let (text, numbers) = self.pack(&write.bytes);
                    let expires_at = write.expires_at.map_or(u64::MAX, Timestamp::as_millis);
                    self.records.insert(id, Packed { version: self.newest, expires_at, numbers, text });
                }
            }
        }
        Answer::Saved { versions: vec![self.newest; writes.len()], now }
    }

    fn version(&self, document: Document) -> Option<u64> {
        match document {
            Document::State => self.state.as_ref().map(|state| state.version),
            Document::Record(id) => self.records.get(&id).map(|packed| packed.version),
        }
    }

    fn get(&self, document: Document) -> Found {
        let current = match document {
            Document::State => self.state.clone(),
            Document::Record(id) => self
                .records
                .get(&id)
                .map(|packed| Versioned { version: packed.version, bytes: self.unpack(packed) }),
        };
        Found { document, current }
    }

    /// The text with gaps, by its number, and what stood there.
    fn pack(&mut self, bytes: &[u8]) -> (u32, [u64; NUMBERS_MAX]) {
        let mut numbers = [0; NUMBERS_MAX];
        let mut text = Vec::with_capacity(bytes.len());
        let mut count = 0;
        for &byte in bytes {
            let is_digit = byte.is_ascii_digit();
            let is_first = is_digit && text.last() != Some(&GAP);
            if is_first && count < NUMBERS_MAX {
                text.push(GAP);
                count += 1;
            }
            match numbers.get_mut(count.wrapping_sub(1)) {
                Some(number) if is_digit && text.last() == Some(&GAP) => {
                    *number = *number * 10 + u64::from(byte - b'0');
                }
                _ => text.push(byte),
            }
        }
        let known = self.texts.iter().position(|known| *known == text);
        let text = known.unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        });
        (u32::try_from(text).unwrap_or(u32::MAX), numbers)
    }

    fn unpack(&self, packed: &Packed) -> Vec<u8> {
        let text = usize::try_from(packed.text).ok().and_then(|text| self.texts.get(text));
        let mut numbers = packed.numbers.iter();
        let mut bytes = Vec::new();
        for &byte in text.into_iter().flatten() {
            match byte {
                GAP => bytes.extend_from_slice(numbers.next().unwrap_or(&0).to_string().as_bytes()),
                _ => bytes.push(byte),
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let mut shelf = Shelf::default();
        let texts: [&[u8]; 3] =
            [br#"{"form":1,"at":1700000000123,"x":20}"#, br#"{"form":1,"at":17,"x":0}"#, b"no number"];
        for bytes in texts {
            let (text, numbers) = shelf.pack(bytes);
            assert_eq!(shelf.unpack(&Packed { version: 0, expires_at: 0, numbers, text }), bytes);
        }
        assert_eq!(shelf.texts.len(), 2);
    }
}
