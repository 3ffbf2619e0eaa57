//! Counting tests by the closing lines of the programs that ran them.

use std::fmt;
use std::ops::Add;

/// How many tests passed and failed, as told by whoever ran them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// What one printed line says: nothing, unless it is a closing line of nextest, libtest or Node's runner.
    pub(crate) fn of_line(line: &str) -> Self {
        let line = line.trim();
        let count = |suffix: &str| number_before(line, suffix);
        if line.starts_with("Summary [") && line.contains(" run: ") {
            let failed = count(" failed").unwrap_or(0) + count(" timed out").unwrap_or(0);
            return Self { passed: count(" passed").unwrap_or(0), failed };
        }
        if line.starts_with("test result: ") {
            return Self { passed: count(" passed").unwrap_or(0), failed: count(" failed").unwrap_or(0) };
        }
        let node = |name: &str| {
            ["\u{2139} ", "# "]
                .iter()
                .find_map(|mark| line.strip_prefix(mark)?.strip_prefix(name)?.trim().parse().ok())
        };
        Self { passed: node("pass ").unwrap_or(0), failed: node("fail ").unwrap_or(0) }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn number_before(line: &str, suffix: &str) -> Option<u64> {
    let (before, _) = line.split_once(suffix)?;
    before.rsplit(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_each_runner_are_counted() {
        let cases = [
            ("     Summary [   0.123s] 14 tests run: 14 passed, 2 skipped", (14, 0)),
            (
                "     Summary [   1.0s] 14 tests run: 11 passed (1 slow), 2 failed, 1 timed out, 2 skipped",
                (11, 3),
            ),
            (
                "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
                (7, 0),
            ),
            ("\u{2139} pass 4", (4, 0)),
            ("\u{2139} fail 1", (0, 1)),
            ("# pass 3", (3, 0)),
            ("test reads_what_passed ... ok", (0, 0)),
            ("5 passed in an ordinary line", (0, 0)),
        ];
        for (line, (passed, failed)) in cases {
            assert_eq!(Tally::of_line(line), Tally { passed, failed }, "{line}");
        }
    }
}
