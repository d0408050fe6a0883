//! `redeliver` delivers your messages again: twice, late, out of order, to two processes at once, and in the middle of a
//! crash. It shows the smallest history in which that mattered, or says how much it searched without finding one.

#[doc(hidden)]
pub use redeliver_harness::Survey;
pub use redeliver_harness::{
    Anomaly, Delivery, DeliveryModel, Error, Harness, History, IntoOutcome, KeyValue, KeyValueTransaction, Message,
    Messages, Observation, Outcome, Process, Store, UnknownModel, history,
};
