//! Virtual time and tags.
