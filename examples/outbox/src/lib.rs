//! Orders: each one is stored, and the warehouse is told of it, over a topic.
//!
//! The order and the note to tell of it, a row of the *outbox*, are written in one transaction: there is never one without
//! the other. A relay in the background reads the outbox, publishes, and marks what was sent.
//!
//! What that shows: the outbox alone does not tell once. The relay publishes and marks in two places, and between them a
//! crash, a statement that fails or a second relay makes it publish again. That is right for a topic whose readers
//! de-duplicate, and a bug where the warehouse was promised one note an order. With the row's id as a key that the topic
//! honours, it is told once. Marking first is no way out: then a crash in between tells nobody.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// The tables.
pub const SCHEMA: &str = "
    CREATE TABLE orders(id TEXT PRIMARY KEY, cents INTEGER NOT NULL);
    CREATE TABLE outbox(id TEXT PRIMARY KEY, sent INTEGER NOT NULL);";

/// What a relay may meet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// The topic did not confirm: it may have the note or not.
    #[error("not confirmed: {0}")]
    Unconfirmed(String),
}

/// A topic of a broker.
pub trait Topic {
    /// Publishes. Under a key, only what is the first under it.
    fn publish(&self, key: Option<&str>, note: &str) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Where statements run: a pool, a thread, or the connection itself.
pub trait Database {
    /// Runs them.
    fn run<T: Send + 'static>(
        &self,
        statements: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> impl Future<Output = rusqlite::Result<T>>;
}

/// In which order a relay does its two things, and how it publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relay {
    /// It publishes under the row's id as a key and then marks the row.
    Keyed,
    /// It publishes without a key and then marks the row: told twice.
    Plain,
    /// It marks the row and then publishes: never told.
    MarkFirst,
}

/// Stores an order, once for each id, with the note to tell of it.
pub fn order(db: &mut Connection, id: &str, cents: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.execute("INSERT OR IGNORE INTO orders VALUES (?1, ?2)", (id, cents))? == 1 {
        tx.execute("INSERT INTO outbox VALUES (?1, 0)", [id])?;
    }
    tx.commit()
}

/// One round of the relay: tells of the first order that it did not tell of. Whether there was one.
///
/// # Errors
/// The next round tries again.
pub async fn relay(db: &impl Database, topic: &impl Topic, how: Relay) -> Result<bool, Error> {
    let next = db.run(first_unsent).await?;
    let Some(id) = next else { return Ok(false) };
    match how {
        Relay::Keyed => topic.publish(Some(&id), &id).await?,
        Relay::Plain => topic.publish(None, &id).await?,
        Relay::MarkFirst => {}
    }
    let sent = id.clone();
    db.run(move |db| db.execute("UPDATE outbox SET sent = 1 WHERE id = ?1", [sent])).await?;
    if how == Relay::MarkFirst {
        topic.publish(Some(&id), &id).await?;
    }
    Ok(true)
}

fn first_unsent(db: &mut Connection) -> rusqlite::Result<Option<String>> {
    db.query_row("SELECT id FROM outbox WHERE sent = 0 ORDER BY rowid LIMIT 1", (), |row| row.get(0)).optional()
}
