//! Record and check, in one transaction: look the message's id up, apply the effect, write the id down.
//!
//! **Safe because** check, update and mark are one step. The transaction takes the write lock before it looks
//! (`BEGIN IMMEDIATE`), so that no other delivery of the message stands between check and mark; a crash before the commit
//! leaves neither effect nor mark, one after it leaves both.
//!
//! **Needs from the delivery model** nothing but an id that is the same in every delivery of a message. Order does not
//! matter, since additions commute; a repeated delivery may overlap the first, come late or come from another process.
//!
//! **Costs** a row for each message, for as long as duplicates may come (a [`window`](crate::window) says for how long that
//! is), and the write lock from the check on.
//!
//! **When not.** Where the effect does not live in the same database as the marks: then see [`outbox`](crate::outbox),
//! [`two_stores`](crate::two_stores) and [`claim_then_confirm`](crate::claim_then_confirm). Where it takes so long that nobody
//! wants to hold a lock meanwhile: then see [`lease_with_fencing`](crate::lease_with_fencing).
//!
//! Source: the article, section 5; stellarBank/StellarBank, issue 39 (`toctou-check-insert`); dotnetcore/CAP, issue 189
//! (`apply-before-mark`).

pub mod ambiguous_commit_rerun;
pub mod apply_before_mark;
pub mod mark_before_apply;
pub mod toctou_check_insert;

use async_trait::async_trait;
use redeliver_harness::{Contract, Error, KeyValue};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{
    plain::{Consume, Plain},
    registry::{ANY_MODEL, Entry, Strategy},
};

/// One account, and the ids of the messages that were handled. The twins have the same tables.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);
CREATE TABLE seen (id TEXT PRIMARY KEY);";

/// What an outsider sees in the end.
pub const OBSERVED: &[&str] = &["SELECT balance FROM account"];

/// The same of a key-value store: keys that begin so.
pub const KEYS: &[&str] = &["balance"];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "record-and-check",
    summary: "check, update and mark in one transaction",
    twin_of: None,
    models: ANY_MODEL,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&RecordAndCheck),
    witnesses: &[],
};

/// Adds the amount to the balance, once for each id.
///
/// # Errors
/// Whatever the database says; nothing was changed then, unless it is the commit whose outcome is unknown, and the next
/// delivery finds out.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen = tx.query_row("SELECT 1 FROM seen WHERE id = ?1", [id], |_| Ok(())).optional()?;
    if seen.is_some() {
        return Ok(());
    }
    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    tx.execute("INSERT INTO seen VALUES (?1)", [id])?;
    tx.commit()
}

/// The key of the mark of an id.
pub(crate) fn mark(id: &str) -> String {
    format!("seen:{id}")
}

/// The same over the key-value store.
///
/// # Errors
/// As for [`consume`].
pub async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    if tx.get(&mark(id)).await?.is_some() {
        return Ok(());
    }
    tx.add("balance", amount).await?;
    tx.put(&mark(id), "").await?;
    tx.commit().await
}

struct RecordAndCheck;

#[async_trait(?Send)]
impl Plain for RecordAndCheck {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        consume_key_value(store, id, amount).await
    }
}
