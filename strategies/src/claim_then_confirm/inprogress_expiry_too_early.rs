//! `inprogress-expiry-too-early`: the claim runs out as it should, and the effect under it has no key.
//!
//! The time to live is that of the work, so that whoever still has the claim when it is over must be dead.
//!
//! **What breaks it.** The process dies after the effect and before the claim is confirmed. (A slow one is as good: the
//! effect comes after its claim ran out.) The claim runs out, the message is delivered again, claims and does the work again.
//! No time to live is long enough for a process that died after its effect; a shorter one only makes the retry come sooner.
//!
//! Source: aws-powertools/powertools-lambda-python, issue 8049: the expiry is tied to the timeout of the run, and a second
//! one repeats the withdrawal that the first had begun.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared};
use rusqlite::Connection;

use super::{CONFIRMED, Refused, SCHEMA, claim, claim_key_value, confirm, key};
use crate::{
    handlers::{on_key_value, on_sqlite_at},
    record_and_check::{KEYS, OBSERVED},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "inprogress-expiry-too-early",
    summary: "a claim that runs out, an effect without a key, then the claim confirmed",
    twin_of: Some("claim-then-confirm"),
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
# The claim, the effect, and never the confirmation; the broker tries for longer than the claim lasts
crash m0#1.3
",
    }],
};

/// Adds the amount to the balance, and believes that its claim lets it do so once for each id.
///
/// # Errors
/// [`Refused`]: the message is to be delivered again.
pub fn consume(db: &mut Connection, id: &str, amount: i64, now: i64) -> Result<(), Refused> {
    if claim(db, id, now)? {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        confirm(db, id)?;
    }
    Ok(())
}

async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    if claim_key_value(store, id).await? {
        store.add("balance", amount).await?;
        store.put(&key(id), CONFIRMED).await?;
    }
    Ok(())
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
