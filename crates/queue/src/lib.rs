//! The line: who may go, and when; and how several processes agree on it.
//!
//! Everything about fairness and rate is decided here, and only here. The crate is pure: commands, the time and
//! bytes come in; outcomes, bytes to keep and figures to show go out. It knows no ticket text, no MAC, no page,
//! no store and no clock.
//!
//! * [`settings`]: what an operator sets for a room.
//! * [`engine`]: one step of a room, from a state and a batch of commands to the next state and its outcomes.
//! * [`snapshot`]: the read side, from a tag to a place, a wait, and when to ask again.
//! * [`draw`]: from an entry index to a random place, and how anybody checks it.
//! * [`node`]: one process's share in a room: gathers, asks to load and to save, tries again.
//!
//! Inside, [`engine`] rests on `lanes` (virtual time, tags, and who shares the capacity how), `gate` (the limit on
//! redirects), `presence` (who has been called and did not come), `schedule` (before, pre-queue, start, end), `ramp` (a
//! slow start), `active` (who is inside) and `state` (what is kept, and what time does to it).

mod active;
pub mod broken;
pub mod command;
pub mod draw;
pub mod engine;
mod gate;
mod heal;
mod lanes;
pub mod node;
mod operate;
mod per_lane;
mod presence;
mod ramp;
mod record;
mod schedule;
pub mod settings;
pub mod snapshot;
mod state;
mod tally;
mod written;

pub use anteroom_protocol::place::{LANES_MAX, Lane, Place, PlaceNumber};
pub use command::{AdmittedBy, Command, KeyDigest, Outcome, RecordId, Refusal, SpentReason};
pub use settings::Settings;
