//! One request, as actions look at it.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;

use anteroom_protocol::encode::{decode_ajax_page_url, enc, visible_ascii};
use anteroom_protocol::redirect::find_token;
use anteroom_protocol::time::Timestamp;

use super::Common;
use crate::ask::Answers;
use crate::decision::Outcome;
use crate::view::{Headers, RequestView};

/// Sent by a page's script that follows redirects itself: the page's own address, encoded.
const AJAX_PAGE_URL_HEADER: &str = "x-queueit-ajaxpageurl";

/// Carries the queue token of clients that cannot put it into the address.
const TOKEN_HEADER: &str = "x-queueittoken";

pub(super) struct Visit<'a> {
    pub(super) common: &'a Common,
    /// The request as it came.
    pub(super) view: &'a RequestView<'a>,
    pub(super) headers: &'a dyn Headers,
    pub(super) client_ip: Option<IpAddr>,
    pub(super) now: Timestamp,
    /// What waiting rooms have said about it.
    pub(super) answers: &'a Answers,
    /// Whether the answer about direct pass was needed.
    pub(super) is_direct_pass_asked: Cell<bool>,
    /// Whether its queue token counts for nothing.
    is_token_ignored: bool,
    /// The address without queue tokens.
    url: &'a str,
    ajax_page_url: Option<&'a str>,
}

/// The queue token that a request carries.
pub(super) struct CarriedToken<'a> {
    pub(super) text: Cow<'a, str>,
    is_in_url: bool,
}

impl<'a> CarriedToken<'a> {
    /// The one in the address or, when there is none, in the header.
    pub(super) fn of(view: &RequestView<'a>) -> Option<Self> {
        let in_url = find_token(view.url).map(|text| Self { text, is_in_url: true });
        in_url.or_else(|| {
            let text = view.headers.get(TOKEN_HEADER).filter(|text| !text.is_empty())?;
            Some(Self { text: text.into(), is_in_url: false })
        })
    }
}

impl<'a> Visit<'a> {
    pub(super) fn new(
        common: &'a Common,
        view: &'a RequestView<'a>,
        url: &'a str,
        now: Timestamp,
        answers: &'a Answers,
    ) -> Self {
        Self {
            common,
            view,
            headers: view.headers,
            client_ip: view.client_ip,
            now,
            answers,
            is_direct_pass_asked: Cell::new(false),
            is_token_ignored: false,
            url,
            ajax_page_url: view.headers.get(AJAX_PAGE_URL_HEADER).filter(|url| !url.is_empty()),
        }
    }

    /// Whether a script of a page asked and follows redirects itself.
    pub(super) const fn is_ajax(&self) -> bool {
        self.ajax_page_url.is_some()
    }

    /// Where the visitor wants to be: the page whose script asked, or the address itself. Empty when the script's
    /// word cannot be read.
    pub(super) fn wanted_url(&self) -> Cow<'a, str> {
        match self.ajax_page_url {
            Some(header) => decode_ajax_page_url(header).into(),
            None => self.url.into(),
        }
    }

    /// Takes its queue token for none.
    pub(super) const fn ignore_token(&mut self) {
        self.is_token_ignored = true;
    }

    /// The queue token that it carries, unless that counts for nothing.
    pub(super) fn carried_token(&self) -> Option<CarriedToken<'a>> {
        if self.is_token_ignored { None } else { CarriedToken::of(self.view) }
    }

    /// The same, where a token matters only if it stands in the address. Mostly, none was taken out of it.
    pub(super) fn token_in_address(&self) -> Option<CarriedToken<'a>> {
        if self.url.len() == self.view.url.len() { None } else { self.carried_token() }
    }

    /// The value of a header, or an empty text.
    pub(super) fn header(&self, name: &str) -> &'a str {
        self.headers.get(name).unwrap_or_default()
    }

    /// Sends the visitor to an address of a waiting room, by a redirect or through the page's script.
    pub(super) fn send_to(&self, mut room_url: String) -> Outcome {
        let end = &self.common.address_end;
        if self.is_ajax() {
            let mut header_value = enc(&room_url);
            header_value.push_str(end);
            return Outcome::AjaxRedirect { header_value };
        }
        room_url.push_str(end);
        Outcome::Redirect { location: room_url }
    }

    /// Lets a visitor through a queue action. A token in the address is taken out of it by a redirect, but only
    /// where that loses nothing: it would lose the body of a `POST`, and a script would not follow it.
    pub(super) fn let_in(&self, token: Option<&CarriedToken<'_>>) -> Outcome {
        match token {
            Some(token) if token.is_in_url && self.view.method == "GET" && !self.is_ajax() => {
                Outcome::StripToken { location: visible_ascii(self.url).into_owned() }
            }
            _ => Outcome::Pass,
        }
    }
}
