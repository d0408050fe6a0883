//! `apply-before-mark`: check and effect in one transaction, the mark in the next.
//!
//! **What breaks it.** The process dies after the effect was committed and before the mark was. The broker delivers the
//! message again, the check finds no mark, and the effect comes a second time.
//!
//! Source: the article, section 5: check, update and mark must be one atomic group; dotnetcore/CAP, issue 189.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{KEYS, OBSERVED, SCHEMA, mark};
use crate::{
    plain::{Consume, Plain},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "apply-before-mark",
    summary: "effect in one transaction, mark in the next",
    twin_of: Some("record-and-check"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&ApplyBeforeMark),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
# BEGIN, SELECT, UPDATE, COMMIT, and never the INSERT
crash m0#1.5
",
    }],
};

/// Adds the amount to the balance, then remembers that it did.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.query_row("SELECT 1 FROM seen WHERE id = ?1", [id], |_| Ok(())).optional()?.is_some() {
        return Ok(());
    }
    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    tx.commit()?;
    db.execute("INSERT INTO seen VALUES (?1) ON CONFLICT (id) DO NOTHING", [id])?;
    Ok(())
}

struct ApplyBeforeMark;

#[async_trait(?Send)]
impl Plain for ApplyBeforeMark {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        let tx = store.begin().await?;
        if tx.get(&mark(id)).await?.is_some() {
            return Ok(());
        }
        tx.add("balance", amount).await?;
        tx.commit().await?;
        store.put(&mark(id), "").await
    }
}
