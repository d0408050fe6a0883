//! `aba-precondition-retry`: the change says which balance it needs, and a balance comes back.
//!
//! Compare and set in one statement, so no two deliveries race; a change that does not find its balance is taken for made
//! already.
//!
//! **What breaks it.** `m0` makes 100 of 0 and its acknowledgement is lost; `m1` makes 0 of 100. Then `m0` comes again, finds
//! the 0 that it needs, and makes 100 of it.
//!
//! ```
//! use redeliver_strategies::{Options, named, replay};
//!
//! let history = "redeliver-history 1\nmodel at-least-once\nmessage m0 seed=0\nmessage m1 seed=1\nlose-ack m0#1\n".parse()?;
//! let verdict = replay(named("aba-precondition-retry")?, &history, &Options::default());
//! assert!(matches!(verdict.anomaly().map(|anomaly| anomaly.name()), Some("overwrote" | "twice")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: the article, sections 4 and 7: "if 500, then add 100", and ABA.

use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Message, Messages, Prepared, sqlite::Sqlite};
use rusqlite::Connection;

use crate::{
    registry::{Entry, Strategy},
    run::StoreKind,
};

/// One account.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);";

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "aba-precondition-retry",
    summary: "change in one statement, if the balance is the one before",
    twin_of: Some("precondition-on-version"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: &["SELECT balance FROM account"],
    keys: &["balance"],
    strategy: Strategy::Whole(prepared),
};

/// A change of a balance that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The balance that it needs.
    pub from: i64,
    /// By how much it changes it.
    pub by: i64,
}

/// Changes the balance, and believes that it is what it needs once only.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &Connection, change: Change) -> rusqlite::Result<()> {
    db.execute("UPDATE account SET balance = balance + ?1 WHERE balance = ?2", (change.by, change.from)).map(drop)
}

async fn consume_key_value(store: &KeyValue, change: Change) -> Result<(), Error> {
    store.put_if_absent("balance", "0", None).await?;
    let after = change.from + change.by;
    store.compare_and_set("balance", &change.from.to_string(), &after.to_string()).await.map(drop)
}

/// A payment, and its return.
fn messages() -> Messages<Change> {
    Messages::exactly([
        Message::new("m0", Change { from: 0, by: 100 }),
        Message::new("m1", Change { from: 100, by: -100 }),
    ])
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).contract(contract).prepare(
            messages(),
            async |db: &Sqlite, m: &Delivery<Change>| {
                let change = *m.payload();
                db.call(move |connection| consume(connection, change)).await
            },
        ),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract)
            .prepare(messages(), async |store: &KeyValue, m: &Delivery<Change>| {
                consume_key_value(store, *m.payload()).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
