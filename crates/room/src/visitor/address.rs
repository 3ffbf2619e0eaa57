//! The enqueue address as our own pages link to it.

use anteroom_protocol::encode::enc;
use anteroom_protocol::redirect::{EnqueueRequest, ErrorRequest};

/// The query parameter that tells our own links from a connector's redirect.
const MARK: &str = "anteroom";

/// Why a page of ours leads to the enqueue address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A waiting page loads itself again. Who comes without a ticket then has a browser that does not keep it.
    Waiting,
    /// The holder of a spent ticket wants to join anew.
    Again,
}

impl Mark {
    const ALL: [Self; 2] = [Self::Waiting, Self::Again];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Again => "again",
        }
    }

    /// The mark in a query, if there is one.
    pub(crate) fn find(query: &str) -> Option<Self> {
        let value = query.split('&').find_map(|parameter| parameter.strip_prefix(MARK)?.strip_prefix('='))?;
        Self::ALL.into_iter().find(|mark| mark.as_str() == value)
    }
}

/// What a visitor came with, to be handed from page to page. Decoded texts of a browser's: nothing of it is checked.
pub(crate) struct EnqueueAddress<'a> {
    customer: &'a str,
    room: &'a str,
    culture: Option<&'a str>,
    layout: Option<&'a str>,
    enqueue_token: Option<&'a str>,
    target: Option<&'a str>,
}

impl<'a> EnqueueAddress<'a> {
    /// That of a visitor who came to queue.
    pub(crate) fn of_enqueue(request: &'a EnqueueRequest) -> Self {
        Self {
            customer: request.customer.as_deref().unwrap_or_default(),
            room: request.event.as_deref().unwrap_or_default(),
            culture: request.culture.as_deref(),
            layout: request.layout.as_deref(),
            enqueue_token: request.enqueue_token.as_deref(),
            target: request.target.as_deref(),
        }
    }

    /// That of a visitor whom a site sent back.
    pub(crate) fn of_error(request: &'a ErrorRequest) -> Self {
        Self {
            customer: request.customer.as_deref().unwrap_or_default(),
            room: request.event.as_deref().unwrap_or_default(),
            culture: request.culture.as_deref(),
            layout: request.layout.as_deref(),
            enqueue_token: None,
            target: request.target.as_deref(),
        }
    }

    /// The address as a connector would write it.
    pub(crate) fn plain(&self) -> String {
        let mut url = format!("/?c={}&e={}", enc(self.customer), enc(self.room));
        for (name, value) in [
            ("cid", self.culture),
            ("l", self.layout),
            ("enqueuetoken", self.enqueue_token),
            ("t", self.target),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                url.push('&');
                url.push_str(name);
                url.push('=');
                url.push_str(&enc(value));
            }
        }
        url
    }

    /// The address with a mark of ours.
    pub(crate) fn marked(&self, mark: Mark) -> String {
        format!("{}&{MARK}={}", self.plain(), mark.as_str())
    }
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::redirect::{RoomRequest, read_room_url};

    use super::*;

    #[test]
    fn what_a_visitor_came_with_is_handed_on() {
        let came_with =
            "/?c=acme&e=spring24&ver=x&cid=en-GB&l=Blue%20sky&t=https%3A%2F%2Fshop.example%2F%3Fa%3D1%262";
        let Some(RoomRequest::Enqueue(request)) = read_room_url(came_with) else { unreachable!() };
        let address = EnqueueAddress::of_enqueue(&request);
        let expected = came_with.replace("&ver=x", "");
        assert_eq!(address.plain(), expected);
        assert_eq!(address.marked(Mark::Again), format!("{expected}&anteroom=again"));
    }

    #[test]
    fn only_whole_marks_count() {
        assert_eq!(Mark::find("c=a&anteroom=waiting&e=b"), Some(Mark::Waiting));
        assert_eq!(Mark::find("anteroom=again"), Some(Mark::Again));
        for query in ["", "anteroom", "anteroom=", "anteroom=agains", "xanteroom=again", "t=anteroom=again"] {
            assert_eq!(Mark::find(query), None, "{query}");
        }
    }
}
