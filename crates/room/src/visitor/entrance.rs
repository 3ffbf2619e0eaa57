//! The room that a request names, as the directory knows it, and what follows from its record: whose ticket is
//! genuine here, where visitors go, and with which queue token.

use std::sync::Arc;

use anteroom_protocol::id::QueueId;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::redirect::{Target, with_token};
use anteroom_protocol::ticket::Ticket;
use anteroom_queue::AdmittedBy;
use anteroom_store::directory::AccountEntry;
use anteroom_store::records::RoomRecord;
use anteroom_store::rooms::{RoomHandle, Rooms};
use http::HeaderMap;

use super::stand::Admission;
use super::trouble::Trouble;
use super::visit::Visit;
use crate::{Shared, cookies};

/// A room of an account.
pub(crate) struct Entrance {
    pub(crate) account: Arc<AccountEntry>,
    pub(crate) record: Arc<RoomRecord>,
}

impl Entrance {
    /// The room of these names, or nothing when there is none.
    pub(crate) fn find(shared: &Shared, customer: &str, room: &str) -> Option<Self> {
        let account = shared.directory.account(&customer.parse().ok()?)?;
        let record = Arc::clone(account.room(&room.parse().ok()?)?);
        Some(Self { account, record })
    }

    /// The ticket that the visitor brought for this room, if it is a genuine one.
    pub(crate) fn ticket(&self, visit: &Visit) -> Option<Ticket> {
        self.ticket_in(&visit.headers)
    }

    /// The same, of these headers.
    pub(crate) fn ticket_in(&self, headers: &HeaderMap) -> Option<Ticket> {
        cookies::read_ticket(headers, &self.account.customer, &self.record.room, &self.account.ticket_key)
    }

    /// An address that a visitor wants to go to, if visitors may be sent there.
    pub(crate) fn allow(&self, target: Option<&str>) -> Option<Target> {
        self.account.allowed_hosts.check(target?).ok()
    }

    /// Where a visitor is sent: where they want to go if that is allowed, else the room's own target.
    ///
    /// What a ticket holds is checked again each time, because the account's hosts may have changed since.
    pub(crate) fn target(&self, wanted: Option<&str>) -> Result<Target, Trouble> {
        let own = || self.account.allowed_hosts.check(&self.record.default_target).map_err(Trouble::NoTarget);
        self.allow(wanted).map_or_else(own, Ok)
    }

    /// The line itself.
    pub(crate) async fn open(&self, rooms: &Rooms) -> Result<RoomHandle, Trouble> {
        Ok(rooms.open(&self.account.customer, &self.record.room).await?)
    }

    /// The way in: the target with the queue token of this admission.
    pub(crate) fn admission_url(&self, ticket: &Ticket, target: &Target, admission: Admission) -> String {
        let redirect_type = match admission.why {
            AdmittedBy::Turn => RedirectType::Queue,
            AdmittedBy::Passthrough => RedirectType::Disabled,
        };
        with_token(target.as_str(), &self.queue_token(ticket.queue_id, admission, redirect_type))
    }

    /// The queue token of an admission.
    pub(crate) fn queue_token(
        &self,
        queue_id: QueueId,
        admission: Admission,
        redirect_type: RedirectType,
    ) -> String {
        let token = NewQueueToken {
            room: &self.record.room,
            queue_id: Some(queue_id),
            expires_at: admission.token_expires_at,
            cookie_validity_minutes: None,
            redirect_type,
            client_ip: None,
        };
        token.seal(&self.account.key)
    }
}
