//! `row-before-update`: the journal row in one statement, the update in the next.
//!
//! The constraint refuses every second row, so nothing is ever added twice; that is why it looks safe.
//!
//! **What breaks it.** The process dies after the row was written and before the balance was changed. The message is delivered
//! again, the row is refused, and the update is never made.
//!
//! Source: the article, section 3, where something else reads the journal and makes the update later. Without that reader it
//! is `mark-before-apply`: postel-sh/postel, issue 129.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue};
use rusqlite::{Connection, ffi::SQLITE_CONSTRAINT_UNIQUE};

use super::{ACCOUNT, SCHEMA};
use crate::{
    plain::{Consume, Plain},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "row-before-update",
    summary: "journal row under a unique constraint in one statement, update in the next",
    twin_of: Some("unique-constraint"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: &["SELECT id, balance FROM account"],
    keys: &["balance"],
    strategy: Strategy::Plain(&RowBeforeUpdate),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model at-least-once
message m0 100
crash m0#1.2
",
    }],
};

/// Writes the transfer down, then changes the balance, unless it stands in the journal already.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    match db.execute("INSERT INTO journal VALUES (?1, ?2, ?3)", (id, ACCOUNT, amount)) {
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == SQLITE_CONSTRAINT_UNIQUE => {
            return Ok(());
        }
        inserted => inserted?,
    };
    db.execute("UPDATE account SET balance = balance + ?1 WHERE id = ?2", (amount, ACCOUNT)).map(drop)
}

struct RowBeforeUpdate;

#[async_trait(?Send)]
impl Plain for RowBeforeUpdate {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        if store.put_if_absent(&format!("journal:{id}:{ACCOUNT}"), &amount.to_string(), None).await? {
            store.add(&format!("balance:{ACCOUNT}"), amount).await?;
        }
        Ok(())
    }
}
