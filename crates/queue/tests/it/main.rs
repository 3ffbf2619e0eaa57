//! How a room behaves, seen from outside: the engine alone, and nodes over a store.

mod engine;
mod invariants;
mod nodes;
mod room;
