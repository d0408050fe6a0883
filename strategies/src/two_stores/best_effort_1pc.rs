//! `best-effort-1pc`: a transaction in each database, open side by side, and the two commits at the very end.
//!
//! Whatever can go wrong with the statements goes wrong before anything is committed; what is left is the moment between two
//! commits. The one with the mark comes last, so that nothing is lost.
//!
//! **What breaks it.** The process dies in that moment. The amount has arrived, and neither has it left nor is there a mark:
//! the message is delivered again, and it arrives once more. (With the commits the other way round it is lost instead.)
//!
//! Source: spring-projects/spring-kafka, issue 1699: the database's commit and the broker's are two commits, and their order
//! decides whether the gap repeats or loses.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared, sqlite::Sqlite};
use rusqlite::TransactionBehavior;

use super::checked;
use crate::{
    record_and_check::{KEYS, OBSERVED, SCHEMA, mark},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "best-effort-1pc",
    summary: "a transaction in each of two databases, and one mark for both",
    twin_of: Some("two-stores"),
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
# BEGIN, SELECT, UPDATE, INSERT here; BEGIN, UPDATE, COMMIT there; and never the COMMIT here
crash m0#1.8
",
    }],
};

/// Moves the amount from the account of one database to that of the other, and believes that the two commits are one.
///
/// # Errors
/// Whatever a database says.
pub async fn consume(from: &Sqlite, to: &Sqlite, id: &str, amount: i64) -> rusqlite::Result<()> {
    let debit = from.begin(TransactionBehavior::Immediate).await?;
    let seen: i64 = debit.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |row| row.get(0)).await?;
    if seen > 0 {
        return Ok(());
    }
    debit.execute("UPDATE account SET balance = balance - ?1", [amount]).await?;
    debit.execute("INSERT INTO seen VALUES (?1)", [id]).await?;
    let credit = to.begin(TransactionBehavior::Immediate).await?;
    credit.execute("UPDATE account SET balance = balance + ?1", [amount]).await?;
    credit.commit().await?;
    debit.commit().await
}

async fn consume_key_value(from: &KeyValue, to: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let debit = from.begin().await?;
    if debit.get(&mark(id)).await?.is_some() {
        return Ok(());
    }
    debit.add("balance", -amount).await?;
    debit.put(&mark(id), "").await?;
    let credit = to.begin().await?;
    credit.add("balance", amount).await?;
    credit.commit().await?;
    debit.commit().await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(
        entry,
        store,
        async |(from, to): &(Sqlite, Sqlite), m: &Delivery<i64>| consume(from, to, m.id(), *m.payload()).await,
        async |(from, to): &(KeyValue, KeyValue), m: &Delivery<i64>| {
            consume_key_value(from, to, m.id(), *m.payload()).await
        },
    )
}
