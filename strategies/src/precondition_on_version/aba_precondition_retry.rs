//! `aba-precondition-retry`: the change says which balance it needs, and a balance comes back.
//!
//! It is [`precondition_on_value`], put to work where a message may come again.
//!
//! **What breaks it.** `m0` makes 100 of 0 and its acknowledgement is lost; `m1` makes 0 of 100. Then `m0` comes again, finds
//! the 0 that it needs, and makes 100 of it.
//!
//! Source: the article, sections 4 and 7: "if 500, then add 100", and ABA.

use redeliver_harness::{Anomaly, Contract};

use crate::{
    precondition_on_value::{self, KEYS, OBSERVED, SCHEMA},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "aba-precondition-retry",
    summary: "change in one statement, if the balance is the one before",
    twin_of: Some("precondition-on-version"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(precondition_on_value::prepared),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
# m0 makes 100 of 0, m1 makes 0 of 100
message m0 seed=0
message m1 seed=1
lose-ack m0#1
",
    }],
};
