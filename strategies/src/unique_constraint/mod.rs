//! A unique constraint: a journal of transfers refuses the second row, and the update stands or falls with the row.
//!
//! **Safe because** the database itself refuses a second row for one transfer and account, and the row and the update are
//! one transaction: there is a row exactly where there was an update. The refusal, and no other error, means "handled
//! already".
//!
//! **Needs from the delivery model** nothing but that every delivery of a message carries the same transfer id. Duplicates
//! may overlap, come late, or come from another process: the constraint is the database's, not the process's.
//!
//! **Costs** a row for each transfer and account, for as long as duplicates may come. Where the journal is kept anyway it costs
//! nothing but the constraint.
//!
//! **When not.** Where the update is not in the same database as the row. Where it may come later, the article applies the
//! journal in the background, which is a strategy of its own: see [`journal_applier`](crate::journal_applier).
//!
//! Source: the article, section 3; the documentation of Apache Camel's JDBC repository, whose table comes without a constraint
//! and which tells those with several consumers to add one (`dedup-table-without-unique`).

pub mod dedup_table_without_unique;
pub mod row_before_update;

use async_trait::async_trait;
use redeliver_harness::{Contract, Error, KeyValue};
use rusqlite::{Connection, ffi::SQLITE_CONSTRAINT_UNIQUE};

use crate::{
    plain::{Consume, Plain},
    registry::{ANY_MODEL, Entry, Strategy},
};

/// The account that every transfer goes to.
pub const ACCOUNT: &str = "666";

/// One account and the journal of transfers.
pub const SCHEMA: &str = "CREATE TABLE account (id TEXT PRIMARY KEY, balance INTEGER NOT NULL);
INSERT INTO account VALUES ('666', 0);
CREATE TABLE journal (transfer TEXT NOT NULL, account TEXT NOT NULL, amount INTEGER NOT NULL, UNIQUE (transfer, account));";

/// What an outsider sees in the end: the journal too, since a balance that it does not explain is wrong.
pub const OBSERVED: &[&str] = &["SELECT id, balance FROM account", "SELECT transfer, account, amount FROM journal"];

/// The same of a key-value store: keys that begin so.
pub const KEYS: &[&str] = &["balance", "journal"];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "unique-constraint",
    summary: "journal row under a unique constraint and update in one transaction",
    twin_of: None,
    models: ANY_MODEL,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&UniqueConstraint),
    witnesses: &[],
};

/// Writes the transfer down and changes the balance, unless it stands in the journal already.
///
/// # Errors
/// Whatever the database says; nothing was changed then, unless it is the commit whose outcome is unknown, and the next
/// delivery finds out.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    // The first statement writes, so it takes the lock: there is no snapshot to grow stale, and `BEGIN` will do.
    let tx = db.transaction()?;
    match tx.execute("INSERT INTO journal VALUES (?1, ?2, ?3)", (id, ACCOUNT, amount)) {
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == SQLITE_CONSTRAINT_UNIQUE => {
            return Ok(());
        }
        inserted => inserted?,
    };
    tx.execute("UPDATE account SET balance = balance + ?1 WHERE id = ?2", (amount, ACCOUNT))?;
    tx.commit()
}

struct UniqueConstraint;

#[async_trait(?Send)]
impl Plain for UniqueConstraint {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        // This store's way to refuse is to put only what is absent.
        let tx = store.begin().await?;
        if !tx.put_if_absent(&format!("journal:{id}:{ACCOUNT}"), &amount.to_string(), None).await? {
            return Ok(());
        }
        tx.add(&format!("balance:{ACCOUNT}"), amount).await?;
        tx.commit().await
    }
}
