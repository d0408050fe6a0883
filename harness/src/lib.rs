//! The machine of `redeliver`: histories, replay, oracle, search, reports.
//!
//! Users name the facade package `redeliver`, which re-exports what they need from here.

mod delivery;
mod error;
pub mod history;
mod machine;
mod message;
mod outcome;
mod store;

pub use delivery::{DeliveryModel, UnknownModel};
pub use error::Error;
pub use history::History;
pub use message::{Delivery, Message};
pub use outcome::{IntoOutcome, Outcome};
pub use store::{Observation, Process, Store};
