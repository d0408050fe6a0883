//! `cached-error-replayed`: whatever the first request came to is its answer, an error too.
//!
//! **What breaks it.** One error that would have passed: the database is locked for a moment, or a connection breaks. It is
//! kept under the key, and every retry hears it again, however well the database is by then.
//!
//! Source: Stripe's documentation of idempotent requests, which says that it does so on purpose; KeeperHub/keeperhub, pull
//! request 1849.

use redeliver_harness::{Anomaly, Error, KeyValue, Prepared};
use rusqlite::{Connection, OptionalExtension};

use super::{Answer, KEYS, OBSERVED, checked, contract};
use crate::{
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// One account, what was asked and answered under each key, and what failed.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);
CREATE TABLE answer (key TEXT PRIMARY KEY, amount INTEGER NOT NULL, balance INTEGER NOT NULL);
CREATE TABLE failure (key TEXT PRIMARY KEY);";

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "cached-error-replayed",
    summary: "effect and reply under the key in one transaction; what failed is kept as the answer",
    twin_of: Some("stored-reply"),
    models: &[],
    faults: 2,
    contract,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Stuck,
        history: "redeliver-history 1
model request-reply
message m0 100
# the transaction's BEGIN, behind the look for an error
fail m0#1.2
",
    }],
};

/// Adds the amount to the balance, once for each key, unless that failed before.
///
/// # Errors
/// Whatever the database says or said.
pub fn consume(db: &mut Connection, key: &str, amount: i64) -> rusqlite::Result<Answer> {
    if db.query_row("SELECT 1 FROM failure WHERE key = ?1", [key], |_| Ok(())).optional()?.is_some() {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let answer = super::consume(db, key, amount);
    if answer.is_err() {
        db.execute("INSERT INTO failure VALUES (?1) ON CONFLICT (key) DO NOTHING", [key])?;
    }
    answer
}

async fn consume_key_value(store: &KeyValue, key: &str, amount: i64) -> Result<Answer, Error> {
    let failure = format!("failure:{key}");
    if store.get(&failure).await?.is_some() {
        return Err(Error::other("as before"));
    }
    let answer = super::consume_key_value(store, key, amount).await;
    if answer.is_err() {
        store.put(&failure, "").await?;
    }
    answer
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(entry, store, consume, async |store: &KeyValue, key: &str, amount: i64| {
        consume_key_value(store, key, amount).await
    })
}
