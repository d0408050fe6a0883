//! Law 6, agreement: generated handlers and a plain enumerator that judges them.
//!
//! `program` is the handlers: small lists of instructions over an abstract store; `cursor` says how they go on, and
//! `generate` makes them. `system` is everything at one moment (broker, deliveries, and the stores of `bank`). `simulate` and
//! `broker` say what one step does to it, `schedule` which step comes next; `enumerate` takes every branch by cloning states,
//! and `right` judges their ends. All of that is written from the design and shares nothing with the harness: no coordinate
//! is ever replayed here. `by_hand` and those beside it hold it against cases that were counted by hand.
//!
//! `on_key_value` and `on_sqlite` are the same programs as handlers that the harness runs. `agreement` holds its search
//! against the enumerator (law 6), `completely` the complete search against one that leaves nothing out, `stores` one store against the other (law 9).

pub mod agreement;
mod bank;
mod broker;
#[cfg(test)]
mod by_hand;
#[cfg(test)]
mod by_hand_leases;
#[cfg(test)]
mod by_hand_replies;
#[cfg(test)]
mod by_hand_tasks;
mod completely;
pub mod cursor;
pub mod enumerate;
pub mod generate;
pub mod on_key_value;
pub mod on_sqlite;
pub mod program;
mod right;
mod schedule;
mod simulate;
pub mod stores;
pub mod system;
