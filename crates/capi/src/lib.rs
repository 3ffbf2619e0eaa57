//! The connector and the enqueue token for hosts that are not written in Rust: a small C interface, described by
//! `include/anteroom.h`. It carries texts in and decisions out. It does not know any rule of the connector, and neither
//! transport, files nor threads: a host downloads the integration config, hands it over and does what a decision says.
//!
//! This is the only crate with unsafe code: what a caller points at becomes values and back in `memory`, and the exported
//! functions promise on the caller's behalf what stands in their *Safety* sections. The rest is ordinary Rust.
//!
//! # What holds for every function
//!
//! * A text is a pointer and a length in bytes. Texts that go in are UTF-8 and need no zero byte at their end; a null
//!   pointer with length 0 is the empty text, which stands for "not given". Texts that come out are followed by a zero
//!   byte that is not counted.
//! * Whatever goes in is only read during the call. What comes out belongs to the library and is given back by the free
//!   function of its kind, which also empties the caller's variable, so that giving the same variable back twice does
//!   nothing. A copy of a variable that was given back must not be used: nobody can notice that.
//! * Each function that can fail returns an [`AnteroomStatus`], and, where the caller wants it, one sentence or more for
//!   people. No message holds a key, a queue token, a cookie or a visitor's address.
//! * No panic crosses the interface. One that happens all the same is [`ANTEROOM_STATUS_PANIC`], and the engine can be
//!   used further.
//! * An engine may be used by any number of threads at once, also while its config is replaced; only
//!   [`anteroom_engine_free`] must be alone.
//! * Structs begin with their size. A caller that was compiled with an older header works with a newer library, and the
//!   other way round as long as the caller leaves what is new at zero.

#![warn(clippy::multiple_unsafe_ops_per_block)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must be caught at the interface, so this library needs panic = \"unwind\"");

mod abi;
mod decide;
mod decision;
mod engine;
mod enqueue_token;
mod failure;
mod memory;
mod reason;
mod request;

pub use abi::*;
pub use decide::{anteroom_decide, anteroom_decision_free};
pub use engine::{
    AnteroomEngine, anteroom_engine_create, anteroom_engine_describe, anteroom_engine_free,
    anteroom_engine_update, anteroom_engine_warnings,
};
pub use enqueue_token::anteroom_enqueue_token_create;
pub use failure::*;
pub use memory::anteroom_text_free;
pub use reason::*;

/// The version of this interface. It grows when something is added; what is there does not change.
pub const ANTEROOM_ABI_VERSION: u32 = 1;

/// The version of the interface that the library has. A caller refuses one that is smaller than the
/// `ANTEROOM_ABI_VERSION` it was compiled with.
#[unsafe(no_mangle)]
pub extern "C" fn anteroom_abi_version() -> u32 {
    ANTEROOM_ABI_VERSION
}

/// The version of the library, for logs. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn anteroom_library_version() -> AnteroomText {
    AnteroomText::of_terminated(concat!(env!("CARGO_PKG_VERSION"), "\0"))
}
