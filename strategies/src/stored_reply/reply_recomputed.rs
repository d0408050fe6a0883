//! `reply-recomputed`: the effect is remembered, its reply is not: a retry hears what the balance is now.
//!
//! Whatever is repeated, the balance is right; only who looks at answers sees anything.
//!
//! **What breaks it.** The first request is answered, and the answer is lost on its way. Another request changes the balance.
//! The retry of the first hears a balance that it never made.
//!
//! Source: the article, section 6 (a framework's retries, which compare nothing but the reply); useplunk/plunk, issue 484,
//! where the client of a retry cannot learn what the first request came to.

use redeliver_harness::{Anomaly, Error, KeyValue, Prepared};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{Answer, KEYS, OBSERVED, SCHEMA, answer, checked, contract, numbers};
use crate::{
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "reply-recomputed",
    summary: "effect and key in one transaction; a retry is told the balance of now",
    twin_of: Some("stored-reply"),
    models: &[],
    faults: 2,
    contract,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Reply,
        history: "redeliver-history 1
model request-reply
message m0 100
message m1 300
lose-ack m0#1
",
    }],
};

/// Adds the amount to the balance, once for each key. What the client hears, which is true of the moment.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, key: &str, amount: i64) -> rusqlite::Result<Answer> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let asked = tx.query_row("SELECT amount FROM answer WHERE key = ?1", [key], |row| row.get(0));
    if let Some(asked) = asked.optional()? {
        let balance = tx.query_row("SELECT balance FROM account", [], |row| row.get(0))?;
        return Ok(answer(asked, balance, amount));
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
        let (asked, _) = numbers(&stored)?;
        // Nobody changes it by nothing.
        let balance = tx.add("balance", 0).await?;
        return Ok(answer(asked, balance, amount));
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
