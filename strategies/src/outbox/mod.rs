//! An outbox: the effect here and the note of what is to be done outside are one transaction; a relay does the latter.
//!
//! A mail cannot be rolled back, and no transaction holds both it and a row. So the handler only writes down that it is to be
//! sent, beside its effect and its mark. A relay in the background sends what is not marked as sent, and then marks it.
//!
//! **Safe because** there is a row exactly where there was an effect, and a row is sent until it is marked. The relay repeats
//! what it sent if it dies before the mark, and two relays may send the same row; so each publication carries the message's
//! id as its key, and whoever receives it honours that.
//!
//! **Costs** a row for each thing that is sent, a process that sends it, and a delay of up to one period.
//!
//! **Needs from the delivery model** nothing but an id that is the same in every delivery of a message. It needs of the
//! *third party* that it knows its keys for as long as a relay may repeat one. Where it knows none, what is sent is sent at
//! least once, and no outbox helps.
//!
//! **When not.** Where somebody waits for what comes of the outside world: the relay answers nobody. And not where the order
//! of what is sent matters, unless there is one relay.
//!
//! Source: the article, section 5 (distributed transactions are hard); Chris Richardson, "Pattern: Transactional outbox"
//! (microservices.io); Particular/docs.particular.net, issue 1816, of a relay that sends again (`outbox-mark-dispatched-fails`).

pub mod external_effect_retried;

use std::time::Duration;

use redeliver_harness::{Contract, Delivery, Effects, Error, Harness, KeyValue, Prepared, sqlite::Sqlite};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{
    record_and_check::{KEYS, mark},
    registry::{AMOUNTS, ANY_MODEL, EFFECT, Entry, Strategy},
    run::StoreKind,
};

/// One account, the ids that were handled, and what is to be sent.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);
CREATE TABLE seen (id TEXT PRIMARY KEY);
CREATE TABLE outbox (id TEXT PRIMARY KEY, amount INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0);";

/// What an outsider sees in the end: what was not sent too, since nothing may stay behind.
pub const OBSERVED: &[&str] = &["SELECT balance FROM account", "SELECT id FROM outbox WHERE NOT sent"];

/// So often the relay looks.
const PERIOD: Duration = Duration::from_secs(1);

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "outbox",
    summary: "effect and outbox row in one transaction; a relay sends it under a key",
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

/// Adds the amount to the balance and writes down that it is to be told of, once for each id.
///
/// # Errors
/// Whatever the database says; nothing was changed then, unless it is the commit whose outcome is unknown, and the next
/// delivery finds out.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.execute("INSERT INTO seen VALUES (?1) ON CONFLICT (id) DO NOTHING", [id])? == 0 {
        return Ok(());
    }
    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    tx.execute("INSERT INTO outbox (id, amount) VALUES (?1, ?2)", (id, amount))?;
    tx.commit()
}

/// One round of the relay: sends what is not marked as sent, row by row.
///
/// # Errors
/// Whatever the database or the outside world says; the next round begins with the same row.
pub async fn relay(db: &Sqlite, mail: &Effects) -> Result<(), Error> {
    while let Some((id, amount)) = db.call(|connection| next(connection)).await.map_err(Error::other)? {
        mail.perform_once(&id, EFFECT, amount).await?;
        let mark =
            move |connection: &mut Connection| connection.execute("UPDATE outbox SET sent = 1 WHERE id = ?1", [id]);
        db.call(mark).await.map_err(Error::other)?;
    }
    Ok(())
}

fn next(db: &Connection) -> rusqlite::Result<Option<(String, i64)>> {
    let sql = "SELECT id, amount FROM outbox WHERE NOT sent ORDER BY rowid LIMIT 1";
    db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// The same over the key-value store, where the outbox is numbered and `sent` says how far it was sent.
async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    if !tx.put_if_absent(&mark(id), "", None).await? {
        return Ok(());
    }
    tx.add("balance", amount).await?;
    let number = tx.add("written", 1).await?;
    tx.put(&format!("outbox:{number}"), &amount.to_string()).await?;
    tx.commit().await
}

async fn relay_key_value(store: &KeyValue, mail: &Effects) -> Result<(), Error> {
    loop {
        let sent: i64 = store.get("sent").await?.and_then(|number| number.parse().ok()).unwrap_or(0);
        let key = format!("outbox:{}", sent + 1);
        let Some(amount) = store.get(&key).await? else { return Ok(()) };
        let amount: i64 = amount.parse().map_err(Error::other)?;
        mail.perform_once(&key, EFFECT, amount).await?;
        // A slower relay may put it back: then rows are sent again, under the same keys.
        store.put("sent", &(sent + 1).to_string()).await?;
    }
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    let world = Effects::new().named("world");
    Some(match store {
        StoreKind::Sqlite => Harness::new((entry.database(), world))
            .contract(contract)
            // What could not be sent now is sent in the next round.
            .every(PERIOD, "relay", async |(db, mail): &(Sqlite, Effects)| drop(relay(db, mail).await))
            .prepare(AMOUNTS, async |(db, _): &(Sqlite, Effects), m: &Delivery<i64>| {
                let (id, amount) = (m.id().to_owned(), *m.payload());
                db.call(move |connection| consume(connection, &id, amount)).await
            }),
        StoreKind::KeyValue => Harness::new((entry.key_value(), world))
            .contract(contract)
            .every(PERIOD, "relay", async |(store, mail): &(KeyValue, Effects)| {
                drop(relay_key_value(store, mail).await);
            })
            .prepare(AMOUNTS, async |(store, _): &(KeyValue, Effects), m: &Delivery<i64>| {
                consume_key_value(store, m.id(), *m.payload()).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
