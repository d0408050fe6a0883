//! `bookmark-apart`: the same applier, its bookmark in a statement of its own.
//!
//! **What breaks it.** The applier dies, or its statement fails, after the balance was changed and before the bookmark was
//! moved. It begins where the bookmark is, and adds the row once more. No message comes twice for that.
//!
//! Source: the article, section 3 ("asynchronously from the journal"); eventuate-local/eventuate-local, issue 212, and
//! Particular/docs.particular.net, issue 1816, of relays that note what they sent after they sent it.

use redeliver_harness::{Anomaly, Contract, Error, KeyValue, Prepared};
use rusqlite::Connection;

use super::{KEYS, OBSERVED, SCHEMA, applied, checked, next, row};
use crate::{
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "bookmark-apart",
    summary: "journal row under a unique constraint; an applier moves the balance, then the bookmark",
    twin_of: Some("journal-applier"),
    models: &[],
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
message m0 100
# SELECT, UPDATE of the balance, and never that of the bookmark
crash applier@p0#1.3
",
    }],
};

/// One round of the applier: row by row, first the balance, then the bookmark.
///
/// # Errors
/// Whatever the database says; the next round begins where the bookmark is.
pub fn apply(db: &Connection) -> rusqlite::Result<()> {
    while let Some((number, amount)) = next(db)? {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        db.execute("UPDATE account SET applied = ?1 WHERE applied < ?1", [number])?;
    }
    Ok(())
}

async fn apply_key_value(store: &KeyValue) -> Result<(), Error> {
    loop {
        let number = applied(store.get("applied").await?)? + 1;
        let Some(amount) = store.get(&row(number)).await? else { return Ok(()) };
        store.add("balance", amount.parse().map_err(Error::other)?).await?;
        store.put("applied", &number.to_string()).await?;
    }
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    checked(entry, store, apply, async |store: &KeyValue| apply_key_value(store).await)
}
