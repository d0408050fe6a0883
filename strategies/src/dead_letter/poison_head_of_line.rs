//! `poison-head-of-line`: whatever goes wrong is an error, and an error means: again, please.
//!
//! Everything that the handler does is one transaction, and safe in itself. But an amount that the journal refuses it refuses
//! each time.
//!
//! **What breaks it.** No fault at all: a message that always fails. Under Kafka the consumer seeks back to it, later and later,
//! and what stands behind it in its partition is never handled. (Where messages come in any order only the message itself is
//! stuck.)
//!
//! Source: "poison pill" records, as consumers of Kafka call them; spring-projects/spring-kafka, `SeekToCurrentErrorHandler`.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared};
use rusqlite::{Connection, TransactionBehavior};

use super::{KEYS, OBSERVED, SCHEMA, checked};
use crate::{
    record_and_check::mark,
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "poison-head-of-line",
    summary: "what the journal refuses is tried again, and again",
    twin_of: Some("dead-letter"),
    models: &[],
    faults: 1,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Stuck,
        history: "redeliver-history 1
model kafka
message m0 order=a -100
message m1 order=a 300
",
    }],
};

/// Adds the amount to the balance, once for each id.
///
/// # Errors
/// Whatever the database says, and of what it refuses it says that each time.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.execute("INSERT INTO journal VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING", (id, amount))? == 0 {
        return Ok(());
    }
    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    tx.commit()
}

async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    if amount <= 0 {
        return Err(Error::other("no such amount"));
    }
    if tx.put_if_absent(&mark(id), "", None).await? {
        tx.add("balance", amount).await?;
    }
    tx.commit().await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(entry, store, consume, async |store: &KeyValue, m: &Delivery<i64>| {
        consume_key_value(store, m.id(), *m.payload()).await
    })
}
