//! Law 6, agreement: generated handlers and a plain enumerator that judges them.
//!
//! `program` is the handlers: small lists of instructions over an abstract store, and `generate` makes them. `simulate` says
//! what one step does to a whole system (broker, processes, and the stores of `bank`), `schedule` which step comes next, and
//! `enumerate` takes every branch of it by cloning states, and `right` judges their ends. All of that is written from the design and shares nothing with the
//! harness: no coordinate is ever replayed here. `by_hand` holds it against cases that were counted by hand.
//!
//! `on_key_value` and `on_sqlite` are the same programs as handlers that the harness runs. `agreement` holds its search
//! against the enumerator (law 6), `stores` one store against the other (law 9).

mod agreement;
mod bank;
mod by_hand;
mod by_hand_leases;
mod by_hand_replies;
mod by_hand_tasks;
mod enumerate;
pub mod generate;
pub mod on_key_value;
pub mod on_sqlite;
pub mod program;
mod right;
mod schedule;
mod simulate;
mod stores;
