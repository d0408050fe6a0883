//! `body-not-in-identity`: the key alone says which request it is.
//!
//! **What breaks it.** No fault at all: another request under a used key (a client that draws its keys badly, or changes a
//! form and sends it with the key of before). It is answered with the reply to the first, as if all were well, and its amount
//! is never added.
//!
//! Source: the IETF's draft of the `Idempotency-Key` header, which asks for 422 here; NOFireAI/ravel, issue 1653;
//! josipmusa/idempotency4j, issue 12.

use redeliver_harness::{Anomaly, Error, KeyValue, Prepared};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{Answer, KEYS, OBSERVED, SCHEMA, checked, contract, numbers};
use crate::{
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "body-not-in-identity",
    summary: "effect and reply under the key in one transaction; another payload gets the reply too",
    twin_of: Some("stored-reply"),
    models: &[],
    faults: 2,
    contract,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Mismatch,
        history: "redeliver-history 1
model request-reply
message m0 100
message m1 id=m0 300
",
    }],
};

/// Adds the amount to the balance, once for each key. What the client hears, whatever it asked for.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, key: &str, amount: i64) -> rusqlite::Result<Answer> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let stored = tx.query_row("SELECT balance FROM answer WHERE key = ?1", [key], |row| row.get(0));
    if let Some(balance) = stored.optional()? {
        return Ok(Answer::Balance(balance));
    }
    let balance =
        tx.query_row("UPDATE account SET balance = balance + ?1 RETURNING balance", [amount], |row| row.get(0))?;
    tx.execute("INSERT INTO answer VALUES (?1, ?2, ?3)", (key, amount, balance))?;
    tx.commit()?;
    Ok(Answer::Balance(balance))
}

async fn consume_key_value(store: &KeyValue, key: &str, amount: i64) -> Result<Answer, Error> {
    let key = format!("answer:{key}");
    let tx = store.begin().await?;
    if let Some(stored) = tx.get(&key).await? {
        let (_, balance) = numbers(&stored)?;
        return Ok(Answer::Balance(balance));
    }
    let balance = tx.add("balance", amount).await?;
    tx.put(&key, &format!("{amount} {balance}")).await?;
    tx.commit().await?;
    Ok(Answer::Balance(balance))
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(entry, store, consume, async |store: &KeyValue, key: &str, amount: i64| {
        consume_key_value(store, key, amount).await
    })
}
