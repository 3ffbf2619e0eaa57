//! The behaviour of the protocol: the golden cases of `vectors/`, what must never open, and what a config document
//! may look like.

mod cases;
mod forgeries;
mod integration;
mod vectors;
