//! Why a request was decided as it was, in one sentence.

use std::fmt::Write as _;

use anteroom_connector::decision::{Decision, Reason};
use anteroom_connector::explain::{self, Condition, Match, Seen};
use anteroom_connector::view::RequestView;
use anteroom_protocol::integration::IntegrationConfig;

/// Which integration is for the request and what made it so, then what the connector says of the visitor.
pub(super) fn sentence(
    decision: &Decision<'_>,
    config: &IntegrationConfig,
    view: &RequestView<'_>,
) -> String {
    let found = match decision.reason {
        // Decided before any trigger was looked at.
        Reason::MethodNotGuarded | Reason::DebugTokenRefused(_) => None,
        Reason::NoActionMatches => return nothing_matches(config.integrations.len()),
        _ => explain::first_match(config, &Seen::of(view)),
    };
    let Some(found) = found else { return capitalized(&format!("{}.", decision.reason)) };
    // The reasons of these two only say again that one of them matches.
    let rest = match decision.reason {
        Reason::Ignored => "it lets pass".to_owned(),
        reason => reason.to_string(),
    };
    format!(
        "The integration {:?} is for this request because {}, and {rest}.",
        found.integration.name,
        why(&found)
    )
}

fn nothing_matches(integrations: usize) -> String {
    match integrations {
        0 => "The integration config has no integrations, so nothing is guarded.".to_owned(),
        1 => "The one integration is not for this request.".to_owned(),
        _ => format!("None of the {integrations} integrations is for this request."),
    }
}

fn why(found: &Match<'_>) -> String {
    const SHOWN: usize = 3;
    if let Some(part) = found.part {
        return Condition(part).to_string();
    }
    let parts = &found.trigger.parts;
    if parts.is_empty() {
        return "its trigger has no conditions".to_owned();
    }
    let shown = parts.iter().take(SHOWN).map(|part| Condition(part).to_string());
    let mut text = shown.collect::<Vec<_>>().join(" and ");
    if let Some(more) = parts.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        // Writing to a text cannot fail.
        let _ = write!(text, " and {more} more hold");
    }
    text
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
