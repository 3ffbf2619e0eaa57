//! How a room behaves, seen from outside: the engine alone, and nodes over a store.

mod damage;
mod draw;
mod drift;
mod engine;
mod everything;
mod invariants;
mod lanes;
mod limits;
mod losses;
mod modes;
mod nodes;
mod room;
mod schedule;
mod several;
mod starts;
