//! Record and check over two databases: each has a mark of its own, beside its own half of the effect.
//!
//! A transfer takes an amount from an account here and adds it to one there, and no transaction spans both databases. So the
//! message is handled twice: first here, then there, each time as [`record_and_check`] does, in one transaction with a mark. It
//! is acknowledged when both stand.
//!
//! **Safe because** each half is idempotent by itself. Whoever dies between the two leaves a mark here and none there; the next
//! delivery finds the first half done, skips it and does the second. The broker's redelivery *is* the recovery: nobody has to
//! remember what is in doubt, as a coordinator of a two-phase commit has to.
//!
//! **Costs** a mark in each database, and a time in which the amount is nowhere: between the halves an outsider sees it gone
//! and not yet arrived.
//!
//! **Needs from the delivery model** that a delivery which did not end comes again, until it does.
//!
//! **Not claimed** is at-most-once. There nobody comes back for the second half, and a message has left the one
//! account without ever arriving on the other.
//!
//! **When not.** Where the second half may be refused (no such account): a message that can never be handled leaves its first
//! half standing, and something has to take that back. And where the other side cannot keep a mark: then it has to honour a key,
//! and an [`outbox`](crate::outbox) carries it there.
//!
//! Source: the article, section 5 (distributed transactions are hard) and section 7 (consumer and producer on different
//! databases: the id travels with the message).

pub mod best_effort_1pc;

use redeliver_harness::{
    Anomaly, Contract, Delivery, DeliveryModel, Error, Harness, KeyValue, Prepared, sqlite::Sqlite,
};

use crate::{
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{AMOUNTS, Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// Where what did not end comes again.
const CLAIMED: &[DeliveryModel] = &[
    DeliveryModel::at_least_once(),
    DeliveryModel::request_reply(),
    DeliveryModel::kafka(),
    DeliveryModel::kafka_blocking(),
];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "two-stores",
    summary: "half of the effect and a mark in one database, then the same in another",
    twin_of: None,
    models: CLAIMED,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Partial,
        history: "redeliver-history 1
model at-most-once
message m0 100
# BEGIN, SELECT, UPDATE, INSERT, COMMIT here, and nothing there
crash m0#1.6
",
    }],
};

/// Moves the amount from the account of one database to that of the other, once for each id.
///
/// # Errors
/// Whatever a database says; the first half may stand then, and the next delivery goes on from there.
pub async fn consume(from: &Sqlite, to: &Sqlite, id: &str, amount: i64) -> rusqlite::Result<()> {
    let own = id.to_owned();
    from.call(move |connection| record_and_check::consume(connection, &own, -amount)).await?;
    let own = id.to_owned();
    to.call(move |connection| record_and_check::consume(connection, &own, amount)).await
}

/// The same over two key-value stores.
async fn consume_key_value(from: &KeyValue, to: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    record_and_check::consume_key_value(from, id, -amount).await?;
    record_and_check::consume_key_value(to, id, amount).await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(
        entry,
        store,
        async |(from, to): &(Sqlite, Sqlite), m: &Delivery<i64>| consume(from, to, m.id(), *m.payload()).await,
        async |(from, to): &(KeyValue, KeyValue), m: &Delivery<i64>| {
            consume_key_value(from, to, m.id(), *m.payload()).await
        },
    )
}

/// A check of a handler of two databases, or of two key-value stores.
fn checked<S, K>(entry: &Entry, store: StoreKind, on_sqlite: S, on_key_value: K) -> Option<Prepared>
where
    S: AsyncFn(&(Sqlite, Sqlite), &Delivery<i64>) -> rusqlite::Result<()> + Send + Sync + 'static,
    K: AsyncFn(&(KeyValue, KeyValue), &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new((entry.database().named("here"), entry.database().named("there")))
            .contract(contract)
            .prepare(AMOUNTS, on_sqlite),
        StoreKind::KeyValue => Harness::new((entry.key_value_named("here"), entry.key_value_named("there")))
            .contract(contract)
            .prepare(AMOUNTS, on_key_value),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
