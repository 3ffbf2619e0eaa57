//! A line for a person who watches a run. On a terminal it is drawn again each second; elsewhere it is printed now and
//! then. It goes to standard error, so that standard output holds the result alone.

use std::io::{IsTerminal, Write as _, stderr};
use std::time::Duration;

use super::drive::Seen;

/// Where nothing can be drawn again, so many seconds lie between two lines.
const SECONDS_PER_LINE: u64 = 10;

/// The line, or its absence.
#[derive(Debug)]
pub(super) struct Screen {
    kind: Kind,
    seconds: u64,
    answers: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Drawn,
    Printed,
    None,
}

impl Screen {
    /// For a person.
    pub(super) fn for_people() -> Self {
        let kind = if stderr().is_terminal() { Kind::Drawn } else { Kind::Printed };
        Self { kind, seconds: 0, answers: 0 }
    }

    /// For a program: a line only where somebody sees it.
    pub(super) fn for_programs() -> Self {
        let kind = if stderr().is_terminal() { Kind::Drawn } else { Kind::None };
        Self { kind, seconds: 0, answers: 0 }
    }

    /// Another second is over.
    pub(super) fn show(&mut self, ran: Duration, seen: &Seen) {
        self.seconds += 1;
        let answers = seen.record.answers();
        let of_this_second = answers - std::mem::replace(&mut self.answers, answers);
        let people = &seen.people;
        let p99 =
            seen.record.poll_p99_ms().map_or_else(|| "-".to_owned(), |millis| format!("{millis:.1} ms"));
        let line = format!(
            "{:>5} s  came {}  waiting {}  let in {} ({}/s)  answers {of_this_second}/s  polls' p99 {p99}  errors {}",
            ran.as_secs(),
            people.came,
            people.waiting(),
            people.let_in,
            seen.outflow.newest(),
            seen.record.faults(),
        );
        // A terminal that is gone is no reason to stop.
        let _ = match self.kind {
            Kind::Drawn => write!(stderr(), "\r\x1b[K{line}"),
            Kind::Printed if self.seconds.is_multiple_of(SECONDS_PER_LINE) => writeln!(stderr(), "{line}"),
            Kind::Printed | Kind::None => Ok(()),
        };
    }

    /// Leaves the line as it is.
    pub(super) fn end(&self) {
        if self.kind == Kind::Drawn && self.seconds > 0 {
            let _ = writeln!(stderr());
        }
    }
}
