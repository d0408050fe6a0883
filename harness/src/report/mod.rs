//! Reports: pure functions from what is known to what a person reads.
//!
//! [`Screen`] is the counterexample on one screen, the same in a panic message and on the command line; [`passed`](fn@passed) and
//! [`inconclusive`](fn@inconclusive) say how far a search went. Everything here is made from values that were recorded; nothing is replayed,
//! judged or written anywhere.

mod alike;
mod extent;
mod faults;
mod json;
mod layout;
mod observed;
mod passed;
mod screen;
mod steps;
mod text;
mod titles;
mod why;

#[cfg(test)]
mod tests;

pub(crate) use json::{Told, json};
pub(crate) use passed::{Usual, inconclusive, passed};
pub(crate) use screen::Screen;
