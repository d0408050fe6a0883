//! Strategies that are a function of a store, an id and an amount, and nothing else: most are.
//!
//! Those that need more (a memory, background work, an outside world) say themselves how they are checked.

use async_trait::async_trait;
use redeliver_harness::{Delivery, Error, KeyValue, Prepared};
use rusqlite::Connection;

use crate::{
    handlers::{on_key_value, on_sqlite},
    registry::Entry,
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
pub(crate) fn prepared(entry: &Entry, plain: &'static dyn Plain, store: StoreKind) -> Option<Prepared> {
    Some(match store {
        StoreKind::Sqlite => on_sqlite(entry, plain.sqlite()),
        StoreKind::KeyValue => on_key_value(entry, async move |store: &KeyValue, delivery: &Delivery<i64>| {
            plain.key_value(store, delivery.id(), *delivery.payload()).await
        }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
