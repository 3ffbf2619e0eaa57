//! The protection scope: from a draft to the document that connectors get, and what is wrong with it on the way. Pure:
//! handed a draft and what the account has, gives bytes and problems.

mod check;
mod document;
mod fields;

pub(crate) use check::{Findings, Surroundings, check};
pub(crate) use document::{Heading, compose};
