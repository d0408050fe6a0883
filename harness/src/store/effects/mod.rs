//! [`Effects`]: the outside world, which is in no transaction and takes nothing back.
//!
//! Here: the store and its handle. What has happened is in `ledger`, when something happens and what can go wrong in
//! `operation`. How often it may happen is the contract's.

mod ledger;
mod operation;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use self::{
    ledger::Ledger,
    operation::{Perform, lock},
};
use crate::{Error, Observation, Store, machine::operate, store::Process};

/// The outside world, in no transaction: mails, payments, calls of somebody else's API, counted.
///
/// The value that [`new`](Effects::new) makes is the store; what a handler gets is a handle to it, of the same type. Each
/// operation of a handle is one step: a place where others may run, where the process may crash, and where the history may
/// let the connection break, before it happened or after.
///
/// # Guarantees
/// What happened is observed: each effect, which is what and with which detail, with how often. Nothing takes it back: no
/// rollback, no crash.
///
/// How often an effect has to happen is the handler's [`Contract`](crate::Contract::effect). Unless that says otherwise,
/// [`perform`](Effects::perform) may repeat what a delivery did that then crashed, or of which an operation failed or lost
/// its reply, since nobody can do better; other than that it happens exactly once, and so does
/// [`perform_once`](Effects::perform_once) always.
///
/// # Limits
/// A handle works only inside of a handler that the harness runs, and never again after its process has died. Two effects
/// are the same if their details print the same with `Debug`: what is repeated with another detail, such as a fresh random
/// id, is another effect. In which order effects happened is not observed.
///
/// ```
/// use redeliver_harness::{Delivery, Effects, Error, KeyValue};
///
/// // Happens once for each order, whatever is delivered again: the bank honours the key.
/// async fn charge((kv, bank): &(KeyValue, Effects), m: &Delivery<i64>) -> Result<(), Error> {
///     let receipt = bank.perform_once(m.id(), "charge", m.payload()).await?;
///     kv.put(&format!("paid:{}", m.id()), &receipt.to_string()).await
/// }
///
/// let durable = (KeyValue::new("orders").observed(), Effects::new().named("bank"));
/// # let _ = (durable, charge);
/// ```
#[derive(Clone, Debug)]
pub struct Effects {
    ledger: Arc<Mutex<Ledger>>,
    /// The process that this is a handle of; none for the store itself.
    process: Option<Process>,
}

/// What the outside world answers when something happened, or had happened before.
///
/// A number may differ from one history to another in which the same happened. Kept as it is displayed (`receipt-3`), it is
/// known to be the harness's own and compared as such; kept as a number, in what is observed, it accuses the handler.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receipt {
    /// Counted from 1, in the order in which things happened in this outside world.
    pub number: u32,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "receipt-{}", self.number)
    }
}

impl Effects {
    /// An outside world in which nothing has happened, of the name `effects`.
    pub fn new() -> Self {
        Self { ledger: Arc::new(Mutex::new(Ledger::named("effects"))), process: None }
    }

    /// The same with another name, by which reports tell several apart.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        lock(&self.ledger).name = name.into();
        self
    }

    /// Lets something happen, each time that it is called. The receipt is that of this time.
    ///
    /// # Errors
    /// Where the history breaks the connection: it may have happened or not, and the caller cannot tell. Where no replay is
    /// going on.
    pub async fn perform(&self, what: &str, detail: impl fmt::Debug) -> Result<Receipt, Error> {
        self.step(None, what, format!("{detail:?}")).await
    }

    /// Asks a third party that honours an idempotency key: it happens once a key, whatever is asked for under it later. The
    /// receipt is that of the first time.
    ///
    /// # Errors
    /// As for [`perform`](Effects::perform). With the same key it can be tried again.
    pub async fn perform_once(&self, key: &str, what: &str, detail: impl fmt::Debug) -> Result<Receipt, Error> {
        self.step(Some(key), what, format!("{detail:?}")).await
    }

    async fn step(&self, key: Option<&str>, what: &str, detail: String) -> Result<Receipt, Error> {
        let process = self.process.clone();
        let process = process.ok_or(Error::OutsideReplay { operation: "an operation on the store itself" })?;
        operate(process, Perform { ledger: &self.ledger, key, what, detail }).await
    }
}

impl Default for Effects {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for Effects {
    type Handle = Effects;

    fn reset(&mut self) -> Result<(), Error> {
        lock(&self.ledger).reset();
        Ok(())
    }

    fn open(&mut self, process: &Process) -> Result<Effects, Error> {
        Ok(Self { ledger: Arc::clone(&self.ledger), process: Some(process.clone()) })
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        lock(&self.ledger).observe(seen);
        Ok(())
    }

    fn tells_footprints(&self) -> bool {
        true
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(lock(&self.ledger).digest()))
    }
}
