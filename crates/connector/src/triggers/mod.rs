//! Which requests an action is for, compiled so that the time a request takes is bounded by its own length.
//!
//! * An action has triggers; one that matches is enough.
//! * A trigger joins its parts by `Or` or, however else it is spelled, by `And`. `Or` of no parts never matches,
//!   `And` of no parts always does.
//! * A part compares one thing in the request (a piece of the address, a header, a cookie, the body) with a text
//!   or with several. What is missing in the request counts as empty.
//! * A part may be negated. Two things are not touched by that: a part whose kind or operator does not exist
//!   is false, and `Contains` with `*` alone is true for whatever is not empty.
//! * Without regard to case means that both sides are compared in Unicode upper case.
//!
//! All texts that the parts of a policy look for in one and the same thing are found in one pass over it, and each
//! thing is read from the request at most once, when first asked for. Of an action that can only match where some text
//! occurs, nothing is looked at until it does; see [`anchors`].

mod anchors;
mod needles;
mod values;

use std::collections::HashMap;

use aho_corasick::BuildError;
use anteroom_protocol::integration::{LogicalOperator, Operator, Trigger, TriggerPart, UrlPart, Validator};

use self::anchors::Anchors;
use self::needles::{Needles, NeedlesBuilder};
use self::values::Source;
pub(crate) use self::values::Values;

/// The triggers of a policy: of all its actions, in their order.
#[derive(Debug)]
pub(crate) struct Triggers {
    sources: Sources,
    actions: Vec<ActionTriggers>,
    anchors: Anchors,
}

/// Collects the triggers of a policy.
#[derive(Debug, Default)]
pub(crate) struct TriggersBuilder {
    sources: SourcesBuilder,
    actions: Vec<ActionTriggers>,
}

impl TriggersBuilder {
    /// Compiles the triggers of the next action. With `is_normalized`, they look at the normalised address.
    pub(crate) fn add(&mut self, triggers: &[Trigger], is_normalized: bool) {
        let compile = |trigger: &Trigger| CompiledTrigger {
            is_any_enough: trigger.logical_operator == LogicalOperator::Or,
            parts: trigger
                .parts
                .iter()
                .map(|part| Part::compile(part, is_normalized, &mut self.sources))
                .collect(),
        };
        self.actions.push(ActionTriggers(triggers.iter().map(compile).collect()));
    }

    /// Makes the triggers ready.
    ///
    /// # Errors
    /// When they look for more texts than the automaton can number.
    pub(crate) fn build(mut self) -> Result<Triggers, BuildError> {
        let anchors = Anchors::of(&self.actions, &mut self.sources);
        Ok(Triggers { sources: self.sources.build()?, actions: self.actions, anchors })
    }
}

impl Triggers {
    /// The number of the first action that is for this request.
    pub(crate) fn first_match(&self, values: &mut Values<'_, '_>) -> Option<usize> {
        self.anchors.first_match(values, |action, values| self.actions[action].is_match(values))
    }

    /// Whether the request's body is looked at.
    pub(crate) fn has_body(&self) -> bool {
        self.sources.0.iter().any(|needles| needles.source == Source::Body)
    }

    fn source(&self, number: usize) -> &SourceNeedles {
        &self.sources.0[number]
    }
}

/// What the triggers of one policy look at, and for which texts.
#[derive(Debug)]
struct Sources(Vec<SourceNeedles>);

#[derive(Debug)]
struct SourceNeedles {
    source: Source,
    exact: Needles,
    folded: Needles,
}

/// Collects sources while the triggers of a policy are compiled.
#[derive(Debug, Default)]
struct SourcesBuilder {
    numbers: HashMap<Source, usize>,
    sources: Vec<SourceBuilder>,
}

#[derive(Debug)]
struct SourceBuilder {
    source: Source,
    exact: NeedlesBuilder,
    folded: NeedlesBuilder,
}

impl SourceBuilder {
    fn new(source: Source) -> Self {
        Self { source, exact: NeedlesBuilder::default(), folded: NeedlesBuilder::default() }
    }

    fn needles(&self, case: Case) -> &NeedlesBuilder {
        match case {
            Case::Exact => &self.exact,
            Case::Folded => &self.folded,
        }
    }

    fn needles_mut(&mut self, case: Case) -> &mut NeedlesBuilder {
        match case {
            Case::Exact => &mut self.exact,
            Case::Folded => &mut self.folded,
        }
    }
}

impl SourcesBuilder {
    fn add(&mut self, source: Source) -> usize {
        *self.numbers.entry(source).or_insert_with_key(|source| {
            self.sources.push(SourceBuilder::new(source.clone()));
            self.sources.len() - 1
        })
    }

    fn add_needle(&mut self, source: usize, case: Case, text: &str) -> Needle {
        match (text, case) {
            ("", _) => Needle::Empty,
            ("*", _) => Needle::Anything,
            (_, Case::Exact) => self.add_text(source, case, text),
            (_, Case::Folded) => self.add_text(source, case, &text.to_uppercase()),
        }
    }

    /// Adds a text that stands for itself alone, in upper case where case does not count.
    fn add_text(&mut self, source: usize, case: Case, text: &str) -> Needle {
        Needle::Text(self.sources[source].needles_mut(case).add(text))
    }

    fn text(&self, source: usize, case: Case, needle: usize) -> &str {
        self.sources[source].needles(case).text(needle)
    }

    fn source(&self, source: usize) -> &Source {
        &self.sources[source].source
    }

    /// Makes the collected texts ready to be looked for.
    ///
    /// # Errors
    /// When there are more of them than the automaton can number.
    fn build(self) -> Result<Sources, BuildError> {
        let build = |builder: SourceBuilder| {
            Ok(SourceNeedles {
                source: builder.source,
                exact: builder.exact.build(false)?,
                folded: builder.folded.build(true)?,
            })
        };
        self.sources.into_iter().map(build).collect::<Result<_, _>>().map(Sources)
    }
}

/// The triggers of one action.
#[derive(Debug)]
struct ActionTriggers(Vec<CompiledTrigger>);

impl ActionTriggers {
    fn is_match(&self, values: &mut Values<'_, '_>) -> bool {
        self.0.iter().any(|trigger| trigger.is_match(values))
    }
}

#[derive(Debug)]
struct CompiledTrigger {
    is_any_enough: bool,
    parts: Vec<Part>,
}

impl CompiledTrigger {
    fn is_match(&self, values: &mut Values<'_, '_>) -> bool {
        if self.is_any_enough {
            self.parts.iter().any(|part| part.is_match(values))
        } else {
            self.parts.iter().all(|part| part.is_match(values))
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Exact,
    Folded,
}

#[derive(Debug)]
enum Part {
    /// Its kind or operator does not exist.
    Never,
    Compare {
        source: usize,
        case: Case,
        is_negative: bool,
        comparison: Comparison,
    },
}

#[derive(Debug)]
enum Comparison {
    Contains(Needle),
    ContainsAny(Vec<Needle>),
    EqualsAny(Texts),
}

/// A text to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needle {
    /// The empty text, which occurs everywhere.
    Empty,
    /// `*`: whatever is not empty.
    Anything,
    /// The text of this number among the source's needles.
    Text(usize),
}

impl Part {
    fn compile(part: &TriggerPart, is_normalized: bool, sources: &mut SourcesBuilder) -> Self {
        let source = match &part.validator {
            Validator::Url(UrlPart::PageUrl) => Source::PageUrl { is_normalized },
            Validator::Url(UrlPart::HostName) => Source::HostName { is_normalized },
            Validator::Url(UrlPart::PagePath) => Source::PagePath { is_normalized },
            Validator::Url(UrlPart::Unknown) => Source::Nothing,
            Validator::Cookie { name } => Source::Cookie(name.clone()),
            Validator::UserAgent => Source::Header("user-agent".to_owned()),
            Validator::HttpHeader { name } => Source::Header(name.to_ascii_lowercase()),
            Validator::RequestBody => Source::Body,
            Validator::Unknown => return Self::Never,
        };
        let case = if part.is_ignore_case { Case::Folded } else { Case::Exact };
        let value = part.value_to_compare.as_str();
        let values = part.values_to_compare.as_slice();
        let source = sources.add(source);
        let comparison = match part.operator {
            Operator::Equals => Comparison::EqualsAny(Texts::new([value], case)),
            Operator::EqualsAny => Comparison::EqualsAny(Texts::new(values.iter().map(String::as_str), case)),
            Operator::Contains => Comparison::Contains(sources.add_needle(source, case, value)),
            Operator::ContainsAny => {
                let needles = values.iter().map(|value| sources.add_needle(source, case, value)).collect();
                Comparison::ContainsAny(needles)
            }
            Operator::Unknown => return Self::Never,
        };
        Self::Compare { source, case, is_negative: part.is_negative, comparison }
    }

    fn is_match(&self, values: &mut Values<'_, '_>) -> bool {
        let Self::Compare { source, case, is_negative, comparison } = self else { return false };
        let mut occurs = |needle: Needle| match needle {
            Needle::Empty => true,
            Needle::Anything => !values.text(*source).is_empty(),
            Needle::Text(number) => values.hits(*source, *case).contains(number),
        };
        let is_match = match comparison {
            Comparison::Contains(Needle::Anything) if occurs(Needle::Anything) => return true,
            Comparison::Contains(needle) => occurs(*needle),
            Comparison::ContainsAny(needles) => needles.iter().copied().any(occurs),
            Comparison::EqualsAny(texts) => texts.has(match case {
                Case::Exact => values.text(*source),
                Case::Folded => values.folded(*source),
            }),
        };
        is_match != *is_negative
    }
}

/// Texts of which one may be equal, in order.
#[derive(Debug)]
struct Texts {
    case: Case,
    /// As they are compared: in upper case where case does not count.
    sorted: Vec<Box<str>>,
}

impl Texts {
    fn new<'t>(texts: impl IntoIterator<Item = &'t str>, case: Case) -> Self {
        let text = |text: &str| match case {
            Case::Exact => Box::from(text),
            Case::Folded => text.to_uppercase().into_boxed_str(),
        };
        let mut sorted = texts.into_iter().map(text).collect::<Vec<_>>();
        sorted.sort_unstable();
        Self { case, sorted }
    }

    fn has(&self, text: &str) -> bool {
        let found = match self.case {
            Case::Exact => self.sorted.binary_search_by(|known| known.as_bytes().cmp(text.as_bytes())),
            // What is known is in upper case, so ASCII letters are all that can differ here.
            Case::Folded => self.sorted.binary_search_by(|known| {
                known.bytes().cmp(text.bytes().map(|byte| byte.to_ascii_uppercase()))
            }),
        };
        found.is_ok()
    }
}
