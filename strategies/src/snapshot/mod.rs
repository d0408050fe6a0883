//! Record and check under snapshot isolation: whoever handles a message *writes* what every other one has to write too.
//!
//! Under snapshot isolation (`REPEATABLE READ` in PostgreSQL) a transaction reads what was committed when it began. Its check
//! sees nothing of a transaction beside it, so that two deliveries of a message can both find it new. What stops the second
//! one is no look but a write: both put their mark under the same key, and the first to commit wins.
//!
//! **Safe because** the mark's key is made of the message's id and of nothing else, so that two transactions that handle one
//! message always write one key. The loser's commit fails and leaves nothing; it is delivered again and reads a snapshot in
//! which the mark stands. The effect needs no key in common: here each is an entry under a fresh one, and entries of
//! different messages never wait for each other. At a level that is serializable the same code is as safe.
//!
//! **Costs** a commit that fails where deliveries overlap, and a delivery more.
//!
//! **Needs from the delivery model** an id that is the same in every delivery of a message, and that a delivery which failed
//! comes again.
//!
//! **When not.** Where a unique constraint can say it: a database refuses a second row whatever the snapshot shows, see
//! [`unique_constraint`](crate::unique_constraint). Not where what is to be unique spans several keys: then nothing is
//! written in common, and only a serializable level, or a lock, sees the conflict. That is the twin.
//!
//! Source: the article, section 5 (transactions solve it; which ones, it does not say); Hermitage, for what each level lets
//! through.

pub mod snapshot_blind_uniqueness;

use redeliver_harness::{Contract, Delivery, Error, Isolation, KeyValue, KeyValueTransaction, Prepared};

use crate::{
    handlers::on_key_value_at,
    record_and_check::mark,
    registry::{ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// What an outsider sees in the end: the entries of an account, each under a fresh key.
pub const KEYS: &[&str] = &["entry:"];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "snapshot",
    summary: "check, entry, and a mark that both would have to write, in a snapshot transaction",
    twin_of: None,
    models: ANY_MODEL,
    faults: 2,
    contract: Contract::strict,
    schema: "",
    observed: &[],
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: &[],
};

/// Writes an entry of the amount under a fresh key, once for each id.
///
/// # Errors
/// Whatever the store says; nothing was changed then, unless it is the commit whose outcome is unknown, and the next delivery
/// finds out. [`Error::Conflict`] where another delivery was faster.
pub async fn consume(store: &KeyValue, id: &str, amount: i64, fresh: u64) -> Result<(), Error> {
    let tx = store.begin().await?;
    if tx.get(&mark(id)).await?.is_some() {
        return Ok(());
    }
    enter(&tx, amount, fresh).await?;
    tx.put(&mark(id), "").await?;
    tx.commit().await
}

/// Writes an entry that nobody else writes.
async fn enter(tx: &KeyValueTransaction, amount: i64, fresh: u64) -> Result<(), Error> {
    tx.put(&format!("entry:{fresh}"), &amount.to_string()).await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let isolation = match store {
        StoreKind::Sqlite => return None,
        StoreKind::KeyValue => Isolation::Serializable,
        StoreKind::KeyValueAtSnapshot => Isolation::Snapshot,
    };
    Some(on_key_value_at(isolation, entry, async |store: &KeyValue, m: &Delivery<i64>| {
        consume(store, m.id(), *m.payload(), m.random()).await
    }))
}
