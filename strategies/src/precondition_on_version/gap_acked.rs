//! `gap-acked`: the change is made if the version is the one before, and whatever else comes is taken for a duplicate.
//!
//! Version and change move in one statement, so a duplicate never gets past it; that is why it looks safe.
//!
//! **What breaks it.** The first change fails and comes again a second later; meanwhile the second comes. A version that is
//! still to come is no more the one before than one that is long past, so the change is acknowledged without being made, and
//! when the first one was made nobody has the second.
//!
//! The loss shows only against the order that the contract promises: who is handled first is first in real time, and then
//! there never was anything for the second change to be made to.
//!
//! Source: the article, section 4 (the update happens only if the version equals); azure-contrib/socket.io-servicebus, issue 28,
//! is of the other choice, a gap that is waited for.

use redeliver_harness::{
    Anomaly, Contract, Delivery, Error, Harness, KeyValue, Message, Messages, Prepared, sqlite::Sqlite,
};
use rusqlite::Connection;

use super::number;
use crate::{
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// One account, and how many changes it has seen.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL, version INTEGER NOT NULL);
INSERT INTO account VALUES (0, 0);";

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "gap-acked",
    summary: "change and version in one statement, if the version is the one before; a gap is taken for a duplicate",
    twin_of: Some("precondition-on-version"),
    models: &[],
    faults: 2,
    contract: || Contract::strict().order_published(),
    schema: SCHEMA,
    observed: &["SELECT balance FROM account"],
    keys: &["balance"],
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model at-least-once
# number 1 adds 100, number 2 adds 300
message m0 seed=0
message m1 seed=1
fail m0#1.1
",
    }],
};

/// Changes the balance by the amount, as the change of this number, counted from 1, and believes that it was made already
/// where it cannot be.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &Connection, number: i64, amount: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE account SET balance = balance + ?1, version = ?2 WHERE version = ?2 - 1";
    db.execute(sql, (amount, number)).map(drop)
}

async fn consume_key_value(store: &KeyValue, number: i64, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    let version = tx.get("version").await?.map_or(Ok(0), |version| version.parse::<i64>()).map_err(Error::other)?;
    if version != number - 1 {
        return Ok(());
    }
    tx.add("balance", amount).await?;
    tx.put("version", &number.to_string()).await?;
    tx.commit().await
}

/// Two changes of one account.
fn messages() -> Messages<i64> {
    Messages::exactly([
        Message::new("m0", 100).ordered_by("account-7"),
        Message::new("m1", 300).ordered_by("account-7"),
    ])
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).contract(contract).prepare(
            messages(),
            async |db: &Sqlite, m: &Delivery<i64>| {
                let (number, amount) = (number(m.id())?, *m.payload());
                db.call(move |connection| consume(connection, number, amount)).await.map_err(Error::other)
            },
        ),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract)
            .prepare(messages(), async |store: &KeyValue, m: &Delivery<i64>| {
                consume_key_value(store, number(m.id())?, *m.payload()).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
