//! The private service: configure, publish, and see who runs which version
