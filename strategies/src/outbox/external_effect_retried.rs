//! `external-effect-retried`: the handler sends the mail itself, between a look at the marks and its transaction.
//!
//! **What breaks it.** The mail is out and the process dies before the commit. The message is delivered again, there is no
//! mark, and the mail is sent again. Nobody can prevent that with a plain effect; the contract says all the same that it
//! happens exactly once, which is what people take it for.
//!
//! Source: Brandur Leach, "Implementing Stripe-like Idempotency Keys in Postgres" (2017): foreign state mutations.

use redeliver_harness::{
    Anomaly, Contract, Delivery, Effects, Error, Guarantee, Harness, KeyValue, Prepared, sqlite::Sqlite,
};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    record_and_check::{self, KEYS, OBSERVED, SCHEMA, mark},
    registry::{AMOUNTS, EFFECT, Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "external-effect-retried",
    summary: "the mail, then effect and mark in one transaction",
    twin_of: Some("outbox"),
    models: &[],
    faults: 2,
    contract: || Contract::strict().effect(EFFECT, Guarantee::ExactlyOnce),
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
crash m0#1.3
",
    }],
};

/// Sends a mail and adds the amount to the balance, and believes that it does both once for each id.
///
/// # Errors
/// Whatever the database or the outside world says.
pub async fn consume(db: &Sqlite, mail: &Effects, id: &str, amount: i64) -> Result<(), Error> {
    let own = id.to_owned();
    if db.call(move |connection| is_seen(connection, &own)).await.map_err(Error::other)? {
        return Ok(());
    }
    mail.perform(EFFECT, amount).await?;
    let own = id.to_owned();
    db.call(move |connection| record_and_check::consume(connection, &own, amount)).await.map_err(Error::other)
}

fn is_seen(db: &Connection, id: &str) -> rusqlite::Result<bool> {
    let seen = db.query_row("SELECT 1 FROM seen WHERE id = ?1", [id], |_| Ok(())).optional()?;
    Ok(seen.is_some())
}

async fn consume_key_value(store: &KeyValue, mail: &Effects, id: &str, amount: i64) -> Result<(), Error> {
    if store.get(&mark(id)).await?.is_some() {
        return Ok(());
    }
    mail.perform(EFFECT, amount).await?;
    record_and_check::consume_key_value(store, id, amount).await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    let world = Effects::new().named("world");
    Some(match store {
        StoreKind::Sqlite => Harness::new((entry.database(), world))
            .contract(contract)
            .prepare(AMOUNTS, async |(db, mail): &(Sqlite, Effects), m: &Delivery<i64>| {
                consume(db, mail, m.id(), *m.payload()).await
            }),
        StoreKind::KeyValue => Harness::new((entry.key_value(), world)).contract(contract).prepare(
            AMOUNTS,
            async |(store, mail): &(KeyValue, Effects), m: &Delivery<i64>| {
                consume_key_value(store, mail, m.id(), *m.payload()).await
            },
        ),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
