//! Strategies that are a function of a store, an id and an amount, and nothing else: most are.
//!
//! Those that need more (a memory, background work, an outside world) say themselves how they are checked.

use async_trait::async_trait;
use redeliver_harness::{Delivery, Error, Harness, KeyValue, Prepared, sqlite::Sqlite};
use rusqlite::Connection;

use crate::{
    registry::{AMOUNTS, Entry},
    run::StoreKind,
};

/// What a message does to a database: plain `rusqlite`, nothing of ours in it.
pub type Consume = fn(&mut Connection, &str, i64) -> rusqlite::Result<()>;

/// What a strategy does with a message, on each store.
#[async_trait(?Send)]
pub trait Plain: Send + Sync {
    /// On `SQLite`, synchronously.
    fn sqlite(&self) -> Consume;

    /// On the key-value store.
    ///
    /// # Errors
    /// Whatever the store says; the message is delivered again then.
    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error>;
}

/// A check of it on this store.
pub(crate) fn prepared(entry: &Entry, plain: &'static dyn Plain, store: StoreKind) -> Prepared {
    match store {
        StoreKind::Sqlite => {
            let consume = plain.sqlite();
            let handler = async move |db: &Sqlite, delivery: &Delivery<i64>| {
                let (id, amount) = (delivery.id().to_owned(), *delivery.payload());
                db.call(move |connection| consume(connection, &id, amount)).await
            };
            Harness::new(entry.database()).contract((entry.contract)()).prepare(AMOUNTS, handler)
        }
        StoreKind::KeyValue => {
            let handler = async move |store: &KeyValue, delivery: &Delivery<i64>| {
                plain.key_value(store, delivery.id(), *delivery.payload()).await
            };
            Harness::new(entry.key_value()).contract((entry.contract)()).prepare(AMOUNTS, handler)
        }
    }
}
