//! One request in, one decision out: the connector of a protected site. It decides from nothing but the
//! request, the time and the last good integration config, and it says what to fetch and what to accept to keep
//! that config current. It does not know how bytes travel or where they are kept, nor which framework hosts it:
//! a host hands it texts and does what it says.
//!
//! A host needs four modules. [`refresh`] keeps the config current and gives out a [`policy`] whenever a
//! newer one comes into force; the policy looks at a request through a [`view`] and answers with a [`decision`].
//! Where a decision rests on what a waiting room says at that moment, the policy gives out a question first: see
//! [`ask`]. What is off unless a host turns it on stands in [`features`].

pub mod ask;
mod cookies;
pub mod decision;
pub mod enqueue_token;
pub mod explain;
pub mod features;
pub mod normalize;
pub mod policy;
pub mod refresh;
pub mod set_cookie;
pub mod settings;
mod triggers;
pub mod url_parts;
pub mod view;
