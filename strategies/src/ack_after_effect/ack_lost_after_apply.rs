//! `ack-lost-after-apply`: the effect, committed, and then the acknowledgement; no mark.
//!
//! What the broker forgets is done, and nothing is ever lost. On a good day every message is delivered once.
//!
//! **What breaks it.** The acknowledgement is lost after the commit, and nothing rolls that back. The broker delivers the message
//! again.
//!
//! Source: the article, section 7 (the consumer meets a message again when its acknowledgement fails after the work was
//! done); spring-projects/spring-amqp, issue 696.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared};
use rusqlite::Connection;

use crate::{
    handlers::{on_key_value, on_sqlite},
    record_and_check::{KEYS, OBSERVED, SCHEMA},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "ack-lost-after-apply",
    summary: "the effect, then the acknowledgement, and no mark",
    twin_of: Some("ack-after-effect"),
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
lose-ack m0#1
",
    }],
};

/// Adds the amount to the balance, and relies on the broker to deliver it once. Who returns without an error acknowledges.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, _id: &str, amount: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE account SET balance = balance + ?1", [amount]).map(drop)
}

async fn consume_key_value(store: &KeyValue, amount: i64) -> Result<(), Error> {
    store.add("balance", amount).await.map(drop)
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    Some(match store {
        StoreKind::Sqlite => on_sqlite(entry, consume),
        StoreKind::KeyValue => on_key_value(entry, async |store: &KeyValue, m: &Delivery<i64>| {
            consume_key_value(store, *m.payload()).await
        }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
