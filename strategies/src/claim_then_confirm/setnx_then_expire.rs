//! `setnx-then-expire`: a lock for each message in two commands, one that takes it and one that says until when.
//!
//! Under the lock check, effect and mark are one transaction, so that nothing is ever lost or done twice.
//!
//! **What breaks it.** The process dies between the two commands. The lock stands without a time to live, its holder is dead,
//! and every further delivery is told that somebody is at it.
//!
//! What would mend it: one command, `SET key value NX EX 30`.
//!
//! Source: laravel/horizon, issue 1738; actionhero/node-resque, issue 281; redis/redis-py, pull request 902.

use redeliver_harness::{Anomaly, Contract, Delivery, Error, KeyValue, Prepared};

use super::{Refused, TTL};
use crate::{
    handlers::on_key_value,
    record_and_check::{self, KEYS},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "setnx-then-expire",
    summary: "a lock, then its time to live, then check, effect and mark",
    twin_of: Some("claim-then-confirm"),
    models: &[],
    faults: 1,
    contract: Contract::strict,
    schema: "",
    observed: &[],
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Stuck,
        history: "redeliver-history 1
model at-least-once
message m0 100
crash m0#1.2
",
    }],
};

/// Adds the amount to the balance, once for each id, under a lock.
///
/// # Errors
/// Whatever the store says, and where somebody else has the lock. The lock is given back, if the store can be asked.
pub async fn consume(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let lock = format!("lock:{id}");
    if !store.put_if_absent(&lock, "", None).await? {
        return Err(Error::other(Refused::InProgress));
    }
    let done = match store.expire(&lock, TTL).await {
        Ok(_) => record_and_check::consume_key_value(store, id, amount).await,
        Err(error) => Err(error),
    };
    store.delete(&lock).await?;
    done
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let handler = async |store: &KeyValue, m: &Delivery<i64>| consume(store, m.id(), *m.payload()).await;
    (store == StoreKind::KeyValue).then(|| on_key_value(entry, handler))
}
