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

    /// The text of this number.
    pub(super) fn text(&self, number: usize) -> &str {
        &self.needles[number]
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
    pub(super) fn find(&self, text: &str) -> Numbers {
        let mut hits = Numbers::default();
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

/// A set of numbers. It takes an allocation only once it holds one beyond 127.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    first: u128,
    more: Vec<u128>,
}

impl Numbers {
    /// Adds a number and says whether it is new.
    pub(super) fn insert(&mut self, number: usize) -> bool {
        let bit = 1 << (number % 128);
        let word = match number / 128 {
            0 => &mut self.first,
            at => {
                if self.more.len() < at {
                    self.more.resize(at, 0);
                }
                &mut self.more[at - 1]
            }
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.word(number / 128) & (1 << (number % 128)) != 0
    }

    /// The numbers of this set, the lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..=self.more.len()).flat_map(|at| bits(self.word(at)).map(move |bit| 128 * at + bit))
    }

    /// Those that are in this set or in the other one, the lowest first.
    pub(super) fn into_union(self, other: &Self) -> impl Iterator<Item = usize> {
        let last = self.more.len().max(other.more.len());
        (0..=last).flat_map(move |at| bits(self.word(at) | other.word(at)).map(move |bit| 128 * at + bit))
    }

    fn word(&self, at: usize) -> u128 {
        match at {
            0 => self.first,
            _ => self.more.get(at - 1).copied().unwrap_or_default(),
        }
    }
}

fn bits(mut word: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.checked_sub(1)?;
        Some(bit as usize)
    })
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
        assert_eq!(hits.iter().collect::<Vec<_>>(), [7, 299, inner]);
        let mut others = Numbers::default();
        for number in [127, 7, 128, 511] {
            others.insert(number);
        }
        assert_eq!(others.into_union(&hits).collect::<Vec<_>>(), [7, 127, 128, 299, inner, 511]);
        assert_eq!(Numbers::default().iter().next(), None);
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
