//! Record and check under a lock: a lease that runs out, and a fencing token that the store of the effect checks.
//!
//! Whoever dies with a lock must not keep it, so it is a lease, taken for [`TTL`]. Whoever is slow must not go on when its
//! lease has run out, and cannot know that it has: between a look at the clock and the next statement any time can pass. So
//! each lease comes with a *token*, higher than all before, and the account refuses who comes with another than the highest
//! that it was shown.
//!
//! **Safe because** a new holder shows its token to the account *before* it looks whether the message was handled. From then
//! on nothing that an older holder writes is taken, so what was looked up stays true. (A store that only remembers the token
//! of the last *write* lets the old holder write between the new one's look and its write.) Effect and mark are one
//! transaction, for the lease is no help where its holder dies in between.
//!
//! **Costs** a statement to take the lease and one to show the token, a clock, and after a crash a wait until the lease has
//! run out.
//!
//! **Needs from the delivery model** that a delivery which finds the lease taken comes again once it has run out.
//!
//! **When not.** Where the check and the effect can be one transaction, as they can here, a transaction does without lease
//! and clock: see [`record_and_check`](crate::record_and_check). A lease is for effects that take long, or lie in a store
//! that locks nothing; that store has to know the token, and if it cannot, nothing is safe: that is the twin.
//!
//! Source: the article, section 5; Martin Kleppmann, "How to do distributed locking" (2016), for the token;
//! OptimalBits/bull, issue 308, of a holder that went on (`zombie-holder-writes`).

pub mod zombie_holder_writes;

use std::time::Duration;

use redeliver_harness::{Contract, Delivery, Error, KeyValue, Prepared};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{
    handlers::{on_key_value, on_sqlite_at},
    record_and_check::{KEYS, OBSERVED, mark},
    registry::{ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// One account, the highest token that it was shown, the ids that were handled, and the lease.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL, fence INTEGER NOT NULL);
INSERT INTO account VALUES (0, 0);
CREATE TABLE seen (id TEXT PRIMARY KEY);
CREATE TABLE lease (token INTEGER NOT NULL, until INTEGER NOT NULL);
INSERT INTO lease VALUES (0, 0);";

/// So long is a lease taken for.
pub const TTL: Duration = Duration::from_secs(30);

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "lease-with-fencing",
    summary: "check under a lease; the account refuses a token that is not the highest",
    twin_of: None,
    models: ANY_MODEL,
    faults: 1,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[],
};

/// Why a message was not handled.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Somebody else holds the lease.
    #[error("somebody else is at it")]
    Held,
    /// The lease ran out, and somebody else took it.
    #[error("the lease ran out meanwhile")]
    Fenced,
    /// The database said no.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Adds the amount to the balance, once for each id. `now` is milliseconds since any epoch that all share.
///
/// # Errors
/// [`Refused`]: the message is to be delivered again.
pub fn consume(db: &mut Connection, id: &str, amount: i64, now: i64) -> Result<(), Refused> {
    let token = take(db, now)?.ok_or(Refused::Held)?;
    if db.execute("UPDATE account SET fence = ?1 WHERE fence < ?1", [token])? == 0 {
        return Err(Refused::Fenced);
    }
    if !is_seen(db, id)? {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if tx.execute("UPDATE account SET balance = balance + ?1 WHERE fence = ?2", (amount, token))? == 0 {
            return Err(Refused::Fenced);
        }
        tx.execute("INSERT INTO seen VALUES (?1)", [id])?;
        tx.commit()?;
    }
    Ok(give_back(db, token)?)
}

/// Takes the lease, if nobody holds it. The token of it.
fn take(db: &Connection, now: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "UPDATE lease SET token = token + 1, until = ?1 WHERE until <= ?2 RETURNING token";
    db.query_row(sql, (now + TTL.as_millis() as i64, now), |row| row.get(0)).optional()
}

fn is_seen(db: &Connection, id: &str) -> rusqlite::Result<bool> {
    let seen = db.query_row("SELECT 1 FROM seen WHERE id = ?1", [id], |_| Ok(())).optional()?;
    Ok(seen.is_some())
}

/// Gives the lease back, if it is still the one of this token.
fn give_back(db: &Connection, token: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE lease SET until = 0 WHERE token = ?1", [token]).map(drop)
}

/// The same over the key-value store, whose keys run out by themselves.
async fn consume_key_value(store: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let token = take_key_value(store).await?;
    let fence = store.begin().await?;
    if highest(fence.get("fence").await?) > token {
        return Err(Error::other(Refused::Fenced));
    }
    fence.put("fence", &token.to_string()).await?;
    fence.commit().await?;
    if store.get(&mark(id)).await?.is_none() {
        let tx = store.begin().await?;
        if highest(tx.get("fence").await?) > token {
            return Err(Error::other(Refused::Fenced));
        }
        tx.add("balance", amount).await?;
        tx.put(&mark(id), "").await?;
        tx.commit().await?;
    }
    store.compare_and_delete("lease", &token.to_string()).await.map(drop)
}

/// Draws a token and takes the lease with it. One that was drawn early and got the lease late is refused by the account.
async fn take_key_value(store: &KeyValue) -> Result<i64, Error> {
    let token = store.add("token", 1).await?;
    match store.put_if_absent("lease", &token.to_string(), Some(TTL)).await? {
        true => Ok(token),
        false => Err(Error::other(Refused::Held)),
    }
}

fn highest(fence: Option<String>) -> i64 {
    fence.and_then(|token| token.parse().ok()).unwrap_or(0)
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    Some(match store {
        StoreKind::Sqlite => on_sqlite_at(entry, consume),
        StoreKind::KeyValue => on_key_value(entry, async |store: &KeyValue, m: &Delivery<i64>| {
            consume_key_value(store, m.id(), *m.payload()).await
        }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
