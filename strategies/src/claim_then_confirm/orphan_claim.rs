//! `orphan-claim`: a claim that is taken for a mark, and given up by a callback when the work fails.
//!
//! No two deliveries can both claim, and an error of the work takes the claim back; that is why it looks safe.
//!
//! **What breaks it.** The process dies between the claim and the effect, and with it the callback. Whoever has the message
//! next finds the claim, takes the work for done and acknowledges.
//!
//! Source: the documentation of Apache Camel's JDBC repository, which names this limit and adds a repository that is aware of
//! orphans.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue};
use rusqlite::Connection;

use super::{SCHEMA, key};
use crate::{
    plain::{Consume, Plain},
    record_and_check::{KEYS, OBSERVED},
    registry::{Entry, Strategy},
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "orphan-claim",
    summary: "a claim for good, and a callback that gives it up when the effect fails",
    twin_of: Some("claim-then-confirm"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&OrphanClaim),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model at-least-once
message m0 100
crash m0#1.2
",
    }],
};

/// Adds the amount to the balance if it is the first to claim the id.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    if db.execute("INSERT INTO claim (id) VALUES (?1) ON CONFLICT (id) DO NOTHING", [id])? == 0 {
        return Ok(());
    }
    let applied = db.execute("UPDATE account SET balance = balance + ?1", [amount]);
    if applied.is_err() {
        db.execute("DELETE FROM claim WHERE id = ?1", [id])?;
    }
    applied.map(drop)
}

struct OrphanClaim;

#[async_trait(?Send)]
impl Plain for OrphanClaim {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        if !store.put_if_absent(&key(id), "", None).await? {
            return Ok(());
        }
        let applied = store.add("balance", amount).await;
        if applied.is_err() {
            store.delete(&key(id)).await?;
        }
        applied.map(drop)
    }
}
