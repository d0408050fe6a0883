//! Sharded de-duplication: several databases, each with its part of the marks and of the accounts, and a message always goes to
//! the same one.
//!
//! **Safe because** the shard is computed from the message's id, and from nothing that differs from one delivery to the next:
//! whoever has the message, and however often, looks for its mark where it was written. In the shard check, update and mark are
//! one transaction, as in [`record_and_check`]. What would not do: the consumer's partition, the worker, the
//! broker's own id, the load. A duplicate that comes through another partition then finds another table, and no mark in it.
//!
//! **Costs** nothing but the hash; and that the number of shards cannot change while duplicates may come, unless the marks move
//! along.
//!
//! **Needs from the delivery model** nothing but an id that is the same in every delivery of a message. By default a broker
//! promises *not* that a duplicate goes to the same partition; so whoever routes by partition needs that promise, and keys.
//!
//! **When not.** Where the effect of a message lies in another shard than its mark: then see [`two_stores`](crate::two_stores).
//!
//! Source: the article, section 7 (sharded databases: the same message always lands on the same shard, so its duplicates do
//! too; by default a queue does not promise as much of its partitions).

pub mod routed_by_process;
mod shards;
#[cfg(test)]
mod tests;

use redeliver_harness::{Contract, Delivery, Harness, KeyValue, Prepared, sqlite::Sqlite};

pub use self::shards::Shards;
use crate::{
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{AMOUNTS, ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "sharded-dedup",
    summary: "check, update and mark in one transaction, in the shard that the id says",
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

/// The shard of an id: FNV-1a, which is the same in every process and every version of it.
pub fn shard<'a, S>((even, odd): &'a (S, S), id: &str) -> &'a S {
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    if hash.is_multiple_of(2) { even } else { odd }
}

/// Adds the amount to the balance in the shard of the id, once for each id.
///
/// # Errors
/// Whatever the database says; nothing was changed then, unless it is the commit whose outcome is unknown, and the next
/// delivery finds out.
pub async fn consume(shards: &(Sqlite, Sqlite), id: &str, amount: i64) -> rusqlite::Result<()> {
    consume_in(shard(shards, id), id, amount).await
}

async fn consume_in(shard: &Sqlite, id: &str, amount: i64) -> rusqlite::Result<()> {
    let id = id.to_owned();
    shard.call(move |connection| record_and_check::consume(connection, &id, amount)).await
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(Shards::new(entry.database().named("even"), entry.database().named("odd")))
            .contract(contract)
            .prepare(AMOUNTS, async |shards: &(Sqlite, Sqlite), m: &Delivery<i64>| {
                consume(shards, m.id(), *m.payload()).await
            }),
        StoreKind::KeyValue => Harness::new(Shards::new(entry.key_value_named("even"), entry.key_value_named("odd")))
            .contract(contract)
            .prepare(AMOUNTS, async |shards: &(KeyValue, KeyValue), m: &Delivery<i64>| {
                let (shard, amount) = (shard(shards, m.id()), *m.payload());
                record_and_check::consume_key_value(shard, m.id(), amount).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
