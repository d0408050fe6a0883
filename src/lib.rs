//! `redeliver` delivers your messages again: twice, late, out of order, to two processes at once, and in the middle of a
//! crash. It shows the smallest history in which that mattered, or says how much it searched without finding one.
//!
//! A message queue delivers at least once, so a handler must survive its own duplicates. What makes that safe is the handler:
//! *at least once + idempotent handling = exactly once*. This crate checks it from `cargo test`: you give what is durable and
//! the handler, unchanged; it replays delivery histories with duplicates, overlaps, crashes and lost acknowledgements, and
//! holds what can be seen in the end against runs in which each message was delivered once. You write no model.
//!
//! ```
//! use redeliver::{Delivery, Harness, Sqlite, rusqlite};
//!
//! fn credit(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
//!     let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
//!     if tx.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id])? == 1 {
//!         tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
//!     }
//!     tx.commit()
//! }
//!
//! let schema = "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY);";
//! Harness::new(Sqlite::schema(schema).observe("SELECT balance FROM account"))
//!     .named("credit_is_idempotent")
//!     .faults(1)
//!     .check(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| {
//!         let (id, amount) = (m.id().to_owned(), *m.payload());
//!         db.call(move |c| credit(c, &id, amount)).await
//!     });
//! ```
//!
//! Start at [`Harness`]. What a history is and how it is written stands in [`history`]; what is durable, in [`Store`],
//! [`Sqlite`], [`KeyValue`] and [`Effects`]; what a handler promises, in [`Contract`]. A store of claims of your own is checked by
//! [`suite`].

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(feature = "tower")]
pub use redeliver_harness::tower;
pub use redeliver_harness::{
    Anomaly, Bounds, Complete, Contract, Counterexample, Delivery, DeliveryModel, Effects, Error, Fuzzer, Guarantee,
    Harness, History, InFlight, Inconclusive, IntoOutcome, Isolation, KeyValue, KeyValueTransaction, Message, Messages,
    Observation, Outcome, Prepared, Process, Progress, Receipt, Searched, Store, UnknownModel, Verdict, Watcher, fuzz,
    history,
};
/// What threads of one process claim from each other, in every interleaving, by loom.
#[cfg(feature = "threads")]
pub use redeliver_threads as threads;

#[cfg(feature = "sqlite")]
pub use redeliver_harness::{Sqlite, rusqlite, sqlite};

/// A store of claims of your own, under ready-made cases.
pub use redeliver_harness::suite;

#[doc(hidden)]
pub use redeliver_harness::Explored;

/// proptest, whose strategies generate messages: there a strategy is what is called a *generator* here.
pub use redeliver_harness::proptest;

/// Places for code that holds clients of its own, from the crate `redeliver-point`: that one has no dependencies and may stay
/// in production code.
pub use redeliver_point::{Step, point, step};
