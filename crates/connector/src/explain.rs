//! Which action is for a request and why, for people: every integration, every trigger and every part of one, with
//! the value it looked at.
//!
//! This is the plain reading of the rules by which triggers match, one part after the other. A [`Policy`] follows
//! the same rules in a compiled form that is made for speed and does not know why; tests hold the two together.
//!
//! [`Policy`]: crate::policy::Policy

use std::borrow::Cow;
use std::fmt;

use anteroom_protocol::integration::{
    Integration, IntegrationConfig, LogicalOperator, Operator, Trigger, TriggerPart, UrlPart, Validator,
};
use anteroom_protocol::redirect::strip_token;

use crate::normalize::normalize;
use crate::view::RequestView;
use crate::{cookies, url_parts};

/// What triggers see of a request.
pub struct Seen<'v> {
    view: RequestView<'v>,
    /// The address without queue token.
    pub url: Cow<'v, str>,
    /// The same, normalised: what integrations with `IsNormalizationEnabled` look at.
    pub normalized_url: String,
}

/// One integration, looked at from end to end.
#[derive(Debug)]
pub struct IntegrationTrace<'c> {
    /// The integration.
    pub integration: &'c Integration,
    /// Its triggers; one that matches is enough.
    pub triggers: Vec<TriggerTrace<'c>>,
}

/// One trigger, looked at from end to end.
#[derive(Debug)]
pub struct TriggerTrace<'c> {
    /// The trigger.
    pub trigger: &'c Trigger,
    /// Its parts.
    pub parts: Vec<PartTrace<'c>>,
}

/// One part of a trigger, and what came of it.
pub struct PartTrace<'c> {
    /// The part.
    pub part: &'c TriggerPart,
    /// What it looked at, as it stands in the request: it may be as private as a cookie.
    pub value: String,
    /// Whether it holds.
    pub is_match: bool,
}

/// The integration that decides a request, and what made it match.
#[derive(Clone, Copy, Debug)]
pub struct Match<'c> {
    /// The integration.
    pub integration: &'c Integration,
    /// The first of its triggers that matches.
    pub trigger: &'c Trigger,
    /// The part that was enough; `None` when it took all of them.
    pub part: Option<&'c TriggerPart>,
}

impl<'v> Seen<'v> {
    /// Works out what triggers see of this request.
    pub fn of(view: &RequestView<'v>) -> Self {
        let url = strip_token(view.url);
        let normalized_url = normalize(&url);
        Self { view: *view, url, normalized_url }
    }

    fn value(&self, validator: &Validator, is_normalized: bool) -> Cow<'_, str> {
        let url =
            if is_normalized && !self.normalized_url.is_empty() { &self.normalized_url } else { &*self.url };
        match validator {
            Validator::Url(UrlPart::PageUrl) => url.into(),
            Validator::Url(UrlPart::HostName) => url_parts::host_name(url).into(),
            Validator::Url(UrlPart::PagePath) => url_parts::page_path(url).into(),
            Validator::Cookie { name } => cookies::first_decoded(self.view.headers, name),
            Validator::UserAgent => self.view.headers.get("user-agent").unwrap_or_default().into(),
            Validator::HttpHeader { name } => {
                self.view.headers.get(&name.to_ascii_lowercase()).unwrap_or_default().into()
            }
            Validator::RequestBody => self.view.body.unwrap_or_default().into(),
            Validator::Url(UrlPart::Unknown) | Validator::Unknown => "".into(),
        }
    }

    fn holds(&self, part: &TriggerPart, integration: &Integration) -> bool {
        compare(part, &self.value(&part.validator, integration.is_normalized))
    }
}

/// The first integration that is for a request; nothing when none is.
pub fn first_match<'c>(config: &'c IntegrationConfig, seen: &Seen<'_>) -> Option<Match<'c>> {
    config.integrations.iter().find_map(|integration| {
        integration.triggers.iter().find_map(|trigger| {
            let part = match trigger.logical_operator {
                LogicalOperator::Or => Some(trigger.parts.iter().find(|part| seen.holds(part, integration))?),
                LogicalOperator::And if trigger.parts.iter().all(|part| seen.holds(part, integration)) => {
                    None
                }
                LogicalOperator::And => return None,
            };
            Some(Match { integration, trigger, part })
        })
    })
}

/// All integrations of a config with all that they look at, in the order in which they are tried; also those behind
/// the one that decides.
pub fn trace<'c>(config: &'c IntegrationConfig, seen: &Seen<'_>) -> Vec<IntegrationTrace<'c>> {
    let part_trace = |part: &'c TriggerPart, integration: &Integration| {
        let value = seen.value(&part.validator, integration.is_normalized).into_owned();
        PartTrace { part, is_match: compare(part, &value), value }
    };
    let trigger_trace = |trigger: &'c Trigger, integration: &Integration| TriggerTrace {
        trigger,
        parts: trigger.parts.iter().map(|part| part_trace(part, integration)).collect(),
    };
    let integration_trace = |integration: &'c Integration| IntegrationTrace {
        integration,
        triggers: integration.triggers.iter().map(|trigger| trigger_trace(trigger, integration)).collect(),
    };
    config.integrations.iter().map(integration_trace).collect()
}

impl IntegrationTrace<'_> {
    /// Whether one of its triggers matches.
    pub fn is_match(&self) -> bool {
        self.triggers.iter().any(TriggerTrace::is_match)
    }
}

impl TriggerTrace<'_> {
    /// Whether its parts, as they are joined, match.
    pub fn is_match(&self) -> bool {
        match self.trigger.logical_operator {
            LogicalOperator::Or => self.parts.iter().any(|part| part.is_match),
            LogicalOperator::And => self.parts.iter().all(|part| part.is_match),
        }
    }
}

impl fmt::Debug for PartTrace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartTrace")
            .field("part", self.part)
            .field("is_match", &self.is_match)
            .finish_non_exhaustive()
    }
}

/// What a part looks at, in words, without its value.
pub struct Subject<'c>(pub &'c Validator);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Validator::Url(UrlPart::PageUrl) => f.write_str("the address"),
            Validator::Url(UrlPart::HostName) => f.write_str("the host name"),
            Validator::Url(UrlPart::PagePath) => f.write_str("the page path"),
            Validator::Url(UrlPart::Unknown) => f.write_str("a part of the address that does not exist"),
            Validator::Cookie { name } => write!(f, "the cookie {name:?}"),
            Validator::UserAgent => f.write_str("the user agent"),
            Validator::HttpHeader { name } => write!(f, "the header {name:?}"),
            Validator::RequestBody => f.write_str("the body"),
            Validator::Unknown => f.write_str("something that a connector on a server does not know"),
        }
    }
}

/// What a part asks for, in words.
pub struct Condition<'c>(pub &'c TriggerPart);

impl fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.0;
        write!(f, "{} ", Subject(&part.validator))?;
        let not = if part.is_negative { "not " } else { "" };
        match part.operator {
            Operator::Contains if part.value_to_compare == "*" => {
                return f.write_str(match part.is_negative {
                    false => "is not empty",
                    true => "is anything or nothing, as negation does not count for *",
                });
            }
            Operator::Equals => {
                write!(f, "is {not}")?;
                quote(f, &part.value_to_compare)?;
            }
            Operator::EqualsAny => {
                write!(f, "is {not}")?;
                any_of(f, &part.values_to_compare)?;
            }
            Operator::Contains => {
                f.write_str(if part.is_negative { "does not contain " } else { "contains " })?;
                quote(f, &part.value_to_compare)?;
            }
            Operator::ContainsAny => {
                f.write_str(if part.is_negative { "does not contain " } else { "contains " })?;
                any_of(f, &part.values_to_compare)?;
            }
            Operator::Unknown => return f.write_str("is compared in a way that does not exist"),
        }
        if part.is_ignore_case { f.write_str(" in any letter case") } else { Ok(()) }
    }
}

/// Long texts and lists are cut: this is one sentence for a person.
fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    const SHOWN_CHARS: usize = 60;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((cut, _)) => write!(f, "{:?} and so on", &text[..cut]),
        None => write!(f, "{text:?}"),
    }
}

fn any_of(f: &mut fmt::Formatter<'_>, texts: &[String]) -> fmt::Result {
    const SHOWN: usize = 3;
    f.write_str("any of ")?;
    if texts.is_empty() {
        return f.write_str("no texts");
    }
    for (at, text) in texts.iter().take(SHOWN).enumerate() {
        f.write_str(if at == 0 { "" } else { ", " })?;
        quote(f, text)?;
    }
    match texts.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

fn compare(part: &TriggerPart, value: &str) -> bool {
    if part.validator == Validator::Unknown || part.operator == Operator::Unknown {
        return false;
    }
    let folded = |text: &str| if part.is_ignore_case { text.to_uppercase() } else { text.to_owned() };
    let value = folded(value);
    let contains = |text: &str| (text == "*" && !value.is_empty()) || value.contains(&folded(text));
    let equals = |text: &str| value == folded(text);
    let is_match = match part.operator {
        Operator::Contains if part.value_to_compare == "*" && !value.is_empty() => return true,
        Operator::Contains => contains(&part.value_to_compare),
        Operator::Equals => equals(&part.value_to_compare),
        Operator::ContainsAny => part.values_to_compare.iter().any(|text| contains(text)),
        Operator::EqualsAny => part.values_to_compare.iter().any(|text| equals(text)),
        Operator::Unknown => false,
    };
    is_match != part.is_negative
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::integration::parse;

    use super::*;

    fn config(triggers: &str) -> IntegrationConfig {
        let document = format!(
            r#"{{"Version": 1, "Integrations": [{{"Name": "it", "ActionType": "Ignore", "Triggers": {triggers}}}]}}"#
        );
        parse(document.as_bytes()).unwrap()
    }

    fn view(url: &str) -> RequestView<'_> {
        RequestView { method: "GET", url, headers: &[("cookie", "seg=Gold")], client_ip: None, body: None }
    }

    #[test]
    fn the_part_that_is_enough_is_named() {
        let config = config(
            r#"[{"LogicalOperator": "Or", "TriggerParts": [
                {"ValidatorType": "UrlValidator", "UrlPart": "PagePath", "Operator": "Contains", "ValueToCompare": "/a"},
                {"ValidatorType": "CookieValidator", "CookieName": "seg", "Operator": "EqualsAny",
                 "ValuesToCompare": ["gold", "silver"], "IsIgnoreCase": true}]}]"#,
        );
        let view = view("https://shop.example/b?queueittoken=x");
        let seen = Seen::of(&view);
        assert_eq!(seen.url, "https://shop.example/b");
        let found = first_match(&config, &seen).unwrap();
        assert_eq!(
            Condition(found.part.unwrap()).to_string(),
            r#"the cookie "seg" is any of "gold", "silver" in any letter case"#
        );
        let trace = trace(&config, &seen);
        let parts = &trace[0].triggers[0].parts;
        assert_eq!((parts[0].value.as_str(), parts[0].is_match), ("/b", false));
        assert_eq!((parts[1].value.as_str(), parts[1].is_match), ("Gold", true));
        assert!(trace[0].is_match());
        assert!(!format!("{trace:?}").contains("Gold"), "a value is shown only where it is asked for");
    }

    #[test]
    fn trigger_without_parts_matches_only_as_and() {
        let view = view("https://shop.example/");
        let seen = Seen::of(&view);
        let and = config(r#"[{"LogicalOperator": "And", "TriggerParts": []}]"#);
        let or = config(r#"[{"LogicalOperator": "Or", "TriggerParts": []}]"#);
        assert!(first_match(&and, &seen).unwrap().part.is_none());
        assert!(first_match(&or, &seen).is_none() && !trace(&or, &seen)[0].is_match());
    }
}
