//! The behaviour of the connector: the golden cases of `vectors/`, and what must hold for every request.

mod cases;
mod vectors;
