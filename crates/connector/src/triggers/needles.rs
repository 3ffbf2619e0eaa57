//! Which of many texts occur in one text, found in a single pass over it.

use std::collections::HashMap;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, BuildError};

/// Texts to look for, numbered as they were added.
#[derive(Debug, Default)]
pub(super) struct NeedlesBuilder {
    numbers: HashMap<String, usize>,
    needles: Vec<String>,
}

impl NeedlesBuilder {
    /// Adds a text, or finds it, and gives its number.
    pub(super) fn add(&mut self, needle: &str) -> usize {
        if let Some(number) = self.numbers.get(needle) {
            return *number;
        }
        let number = self.needles.len();
        self.numbers.insert(needle.to_owned(), number);
        self.needles.push(needle.to_owned());
        number
    }

    /// With `is_folded`, ASCII letters are found in either case.
    pub(super) fn build(&self, is_folded: bool) -> Result<Needles, BuildError> {
        let automaton = match self.needles.as_slice() {
            [] => None,
            needles => Some(AhoCorasick::builder().ascii_case_insensitive(is_folded).build(needles)?),
        };
        Ok(Needles { automaton, count: self.needles.len() })
    }
}

/// Texts to look for, made ready.
#[derive(Debug)]
pub(super) struct Needles {
    automaton: Option<AhoCorasick>,
    count: usize,
}

impl Needles {
    /// Looks for all of them. The time is that of the text's length, and of the occurrences until each needle has
    /// been seen.
    pub(super) fn find(&self, text: &str) -> Hits {
        let mut hits = Hits::none_of(self.count);
        let Some(automaton) = &self.automaton else { return hits };
        let mut state = OverlappingState::start();
        let mut missing = self.count;
        while missing > 0 {
            // It fails only for automata built to report leftmost matches, and this one is not.
            if automaton.try_find_overlapping(text, &mut state).is_err() {
                break;
            }
            let Some(found) = state.get_match() else { break };
            missing -= usize::from(hits.insert(found.pattern().as_usize()));
        }
        hits
    }
}

/// The numbers of the needles that occur. Up to 128 of them take no allocation.
#[derive(Debug, Default)]
pub(super) struct Hits {
    first: u128,
    more: Vec<u128>,
}

impl Hits {
    fn none_of(count: usize) -> Self {
        Self { first: 0, more: vec![0; count.div_ceil(128).saturating_sub(1)] }
    }

    /// Adds a number and says whether it is new.
    fn insert(&mut self, number: usize) -> bool {
        let bit = 1 << (number % 128);
        let word = match number / 128 {
            0 => Some(&mut self.first),
            at => self.more.get_mut(at - 1),
        };
        word.is_some_and(|word| {
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        })
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        let word = match number / 128 {
            0 => Some(&self.first),
            at => self.more.get(at - 1),
        };
        word.is_some_and(|word| word & (1 << (number % 128)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_needle_is_found_however_they_overlap() {
        let mut builder = NeedlesBuilder::default();
        for number in 0..300 {
            assert_eq!(builder.add(&format!("<{number}>")), number);
        }
        assert_eq!(builder.add("<7>"), 7);
        let inner = builder.add("7>");
        let hits = builder.build(false).unwrap().find("<7><299>");
        for number in 0..300 {
            assert_eq!(hits.contains(number), number == 7 || number == 299, "{number}");
        }
        assert!(hits.contains(inner));
    }

    #[test]
    fn folding_concerns_ascii_letters_alone() {
        let mut builder = NeedlesBuilder::default();
        let plain = builder.add("ABC");
        let accented = builder.add("É");
        let hits = builder.build(true).unwrap().find("xaBcé");
        assert!(hits.contains(plain) && !hits.contains(accented));
    }
}
