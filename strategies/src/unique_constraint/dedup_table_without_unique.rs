//! `dedup-table-without-unique`: the journal is there, the constraint on it is not.
//!
//! The look before the insert stands in for the constraint; row and update are one transaction, so that no crash comes
//! between them.
//!
//! **What breaks it.** Two deliveries look before either has inserted. Both find nothing, and nothing refuses the second row.
//!
//! Source: the article, section 3, with the constraint forgotten, as in the default table of Apache Camel's JDBC repository.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue};
use rusqlite::Connection;

use super::{ACCOUNT, OBSERVED};
use crate::{
    plain::{Consume, Plain},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// As for the strategy, but for the constraint.
pub const SCHEMA: &str = "CREATE TABLE account (id TEXT PRIMARY KEY, balance INTEGER NOT NULL);
INSERT INTO account VALUES ('666', 0);
CREATE TABLE journal (transfer TEXT NOT NULL, account TEXT NOT NULL, amount INTEGER NOT NULL);";

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "dedup-table-without-unique",
    summary: "a look at the journal, then row and update, and no constraint",
    twin_of: Some("unique-constraint"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: &["balance"],
    strategy: Strategy::Plain(&DedupTableWithoutUnique),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
overlap m0#1.2
",
    }],
};

/// Writes the transfer down and changes the balance, if nobody was seen to have done so.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let sql = "SELECT count(*) FROM journal WHERE transfer = ?1 AND account = ?2";
    let seen: i64 = db.query_row(sql, (id, ACCOUNT), |row| row.get(0))?;
    if seen > 0 {
        return Ok(());
    }
    let tx = db.transaction()?;
    tx.execute("INSERT INTO journal VALUES (?1, ?2, ?3)", (id, ACCOUNT, amount))?;
    tx.execute("UPDATE account SET balance = balance + ?1 WHERE id = ?2", (amount, ACCOUNT))?;
    tx.commit()
}

struct DedupTableWithoutUnique;

#[async_trait(?Send)]
impl Plain for DedupTableWithoutUnique {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        let journal = format!("journal:{id}:{ACCOUNT}");
        if store.get(&journal).await?.is_some() {
            return Ok(());
        }
        // A sum that goes on growing stands for rows that nothing refuses.
        let tx = store.begin().await?;
        tx.add(&journal, amount).await?;
        tx.add(&format!("balance:{ACCOUNT}"), amount).await?;
        tx.commit().await
    }
}
