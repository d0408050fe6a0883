//! A dead letter: what can never be handled is put aside, so that what stands behind it is.
//!
//! Where messages come in order, one that always fails stops its whole line: the consumer goes back to it, again and again.
//! Here the table itself says which amounts it takes. One that it refuses goes to a table of dead letters, in the transaction
//! that tried, and the delivery is done.
//!
//! **Safe because** it tells a failure that lasts (the constraint) from one that passes (a lock, a broken connection): only
//! the first puts a message aside, and in the same transaction, so that a message stands in one table or in the other, once,
//! whatever is repeated.
//!
//! **Costs** a table that somebody has to look at: what was put aside is handled by nobody.
//!
//! **Needs from the delivery model** nothing but an id that is the same in every delivery of a message; no count of attempts,
//! which Kafka does not have, and no dead-letter topic.
//!
//! **When not.** Where what comes later means something else without what was put aside: then the line has to stop, and
//! somebody has to be called.
//!
//! Source: the article, section 7 (a message that fails for ever is put aside in a queue of its own); Gregor Hohpe and Bobby
//! Woolf, *Enterprise Integration Patterns*: Invalid Message Channel, Dead Letter Channel; spring-projects/spring-kafka, issue
//! 316 (`poison-head-of-line`).

pub mod poison_head_of_line;

use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Message, Messages, Prepared, sqlite::Sqlite};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::{
    handlers::Consume,
    record_and_check::mark,
    registry::{ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// One account, the amounts that were added to it, of which none takes anything away, and what is no such amount.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);
CREATE TABLE journal (id TEXT PRIMARY KEY, amount INTEGER NOT NULL CHECK (amount > 0));
CREATE TABLE dead_letter (id TEXT PRIMARY KEY, amount INTEGER NOT NULL);";

/// What an outsider sees in the end.
pub const OBSERVED: &[&str] = &["SELECT balance FROM account", "SELECT id, amount FROM dead_letter"];

/// The same of a key-value store: keys that begin so.
pub const KEYS: &[&str] = &["balance", "dead:"];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "dead-letter",
    summary: "what the journal refuses for good goes to a table of dead letters, in one transaction",
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

/// Two messages of one account, of which the first can never be handled.
pub fn messages() -> Messages<i64> {
    Messages::exactly([
        Message::new("m0", -100).ordered_by("account-7"),
        Message::new("m1", 300).ordered_by("account-7"),
    ])
}

/// Adds the amount to the balance, once for each id, or puts it aside where it is none.
///
/// # Errors
/// Whatever else the database says; nothing was changed then, unless it is the commit whose outcome is unknown, and the next
/// delivery finds out.
pub fn consume(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match tx.execute("INSERT INTO journal VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING", (id, amount)) {
        Ok(0) => return Ok(()),
        Ok(_) => tx.execute("UPDATE account SET balance = balance + ?1", [amount])?,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            tx.execute("INSERT INTO dead_letter VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING", (id, amount))?
        }
        Err(error) => return Err(error),
    };
    tx.commit()
}

async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = store.begin().await?;
    if amount <= 0 {
        tx.put(&format!("dead:{id}"), &amount.to_string()).await?;
    } else if tx.put_if_absent(&mark(id), "", None).await? {
        tx.add("balance", amount).await?;
    }
    tx.commit().await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(entry, store, consume, async |store: &KeyValue, m: &Delivery<i64>| {
        consume_key_value(store, m.id(), *m.payload()).await
    })
}

/// A check of a handler of these two messages, on the store that is asked for.
fn checked<H>(entry: &Entry, store: StoreKind, consume: Consume<rusqlite::Error>, on_key_value: H) -> Option<Prepared>
where
    H: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).contract(contract).prepare(
            messages(),
            async move |db: &Sqlite, m: &Delivery<i64>| {
                let (id, amount) = (m.id().to_owned(), *m.payload());
                db.call(move |connection| consume(connection, &id, amount)).await
            },
        ),
        StoreKind::KeyValue => Harness::new(entry.key_value()).contract(contract).prepare(messages(), on_key_value),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
