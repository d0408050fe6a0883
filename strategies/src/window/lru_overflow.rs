//! `lru-overflow`: the ids that came last are remembered, as many as there is room for.
//!
//! The size is right on any day on which duplicates follow soon. Here it is one, so that two messages are enough to see it;
//! with a thousand it takes a thousand, as after a crash that left a long backlog.
//!
//! **What breaks it.** `m0` is handled and its acknowledgement is lost; other messages push its id out of the table; then `m0`
//! comes again.
//!
//! Source: noxdafox/rabbitmq-message-deduplication, issues 3 and 80; Apache Camel's `MemoryIdempotentRepository`, which
//! remembers 1,000.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{
    plain::{Consume, Plain},
    record_and_check::{KEYS, OBSERVED, SCHEMA},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// So many ids are remembered.
pub const CAPACITY: usize = 1;

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "lru-overflow",
    summary: "check, update and mark in one transaction, and a table of marks that overflows",
    twin_of: Some("window"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&LruOverflow),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
message m1 300
lose-ack m0#1
",
    }],
};

/// Adds the amount to the balance, once for each id that is remembered.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.query_row("SELECT 1 FROM seen WHERE id = ?1", [id], |_| Ok(())).optional()?.is_some() {
        return Ok(());
    }
    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    tx.execute("INSERT INTO seen VALUES (?1)", [id])?;
    tx.execute("DELETE FROM seen WHERE rowid <= (SELECT max(rowid) FROM seen) - ?1", [CAPACITY as i64])?;
    tx.commit()
}

struct LruOverflow;

#[async_trait(?Send)]
impl Plain for LruOverflow {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        let tx = store.begin().await?;
        let seen = tx.get("seen").await?.unwrap_or_default();
        let seen: Vec<&str> = seen.split_whitespace().collect();
        if seen.contains(&id) {
            return Ok(());
        }
        tx.add("balance", amount).await?;
        let latest: Vec<&str> = [id].into_iter().chain(seen).take(CAPACITY).collect();
        tx.put("seen", &latest.join(" ")).await?;
        tx.commit().await
    }
}
