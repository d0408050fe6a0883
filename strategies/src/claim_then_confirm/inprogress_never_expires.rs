//! `inprogress-never-expires`: a record that says *in progress*, then effect and *completed* in one transaction.
//!
//! Nothing is done twice, nothing is taken for done that was not, and an error takes the record back.
//!
//! **What breaks it.** The process dies while the record says *in progress*. Whoever has the message next is told that
//! somebody is at it, and so is everybody after that.
//!
//! What would mend it: a time after which the record counts for nothing. Here that is safe, since the transaction asks
//! whether the record still stands; where it is not, see [`inprogress_expiry_too_early`](super::inprogress_expiry_too_early).
//!
//! Source: aws-powertools/powertools-lambda, issue 53; ikyriak/IdempotentAPI, issue 37 (every retry is a 409).

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared};
use rusqlite::{Connection, TransactionBehavior};

use super::{CONFIRMED, Refused, SCHEMA, confirm, is_confirmed, key};
use crate::{
    handlers::{on_key_value, on_sqlite},
    record_and_check::{KEYS, OBSERVED},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "inprogress-never-expires",
    summary: "a record in progress, then the effect and the record completed in one transaction",
    twin_of: Some("claim-then-confirm"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Stuck,
        history: "redeliver-history 1
model at-least-once
message m0 100
crash m0#1.2
",
    }],
};

/// Adds the amount to the balance, once for each id.
///
/// # Errors
/// [`Refused`]: the message is to be delivered again.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> Result<(), Refused> {
    if db.execute("INSERT INTO claim (id) VALUES (?1) ON CONFLICT (id) DO NOTHING", [id])? == 0 {
        return is_confirmed(db, id)?.then_some(()).ok_or(Refused::InProgress);
    }
    let completed = complete(db, id, amount);
    if completed.is_err() {
        db.execute("DELETE FROM claim WHERE id = ?1 AND NOT confirmed", [id])?;
    }
    Ok(completed?)
}

fn complete(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    confirm(&tx, id)?;
    tx.commit()
}

async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    if !store.put_if_absent(&key(id), IN_PROGRESS, None).await? {
        let confirmed = store.get(&key(id)).await?.as_deref() == Some(CONFIRMED);
        return confirmed.then_some(()).ok_or_else(|| Error::other(Refused::InProgress));
    }
    let completed = complete_key_value(store, id, amount).await;
    if completed.is_err() {
        store.compare_and_delete(&key(id), IN_PROGRESS).await?;
    }
    completed
}

/// The value of a record that is not completed.
const IN_PROGRESS: &str = "in progress";

async fn complete_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    tx.add("balance", amount).await?;
    tx.put(&key(id), CONFIRMED).await?;
    tx.commit().await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    Some(match store {
        StoreKind::Sqlite => on_sqlite(entry, consume),
        StoreKind::KeyValue => on_key_value(entry, async |store: &KeyValue, m: &Delivery<i64>| {
            consume_key_value(store, m.id(), *m.payload()).await
        }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
