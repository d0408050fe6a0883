//! `toctou-check-insert`: record and check in three steps, which two deliveries can take at the same time.
//!
//! **What breaks it.** Between the check and the mark stands nothing. The message is delivered again to another process
//! while the first has looked and not yet marked; both find the id absent, and both add. (A crash between the effect and the
//! mark breaks it too: see [`apply_before_mark`](super::apply_before_mark).) The primary key of `seen` refuses the second
//! mark, too late: the effect stands.
//!
//! Source: the article, section 5, where two consumers check at t0 and t1 and the account gets 200; stellarBank/StellarBank,
//! issue 39.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue};
use rusqlite::Connection;

use super::{KEYS, OBSERVED, SCHEMA, mark};
use crate::{
    plain::{Consume, Plain},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "toctou-check-insert",
    summary: "check, update and mark in three steps",
    twin_of: Some("record-and-check"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&ToctouCheckInsert),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
overlap m0#1.2
",
    }],
};

/// Adds the amount to the balance, and believes that it does so once for each id.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let seen: i64 = db.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |row| row.get(0))?;
    if seen == 0 {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        db.execute("INSERT INTO seen VALUES (?1)", [id])?;
    }
    Ok(())
}

struct ToctouCheckInsert;

#[async_trait(?Send)]
impl Plain for ToctouCheckInsert {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        if store.get(&mark(id)).await?.is_none() {
            store.add("balance", amount).await?;
            store.put(&mark(id), "").await?;
        }
        Ok(())
    }
}
