//! `stale-overwrite`: every message sets the same balance.
//!
//! Delivered twice in a row, each message leaves what it should; that is why it looks safe.
//!
//! **What breaks it.** `m0` sets the balance and its acknowledgement is lost; `m1` sets the balance anew; then `m0` comes
//! again, and the older value stands in the end.
//!
//! ```
//! use redeliver_strategies::{Options, named, replay};
//!
//! let history = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\nmessage m1 300\nlose-ack m0#1\n".parse()?;
//! let verdict = replay(named("stale-overwrite")?, &history, &Options::default());
//! assert_eq!(verdict.anomaly().map(|anomaly| anomaly.name()), Some("overwrote"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: the article, section 7: the value cannot solve it; use a version number.

use async_trait::async_trait;
use redeliver_harness::{Contract, Error, KeyValue};
use rusqlite::Connection;

use crate::{
    plain::{Consume, Plain},
    registry::{Entry, Strategy},
};

/// One account.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);";

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "stale-overwrite",
    summary: "set a balance that every message sets",
    twin_of: Some("natural"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: &["SELECT balance FROM account"],
    keys: &["balance"],
    strategy: Strategy::Plain(&StaleOverwrite),
};

/// Sets the balance, whatever it was before.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, _id: &str, amount: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE account SET balance = ?1", [amount])?;
    Ok(())
}

struct StaleOverwrite;

#[async_trait(?Send)]
impl Plain for StaleOverwrite {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, _id: &str, amount: i64) -> Result<(), Error> {
        store.put("balance", &amount.to_string()).await
    }
}
