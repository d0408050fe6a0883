//! De-duplication strategies, each beside the broken twins that `redeliver` must catch.
//!
//! A *strategy* is a handler that shows one way to de-duplicate. Each is written twice, as plain `rusqlite` and over the
//! key-value store, in a file of its own; its folder holds its broken twins. [`registry`] lists them all; [`run`] checks one
//! of them; [`expected`] reads what each twin must be convicted of, and a [`trial`] finds out whether it is.
//!
//! What is not here: anything that judges. This crate knows the harness by its public face only.

pub mod ack_after_effect;
pub mod claim_then_confirm;
pub mod claims;
pub mod dead_letter;
pub mod expected;
pub mod in_process_claim;
pub mod in_process_guard;
pub mod journal_applier;
pub mod lease_with_fencing;
pub mod natural;
pub mod outbox;
pub mod plain;
pub mod precondition_on_value;
pub mod precondition_on_version;
pub mod record_and_check;
pub mod registry;
pub mod run;
pub mod sharded_dedup;
pub mod snapshot;
pub mod stored_reply;
pub mod trial;
pub mod two_stores;
pub mod unique_constraint;
pub mod window;
pub mod witness;

pub use registry::{Entry, Strategy, all, named};
pub use run::{Options, StoreKind, check, replay};
pub use witness::Witness;

mod handlers;
#[cfg(test)]
mod in_sequence;
