//! How a room behaves, seen from outside: the engine alone, and nodes over a store.

mod draw;
mod engine;
mod invariants;
mod losses;
mod nodes;
mod room;
mod several;
