//! `routed-by-process`: the same shards, and each worker has one of them.
//!
//! Every worker keeps check, update and mark in one transaction, and no two ever wait for each other.
//!
//! **What breaks it.** The message is delivered again, to another worker: a visibility timeout, a rebalance, a partition that
//! moved. That one looks for the mark in another table.
//!
//! Source: the article, section 7: by default a queue does not promise that a duplicate goes to the same partition.

use redeliver_harness::{
    Anomaly, Contract, Delivery, Error, Harness, KeyValue, Observation, Prepared, Process, Store, sqlite::Sqlite,
};

use super::{consume_in, shards::Shards};
use crate::{
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{AMOUNTS, Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "routed-by-process",
    summary: "check, update and mark in one transaction, in the shard of the worker",
    twin_of: Some("sharded-dedup"),
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
overlap m0#1.1
",
    }],
};

/// What a worker knows of itself from where it is deployed: its number.
struct Deployment;

impl Store for Deployment {
    type Handle = usize;

    fn reset(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn open(&mut self, process: &Process) -> Result<usize, Error> {
        Ok(process.index())
    }

    fn observe(&mut self, _seen: &mut Observation) -> Result<(), Error> {
        Ok(())
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(0))
    }
}

/// The shard of a worker.
pub fn shard<S>((even, odd): &(S, S), worker: usize) -> &S {
    if worker.is_multiple_of(2) { even } else { odd }
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => {
            let shards = Shards::new(entry.database().named("even"), entry.database().named("odd"));
            Harness::new((shards, Deployment)).contract(contract).prepare(
                AMOUNTS,
                async |(shards, worker): &((Sqlite, Sqlite), usize), m: &Delivery<i64>| {
                    consume_in(shard(shards, *worker), m.id(), *m.payload()).await
                },
            )
        }
        StoreKind::KeyValue => {
            let shards = Shards::new(entry.key_value_named("even"), entry.key_value_named("odd"));
            Harness::new((shards, Deployment)).contract(contract).prepare(
                AMOUNTS,
                async |(shards, worker): &((KeyValue, KeyValue), usize), m: &Delivery<i64>| {
                    record_and_check::consume_key_value(shard(shards, *worker), m.id(), *m.payload()).await
                },
            )
        }
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
