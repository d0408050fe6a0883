//! `mark-before-apply`: claim the id first, then do the work; a claimed id is skipped.
//!
//! No two deliveries can both claim, so there is no race; that is why it looks safe.
//!
//! **What breaks it.** The process dies after the mark and before the effect. The broker delivers the message again, the mark
//! is found, and the message is acknowledged without ever having taken effect. An error of the second statement, or a first
//! one whose reply is lost, does the same.
//!
//! Source: the article, section 5: check, update and mark must be one atomic group; postel-sh/postel, issue 129.

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
    name: "mark-before-apply",
    summary: "mark in one statement, effect in the next",
    twin_of: Some("record-and-check"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&MarkBeforeApply),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model at-least-once
message m0 100
crash m0#1.2
",
    }],
};

/// Adds the amount to the balance if it is the first to mark the id.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let marked = db.execute("INSERT INTO seen VALUES (?1) ON CONFLICT (id) DO NOTHING", [id])?;
    if marked == 1 {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    }
    Ok(())
}

struct MarkBeforeApply;

#[async_trait(?Send)]
impl Plain for MarkBeforeApply {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        if store.put_if_absent(&mark(id), "", None).await? {
            store.add("balance", amount).await?;
        }
        Ok(())
    }
}
