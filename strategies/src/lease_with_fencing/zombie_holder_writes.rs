//! `zombie-holder-writes`: a lease, and nobody who checks that its holder still holds it.
//!
//! The same check under the same lease, and effect and mark in one transaction; only the token is missing.
//!
//! **What breaks it.** The holder has looked, and stops: a long collection of garbage, a machine that swaps. Its lease runs
//! out; the message is delivered again, takes the lease, finds nothing and adds. Then the first holder wakes and adds too.
//! To look at the clock once more before writing makes that rarer, and no more.
//!
//! Source: Martin Kleppmann, "How to do distributed locking" (2016), "Protecting a resource with a lock".

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared};
use rusqlite::{Connection, TransactionBehavior};

use super::{Refused, SCHEMA, give_back, is_seen, take, take_key_value};
use crate::{
    handlers::{on_key_value, on_sqlite_at},
    record_and_check::{KEYS, OBSERVED, mark},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "zombie-holder-writes",
    summary: "check under a lease, and no token",
    twin_of: Some("lease-with-fencing"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
advance m0#1.3 31s
overlap m0#1.3
",
    }],
};

/// Adds the amount to the balance, and believes that the lease lets it do so once for each id.
///
/// # Errors
/// [`Refused`]: the message is to be delivered again.
pub fn consume(db: &mut Connection, id: &str, amount: i64, now: i64) -> Result<(), Refused> {
    let token = take(db, now)?.ok_or(Refused::Held)?;
    if !is_seen(db, id)? {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        tx.execute("INSERT INTO seen VALUES (?1) ON CONFLICT (id) DO NOTHING", [id])?;
        tx.commit()?;
    }
    Ok(give_back(db, token)?)
}

async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let token = take_key_value(store).await?;
    if store.get(&mark(id)).await?.is_none() {
        let tx = store.begin().await?;
        tx.add("balance", amount).await?;
        tx.put(&mark(id), "").await?;
        tx.commit().await?;
    }
    store.compare_and_delete("lease", &token.to_string()).await.map(drop)
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    Some(match store {
        StoreKind::Sqlite => on_sqlite_at(entry, consume),
        StoreKind::KeyValue => on_key_value(entry, async |store: &KeyValue, m: &Delivery<i64>| {
            consume_key_value(store, m.id(), *m.payload()).await
        }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
