//! Which of many texts occur in one text, found in a single pass over it.

use std::collections::HashMap;

use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::dfa::DFA;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError, Input};

/// So many texts make an automaton that takes one step for each byte, but much memory; more of them share a leaner one.
const DENSE_NEEDLES_MAX: usize = 100;

/// So few texts are looked for one by one in a short text. What an automaton finds is known only after it has waited for its
/// table once for each byte, and all that follows waits with it; a comparison is guessed, and the work goes on: 20 ns of a
/// decision.
const FEW_NEEDLES_MAX: usize = 4;

/// A text of so many bytes is walked byte by byte: to skip to the next place where a needle may begin pays in longer ones.
const SHORT_BYTES_MAX: usize = 64;

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
        let finder = match self.needles.as_slice() {
            [] => Finder::Nothing,
            needles if needles.len() <= DENSE_NEEDLES_MAX => {
                Finder::Dense(DFA::builder().ascii_case_insensitive(is_folded).build(needles)?)
            }
            needles => Finder::Lean(NFA::builder().ascii_case_insensitive(is_folded).build(needles)?),
        };
        let few = self.needles.iter().take(FEW_NEEDLES_MAX).map(|needle| needle.as_bytes().into());
        let has_few = self.needles.len() <= FEW_NEEDLES_MAX;
        Ok(Needles { finder, count: self.needles.len(), few: has_few.then(|| few.collect()), is_folded })
    }
}

/// Texts to look for, made ready.
#[derive(Debug)]
pub(super) struct Needles {
    finder: Finder,
    count: usize,
    /// All of them, if they are few.
    few: Option<Vec<Box<[u8]>>>,
    is_folded: bool,
}

#[derive(Debug)]
enum Finder {
    Nothing,
    Dense(DFA),
    Lean(NFA),
}

impl Needles {
    /// Looks for all of them, and adds those that occur. The time is that of the text's length, and of the occurrences
    /// until each needle has been seen.
    pub(super) fn find(&self, text: &str, hits: &mut Numbers) {
        if text.len() <= SHORT_BYTES_MAX
            && let Some(few) = &self.few
        {
            for (number, needle) in few.iter().enumerate() {
                if occurs(needle, text.as_bytes(), self.is_folded) {
                    hits.insert(number);
                }
            }
            return;
        }
        match &self.finder {
            Finder::Nothing => {}
            Finder::Dense(automaton) => find(automaton, self.count, text, hits),
            Finder::Lean(automaton) => find(automaton, self.count, text, hits),
        }
    }
}

/// Whether the needle occurs in the text; with `is_folded`, in either letter case, and it is in upper case. The text is short, so that it takes
/// longer to begin anything cleverer.
fn occurs(needle: &[u8], text: &[u8], is_folded: bool) -> bool {
    let Some((&first, behind)) = needle.split_first() else { return true };
    let either = if is_folded { first.to_ascii_lowercase() } else { first };
    (0..text.len()).any(|at| {
        (text[at] == first || text[at] == either)
            && text.get(at + 1..at + 1 + behind.len()).is_some_and(|found| match is_folded {
                true => found.iter().zip(behind).all(|(one, upper)| one.to_ascii_uppercase() == *upper),
                false => found == behind,
            })
    })
}

/// `missing` is the number of needles that have not been seen yet.
fn find(automaton: &impl Automaton, mut missing: usize, text: &str, hits: &mut Numbers) {
    if text.len() > SHORT_BYTES_MAX {
        let mut state = OverlappingState::start();
        // It fails only for automata built to report leftmost matches, and this one is not.
        while missing > 0
            && automaton.try_find_overlapping(&Input::new(text), &mut state).is_ok()
            && let Some(found) = state.get_match()
        {
            missing -= usize::from(hits.insert(found.pattern().as_usize()));
        }
        return;
    }
    let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
    for byte in text.bytes() {
        state = automaton.next_state(Anchored::No, state, byte);
        if automaton.is_special(state) && automaton.is_match(state) {
            for index in 0..automaton.match_len(state) {
                missing -= usize::from(hits.insert(automaton.match_pattern(state, index).as_usize()));
            }
            if missing == 0 {
                return;
            }
        }
    }
}

/// A set of numbers. It takes an allocation only once it holds one beyond 127.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    first: [u64; FIRST_WORDS],
    more: Vec<u64>,
}

const FIRST_WORDS: usize = 2;

impl Numbers {
    /// Adds a number and says whether it is new.
    pub(super) fn insert(&mut self, number: usize) -> bool {
        let at = number / 64;
        let word = match self.first.get_mut(at) {
            Some(word) => word,
            None => {
                let at = at - FIRST_WORDS;
                if self.more.len() <= at {
                    self.more.resize(at + 1, 0);
                }
                &mut self.more[at]
            }
        };
        let bit = 1 << (number % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.word(number / 64) & (1 << (number % 64)) != 0
    }

    /// Calls `each` with the numbers of this set, the lowest first.
    pub(super) fn for_each(&self, mut each: impl FnMut(usize)) {
        let mut each = |at: usize, word: u64| {
            first_bit(at, word, |number| {
                each(number);
                false
            });
        };
        self.first.iter().enumerate().for_each(|(at, word)| each(at, *word));
        self.more.iter().enumerate().for_each(|(at, word)| each(FIRST_WORDS + at, *word));
    }

    /// The lowest number that is in this set or in the other one and is wanted.
    pub(super) fn first_of_union(
        &self,
        other: &Self,
        mut is_wanted: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        for at in 0..FIRST_WORDS + self.more.len().max(other.more.len()) {
            let word = match self.first.get(at).zip(other.first.get(at)) {
                Some((one, other)) => one | other,
                None => self.word(at) | other.word(at),
            };
            if word != 0
                && let Some(number) = first_bit(at, word, &mut is_wanted)
            {
                return Some(number);
            }
        }
        None
    }

    fn word(&self, at: usize) -> u64 {
        let word = self.first.get(at).or_else(|| self.more.get(at - FIRST_WORDS));
        word.copied().unwrap_or_default()
    }
}

/// The lowest wanted number of those that the word at this place stands for.
#[inline(always)]
fn first_bit(at: usize, mut word: u64, mut is_wanted: impl FnMut(usize) -> bool) -> Option<usize> {
    while word != 0 {
        let number = 64 * at + word.trailing_zeros() as usize;
        if is_wanted(number) {
            return Some(number);
        }
        word &= word - 1;
    }
    None
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
        let needles = builder.build(false).unwrap();
        let long = format!("{}<299>", "<7>".repeat(30));
        for text in ["<7><299>", &long] {
            let mut hits = Numbers::default();
            needles.find(text, &mut hits);
            let mut found = Vec::new();
            hits.for_each(|number| found.push(number));
            assert_eq!(found, [7, 299, inner]);
            assert!([7, 299, inner].iter().all(|number| hits.contains(*number)) && !hits.contains(8));
        }
    }

    #[test]
    fn few_needles_are_found_like_many() {
        let texts = ["/ab", "ab", "AB/", "//a", "b"];
        for is_folded in [false, true] {
            let [mut few, mut many] = [NeedlesBuilder::default(), NeedlesBuilder::default()];
            for text in &texts[..FEW_NEEDLES_MAX] {
                let text = if is_folded { text.to_uppercase() } else { (*text).to_owned() };
                assert_eq!(few.add(&text), many.add(&text));
            }
            many.add(texts[FEW_NEEDLES_MAX]);
            let [few, many] = [few, many].map(|builder| builder.build(is_folded).unwrap());
            for text in ["", "/", "///aB/", "/a/ab", "xAB", "a//ab", "//Ab//A", "/AB/", "b"] {
                for number in 0..FEW_NEEDLES_MAX {
                    let [of_few, of_many] = [&few, &many].map(|needles| {
                        let mut hits = Numbers::default();
                        needles.find(text, &mut hits);
                        hits.contains(number)
                    });
                    assert_eq!(of_few, of_many, "{text} {number} {is_folded}");
                }
            }
        }
    }

    #[test]
    fn union_is_searched_from_the_lowest_number_on() {
        let [mut some, mut others] = [Numbers::default(), Numbers::default()];
        for number in [7, 299, 300] {
            some.insert(number);
        }
        for number in [127, 7, 128, 511] {
            others.insert(number);
        }
        for [one, other] in [[&some, &others], [&others, &some]] {
            let mut seen = Vec::new();
            let found = one.first_of_union(other, |number| {
                seen.push(number);
                number == 300
            });
            assert_eq!((found, seen), (Some(300), vec![7, 127, 128, 299, 300]));
            assert_eq!(one.first_of_union(other, |_| false), None);
        }
    }

    #[test]
    fn folding_concerns_ascii_letters_alone() {
        let mut builder = NeedlesBuilder::default();
        let plain = builder.add("ABC");
        let accented = builder.add("É");
        let mut hits = Numbers::default();
        builder.build(true).unwrap().find("xaBcé", &mut hits);
        assert!(hits.contains(plain) && !hits.contains(accented));
    }
}
