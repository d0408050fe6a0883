#![doc = include_str!("../README.md")]

mod bodies;
// Law 6's programs, and what they are held against. What only its tests use is not used here.
#[path = "../../tests/it/judge/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of the same modules use the rest")]
mod judge;

pub use bodies::{Cells, handlers, key_value_vs_sqlite, line, replay, text};
