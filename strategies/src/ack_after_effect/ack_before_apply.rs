//! `ack-before-apply`: acknowledge first, so that the broker does not wait, then do the work.
//!
//! The work is safe in itself: effect and mark are one transaction. A consumer with automatic acknowledgement is this one.
//!
//! **What breaks it.** The process dies after its acknowledgement and before the commit. The broker has forgotten the message.
//!
//! Source: the article, section 7: automatic acknowledgement loses what fails; sidekiq/sidekiq, issue 1831.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, Harness, KeyValue, Prepared, sqlite::Sqlite};

use crate::{
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{AMOUNTS, Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "ack-before-apply",
    summary: "the acknowledgement, then effect and mark in one transaction",
    twin_of: Some("ack-after-effect"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model at-least-once
message m0 100
crash m0#1.2
",
    }],
};

/// Acknowledges, and then adds the amount to the balance, once for each id.
///
/// # Errors
/// Whatever the broker or the database says. After the latter nobody delivers the message again.
pub async fn consume(db: &Sqlite, m: &Delivery<i64>) -> Result<(), Error> {
    m.ack().await?;
    super::apply(db, m).await
}

async fn consume_key_value(store: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    m.ack().await?;
    record_and_check::consume_key_value(store, m.id(), *m.payload()).await
}

pub(super) fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database())
            .contract(contract)
            .prepare(AMOUNTS, async |db: &Sqlite, m: &Delivery<i64>| consume(db, m).await),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract)
            .prepare(AMOUNTS, async |store: &KeyValue, m: &Delivery<i64>| consume_key_value(store, m).await),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
