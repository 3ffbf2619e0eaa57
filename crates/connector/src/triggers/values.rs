//! What triggers look at, taken from a request when first asked for and once only.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::needles::Numbers;
use super::{Case, SourceNeedles, Triggers};
use crate::cookies;
use crate::normalize::normalize;
use crate::url_parts::{UrlParts, host_name, page_path};
use crate::view::RequestView;

/// So many sources need no allocation for their slots. Real configs look at one or two.
const INLINE_SLOTS: usize = 4;

/// One thing to look at in a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    PageUrl {
        is_normalized: bool,
    },
    HostName {
        is_normalized: bool,
    },
    PagePath {
        is_normalized: bool,
    },
    Header(String),
    Cookie(String),
    Body,
    /// A part of an address that does not exist: always empty.
    Nothing,
}

/// One request's values.
pub(crate) struct Values<'p, 'v> {
    triggers: &'p Triggers,
    request: Request<'v>,
    inline: [Option<Slot<'v>>; INLINE_SLOTS],
    more: Vec<Slot<'v>>,
}

/// Where the values come from.
struct Request<'v> {
    view: &'v RequestView<'v>,
    url: &'v str,
    parts: &'v UrlParts<'v>,
    normalized: &'v OnceCell<String>,
}

/// What is known of one thing so far. It is filled where it lies and in pieces that fit a register: a processor waits some
/// 5 ns when it reads in one piece what it has just written in several, as when a value is made and then moved.
#[derive(Default)]
struct Slot<'v> {
    text: Option<&'v str>,
    /// The text where it had to be decoded.
    decoded: Option<String>,
    upper_case: Option<String>,
    exact_hits: Option<Numbers>,
    folded_hits: Option<Numbers>,
}

impl<'p, 'v> Values<'p, 'v> {
    /// `url` is the address without queue token, `parts` are its pieces. `normalized` is only lent so that others may borrow from it.
    pub(crate) fn new(
        triggers: &'p Triggers,
        view: &'v RequestView<'v>,
        url: &'v str,
        parts: &'v UrlParts<'v>,
        normalized: &'v OnceCell<String>,
    ) -> Self {
        let mut more = Vec::new();
        more.resize_with(triggers.sources.0.len().saturating_sub(INLINE_SLOTS), Slot::default);
        Self { triggers, request: Request { view, url, parts, normalized }, inline: Default::default(), more }
    }

    pub(super) fn text(&mut self, source: usize) -> &str {
        let (slot, needles, request) = self.parts(source);
        slot.text(needles, request)
    }

    /// A text that, compared without regard to ASCII case, is equal to an upper-cased text exactly when its
    /// upper-cased form is: the text itself while it is ASCII.
    pub(super) fn folded(&mut self, source: usize) -> &str {
        let (slot, needles, request) = self.parts(source);
        slot.folded(needles, request)
    }

    pub(super) fn hits(&mut self, source: usize, case: Case) -> &Numbers {
        let (slot, needles, request) = self.parts(source);
        slot.hits(case, needles, request)
    }

    fn parts(&mut self, source: usize) -> (&mut Slot<'v>, &'p SourceNeedles, &Request<'v>) {
        let slot = match self.inline.get_mut(source) {
            Some(slot) => slot.get_or_insert_default(),
            None => &mut self.more[source - INLINE_SLOTS],
        };
        (slot, self.triggers.source(source), &self.request)
    }
}

impl<'v> Slot<'v> {
    fn text(&mut self, needles: &SourceNeedles, request: &Request<'v>) -> &str {
        text(&mut self.text, &mut self.decoded, needles, request)
    }

    fn folded(&mut self, needles: &SourceNeedles, request: &Request<'v>) -> &str {
        let text = text(&mut self.text, &mut self.decoded, needles, request);
        folded(text, &mut self.upper_case)
    }

    fn hits(&mut self, case: Case, needles: &SourceNeedles, request: &Request<'v>) -> &Numbers {
        let hits = match case {
            Case::Exact => &mut self.exact_hits,
            Case::Folded => &mut self.folded_hits,
        };
        if hits.is_none() {
            let text = text(&mut self.text, &mut self.decoded, needles, request);
            let hits = hits.insert(Numbers::default());
            match case {
                Case::Exact => needles.exact.find(text, hits),
                Case::Folded => needles.folded.find(folded(text, &mut self.upper_case), hits),
            }
        }
        hits.get_or_insert_default()
    }
}

fn text<'s, 'v>(
    text: &'s mut Option<&'v str>,
    decoded: &'s mut Option<String>,
    needles: &SourceNeedles,
    request: &Request<'v>,
) -> &'s str {
    if text.is_none() && decoded.is_none() {
        match &needles.source {
            Source::Cookie(name) => match cookies::first_decoded(request.view.headers, name) {
                Cow::Borrowed(plain) => *text = Some(plain),
                Cow::Owned(owned) => *decoded = Some(owned),
            },
            source => *text = Some(request.read(source)),
        }
    }
    text.or(decoded.as_deref()).unwrap_or_default()
}

fn folded<'t>(text: &'t str, upper_case: &'t mut Option<String>) -> &'t str {
    if text.is_ascii() { text } else { upper_case.get_or_insert_with(|| text.to_uppercase()) }
}

impl<'v> Request<'v> {
    fn read(&self, source: &Source) -> &'v str {
        match source {
            Source::PageUrl { is_normalized } => self.url(*is_normalized),
            Source::HostName { is_normalized: false } => self.parts.host_name,
            Source::PagePath { is_normalized: false } => self.parts.page_path,
            Source::HostName { is_normalized: true } => host_name(self.url(true)),
            Source::PagePath { is_normalized: true } => page_path(self.url(true)),
            Source::Header(name) => self.view.headers.get(name).unwrap_or_default(),
            Source::Body => self.view.body.unwrap_or_default(),
            Source::Cookie(_) | Source::Nothing => "",
        }
    }

    fn url(&self, is_normalized: bool) -> &'v str {
        if !is_normalized {
            return self.url;
        }
        let normalized = self.normalized.get_or_init(|| normalize(self.url));
        if normalized.is_empty() { self.url } else { normalized }
    }
}
