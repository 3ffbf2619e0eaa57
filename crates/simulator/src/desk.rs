//! Where tickets are written and read: the real texts with their real signatures, and the room they are for.

use std::rc::Rc;

use anteroom_protocol::id::{CustomerId, RoomId};
use anteroom_protocol::mac::Key;
use anteroom_protocol::ticket;
use anteroom_protocol::time::Timestamp;

use crate::random::Random;
use crate::trace::{Place, text_number};
use crate::workload::{Held, Ticket};

/// The account's tickets, and those of somebody who would like to have its key.
pub(crate) struct Desk {
    key: Key,
    forgers_key: Key,
    customer: CustomerId,
    room: RoomId,
    other_room: RoomId,
    /// A desk that is broken on purpose: it does not care by whom and for which room a ticket was signed.
    pub(crate) trusts_anybody: bool,
}

impl Desk {
    pub(crate) fn new(trusts_anybody: bool) -> Self {
        let room = |name: &str| name.parse().expect("this holds because it is a short lower-case word");
        Self {
            key: Key::new(b"the account's secret key"),
            forgers_key: Key::new(b"what somebody took for the key"),
            customer: "acme".parse().expect("this holds because it is a short lower-case word"),
            room: room("sale"),
            other_room: room("raffle"),
            trusts_anybody,
        }
    }

    /// The ticket as its holder keeps it.
    pub(crate) fn issue(&self, ticket: Ticket, ahead: u64, now: Timestamp) -> Held {
        let text = self.content(ticket, &self.room, ahead, now).seal(&self.key);
        Held { ticket, number: text_number(&text), text: text.into() }
    }

    /// What a genuine ticket of this room says.
    pub(crate) fn open(&self, text: &str) -> Option<Ticket> {
        let opened = ticket::Ticket::open(text, &self.key);
        let opened = match opened {
            Err(_) if self.trusts_anybody => ticket::Ticket::open(text, &self.forgers_key),
            opened => opened,
        };
        let opened = opened.ok()?;
        let is_ours = opened.is_for(&self.customer, &self.room) || self.trusts_anybody;
        let place = Place::of(opened.place, opened.epoch);
        is_ours.then_some(Ticket { queue_id: opened.queue_id, place })
    }

    /// A text that its holder has made of a genuine one, and that opens nothing.
    pub(crate) fn forge(&self, held: &Held, now: Timestamp, random: &mut Random) -> Rc<str> {
        let first = Ticket { place: Place { tag: 1, ..held.ticket.place }, ..held.ticket };
        match random.below(4) {
            0 => self.content(first, &self.room, 0, now).seal(&self.forgers_key).into(),
            // Genuine, and of another room of the same account, where it was easy to be the first.
            1 => self.content(first, &self.other_room, 0, now).seal(&self.key).into(),
            2 => {
                let end = random.position(held.text.len());
                held.text[..end].into()
            }
            _ => {
                let altered = random.position(held.text.len());
                let letters = held.text.char_indices();
                let alter = |letter: char| if letter == 'A' { 'B' } else { 'A' };
                let alter_one = |(at, letter)| if at == altered { alter(letter) } else { letter };
                letters.map(alter_one).collect::<String>().into()
            }
        }
    }

    fn content(&self, ticket: Ticket, room: &RoomId, ahead: u64, now: Timestamp) -> ticket::Ticket {
        ticket::Ticket {
            customer: self.customer.clone(),
            room: room.clone(),
            queue_id: ticket.queue_id,
            epoch: ticket.place.epoch,
            place: ticket.place.in_room(),
            ahead_at_issue: ahead,
            issued_at: now,
            target: None,
        }
    }
}
