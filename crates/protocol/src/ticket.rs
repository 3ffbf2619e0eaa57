//! What a visitor holds in the waiting room: a signed text that is the whole truth about their place (I3).
//!
//! Written form, version 1, made of `A-Z a-z 0-9 - _` only, so that it can stand in a cookie and in an address:
//!
//! ```text
//! "1"  43 characters of MAC  base64 of: customer, room, queue id, epoch, number, ahead, issued at, kind, target
//! ```
//!
//! The kind is one byte. Its lowest bit says that there is a target, the next that the number is an entry of the pre-queue
//! rather than a tag, and the rest is the lane. So a ticket for a tag in the ordinary lane is written as it was before
//! there were lanes, and a release that knows none refuses the others instead of misreading them.
//!
//! The MAC covers the version and the base64 text as written. It is checked in constant time before anything
//! behind it is read. A later version gets another first character; an older process then answers
//! [`TicketError::UnknownVersion`] instead of misreading it.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

use crate::id::{CustomerId, QueueId, RoomId};
use crate::mac::Key;
use crate::place::{Lane, Place, PlaceNumber};
use crate::time::Timestamp;

/// The longest address that a ticket carries, in bytes. With it a whole cookie stays below the 4096 bytes that
/// browsers promise to keep.
pub const TARGET_BYTES_MAX: usize = 2000;

/// The longest written form, in bytes; a longer text is refused unread.
pub const TICKET_BYTES_MAX: usize = 3000;

const VERSION: u8 = b'1';
const MAC_TEXT_LEN: usize = 43;
const HEAD_LEN: usize = 1 + MAC_TEXT_LEN;
const PURPOSE: &str = "ticket";
const COOKIE_NAME_START: &str = "anteroom-ticket-";

/// The key of an account's tickets, made ready: a process that opens many saves the deriving, which takes longer than the
/// checking.
#[derive(Clone, Debug)]
pub struct TicketKey(Key);

impl TicketKey {
    /// That of the account with this key.
    pub fn of(account_key: &Key) -> Self {
        Self(account_key.derive(PURPOSE))
    }
}
const HAS_TARGET: u8 = 1;
const IS_ENTRY: u8 = 2;
const LANE_SHIFT: u32 = 2;

/// A visitor's place in one waiting room.
///
/// ```
/// use anteroom_protocol::id::QueueId;
/// use anteroom_protocol::mac::Key;
/// use anteroom_protocol::place::Place;
/// use anteroom_protocol::ticket::Ticket;
/// use anteroom_protocol::time::Timestamp;
///
/// let account_key = Key::new(b"the account's secret key");
/// let ticket = Ticket {
///     customer: "acme".parse()?,
///     room: "spring24".parse()?,
///     queue_id: QueueId::from_random([7; 16]),
///     epoch: 1,
///     place: Place::ordinary(4711),
///     ahead_at_issue: 310,
///     issued_at: Timestamp::from_seconds(1_700_000_000),
///     target: Some("https://shop.example/tickets".to_owned()),
/// };
/// let text = ticket.seal(&account_key);
/// assert_eq!(Ticket::open(&text, &account_key)?, ticket);
/// assert!(Ticket::open(&text, &Key::new(b"another key")).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The account.
    pub customer: CustomerId,
    /// The waiting room.
    pub room: RoomId,
    /// The visitor.
    pub queue_id: QueueId,
    /// The room's epoch in which the place was given.
    pub epoch: u64,
    /// The place in line, or the entry that the draw makes one of.
    pub place: Place,
    /// How many were ahead when the ticket was issued; progress is measured against it.
    pub ahead_at_issue: u64,
    /// When the ticket was issued.
    pub issued_at: Timestamp,
    /// Where the visitor wants to go, at most [`TARGET_BYTES_MAX`] bytes; nothing for the room's own target.
    pub target: Option<String>,
}

impl Ticket {
    /// Writes and signs the ticket. The account's key goes in; tickets have a key of their own derived from it.
    ///
    /// A target beyond [`TARGET_BYTES_MAX`] is left out, as if the visitor had asked for the room's own target.
    pub fn seal(&self, account_key: &Key) -> String {
        let body = BASE64URL_NOPAD.encode(&self.to_bytes());
        let mac = TicketKey::of(account_key).0.sign(&[&[VERSION], body.as_bytes()]);
        let mut text = String::with_capacity(HEAD_LEN + body.len());
        text.push(char::from(VERSION));
        BASE64URL_NOPAD.encode_append(mac.as_bytes(), &mut text);
        text.push_str(&body);
        text
    }

    /// Checks and reads a ticket.
    ///
    /// A ticket that opens is one that this account's key sealed, whole. Whether it belongs to the room and
    /// account at hand is asked with [`is_for`](Self::is_for).
    ///
    /// # Errors
    /// When the text is too long, of another version, not signed with this key, or not a ticket at all.
    pub fn open(text: &str, account_key: &Key) -> Result<Self, TicketError> {
        Self::open_with(text, &TicketKey::of(account_key))
    }

    /// Like [`open`](Self::open), with the key made ready.
    ///
    /// # Errors
    /// As `open` has them.
    pub fn open_with(text: &str, key: &TicketKey) -> Result<Self, TicketError> {
        if text.len() > TICKET_BYTES_MAX {
            return Err(TicketError::TooLong);
        }
        let bytes = text.as_bytes();
        if bytes.first().is_some_and(|&version| version != VERSION) {
            return Err(TicketError::UnknownVersion);
        }
        let (head, body) = bytes.split_at_checked(HEAD_LEN).ok_or(TicketError::Forged)?;
        let mut mac = [0; 32];
        BASE64URL_NOPAD.decode_mut(&head[1..], &mut mac).map_err(|_| TicketError::Forged)?;
        if !key.0.verifies(&[&[VERSION], body], &mac) {
            return Err(TicketError::Forged);
        }
        let body = BASE64URL_NOPAD.decode(body).map_err(|_| TicketError::Malformed)?;
        Self::from_bytes(&body).ok_or(TicketError::Malformed)
    }

    /// Whether the ticket is for this account's room.
    pub fn is_for(&self, customer: &CustomerId, room: &RoomId) -> bool {
        self.customer == *customer && self.room == *room
    }

    /// The name of the cookie that holds a visitor's ticket for a room.
    pub fn cookie_name(customer: &CustomerId, room: &RoomId) -> String {
        format!("{COOKIE_NAME_START}{customer}-{room}")
    }

    /// Whether this is that name.
    pub fn is_cookie_name(name: &str, customer: &CustomerId, room: &RoomId) -> bool {
        let rest = name.strip_prefix(COOKIE_NAME_START).and_then(|rest| rest.strip_prefix(customer.as_str()));
        rest.and_then(|rest| rest.strip_prefix('-')) == Some(room.as_str())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let target = self.target.as_deref().filter(|target| target.len() <= TARGET_BYTES_MAX);
        let mut bytes = Vec::with_capacity(160 + target.map_or(0, str::len));
        for id in [self.customer.as_str(), self.room.as_str()] {
            bytes.push(u8::try_from(id.len()).expect("ids have at most 50 characters"));
            bytes.extend_from_slice(id.as_bytes());
        }
        bytes.extend_from_slice(self.queue_id.as_bytes());
        let (number, kind) = match self.place.number {
            PlaceNumber::Tag(tag) => (tag, 0),
            PlaceNumber::Entry(index) => (index, IS_ENTRY),
        };
        for number in [self.epoch, number, self.ahead_at_issue, self.issued_at.as_millis()] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        // The target comes last and takes what is left; no target is told from an empty one by the byte before.
        let has_target = if target.is_some() { HAS_TARGET } else { 0 };
        bytes.push(self.place.lane.number() << LANE_SHIFT | kind | has_target);
        bytes.extend_from_slice(target.unwrap_or_default().as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let customer = take_short_text(&mut rest)?.parse().ok()?;
        let room = take_short_text(&mut rest)?.parse().ok()?;
        let queue_id = QueueId::from_bytes(take_array(&mut rest)?);
        let [epoch, number, ahead_at_issue, issued_at] = [
            take_number(&mut rest)?,
            take_number(&mut rest)?,
            take_number(&mut rest)?,
            take_number(&mut rest)?,
        ];
        let [kind] = take_array(&mut rest)?;
        let target = match kind & HAS_TARGET {
            0 if rest.is_empty() => None,
            HAS_TARGET if rest.len() <= TARGET_BYTES_MAX => Some(str::from_utf8(rest).ok()?.to_owned()),
            _ => return None,
        };
        let number = if kind & IS_ENTRY == 0 { PlaceNumber::Tag(number) } else { PlaceNumber::Entry(number) };
        let place = Place { lane: Lane::new(kind >> LANE_SHIFT)?, number };
        let issued_at = Timestamp::from_millis(issued_at);
        Some(Self { customer, room, queue_id, epoch, place, ahead_at_issue, issued_at, target })
    }
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    take_array(rest).map(u64::from_be_bytes)
}

fn take_short_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let [len] = take_array(rest)?;
    let (taken, left) = rest.split_at_checked(usize::from(len))?;
    *rest = left;
    str::from_utf8(taken).ok()
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({}/{}, ..)", self.customer, self.room)
    }
}

/// Why a text is not a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Longer than any ticket.
    #[error("the ticket is longer than {TICKET_BYTES_MAX} bytes")]
    TooLong,
    /// Written by a newer release, or not a ticket at all.
    #[error("the ticket is of a version that this release does not know")]
    UnknownVersion,
    /// The MAC is not that of this account's key over this text.
    #[error("the ticket is not signed with this account's key")]
    Forged,
    /// Genuinely signed, yet not as this release writes tickets.
    #[error("the ticket is signed but cannot be read")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticket_with_the_longest_target_fits_a_cookie() {
        let customer: CustomerId = "c".repeat(50).parse().unwrap();
        let room: RoomId = "r".repeat(20).parse().unwrap();
        let name = Ticket::cookie_name(&customer, &room);
        let mut ticket = Ticket {
            customer,
            room,
            queue_id: QueueId::from_random([1; 16]),
            epoch: u64::MAX,
            place: Place { lane: Lane::ALL[3], number: PlaceNumber::Entry(u64::MAX) },
            ahead_at_issue: u64::MAX,
            issued_at: Timestamp::from_millis(u64::MAX),
            target: Some("t".repeat(TARGET_BYTES_MAX)),
        };
        let key = Key::new(b"k");
        let text = ticket.seal(&key);
        assert!(text.len() <= TICKET_BYTES_MAX && name.len() + 1 + text.len() < 4000, "{}", text.len());
        assert_eq!(Ticket::open(&text, &key), Ok(ticket.clone()));

        ticket.target = Some("t".repeat(TARGET_BYTES_MAX + 1));
        assert_eq!(Ticket::open(&ticket.seal(&key), &key).map(|opened| opened.target), Ok(None));
    }

    #[test]
    fn lanes_and_entries_are_read_as_written_and_the_ordinary_ticket_is_the_one_of_old() {
        let key = Key::new(b"k");
        let mut ticket = Ticket {
            customer: "acme".parse().unwrap(),
            room: "spring24".parse().unwrap(),
            queue_id: QueueId::from_random([1; 16]),
            epoch: 2,
            place: Place::ordinary(4711),
            ahead_at_issue: 9,
            issued_at: Timestamp::from_seconds(1),
            target: None,
        };
        assert_eq!(ticket.to_bytes().last(), Some(&0));
        for lane in Lane::ALL {
            for number in [PlaceNumber::Tag(7), PlaceNumber::Entry(0)] {
                for target in [None, Some("https://shop.example/".to_owned())] {
                    ticket = Ticket { place: Place { lane, number }, target, ..ticket };
                    assert_eq!(Ticket::open(&ticket.seal(&key), &key).as_ref(), Ok(&ticket));
                }
            }
        }
        let mut bytes = Ticket { target: None, ..ticket }.to_bytes();
        *bytes.last_mut().unwrap() = 4 << LANE_SHIFT;
        assert_eq!(Ticket::from_bytes(&bytes), None, "there is no fifth lane");
    }

    #[test]
    fn texts_that_are_no_tickets_are_told_apart() {
        let key = Key::new(b"k");
        assert_eq!(Ticket::open("", &key), Err(TicketError::Forged));
        assert_eq!(Ticket::open("2abc", &key), Err(TicketError::UnknownVersion));
        assert_eq!(Ticket::open(&"1".repeat(TICKET_BYTES_MAX + 1), &key), Err(TicketError::TooLong));
        assert_eq!(Ticket::open(&"1".repeat(100), &key), Err(TicketError::Forged));
        assert_eq!(Ticket::open(&format!("1{}é", "A".repeat(42)), &key), Err(TicketError::Forged));
    }

    #[test]
    fn signed_nonsense_is_malformed() {
        let key = Key::new(b"k");
        let mac = key.derive(PURPOSE).sign(&[b"1", b"AAAA"]);
        let text = format!("1{}AAAA", BASE64URL_NOPAD.encode(mac.as_bytes()));
        assert_eq!(Ticket::open(&text, &key), Err(TicketError::Malformed));
    }
}
