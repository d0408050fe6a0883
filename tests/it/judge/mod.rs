//! Law 6, agreement: generated handlers and a plain enumerator that judges them.
//!
//! `program` is the handlers: small lists of instructions over an abstract store, and `generate` makes them. `simulate` says
//! what one step does to a whole system (store, broker, processes), `schedule` which step comes next, and `enumerate` takes
//! every branch of it by cloning states. All of that is written from the design and shares nothing with the harness: no
//! coordinate is ever replayed here. `agreement` holds the two against each other.

mod agreement;
mod by_hand;
mod enumerate;
mod generate;
mod on_stores;
mod program;
mod schedule;
mod simulate;
