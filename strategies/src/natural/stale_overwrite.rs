//! `stale-overwrite`: every message sets the same balance.
//!
//! Delivered twice in a row, each message leaves what it should; that is why it looks safe.
//!
//! **What breaks it.** `m0` sets the balance and its acknowledgement is lost; `m1` sets the balance anew; then `m0` comes
//! again, and the older value stands in the end.
//!
//! Source: the article, section 7: the value cannot solve it; use a version number;
//! webrenew/memories, issue 397.

use async_trait::async_trait;
use redeliver_harness::{Anomaly, Contract, Error, KeyValue};
use rusqlite::Connection;

use crate::{
    plain::{Consume, Plain},
    registry::{Entry, Strategy},
    witness::Witness,
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
    witnesses: &[Witness {
        shows: Anomaly::Overwrote,
        history: "redeliver-history 1
model at-least-once
message m0 100
message m1 300
lose-ack m0#1
",
    }],
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
