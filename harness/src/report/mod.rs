//! Reports: pure functions from what is known to what a person reads.
//!
//! [`trace`] is a whole replay in words. Everything here is made from values that were recorded; nothing is replayed,
//! judged or written anywhere.

mod faults;
mod layout;
mod observed;
mod steps;
mod text;
mod titles;
mod why;

pub(crate) use steps::trace;
