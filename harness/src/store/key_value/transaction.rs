//! A transaction on a key-value store.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    command::{Add, Command, CompareAndDelete, CompareAndSet, Delete, Expire, Get, Put, PutIfAbsent},
    footprint,
    operation::{Commit, RollBack, Within, lock},
    state::{State, TransactionId},
};
use crate::{
    Error,
    machine::{lives, operate, release_locks},
    store::Process,
};

/// A transaction on a [`KeyValue`](super::KeyValue) store, from its `begin`.
///
/// It sees its own writes; nobody else does before it commits. Everything in it takes effect together at the commit or not
/// at all. What it sees of others, and who waits for whom, is the store's [`Isolation`](super::Isolation): at
/// `Serializable`, the default, nobody else writes while it is open. Dropped, it is rolled back at once, which is no step;
/// in a process that has died, dropping it does nothing, and the store undoes it as when a connection breaks.
///
/// The clock is nobody's snapshot: what expires while a transaction is open is gone for it too.
///
/// An operation that a history makes to fail breaks the connection: the transaction is rolled back there, and whatever is
/// asked of it later is an error too.
#[derive(Debug)]
pub struct KeyValueTransaction {
    state: Arc<Mutex<State>>,
    process: Process,
    id: TransactionId,
}

impl KeyValueTransaction {
    pub(super) fn new(state: Arc<Mutex<State>>, process: Process, id: TransactionId) -> Self {
        Self { state, process, id }
    }

    async fn within<C: Command + Unpin>(&self, command: C) -> Result<C::Reply, Error> {
        operate(self.process.clone(), Within { state: &self.state, transaction: self.id, command }).await
    }

    /// The value under this key, if there is one.
    ///
    /// # Errors
    /// Where the connection breaks, or broke before: the transaction is rolled back.
    pub async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        self.within(Get(key)).await
    }

    /// Puts a value under a key, for good.
    ///
    /// # Errors
    /// As for [`get`](Self::get). At `ReadCommitted`, [`Error::Conflict`] where it waited too long for another transaction
    /// that wrote this key: then this one is rolled back.
    pub async fn put(&self, key: &str, value: &str) -> Result<(), Error> {
        self.within(Put(key, value)).await
    }

    /// Puts a value under a key that has none, for so long. Whether it did.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub async fn put_if_absent(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<bool, Error> {
        self.within(PutIfAbsent { key, value, ttl }).await
    }

    /// Replaces a value that is as expected, for good. Whether it was.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub async fn compare_and_set(&self, key: &str, expected: &str, value: &str) -> Result<bool, Error> {
        self.within(CompareAndSet { key, expected, value }).await
    }

    /// Deletes a value that is as expected. Whether it was.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub async fn compare_and_delete(&self, key: &str, expected: &str) -> Result<bool, Error> {
        self.within(CompareAndDelete { key, expected }).await
    }

    /// Adds to the integer under a key, which is 0 where there is none. The sum.
    ///
    /// # Errors
    /// As for [`put`](Self::put); and where the value is no integer or the sum is out of range, which leaves the
    /// transaction open.
    pub async fn add(&self, key: &str, amount: i64) -> Result<i64, Error> {
        self.within(Add(key, amount)).await
    }

    /// Lets a key expire after so long from now. Whether it was there.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub async fn expire(&self, key: &str, ttl: Duration) -> Result<bool, Error> {
        self.within(Expire(key, ttl)).await
    }

    /// Deletes a key. Whether it was there.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub async fn delete(&self, key: &str) -> Result<bool, Error> {
        self.within(Delete(key)).await
    }

    /// Makes everything that was written durable and visible, at once.
    ///
    /// # Errors
    /// Where the connection breaks: with `fail` nothing was committed, with `lose-reply` everything was, and the caller
    /// cannot tell which. Where it broke before, nothing was. At `Snapshot`, [`Error::Conflict`] where another transaction
    /// wrote a key that this one wrote, and committed first: then this one is rolled back.
    pub async fn commit(self) -> Result<(), Error> {
        operate(self.process.clone(), Commit { state: &self.state, transaction: self.id }).await
    }

    /// Undoes everything that was written.
    ///
    /// # Errors
    /// Where it ended with an error before: it is all undone already. Nothing else can go wrong with it.
    pub async fn rollback(self) -> Result<(), Error> {
        operate(self.process.clone(), RollBack { state: &self.state, transaction: self.id }).await
    }
}

impl Drop for KeyValueTransaction {
    fn drop(&mut self) {
        if !lives(&self.process) {
            return;
        }
        let mut state = lock(&self.state);
        if let Some(at) = state.place(self.id) {
            footprint::of_an_end(&state, at);
            if state.holds_locks(at) {
                release_locks();
            }
            state.roll_back(at);
        }
    }
}
