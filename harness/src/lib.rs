//! The machine of `redeliver`: histories, replay, oracle, search, reports.
//!
//! Users name the facade package `redeliver`, which re-exports what they need from here.

mod check;
mod contract;
mod delivery;
mod error;
mod harness;
pub mod history;
mod invariants;
mod machine;
#[doc(hidden)]
pub mod measure;
mod message;
mod messages;
mod oracle;
mod outcome;
mod prepared;
mod report;
mod search;
mod store;
mod subject;
pub mod suite;
#[cfg(feature = "tower")]
pub mod tower;
mod verdict;
mod world;

#[doc(hidden)]
pub use check::Explored;
pub use check::{Fuzzer, fuzz};
pub use contract::{Contract, Guarantee, InFlight};
pub use delivery::{DeliveryModel, UnknownModel};
pub use error::Error;
pub use harness::Harness;
pub use history::History;
pub use message::{Delivery, Message};
pub use messages::Messages;
pub use oracle::Anomaly;
pub use outcome::{IntoOutcome, Outcome};
pub use prepared::Prepared;
pub use search::complete::{Bounds, Progress, Watcher};
#[cfg(feature = "sqlite")]
pub use store::sqlite;
#[cfg(feature = "sqlite")]
pub use store::sqlite::Sqlite;
pub use store::{Effects, Isolation, KeyValue, KeyValueTransaction, Observation, Process, Receipt, Store};
pub use verdict::{Complete, Counterexample, Inconclusive, Searched, Verdict};

/// A public dependency: its strategies generate messages.
pub use proptest;
/// A public dependency: the connections that are stepped are its.
#[cfg(feature = "sqlite")]
pub use rusqlite;
