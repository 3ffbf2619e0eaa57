//! What triggers look at, taken from a request when first asked for and once only.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::needles::Numbers;
use super::{Case, Triggers};
use crate::normalize::normalize;
use crate::view::RequestView;
use crate::{cookies, url_parts};

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
    view: RequestView<'v>,
    url: &'v str,
    normalized: &'v OnceCell<String>,
    inline: [Slot<'v>; INLINE_SLOTS],
    more: Vec<Slot<'v>>,
}

#[derive(Default)]
struct Slot<'v> {
    text: OnceCell<Cow<'v, str>>,
    upper_case: OnceCell<String>,
    exact_hits: OnceCell<Numbers>,
    folded_hits: OnceCell<Numbers>,
}

impl<'p, 'v> Values<'p, 'v> {
    /// `url` is the address without queue token. `normalized` is only lent so that others may borrow from it.
    pub(crate) fn new(
        triggers: &'p Triggers,
        view: RequestView<'v>,
        url: &'v str,
        normalized: &'v OnceCell<String>,
    ) -> Self {
        let mut more = Vec::new();
        more.resize_with(triggers.sources.0.len().saturating_sub(INLINE_SLOTS), Slot::default);
        Self { triggers, view, url, normalized, inline: Default::default(), more }
    }

    fn slot(&self, source: usize) -> &Slot<'v> {
        self.inline.get(source).unwrap_or_else(|| &self.more[source - INLINE_SLOTS])
    }

    pub(super) fn text(&self, source: usize) -> &str {
        self.slot(source).text.get_or_init(|| self.read(&self.triggers.source(source).source))
    }

    /// A text that, compared without regard to ASCII case, is equal to an upper-cased text exactly when its
    /// upper-cased form is: the text itself while it is ASCII.
    pub(super) fn folded(&self, source: usize) -> &str {
        let text = self.text(source);
        if text.is_ascii() { text } else { self.slot(source).upper_case.get_or_init(|| text.to_uppercase()) }
    }

    pub(super) fn hits(&self, source: usize, case: Case) -> &Numbers {
        let slot = self.slot(source);
        let needles = self.triggers.source(source);
        match case {
            Case::Exact => slot.exact_hits.get_or_init(|| needles.exact.find(self.text(source))),
            Case::Folded => slot.folded_hits.get_or_init(|| needles.folded.find(self.folded(source))),
        }
    }

    fn read(&self, source: &Source) -> Cow<'v, str> {
        match source {
            Source::PageUrl { is_normalized } => self.url(*is_normalized).into(),
            Source::HostName { is_normalized } => url_parts::host_name(self.url(*is_normalized)).into(),
            Source::PagePath { is_normalized } => url_parts::page_path(self.url(*is_normalized)).into(),
            Source::Header(name) => self.view.headers.get(name).unwrap_or_default().into(),
            Source::Cookie(name) => cookies::first_decoded(self.view.headers, name),
            Source::Body => self.view.body.unwrap_or_default().into(),
            Source::Nothing => "".into(),
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
