//! Which actions are worth a look for a request, so that a policy of a thousand actions costs a request that none of
//! them is for hardly more than a policy of one.
//!
//! Nearly every action can match only where one of a few texts occurs: a trigger that joins its parts by `And` needs
//! each of them, so any one part that looks for texts will do, and one that joins them by `Or` needs one of all its
//! parts. Those texts are the action's *anchors*. One pass over an address finds all anchors of all actions in it;
//! actions without an anchor there are passed by, and those that cannot be anchored are always looked at.

use std::cmp::Reverse;

use super::needles::Numbers;
use super::values::{Source, Values};
use super::{ActionTriggers, Case, Comparison, CompiledTrigger, Needle, Part, SourcesBuilder};

/// What to look for, and the actions that it speaks for.
#[derive(Debug)]
pub(super) struct Anchors {
    /// The actions to look at whatever occurs.
    always: Numbers,
    places: Vec<Place>,
}

/// The anchors in one thing of a request, compared in one way.
#[derive(Debug)]
struct Place {
    source: usize,
    case: Case,
    /// By the number of a text: the actions it speaks for.
    actions: Vec<Actions>,
}

/// The actions that one text speaks for.
#[derive(Debug)]
struct Actions {
    /// The first of those that match wherever it occurs, because they ask for nothing else; or none.
    sure: usize,
    /// Those that have to be looked at.
    unsure: Vec<usize>,
}

/// The number of no action.
const NONE: usize = usize::MAX;

/// One text that an action needs, or one of several.
#[derive(Clone, Copy)]
struct Anchor {
    source: usize,
    case: Case,
    needle: usize,
}

impl Anchors {
    /// Finds the anchors of each action. Texts to be equal to are looked for as well, because what is equal occurs.
    pub(super) fn of(actions: &[ActionTriggers], sources: &mut SourcesBuilder) -> Self {
        let mut found = Self { always: Numbers::default(), places: Vec::new() };
        for (action, triggers) in actions.iter().enumerate() {
            let anchors =
                triggers.0.iter().map(|trigger| of_trigger(trigger, sources)).collect::<Option<Vec<_>>>();
            match anchors {
                Some(anchors) => {
                    let is_sure = triggers.0.iter().all(is_anchor_enough);
                    anchors.into_iter().flatten().for_each(|anchor| found.add(anchor, action, is_sure));
                }
                None => {
                    found.always.insert(action);
                }
            }
        }
        found
    }

    fn add(&mut self, anchor: Anchor, action: usize, is_sure: bool) {
        let at =
            self.places.iter().position(|place| place.source == anchor.source && place.case == anchor.case);
        let at = at.unwrap_or_else(|| {
            self.places.push(Place { source: anchor.source, case: anchor.case, actions: Vec::new() });
            self.places.len() - 1
        });
        let actions = &mut self.places[at].actions;
        if actions.len() <= anchor.needle {
            actions.resize_with(anchor.needle + 1, || Actions { sure: NONE, unsure: Vec::new() });
        }
        let actions = &mut actions[anchor.needle];
        if is_sure {
            actions.sure = actions.sure.min(action);
        } else {
            actions.unsure.push(action);
        }
    }

    /// The first action that is for this request: `is_match` says so of those that are worth a look, in their order.
    pub(super) fn first_match(
        &self,
        values: &mut Values<'_, '_>,
        mut is_match: impl FnMut(usize, &mut Values<'_, '_>) -> bool,
    ) -> Option<usize> {
        let mut sure = NONE;
        let mut unsure = Numbers::default();
        for place in &self.places {
            values.hits(place.source, place.case).for_each(|needle| {
                if let Some(actions) = place.actions.get(needle) {
                    sure = sure.min(actions.sure);
                    actions.unsure.iter().for_each(|action| _ = unsure.insert(*action));
                }
            });
        }
        // It is of no use to look at one behind the one that is sure.
        let first = unsure.first_of_union(&self.always, |action| action > sure || is_match(action, values));
        let first = first.unwrap_or(NONE).min(sure);
        (first != NONE).then_some(first)
    }
}

/// Texts of which one occurs wherever the trigger matches; nothing when there are none to be told.
fn of_trigger(trigger: &CompiledTrigger, sources: &mut SourcesBuilder) -> Option<Vec<Anchor>> {
    if trigger.is_any_enough {
        let anchors = trigger.parts.iter().map(|part| of_part(part, sources)).collect::<Option<Vec<_>>>()?;
        return Some(anchors.concat());
    }
    let best =
        trigger.parts.iter().filter(|part| is_anchored(part)).min_by_key(|part| cost(part, sources))?;
    of_part(best, sources)
}

/// Whether the trigger matches wherever one of its anchors occurs: it asks for nothing else.
fn is_anchor_enough(trigger: &CompiledTrigger) -> bool {
    let is_text = |needle: &Needle| matches!(needle, Needle::Text(_));
    let is_enough = |part: &Part| match part {
        Part::Never | Part::Compare { is_negative: true, .. } => false,
        Part::Compare { comparison, .. } => match comparison {
            Comparison::Contains(needle) => is_text(needle),
            Comparison::ContainsAny(needles) => needles.iter().all(is_text),
            Comparison::EqualsAny(_) => false,
        },
    };
    (trigger.is_any_enough || trigger.parts.len() == 1) && trigger.parts.iter().all(is_enough)
}

/// Whether a part can match only where a text of its own occurs.
fn is_anchored(part: &Part) -> bool {
    match part {
        Part::Never => true,
        Part::Compare { is_negative: true, .. } => false,
        Part::Compare { comparison, .. } => match comparison {
            Comparison::Contains(needle) => matches!(needle, Needle::Text(_)),
            Comparison::ContainsAny(needles) => {
                needles.iter().all(|needle| matches!(needle, Needle::Text(_)))
            }
            Comparison::EqualsAny(texts) => texts.sorted.iter().all(|text| !text.is_empty()),
        },
    }
}

fn of_part(part: &Part, sources: &mut SourcesBuilder) -> Option<Vec<Anchor>> {
    if !is_anchored(part) {
        return None;
    }
    let Part::Compare { source, case, comparison, .. } = part else { return Some(Vec::new()) };
    let anchor = |needle: Needle| match needle {
        Needle::Text(needle) => Some(Anchor { source: *source, case: *case, needle }),
        Needle::Empty | Needle::Anything => None,
    };
    match comparison {
        Comparison::Contains(needle) => Some(vec![anchor(*needle)?]),
        Comparison::ContainsAny(needles) => needles.iter().copied().map(anchor).collect(),
        Comparison::EqualsAny(texts) => {
            let mut add = |text: &str| anchor(sources.add_text(*source, *case, text));
            texts.sorted.iter().map(|text| add(text)).collect()
        }
    }
}

/// How well a part serves to pass its action by; the lowest serves best. An address is short and there anyway, but
/// actions mostly share their host. A longer text occurs less often.
fn cost(part: &Part, sources: &SourcesBuilder) -> (u8, Reverse<usize>) {
    let Part::Compare { source, case, comparison, .. } = part else { return (0, Reverse(usize::MAX)) };
    let place = match sources.source(*source) {
        Source::PagePath { .. } | Source::PageUrl { .. } | Source::Nothing => 1,
        Source::HostName { .. } => 2,
        Source::Header(_) => 3,
        Source::Cookie(_) => 4,
        Source::Body => 5,
    };
    let length = |needle: &Needle| match needle {
        Needle::Text(needle) => sources.text(*source, *case, *needle).len(),
        Needle::Empty | Needle::Anything => 0,
    };
    let shortest = match comparison {
        Comparison::Contains(needle) => Some(length(needle)),
        Comparison::ContainsAny(needles) => needles.iter().map(length).min(),
        Comparison::EqualsAny(texts) => texts.sorted.iter().map(|text| text.len()).min(),
    };
    (place, Reverse(shortest.unwrap_or_default()))
}
