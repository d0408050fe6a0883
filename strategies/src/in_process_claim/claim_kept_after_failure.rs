//! `claim-kept-after-failure`: the claim is taken for the mark, and stands whatever becomes of the message.
//!
//! **What breaks it.** The transaction fails, the message comes again, and its own claim answers for it. A restart would help; nothing
//! restarts.
//!
//! Source: by the reasoning of `orphan-claim`, in memory.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared, sqlite::Sqlite};

use super::Claiming;
use crate::{
    handlers::in_a_process,
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "claim-kept-after-failure",
    summary: "a claim in memory for good, then effect and mark in one transaction",
    twin_of: Some("in-process-claim"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model at-least-once
message m0 100
fail m0#1.1
",
    }],
};

/// Adds the amount to the balance, and believes that it does so once for each id.
///
/// # Errors
/// Whatever the database says.
pub async fn consume(process: &Claiming<Sqlite>, id: &str, amount: i64) -> rusqlite::Result<()> {
    if !process.claims.claim(id.to_owned()) {
        return Ok(());
    }
    let own = id.to_owned();
    process.durable.call(move |connection| record_and_check::consume(connection, &own, amount)).await
}

async fn consume_key_value(process: &Claiming<KeyValue>, id: &str, amount: i64) -> Result<(), Error> {
    if !process.claims.claim(id.to_owned()) {
        return Ok(());
    }
    record_and_check::consume_key_value(&process.durable, id, amount).await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let on_sqlite = async |process: &Claiming<Sqlite>, m: &Delivery<i64>| consume(process, m.id(), *m.payload()).await;
    let on_key_value =
        async |process: &Claiming<KeyValue>, m: &Delivery<i64>| consume_key_value(process, m.id(), *m.payload()).await;
    in_a_process(entry, store, (Claiming::start, on_sqlite), (Claiming::start, on_key_value))
}
