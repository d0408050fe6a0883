//! `process-local-guard`: the set in memory, and nothing behind it.
//!
//! Within one process it is right: whoever is first claims the id, and gives it up if the database says no.
//!
//! **What breaks it.** There is a second process, which knows nothing of the first one's memory; and after a restart there is
//! no first one either.
//!
//! Source: mikenelsonjr/Accelerators, issue 13; OpenHikmah/openhikmah-web, issue 517: a second instance does not see the set.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared, sqlite::Sqlite};

use super::Guarded;
use crate::{
    handlers::in_a_process,
    record_and_check::{KEYS, OBSERVED, SCHEMA},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "process-local-guard",
    summary: "a set in memory, then the effect",
    twin_of: Some("in-process-guard"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
overlap m0#1.1
",
    }],
};

/// Adds the amount to the balance, and believes that it does so once for each id.
///
/// # Errors
/// Whatever the database says.
pub async fn consume(process: &Guarded<Sqlite>, id: &str, amount: i64) -> rusqlite::Result<()> {
    if !process.learn(id) {
        return Ok(());
    }
    let update = move |connection: &mut rusqlite::Connection| {
        connection.execute("UPDATE account SET balance = balance + ?1", [amount])
    };
    process.durable.call(update).await.map(drop).inspect_err(|_| process.forget(id))
}

async fn consume_key_value(process: &Guarded<KeyValue>, id: &str, amount: i64) -> Result<(), Error> {
    if !process.learn(id) {
        return Ok(());
    }
    process.durable.add("balance", amount).await.map(drop).inspect_err(|_| process.forget(id))
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let on_sqlite = async |process: &Guarded<Sqlite>, m: &Delivery<i64>| consume(process, m.id(), *m.payload()).await;
    let on_key_value =
        async |process: &Guarded<KeyValue>, m: &Delivery<i64>| consume_key_value(process, m.id(), *m.payload()).await;
    in_a_process(entry, store, (Guarded::start, on_sqlite), (Guarded::start, on_key_value))
}
