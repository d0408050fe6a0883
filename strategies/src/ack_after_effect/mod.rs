//! Acknowledge after the effect: a consumer that tells the broker by itself, once everything stands.
//!
//! **Safe because** what the broker forgets is committed by then. Between commit and acknowledgement the process may die, or
//! the acknowledgement may be lost; then the message comes again, and the mark of [`record_and_check`]
//! answers it. Late acknowledgement alone makes at least once; exactly once takes the mark too.
//!
//! **Costs** a delivery more for each acknowledgement that is lost, and the mark that answers it.
//!
//! **Needs from the delivery model** that what is not acknowledged comes again. Where nothing ever does (at most once) it is
//! no worse than anything else.
//!
//! **When not.** Where a duplicate costs more than a loss, and there can be no mark: then acknowledge first, and say so in the
//! contract.
//!
//! Source: the article, section 7: acknowledging by hand repeats the message when the acknowledgement is lost;
//! spring-projects/spring-amqp, issue 696 (`ack-lost-after-apply`).

pub mod ack_before_apply;
pub mod ack_lost_after_apply;
pub mod offset_stored_before_processing;

use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Prepared, sqlite::Sqlite};

use crate::{
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{AMOUNTS, ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "ack-after-effect",
    summary: "effect and mark in one transaction, then the acknowledgement",
    twin_of: None,
    models: ANY_MODEL,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[],
};

/// Adds the amount to the balance, once for each id, and then acknowledges.
///
/// # Errors
/// Whatever the database or the broker says; after the latter the effect stands, and the next delivery finds out.
pub async fn consume(db: &Sqlite, m: &Delivery<i64>) -> Result<(), Error> {
    apply(db, m).await?;
    m.ack().await
}

/// Adds the amount to the balance, once for each id.
async fn apply(db: &Sqlite, m: &Delivery<i64>) -> Result<(), Error> {
    let (id, amount) = (m.id().to_owned(), *m.payload());
    db.call(move |connection| record_and_check::consume(connection, &id, amount)).await.map_err(Error::other)
}

async fn consume_key_value(store: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    record_and_check::consume_key_value(store, m.id(), *m.payload()).await?;
    m.ack().await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
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
