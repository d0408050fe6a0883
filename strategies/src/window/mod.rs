//! A window: record and check, and a mark that is kept for [`WINDOW`] and no longer.
//!
//! The table of marks of [`record_and_check`](crate::record_and_check) grows for ever. Brokers and payment services keep
//! theirs for minutes or hours (SQS FIFO: five minutes; Stripe: at least a day), and say so: *that* is the promise. Here too:
//! the contract states the window, and what comes again after it is a new message.
//!
//! **Safe because** check, update and mark are one transaction, and a mark stands for at least as long as the contract says: it
//! begins to run out when the message was handled, which is no earlier than the window does. What has run out is deleted in the
//! transaction that would have believed it, so that the table holds no more than the messages of one window.
//!
//! **Costs** a deletion with each message, and a column.
//!
//! **Needs from the delivery model** that nothing comes again after the window: a broker that gives up sooner, and nobody who
//! takes messages out of a dead letter queue by hand a week later. Where that cannot be said the window is too short: see
//! [`window_expired_before_retry`]. And it needs *one clock*: whoever clears up by a clock of its own that is ahead forgets what
//! the others still promise. A store that lets its keys run out by itself has one.
//!
//! **When not.** Where the id is used again on purpose within the window (the article's readers ask): the second message is
//! taken for a duplicate. And where a bound is to be kept by count instead of by time: then it is the traffic that decides how
//! long the window is, and nothing can be promised: see [`lru_overflow`].
//!
//! Source: the article, section 7 (an id in Redis that expires after ten seconds: "a limit to know"); Stripe's documentation of
//! idempotent requests; Amazon's of the deduplication interval of FIFO queues.

pub mod lru_overflow;
pub mod window_expired_before_retry;

use std::time::Duration;

use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Prepared, sqlite::Sqlite};
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    handlers::milliseconds,
    record_and_check::mark,
    registry::{AMOUNTS, ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// One account, and the ids of the messages that were handled, each until it may be forgotten.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);
CREATE TABLE seen (id TEXT PRIMARY KEY, until INTEGER NOT NULL);";

/// A message is known again for so long.
pub const WINDOW: Duration = Duration::from_secs(300);

/// What is kept to know messages again.
const SEEN: &str = "SELECT id FROM seen";

/// The same of a key-value store: keys that begin so.
const SEEN_KEYS: &str = "seen:";

/// More rows than this are only kept of messages within the window.
const ROWS: usize = 1;

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "window",
    summary: "check, update and a mark that runs out with the promise, in one transaction",
    twin_of: None,
    models: ANY_MODEL,
    faults: 1,
    contract: || Contract::strict().window(WINDOW),
    schema: SCHEMA,
    observed: &["SELECT balance FROM account", SEEN],
    keys: &["balance", SEEN_KEYS],
    strategy: Strategy::Whole(prepared),
    witnesses: &[],
};

/// Adds the amount to the balance, once for each id within the window. `now` is milliseconds since any epoch that all share.
///
/// # Errors
/// Whatever the database says; nothing was changed then, unless it is the commit whose outcome is unknown, and the next
/// delivery finds out.
pub fn consume(db: &mut Connection, id: &str, amount: i64, now: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("DELETE FROM seen WHERE until <= ?1", [now])?;
    let until = now + WINDOW.as_millis() as i64;
    if tx.execute("INSERT INTO seen VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING", (id, until))? == 1 {
        tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    }
    // For a duplicate too: otherwise nothing is cleared up where the last that comes is one.
    tx.commit()
}

/// The same over the key-value store, whose keys run out by themselves.
async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    if !tx.put_if_absent(&mark(id), "", Some(WINDOW)).await? {
        return Ok(());
    }
    tx.add("balance", amount).await?;
    tx.commit().await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).contract(contract.bounded(SEEN, ROWS)).prepare(
            AMOUNTS,
            async |db: &Sqlite, m: &Delivery<i64>| {
                let (id, amount, now) = (m.id().to_owned(), *m.payload(), milliseconds(m));
                db.call(move |connection| consume(connection, &id, amount, now)).await
            },
        ),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract.bounded(SEEN_KEYS, ROWS))
            .prepare(AMOUNTS, async |store: &KeyValue, m: &Delivery<i64>| {
                consume_key_value(store, m.id(), *m.payload()).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
