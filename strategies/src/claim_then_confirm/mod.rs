//! Claim, then confirm: `INSERT IF NOT EXISTS` (Redis: `SETNX`) in one store, around an effect in another.
//!
//! Whoever inserts the message's id first has *claimed* it and does the work; when that is done the claim is *confirmed*, and
//! from then on every duplicate is answered with "done". Whoever finds a claim that is not confirmed comes again later. A
//! claim that nobody confirms runs out after [`TTL`], since its holder may be dead.
//!
//! **Safe because** only a confirmed claim says that the work was done, and a confirmed one never runs out. What runs out may
//! have been done all the same: its holder died before it could confirm, or is only slow and still at it. So the effect is
//! itself keyed: the third party does it once for each id, whoever asks. The claim keeps two deliveries from doing the work
//! at the same time; it is the key that makes it happen once.
//!
//! **Costs** two writes around each effect, and after a crash a wait until the claim has run out.
//!
//! **Needs from the delivery model** that a delivery which finds a claim comes again after it ran out: a broker that gives up
//! sooner puts the message aside. It needs of the *third party* that it knows its keys for as long as the message may come.
//!
//! **When not.** Where the effect can be in the same transaction as the mark: then [`record_and_check`](crate::record_and_check)
//! needs no claim, no clock and no key. And where the effect has no key: then no time to live is right, as the twins show.
//!
//! Source: the article, section 3 ("insert if not exists", `SETNX`); the in-progress records of AWS Lambda Powertools; the
//! IETF's draft of the `Idempotency-Key` header, which answers a request in progress with a conflict.

pub mod inprogress_expiry_too_early;
pub mod inprogress_never_expires;
pub mod orphan_claim;
pub mod setnx_then_expire;

use std::time::Duration;

use redeliver_harness::{Contract, Delivery, Effects, Error, Harness, KeyValue, Prepared, sqlite::Sqlite};
use rusqlite::Connection;

use crate::{
    handlers::milliseconds,
    registry::{AMOUNTS, ANY_MODEL, EFFECT, Entry, Strategy},
    run::StoreKind,
};

/// Who claimed which message until when, and whether it was done; and an account, on which the twins work.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL);
INSERT INTO account VALUES (0);
CREATE TABLE claim (id TEXT PRIMARY KEY, until INTEGER, confirmed INTEGER NOT NULL DEFAULT 0);";

/// A claim that is not confirmed stands so long.
pub const TTL: Duration = Duration::from_secs(30);

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "claim-then-confirm",
    summary: "a claim that runs out, an effect under a key, then the claim confirmed",
    twin_of: None,
    models: ANY_MODEL,
    faults: 1,
    contract: Contract::strict,
    schema: SCHEMA,
    // Everything happens in the outside world, which is always seen.
    observed: &[],
    keys: &[],
    strategy: Strategy::Whole(prepared),
    witnesses: &[],
};

/// Why a message was not handled.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Somebody else has claimed it, and is at it or dead.
    #[error("somebody else is at it")]
    InProgress,
    /// The database said no.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Sends the mail, once for each id. `now` is milliseconds since any epoch that all share.
///
/// # Errors
/// Whatever the database or the outside world says, and where somebody else is at it. The claim stands then: whether the mail
/// went out is unknown, and who comes once the claim has run out asks for it again, under the same key.
pub async fn consume(db: &Sqlite, mail: &Effects, id: &str, amount: i64, now: i64) -> Result<(), Error> {
    let own = id.to_owned();
    if db.call(move |connection| claim(connection, &own, now)).await.map_err(Error::other)? {
        mail.perform_once(id, EFFECT, amount).await?;
        let own = id.to_owned();
        db.call(move |connection| confirm(connection, &own)).await.map_err(Error::other)?;
    }
    Ok(())
}

/// Claims a message, if nobody has or the claim ran out. Whether there is something to do: not where it is confirmed.
fn claim(db: &Connection, id: &str, now: i64) -> Result<bool, Refused> {
    let sql = "INSERT INTO claim (id, until) VALUES (?1, ?2)
        ON CONFLICT (id) DO UPDATE SET until = excluded.until WHERE NOT confirmed AND until <= ?3";
    if db.execute(sql, (id, now + TTL.as_millis() as i64, now))? == 1 {
        return Ok(true);
    }
    match is_confirmed(db, id)? {
        true => Ok(false),
        false => Err(Refused::InProgress),
    }
}

/// Whether a message that was claimed was done.
fn is_confirmed(db: &Connection, id: &str) -> rusqlite::Result<bool> {
    db.query_row("SELECT confirmed FROM claim WHERE id = ?1", [id], |row| row.get(0))
}

fn confirm(db: &Connection, id: &str) -> rusqlite::Result<()> {
    db.execute("UPDATE claim SET confirmed = 1 WHERE id = ?1", [id]).map(drop)
}

/// The same over the key-value store, where a key with a time to live is a claim and one without is confirmed.
async fn consume_key_value(store: &KeyValue, mail: &Effects, id: &str, amount: i64) -> Result<(), Error> {
    if claim_key_value(store, id).await? {
        mail.perform_once(id, EFFECT, amount).await?;
        store.put(&key(id), CONFIRMED).await?;
    }
    Ok(())
}

/// The value of a claim that is confirmed.
const CONFIRMED: &str = "confirmed";

async fn claim_key_value(store: &KeyValue, id: &str) -> Result<bool, Error> {
    // To claim and to say until when is one command, `SET NX EX`.
    if store.put_if_absent(&key(id), "claimed", Some(TTL)).await? {
        return Ok(true);
    }
    match store.get(&key(id)).await?.as_deref() {
        Some(CONFIRMED) => Ok(false),
        // It may also have run out just now.
        _ => Err(Error::other(Refused::InProgress)),
    }
}

fn key(id: &str) -> String {
    format!("claim:{id}")
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    let world = Effects::new().named("world");
    Some(match store {
        StoreKind::Sqlite => Harness::new((entry.database(), world)).contract(contract).prepare(
            AMOUNTS,
            async |(db, mail): &(Sqlite, Effects), m: &Delivery<i64>| {
                consume(db, mail, m.id(), *m.payload(), milliseconds(m)).await
            },
        ),
        StoreKind::KeyValue => Harness::new((entry.key_value(), world)).contract(contract).prepare(
            AMOUNTS,
            async |(store, mail): &(KeyValue, Effects), m: &Delivery<i64>| {
                consume_key_value(store, mail, m.id(), *m.payload()).await
            },
        ),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
