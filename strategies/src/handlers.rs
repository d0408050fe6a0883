//! The handlers that strategies share: a function of a store as a check of it.
//!
//! What a message does stands with its strategy; here is only how the harness comes to call it.

use std::fmt::Display;

use redeliver_harness::{Delivery, Error, Harness, IntoOutcome, Isolation, KeyValue, Prepared, sqlite::Sqlite};
use rusqlite::Connection;

use crate::{
    registry::{AMOUNTS, Entry},
    run::StoreKind,
};

/// What a message does to a database: its id and its amount.
pub(crate) type Consume<E> = fn(&mut Connection, &str, i64) -> Result<(), E>;

/// The same of a strategy that asks what time it is: in milliseconds, since any epoch that all share.
pub(crate) type ConsumeAt<E> = fn(&mut Connection, &str, i64, i64) -> Result<(), E>;

/// A check of it on `SQLite`.
pub(crate) fn on_sqlite<E: Display + Send + 'static>(entry: &Entry, consume: Consume<E>) -> Prepared {
    let handler = async move |db: &Sqlite, m: &Delivery<i64>| {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        db.call(move |connection| consume(connection, &id, amount)).await
    };
    Harness::new(entry.database()).contract((entry.contract)()).prepare(AMOUNTS, handler)
}

/// A check on `SQLite` of one that asks what time it is.
pub(crate) fn on_sqlite_at<E: Display + Send + 'static>(entry: &Entry, consume: ConsumeAt<E>) -> Prepared {
    let handler = async move |db: &Sqlite, m: &Delivery<i64>| {
        let (id, amount, now) = (m.id().to_owned(), *m.payload(), milliseconds(m));
        db.call(move |connection| consume(connection, &id, amount, now)).await
    };
    Harness::new(entry.database()).contract((entry.contract)()).prepare(AMOUNTS, handler)
}

/// A check of it on the key-value store.
pub(crate) fn on_key_value<H>(entry: &Entry, handler: H) -> Prepared
where
    H: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    on_key_value_at(Isolation::Serializable, entry, handler)
}

/// A check of it on a key-value store whose transactions keep apart so far.
pub(crate) fn on_key_value_at<H>(isolation: Isolation, entry: &Entry, handler: H) -> Prepared
where
    H: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    Harness::new(entry.key_value().isolation(isolation)).contract((entry.contract)()).prepare(AMOUNTS, handler)
}

/// What time it is.
pub(crate) fn milliseconds(m: &Delivery<i64>) -> i64 {
    m.now().as_millis() as i64
}

/// The check of a strategy that keeps something in the memory of its processes: how one starts, and what it does with a message, on
/// SQLite and on the key-value store.
pub(crate) fn in_a_process<A: 'static, B: 'static, F, G, O, P>(
    entry: &Entry,
    store: StoreKind,
    (start, handle): (fn(Sqlite) -> A, F),
    (start_key_value, handle_key_value): (fn(KeyValue) -> B, G),
) -> Option<Prepared>
where
    F: AsyncFn(&A, &Delivery<i64>) -> O + Send + Sync + 'static,
    G: AsyncFn(&B, &Delivery<i64>) -> P + Send + Sync + 'static,
    O: IntoOutcome,
    P: IntoOutcome,
{
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).process(start).contract(contract).prepare(AMOUNTS, handle),
        StoreKind::KeyValue => {
            let harness = Harness::new(entry.key_value()).process(start_key_value);
            harness.contract(contract).prepare(AMOUNTS, handle_key_value)
        }
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
