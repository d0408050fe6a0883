//! A journal and its applier: the handler only writes a row under a unique constraint; the balance is derived from the rows in
//! the background.
//!
//! This is what the article describes: consuming means inserting the journal row, then the balance is brought up to date
//! asynchronously. The journal is the truth, and whoever consumes needs no transaction at all: one statement, which the
//! database refuses the second time.
//!
//! **Safe because** there is one row for each transfer, and the applier's *bookmark*, how far it has read the journal, changes
//! in the same transaction as the balance (here: in the same statement). Whoever dies leaves both or neither; of two appliers
//! the second finds the bookmark moved. With a bookmark in a transaction of its own, rows are applied twice after a crash.
//!
//! **Costs** a balance that is late by up to one period, and a journal that is kept.
//!
//! **Needs from the delivery model** nothing but an id that is the same in every delivery of a message. It needs of the *database*
//! that a row with a lower number is never committed after one with a higher number was read. Here writers wait for each
//! other. Where they do not (sequences in PostgreSQL) a bookmark skips rows; there each row needs a mark of its own.
//!
//! **When not.** Where the next message needs the balance that the last one left: then see
//! [`unique_constraint`](crate::unique_constraint), with the update in the row's transaction.
//!
//! Source: the article, section 3. For rows that are skipped: Eventuous/eventuous, issue 222.

pub mod bookmark_apart;

use std::time::Duration;

use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Prepared, sqlite::Sqlite};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    registry::{AMOUNTS, ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// One account, how far the journal was applied to it, and the journal.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL, applied INTEGER NOT NULL);
INSERT INTO account VALUES (0, 0);
CREATE TABLE journal (number INTEGER PRIMARY KEY, transfer TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL);";

/// What an outsider sees in the end.
pub const OBSERVED: &[&str] = &["SELECT balance FROM account"];

/// The same of a key-value store: keys that begin so.
pub const KEYS: &[&str] = &["balance"];

/// So often the applier looks.
const PERIOD: Duration = Duration::from_secs(1);

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "journal-applier",
    summary: "journal row under a unique constraint; an applier moves balance and bookmark together",
    twin_of: None,
    models: ANY_MODEL,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[],
};

/// Writes the transfer down, once for each id.
///
/// # Errors
/// Whatever the database says; whether the row stands, the next delivery finds out.
pub fn consume(db: &Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO journal (transfer, amount) VALUES (?1, ?2) ON CONFLICT (transfer) DO NOTHING";
    db.execute(sql, (id, amount)).map(drop)
}

/// One round of the applier: row by row, the balance and the bookmark in one statement.
///
/// # Errors
/// Whatever the database says; the next round begins where the bookmark is.
pub fn apply(db: &Connection) -> rusqlite::Result<()> {
    while let Some((number, amount)) = next(db)? {
        let sql = "UPDATE account SET balance = balance + ?1, applied = ?2 WHERE applied < ?2";
        db.execute(sql, (amount, number))?;
    }
    Ok(())
}

/// The first row behind the bookmark.
fn next(db: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let sql = "SELECT number, amount FROM journal, account WHERE number > applied ORDER BY number LIMIT 1";
    db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// The same over the key-value store, where the rows are numbered by hand.
async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    if !tx.put_if_absent(&format!("transfer:{id}"), "", None).await? {
        return Ok(());
    }
    let number = tx.add("written", 1).await?;
    tx.put(&row(number), &amount.to_string()).await?;
    tx.commit().await
}

/// Row by row: each with the bookmark behind it.
async fn apply_key_value(store: &KeyValue) -> Result<(), Error> {
    loop {
        let tx = store.begin().await?;
        let number = applied(tx.get("applied").await?)? + 1;
        let Some(amount) = tx.get(&row(number)).await? else { return Ok(()) };
        tx.put("applied", &number.to_string()).await?;
        tx.add("balance", amount.parse().map_err(Error::other)?).await?;
        tx.commit().await?;
    }
}

/// The bookmark, as the store has it.
fn applied(bookmark: Option<String>) -> Result<i64, Error> {
    bookmark.map_or(Ok(0), |number| number.parse()).map_err(Error::other)
}

fn row(number: i64) -> String {
    format!("journal:{number}")
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(entry, store, apply, async |store: &KeyValue| apply_key_value(store).await)
}

/// A check of this handler beside such an applier, on the store that is asked for. What could not be applied now is applied
/// in the next round.
fn checked<A>(
    entry: &Entry,
    store: StoreKind,
    apply: fn(&Connection) -> rusqlite::Result<()>,
    apply_key_value: A,
) -> Option<Prepared>
where
    A: AsyncFn(&KeyValue) -> Result<(), Error> + Send + Sync + 'static,
{
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database())
            .contract(contract)
            .every(PERIOD, "applier", async move |db: &Sqlite| drop(db.call(move |connection| apply(connection)).await))
            .prepare(AMOUNTS, async |db: &Sqlite, m: &Delivery<i64>| {
                let (id, amount) = (m.id().to_owned(), *m.payload());
                db.call(move |connection| consume(connection, &id, amount)).await
            }),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract)
            .every(PERIOD, "applier", async move |store: &KeyValue| drop(apply_key_value(store).await))
            .prepare(AMOUNTS, async |store: &KeyValue, m: &Delivery<i64>| {
                consume_key_value(store, m.id(), *m.payload()).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
