//! Natural idempotence: the message says what the balance *is*, not by how much it changes.
//!
//! **Safe because** setting a value twice leaves what setting it once leaves, *if nothing newer came between*. Here nothing
//! can: each message sets a balance of its own, the closing balance of the day that it names, and no other message ever sets
//! that one. Where several messages set one value, a late duplicate of an older one undoes a newer one: that is the twin.
//! (Then the message needs a version, and the update a precondition on it.)
//!
//! **Needs from the delivery model** nothing: neither order, nor an end to duplicates, nor marks that must be kept.
//!
//! **Costs** nothing. Whoever sends the message has to know the value, and not only by how much it changes.
//!
//! **When not.** Where a value has several senders, or one sender sets it more than once: that is the twin. And where the effect
//! cannot be said as a value at all: a mail, a payment, an entry in a list.
//!
//! Source: the article, sections 2 and 7 ("set to 100": what of other changes in between?); webrenew/memories, issue 397, of
//! changes in between (`stale-overwrite`).

pub mod stale_overwrite;

use async_trait::async_trait;
use redeliver_harness::{Contract, Error, KeyValue};
use rusqlite::Connection;

use crate::{
    plain::{Consume, Plain},
    registry::{ANY_MODEL, Entry, Strategy},
};

/// Closing balances, by the message that says what they are.
pub const SCHEMA: &str = "CREATE TABLE closing (day TEXT PRIMARY KEY, balance INTEGER NOT NULL);";

/// What an outsider sees in the end.
pub const OBSERVED: &[&str] = &["SELECT day, balance FROM closing"];

/// The same of a key-value store: keys that begin so.
pub const KEYS: &[&str] = &["closing"];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "natural",
    summary: "set a balance that no other message sets",
    twin_of: None,
    models: ANY_MODEL,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Plain(&Natural),
    witnesses: &[],
};

/// Sets the closing balance of the day that the message is about.
///
/// # Errors
/// Whatever the database says.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO closing VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET balance = excluded.balance";
    db.execute(sql, (id, amount))?;
    Ok(())
}

struct Natural;

#[async_trait(?Send)]
impl Plain for Natural {
    fn sqlite(&self) -> Consume {
        consume
    }

    async fn key_value(&self, store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
        store.put(&format!("closing:{id}"), &amount.to_string()).await
    }
}
