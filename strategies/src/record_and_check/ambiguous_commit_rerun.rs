//! `ambiguous-commit-rerun`: one transaction, in a wrapper that runs it once more after any error.
//!
//! The check holds under the write lock, so that no two deliveries pass it; the wrapper repeats what comes after the check.
//!
//! **What breaks it.** An error of `COMMIT` does not say that nothing was committed: the connection may have broken after it
//! took effect. The wrapper runs the body again, the upsert of the mark does not complain, and the effect comes a second
//! time, in a single delivery.
//!
//! What would mend it: check again in each attempt, or let the mark's `INSERT` fail where it stands already.
//!
//! Source: the article, sections 2 and 5; the wrapper is what clients of databases offer as a retry policy;
//! dotnet/efcore, issue 22904.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue, KeyValueTransaction};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{KEYS, OBSERVED, SCHEMA, mark};
use crate::{
    plain::{Consume, Plain},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "ambiguous-commit-rerun",
    summary: "the body runs again after a commit whose reply was lost",
    twin_of: Some("record-and-check"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&AmbiguousCommitRerun),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
# BEGIN, SELECT, UPDATE, INSERT, COMMIT
lose-reply m0#1.5
",
    }],
};

/// Adds the amount to the balance unless the id was seen, and tries that twice.
///
/// # Errors
/// Whatever the database says the second time.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.query_row("SELECT 1 FROM seen WHERE id = ?1", [id], |_| Ok(())).optional()?.is_some() {
        return Ok(());
    }
    if body(tx, id, amount).is_ok() {
        return Ok(());
    }
    body(db.transaction_with_behavior(TransactionBehavior::Immediate)?, id, amount)
}

fn body(tx: Transaction<'_>, id: &str, amount: i64) -> rusqlite::Result<()> {
    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    tx.execute("INSERT INTO seen VALUES (?1) ON CONFLICT (id) DO NOTHING", [id])?;
    tx.commit()
}

async fn body_key_value(tx: KeyValueTransaction, id: &str, amount: i64) -> Result<(), Error> {
    tx.add("balance", amount).await?;
    tx.put(&mark(id), "").await?;
    tx.commit().await
}

struct AmbiguousCommitRerun;

#[async_trait(?Send)]
impl Plain for AmbiguousCommitRerun {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        let tx = store.begin().await?;
        if tx.get(&mark(id)).await?.is_some() {
            return Ok(());
        }
        if body_key_value(tx, id, amount).await.is_ok() {
            return Ok(());
        }
        body_key_value(store.begin().await?, id, amount).await
    }
}
