//! `offset-stored-before-processing`: commit the offset of a record that was read, then process it.
//!
//! To the letter the code of [`ack_before_apply`]: what a handler's own acknowledgement
//! is under Kafka is a commit. A consumer with automatic commit that hands its records to a worker does the same.
//!
//! **What breaks it.** The process dies after its commit and before the effect. Whoever has the partition next begins behind
//! the record, and nobody processes it.
//!
//! Source: "it can read the messages, then save its position in the log, and finally process the messages" (Kafka's
//! documentation, 4.6 "Message Delivery Semantics"), which is at most once.

use redeliver_harness::{Anomaly, Contract};

use super::ack_before_apply;
use crate::{
    record_and_check::{KEYS, OBSERVED, SCHEMA},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "offset-stored-before-processing",
    summary: "the offset committed first, then effect and mark in one transaction",
    twin_of: Some("ack-after-effect"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(ack_before_apply::prepared),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model kafka
message m0 100
crash m0#1.2
",
    }],
};
