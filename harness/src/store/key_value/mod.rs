//! [`KeyValue`]: a durable key-value store as Redis is one, in memory.
//!
//! Here: the store and its handle. What it holds is in `state`, what can be asked of it in `command`, when that acts and
//! what can go wrong in `operation`, transactions in `transaction`, how far they keep apart in `isolation`, which keys are
//! looked at in `observe`.

mod command;
mod footprint;
#[cfg(debug_assertions)]
mod held;
mod isolation;
mod losses;
mod observe;
mod operation;
mod state;
#[cfg(test)]
mod tests;
mod transaction;
mod view;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use self::{
    command::{Add, Command, CompareAndDelete, CompareAndSet, Delete, Expire, Get, Put, PutIfAbsent},
    observe::Watched,
    operation::{Autocommit, Begin, lock},
    state::State,
};
use crate::{
    Error, Observation, Store,
    history::{Label, Loss},
    machine::{self, operate},
    store::Process,
};
pub use isolation::Isolation;
pub use transaction::KeyValueTransaction;

/// A durable key-value store as Redis is one: it is in memory here, but outlives every crash of a process.
///
/// The value that [`new`](KeyValue::new) makes is the store; what a handler gets is a handle to it, of the same type. Each
/// operation of a handle is one step: a place where others may run, where the process may crash, and where the history may
/// let the connection break.
///
/// # Guarantees
/// Each operation is atomic. Transactions ([`begin`](KeyValue::begin)) are serializable, by one writer at a time: while one
/// is open, other transactions and writes wait for it for up to 5 s of virtual time, and reads outside of it see what was
/// committed last. [`isolation`](KeyValue::isolation) makes it weaker. Keys expire in virtual time, exactly: a key with a time to live of 30 s is gone 30 s later.
///
/// # Limits
/// A handle works only inside of a handler that the harness runs, and never again after its process has died. Nothing is
/// observed before [`observed`](KeyValue::observed), [`observe_prefix`](KeyValue::observe_prefix) or
/// [`observe_key`](KeyValue::observe_key) says so; what has expired by then is not seen.
///
/// ```
/// use redeliver_harness::{Delivery, Error, KeyValue};
///
/// // Safe: the mark and its effect are committed together.
/// async fn credit(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
///     let tx = kv.begin().await?;
///     if tx.put_if_absent(&format!("seen:{}", m.id()), "1", None).await? {
///         tx.add("balance", *m.payload()).await?;
///     }
///     tx.commit().await
/// }
///
/// let store = KeyValue::new("bank").observe_key("balance");
/// # let _ = (store, credit);
/// ```
#[derive(Clone, Debug)]
pub struct KeyValue {
    state: Arc<Mutex<State>>,
    /// The process that this is a handle of; none for the store itself.
    process: Option<Process>,
}

impl KeyValue {
    /// An empty store of this name, of which nothing is observed yet.
    pub fn new(name: &str) -> Self {
        Self { state: Arc::new(Mutex::new(State::named(name))), process: None }
    }

    /// Transactions keep apart so far. [`Isolation::Serializable`] by default.
    #[must_use]
    pub fn isolation(self, isolation: Isolation) -> Self {
        lock(&self.state).isolation = isolation;
        self
    }

    /// Every key is observed.
    #[must_use]
    pub fn observed(self) -> Self {
        self.watch(Watched::All)
    }

    /// Keys that begin so are observed too.
    #[must_use]
    pub fn observe_prefix(self, prefix: &str) -> Self {
        self.watch(Watched::Prefix(prefix.to_owned()))
    }

    /// This key is observed too.
    #[must_use]
    pub fn observe_key(self, key: &str) -> Self {
        self.watch(Watched::Key(key.to_owned()))
    }

    /// It fails over to a replica that lags behind: a history may let it lose its last writes (`forget cache m0#1.2 last 1`),
    /// whoever was told that they stand, as Redis does with asynchronous replication. Whatever transactions are open are lost
    /// with them.
    ///
    /// # Panics
    /// If its name is no [`Label`]: a history could not name it.
    #[must_use]
    pub fn fails_over(self) -> Self {
        let _ = self.label();
        lock(&self.state).written.fails_over = true;
        self
    }

    /// It evicts keys when it is full: a history may let it lose the key that was written longest ago
    /// (`forget cache m0#1.2 oldest 1`), as Redis does where `maxmemory-policy` lets it.
    ///
    /// # Panics
    /// As for [`fails_over`](KeyValue::fails_over).
    #[must_use]
    pub fn evicts(self) -> Self {
        let _ = self.label();
        lock(&self.state).written.evicts = true;
        self
    }

    /// What a history calls it.
    fn label(&self) -> Label {
        let name = lock(&self.state).name();
        name.parse().unwrap_or_else(|error| panic!("a history cannot name this store: {error}"))
    }

    fn watch(self, watched: Watched) -> Self {
        lock(&self.state).watched.push(watched);
        self
    }

    fn process(&self) -> Result<Process, Error> {
        self.process.clone().ok_or(Error::OutsideReplay { operation: "an operation on the store itself" })
    }

    async fn alone<C: Command + Unpin>(&self, command: C) -> Result<C::Reply, Error> {
        operate(self.process()?, Autocommit { state: &self.state, command }).await
    }

    /// The value under this key, if there is one.
    ///
    /// # Errors
    /// Where the history breaks the connection, or no replay is going on.
    pub async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        self.alone(Get(key)).await
    }

    /// Puts a value under a key, for good: a time to live that the key had is gone.
    ///
    /// # Errors
    /// As for [`get`](KeyValue::get), and then it may have taken effect all the same; [`Error::Conflict`] where it waited
    /// too long for a transaction.
    pub async fn put(&self, key: &str, value: &str) -> Result<(), Error> {
        self.alone(Put(key, value)).await
    }

    /// Puts a value under a key that has none, for so long. Whether it did.
    ///
    /// # Errors
    /// As for [`put`](KeyValue::put).
    pub async fn put_if_absent(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<bool, Error> {
        self.alone(PutIfAbsent { key, value, ttl }).await
    }

    /// Replaces a value that is as expected, for good: a time to live that the key had is gone. Whether it was.
    ///
    /// # Errors
    /// As for [`put`](KeyValue::put).
    pub async fn compare_and_set(&self, key: &str, expected: &str, value: &str) -> Result<bool, Error> {
        self.alone(CompareAndSet { key, expected, value }).await
    }

    /// Deletes a value that is as expected. Whether it was.
    ///
    /// # Errors
    /// As for [`put`](KeyValue::put).
    pub async fn compare_and_delete(&self, key: &str, expected: &str) -> Result<bool, Error> {
        self.alone(CompareAndDelete { key, expected }).await
    }

    /// Adds to the integer under a key, which is 0 where there is none. The sum. A time to live stays as it is.
    ///
    /// # Errors
    /// As for [`put`](KeyValue::put); and without effect where the value is no integer or the sum is out of range.
    pub async fn add(&self, key: &str, amount: i64) -> Result<i64, Error> {
        self.alone(Add(key, amount)).await
    }

    /// Lets a key expire after so long from now. Whether it was there.
    ///
    /// # Errors
    /// As for [`put`](KeyValue::put).
    pub async fn expire(&self, key: &str, ttl: Duration) -> Result<bool, Error> {
        self.alone(Expire(key, ttl)).await
    }

    /// Deletes a key. Whether it was there.
    ///
    /// # Errors
    /// As for [`put`](KeyValue::put).
    pub async fn delete(&self, key: &str) -> Result<bool, Error> {
        self.alone(Delete(key)).await
    }

    /// Begins a transaction: at once, or at [`Isolation::Serializable`] when no other one is open.
    ///
    /// # Errors
    /// Where the history breaks the connection, or no replay is going on; [`Error::Conflict`] where it waited too long for
    /// another transaction.
    pub async fn begin(&self) -> Result<KeyValueTransaction, Error> {
        let process = self.process()?;
        let id = operate(process.clone(), Begin { state: &self.state, process: process.clone() }).await?;
        Ok(KeyValueTransaction::new(Arc::clone(&self.state), process, id))
    }
}

impl Store for KeyValue {
    type Handle = KeyValue;

    fn reset(&mut self) -> Result<(), Error> {
        lock(&self.state).reset();
        Ok(())
    }

    fn open(&mut self, process: &Process) -> Result<KeyValue, Error> {
        Ok(KeyValue { state: Arc::clone(&self.state), process: Some(process.clone()) })
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        let mut state = lock(&self.state);
        if let Some(now) = machine::now() {
            state.saw(now);
        }
        state.observe(seen);
        Ok(())
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        Ok(lock(&self.state).digest())
    }

    fn losses(&self) -> Vec<(Label, Loss)> {
        let losses = lock(&self.state).losses();
        losses.into_iter().map(|loss| (self.label(), loss)).collect()
    }

    fn forget(&mut self, store: Label, loss: Loss, count: u32) -> bool {
        let mut state = lock(&self.state);
        *state.name() == *store.as_str() && state.forget(loss, count)
    }

    fn tells_footprints(&self) -> bool {
        true
    }

    fn crash(&mut self, process: &Process) {
        let state = &mut *lock(&self.state);
        footprint::of_a_crash(state, process);
        state.crashed(process);
    }
}
