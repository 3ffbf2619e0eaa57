//! One visitor: what they do next, given what they were told. Reads no clock and opens no connection.
//!
//! A visitor is a browser with a waiting page open, and a person with a habit: most stay until they are let in, some
//! leave without a word, and some close the page and come back after their turn.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use super::answer::{Fault, Told};

/// The page's script asks no sooner than this, whatever it is told.
const ASK_AGAIN_MIN: Duration = Duration::from_millis(500);
/// The longest pause between two tries when nothing comes back, as in the page's script.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A person who gets no place at all gives up after so many tries in a row.
const JOIN_TRIES_MAX: u32 = 8;
/// Whoever leaves has asked at most so often how far they are.
const POLLS_BEFORE_LEAVING_MAX: u64 = 3;
/// Cookies that one visitor keeps; a room sets one.
const COOKIES_MAX: usize = 8;

/// How visitors behave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// Of a hundred, so many leave the line without a word.
    pub(super) leave_percent: u8,
    /// Of a hundred, so many come back only after their turn.
    pub(super) late_percent: u8,
    /// How long after.
    pub(super) late_by: Duration,
    /// Everybody joins and does nothing further.
    pub(super) is_join_only: bool,
    /// The same seed gives the same visitors the same habits.
    pub(super) seed: u64,
}

/// What a visitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The enqueue address, to join.
    Join,
    /// The ticket's state.
    Poll,
    /// The enqueue address, with a ticket.
    ComeBack,
}

/// What comes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next step, after this long.
    Ask { after: Duration, step: Step },
    /// The visitor is in.
    In { token_expires_at_seconds: Option<i64> },
    /// The visitor leaves without a word.
    Leave,
    /// Came back too late; or lost the place, and then the fault was told.
    Spent,
    /// Got no place.
    GiveUp,
}

/// When a place was asked for and when it was there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joined {
    pub(super) began: Instant,
    pub(super) acknowledged: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    Stays,
    Leaves { after_polls: u32 },
    ComesLate { by: Duration },
}

/// One visitor.
#[derive(Debug)]
pub(super) struct Visitor {
    habit: Habit,
    /// Chance of this visitor's own, the same in each run of a seed.
    chance: u64,
    polls: u32,
    failures: u32,
    is_joined: bool,
    has_been_away: bool,
    /// As the `Cookie` header writes them.
    cookies: String,
    pub(super) joined: Option<Joined>,
    /// Whether the visitor's place is one of arrival: not before a draw.
    pub(super) is_by_arrival: bool,
}

impl Visitor {
    /// The visitor of this number.
    pub(super) fn new(number: u64, habits: &Habits) -> Self {
        let chance = mix(habits.seed ^ mix(number));
        let percent = chance % 100;
        let (leave, late) = (u64::from(habits.leave_percent), u64::from(habits.late_percent));
        let habit = if habits.is_join_only {
            Habit::Leaves { after_polls: 0 }
        } else if percent < leave {
            let after_polls = u32::try_from((chance >> 32) % (POLLS_BEFORE_LEAVING_MAX + 1)).unwrap_or(0);
            Habit::Leaves { after_polls }
        } else if percent < leave + late {
            Habit::ComesLate { by: habits.late_by }
        } else {
            Habit::Stays
        };
        Self {
            habit,
            chance,
            polls: 0,
            failures: 0,
            is_joined: false,
            has_been_away: false,
            cookies: String::new(),
            joined: None,
            is_by_arrival: true,
        }
    }

    /// For the `Cookie` header.
    pub(super) fn cookies(&self) -> Option<&str> {
        (!self.cookies.is_empty()).then_some(self.cookies.as_str())
    }

    /// Keeps what a browser would keep of an answer, whatever the answer is.
    pub(super) fn keep_cookies(&mut self, headers: &HeaderMap) {
        for set in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = set.split(';').next().unwrap_or_default().trim();
            let Some((name, value)) = pair.split_once('=') else { continue };
            let mut kept: Vec<&str> = self
                .cookies
                .split("; ")
                .filter(|kept| kept.split_once('=').is_some_and(|(kept, _)| kept != name))
                .collect();
            if !value.is_empty() && kept.len() < COOKIES_MAX {
                kept.push(pair);
            }
            self.cookies = kept.join("; ");
        }
    }

    /// Decides what to do after a step.
    pub(super) fn handle(&mut self, step: Step, told: &Result<Told, Fault>) -> Next {
        match told {
            // Nobody can join yet: the page looks again, and loads itself when somebody can.
            Ok(Told::Wait(wait)) if self.cookies.is_empty() => {
                self.failures = 0;
                Next::Ask { after: wait.ask_again_after.max(ASK_AGAIN_MIN), step: Step::Join }
            }
            Ok(Told::Wait(wait)) => {
                self.failures = 0;
                self.is_joined = true;
                self.is_by_arrival &= wait.is_by_arrival;
                self.polls += u32::from(step == Step::Poll);
                match (self.habit, wait.expected_wait) {
                    (Habit::Leaves { after_polls }, _) if self.polls >= after_polls => Next::Leave,
                    (Habit::ComesLate { by }, Some(wait)) if !self.has_been_away => {
                        self.has_been_away = true;
                        Next::Ask { after: wait.saturating_add(by), step: Step::ComeBack }
                    }
                    _ => Next::Ask { after: wait.ask_again_after.max(ASK_AGAIN_MIN), step: Step::Poll },
                }
            }
            Ok(Told::GoIn { token_expires_at_seconds }) => {
                self.is_joined = true;
                Next::In { token_expires_at_seconds: *token_expires_at_seconds }
            }
            Ok(Told::Spent) | Err(Fault::TicketUnknown | Fault::PlaceLost) => Next::Spent,
            // No room of that name: nobody tries that again.
            Err(Fault::Status(StatusCode::NOT_FOUND)) if !self.is_joined => Next::GiveUp,
            Err(_) => {
                self.failures += 1;
                if !self.is_joined && self.failures >= JOIN_TRIES_MAX {
                    return Next::GiveUp;
                }
                Next::Ask { after: self.backoff(), step }
            }
        }
    }

    /// Whether a spent ticket is no wonder: who stays away past the late window loses the place, as told.
    pub(super) const fn may_be_too_late(&self) -> bool {
        self.has_been_away
    }

    /// Doubles with every failure, and spreads from half to the whole.
    fn backoff(&self) -> Duration {
        let span = Duration::from_secs(1 << self.failures.min(5)).min(BACKOFF_MAX);
        let share = u32::try_from(mix(self.chance ^ u64::from(self.failures)) % 128).unwrap_or(0);
        span / 2 + span * share / 256
    }
}

/// Spreads numbers that are close to each other over all that there are (SplitMix64).
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::answer::Wait;
    use super::*;

    const HABITS: Habits = Habits {
        leave_percent: 10,
        late_percent: 5,
        late_by: Duration::from_secs(60),
        is_join_only: false,
        seed: 7,
    };

    fn wait(seconds: u64) -> Result<Told, Fault> {
        Ok(Told::Wait(Wait {
            ask_again_after: Duration::from_secs(2),
            ahead: Some(9),
            expected_wait: Some(Duration::from_secs(seconds)),
            is_by_arrival: true,
        }))
    }

    /// A visitor of that habit, with a ticket.
    fn with_habit(is_meant: impl Fn(Habit) -> bool) -> Visitor {
        let mut visitors = (0..).map(|number| Visitor::new(number, &HABITS));
        let mut visitor = visitors.find(|visitor| is_meant(visitor.habit)).unwrap();
        visitor.cookies = "ticket=x".to_owned();
        visitor
    }

    #[test]
    fn who_comes_before_the_opening_looks_again_and_joins_then() {
        let mut visitor = Visitor::new(0, &HABITS);
        let next = visitor.handle(Step::Join, &wait(30));
        assert_eq!(next, Next::Ask { after: Duration::from_secs(2), step: Step::Join });
    }

    #[test]
    fn habits_come_in_the_shares_asked_for() {
        let visitors: Vec<Visitor> = (0..10_000).map(|number| Visitor::new(number, &HABITS)).collect();
        let share =
            |is_meant: fn(Habit) -> bool| visitors.iter().filter(|visitor| is_meant(visitor.habit)).count();
        let leave = share(|habit| matches!(habit, Habit::Leaves { .. }));
        let late = share(|habit| matches!(habit, Habit::ComesLate { .. }));
        assert!((900..1_100).contains(&leave) && (420..580).contains(&late), "{leave} {late}");
    }

    #[test]
    fn who_stays_asks_when_told_until_let_in() {
        let mut visitor = with_habit(|habit| habit == Habit::Stays);
        let next = visitor.handle(Step::Join, &wait(30));
        assert_eq!(next, Next::Ask { after: Duration::from_secs(2), step: Step::Poll });
        let next = visitor.handle(Step::Poll, &Ok(Told::GoIn { token_expires_at_seconds: Some(1) }));
        assert_eq!(next, Next::In { token_expires_at_seconds: Some(1) });
    }

    #[test]
    fn latecomer_stays_away_once_and_then_waits_like_others() {
        let mut visitor = with_habit(|habit| matches!(habit, Habit::ComesLate { .. }));
        let next = visitor.handle(Step::Poll, &wait(30));
        assert_eq!(next, Next::Ask { after: Duration::from_secs(90), step: Step::ComeBack });
        assert!(visitor.may_be_too_late());
        let next = visitor.handle(Step::ComeBack, &wait(30));
        assert_eq!(next, Next::Ask { after: Duration::from_secs(2), step: Step::Poll });
    }

    #[test]
    fn failures_are_answered_by_longer_and_longer_pauses() {
        let mut visitor = with_habit(|habit| habit == Habit::Stays);
        let failed = Err(Fault::Status(StatusCode::SERVICE_UNAVAILABLE));
        let mut pauses = Vec::new();
        let last = loop {
            match visitor.handle(Step::Join, &failed) {
                Next::Ask { after, step: Step::Join } => pauses.push(after),
                other => break other,
            }
        };
        assert_eq!(last, Next::GiveUp);
        assert_eq!(u32::try_from(pauses.len()), Ok(JOIN_TRIES_MAX - 1));
        assert!(pauses[0] >= Duration::from_secs(1) && pauses.iter().all(|pause| *pause <= BACKOFF_MAX));
        // Who has a place never gives it up.
        let _ = visitor.handle(Step::Join, &wait(30));
        for _ in 0..100 {
            assert!(matches!(visitor.handle(Step::Poll, &failed), Next::Ask { step: Step::Poll, .. }));
        }
    }

    #[test]
    fn cookies_are_kept_replaced_and_dropped() {
        let mut visitor = Visitor::new(0, &HABITS);
        let mut set = |cookie: &'static str| {
            let headers = HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_static(cookie))]);
            visitor.keep_cookies(&headers);
            visitor.cookies().map(str::to_owned)
        };
        assert_eq!(set("a=1; Path=/; HttpOnly").as_deref(), Some("a=1"));
        assert_eq!(set("b=2").as_deref(), Some("a=1; b=2"));
        assert_eq!(set("a=3").as_deref(), Some("b=2; a=3"));
        assert_eq!(set("b=; Max-Age=0").as_deref(), Some("a=3"));
        assert_eq!(set("a=").as_deref(), None);
    }
}
