//! The program as people run it: the real binary, in a process of its own.

mod bad_input;
mod crash;
mod demo;
mod support;
mod together;
