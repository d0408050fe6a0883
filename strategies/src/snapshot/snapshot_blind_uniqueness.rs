//! `snapshot-blind-uniqueness`: a check that looks everywhere, in a snapshot, and a mark that nobody else writes.
//!
//! The consumer of the retry queue keeps a table of its own. Whoever handles a message looks it up in both tables and writes
//! it into its own one: nothing that was committed is overlooked, and check, entry and mark are one transaction.
//!
//! **What breaks it.** The message is delivered again after the first transaction took its snapshot. Each looks into both
//! tables, neither sees the other, and they write different keys: no conflict, two entries. (It is called write skew. At a
//! level that is serializable the same code holds.)
//!
//! Source: oban-bg/oban, issue 1093 and pull request 1092: unique jobs, looked up under `REPEATABLE READ`, each inserted under
//! an id of its own.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, Isolation, KeyValue, Prepared};

use super::{KEYS, enter};
use crate::{
    handlers::on_key_value_at,
    record_and_check::mark,
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "snapshot-blind-uniqueness",
    summary: "check, entry, and a mark in one of two tables, in a snapshot transaction",
    twin_of: Some("snapshot"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: "",
    observed: &[],
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
overlap m0#1.2
",
    }],
};

/// Writes an entry of the amount under a fresh key, and believes that it does so once for each id. `again` says that it came
/// from the retry queue.
///
/// # Errors
/// Whatever the store says.
pub async fn consume(store: &KeyValue, id: &str, amount: i64, fresh: u64, again: bool) -> Result<(), Error> {
    let (first, retried) = (mark(id), format!("retried:{id}"));
    let tx = store.begin().await?;
    if tx.get(&first).await?.is_some() || tx.get(&retried).await?.is_some() {
        return Ok(());
    }
    enter(&tx, amount, fresh).await?;
    tx.put(if again { &retried } else { &first }, "").await?;
    tx.commit().await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let handler = async |store: &KeyValue, m: &Delivery<i64>| {
        consume(store, m.id(), *m.payload(), m.random(), m.redelivered()).await
    };
    (store == StoreKind::KeyValueAtSnapshot).then(|| on_key_value_at(Isolation::Snapshot, entry, handler))
}
