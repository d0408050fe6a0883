//! An idempotency key with a stored reply: a request is answered once, and its retry with the same words.
//!
//! The client makes a key for each request and sends it with every retry. The service keeps under the key what was asked and
//! what was answered. A retry gets the stored answer; *another* request under a used key gets none, but a refusal (422).
//!
//! **Safe because** check, effect and reply are one transaction: there is an answer exactly where there was an effect. A retry
//! that comes while the first request is at it waits for the lock and then finds the answer. Only answers are stored: an error
//! is none, it leaves nothing behind, and the retry is a request like the first.
//!
//! **Costs** a reply kept for each request, for as long as clients may retry.
//!
//! **Needs from the delivery model**, which is a client that tries again, a key that is the same in every retry of a request and in no other request. (The key's scope is
//! the client: two tenants may draw the same one, so it belongs to the key.)
//!
//! **Not claimed** is a broker that blocks on a refusal (`kafka-blocking`): another payload under a used key is refused for
//! good, so the line behind it never moves.
//!
//! **When not.** Where the reply is large, or secret, or computed from the effect alone: then a mark is enough, and the reply
//! can be derived. It must not be *recomputed* from what has changed since: the retry would hear the balance of today.
//!
//! Source: the article, section 6 (a form sent twice, an RPC framework's retries); the IETF's draft of the `Idempotency-Key`
//! header; Stripe's documentation of idempotent requests; Brandur Leach, "Implementing Stripe-like Idempotency Keys in
//! Postgres" (2017).

pub mod body_not_in_identity;
pub mod cached_error_replayed;
pub mod reply_recomputed;

use redeliver_harness::{
    Anomaly, Contract, Delivery, DeliveryModel, Error, Harness, KeyValue, Outcome, Prepared, sqlite::Sqlite,
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{
    registry::{AMOUNTS, Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// One account, and what was asked and answered under each key.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);
CREATE TABLE answer (key TEXT PRIMARY KEY, amount INTEGER NOT NULL, balance INTEGER NOT NULL);";

/// What an outsider sees in the end, beside the answers.
pub const OBSERVED: &[&str] = &["SELECT balance FROM account"];

/// The same of a key-value store: keys that begin so.
pub const KEYS: &[&str] = &["balance"];

/// Where a refusal is the end of a message.
const CLAIMED: &[DeliveryModel] = &[
    DeliveryModel::at_most_once(),
    DeliveryModel::at_least_once(),
    DeliveryModel::request_reply(),
    DeliveryModel::kafka(),
];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "stored-reply",
    summary: "effect and reply under the key in one transaction; a retry gets the reply, another payload a refusal",
    twin_of: None,
    models: CLAIMED,
    faults: 2,
    contract,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Stuck,
        history: "redeliver-history 1
model kafka-blocking
message m0 100
message m1 id=m0 300
",
    }],
};

/// Another payload under a used key is refused; the twins promise that too.
fn contract() -> Contract {
    Contract::strict().payload_mismatch_refused()
}

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The balance after the change; the same to every retry.
    Balance(i64),
    /// The key was used for another amount.
    Mismatch,
}

/// Adds the amount to the balance, once for each key. What the client hears.
///
/// # Errors
/// Whatever the database says; nothing was changed then, unless it is the commit whose outcome is unknown, and the retry finds
/// out.
pub fn consume(db: &mut Connection, key: &str, amount: i64) -> rusqlite::Result<Answer> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let stored =
        tx.query_row("SELECT amount, balance FROM answer WHERE key = ?1", [key], |row| Ok((row.get(0)?, row.get(1)?)));
    if let Some((asked, balance)) = stored.optional()? {
        return Ok(answer(asked, balance, amount));
    }
    let balance =
        tx.query_row("UPDATE account SET balance = balance + ?1 RETURNING balance", [amount], |row| row.get(0))?;
    tx.execute("INSERT INTO answer VALUES (?1, ?2, ?3)", (key, amount, balance))?;
    tx.commit()?;
    Ok(Answer::Balance(balance))
}

/// What a retry hears, or whoever else uses the key.
fn answer(asked: i64, balance: i64, amount: i64) -> Answer {
    if asked == amount { Answer::Balance(balance) } else { Answer::Mismatch }
}

/// The same over the key-value store.
async fn consume_key_value(store: &KeyValue, key: &str, amount: i64) -> Result<Answer, Error> {
    let key = format!("answer:{key}");
    let tx = store.begin().await?;
    if let Some(stored) = tx.get(&key).await? {
        let (asked, balance) = numbers(&stored)?;
        return Ok(answer(asked, balance, amount));
    }
    let balance = tx.add("balance", amount).await?;
    tx.put(&key, &format!("{amount} {balance}")).await?;
    tx.commit().await?;
    Ok(Answer::Balance(balance))
}

/// What was asked and answered, as the store has it.
fn numbers(stored: &str) -> Result<(i64, i64), Error> {
    let (asked, balance) = stored.split_once(' ').ok_or_else(|| Error::other("an answer is two numbers"))?;
    Ok((asked.parse().map_err(Error::other)?, balance.parse().map_err(Error::other)?))
}

/// The status line of it: 200, 422, or 503, after which the client tries again.
fn outcome<E: std::fmt::Display>(answer: Result<Answer, E>) -> Outcome<i64> {
    match answer {
        Ok(Answer::Balance(balance)) => Outcome::Done(balance),
        Ok(Answer::Mismatch) => Outcome::Reject("the key was used for another amount".to_owned()),
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(entry, store, consume, async |store: &KeyValue, key: &str, amount: i64| {
        consume_key_value(store, key, amount).await
    })
}

/// A check of a service that answers so, on the store that is asked for.
fn checked<H>(
    entry: &Entry,
    store: StoreKind,
    consume: fn(&mut Connection, &str, i64) -> rusqlite::Result<Answer>,
    on_key_value: H,
) -> Option<Prepared>
where
    H: AsyncFn(&KeyValue, &str, i64) -> Result<Answer, Error> + Send + Sync + 'static,
{
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).contract(contract).prepare(
            AMOUNTS,
            async move |db: &Sqlite, m: &Delivery<i64>| {
                let (key, amount) = (m.id().to_owned(), *m.payload());
                outcome(db.call(move |connection| consume(connection, &key, amount)).await)
            },
        ),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract)
            .prepare(AMOUNTS, async move |store: &KeyValue, m: &Delivery<i64>| {
                outcome(on_key_value(store, m.id(), *m.payload()).await)
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
