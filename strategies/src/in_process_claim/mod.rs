//! A claim in the process, and the database's mark behind it: of two copies that come at once, one waits for no lock.
//!
//! The threads of a worker share a table of what is being handled ([`claims::table`](crate::claims::table)). Whoever finds
//! its message there asks for it to come again; everybody else goes to the database, where effect and mark are one transaction.
//!
//! **Safe because** the claim is given up with its guard, however the handler ends, and never answers for the message: it only says
//! that somebody is at it. Whether it was handled the mark says. That exactly one thread wins a claim is a question of
//! memory, and checked by loom in every interleaving.
//!
//! **Costs** a table in memory for each process, and a redelivery for each copy that comes at once.
//!
//! **Needs from the delivery model** that a message which was told to come again does, and an id that is the same in every
//! delivery.
//!
//! **When not.** Where copies that come at once mostly go to different workers, which do not see each other's memory: the
//! database's lock is all that stands between those, and does.
//!
//! Source: the draft of the `Idempotency-Key` header field, which answers 409 while the first request is being handled; the
//! article, section 5.

pub mod claim_kept_after_failure;

use redeliver_harness::{Contract, Delivery, Error, KeyValue, Outcome, Prepared, sqlite::Sqlite};

use crate::{
    claims::table::Table,
    handlers::in_a_process,
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "in-process-claim",
    summary: "a claim in memory while it is handled, effect and mark in one transaction behind it",
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

/// A process: what is durable, and what its threads are at.
pub struct Claiming<D> {
    durable: D,
    claims: Table<String>,
}

impl<D> Claiming<D> {
    fn start(durable: D) -> Self {
        Self { durable, claims: Table::new() }
    }
}

/// What somebody hears whose message is being handled.
const BUSY: &str = "another thread is at it";

/// Adds the amount to the balance, once for each id.
pub async fn consume(process: &Claiming<Sqlite>, id: &str, amount: i64) -> Outcome {
    let Some(_held) = process.claims.hold(id.to_owned()) else { return Outcome::Retry(BUSY.to_owned()) };
    let own = id.to_owned();
    let done = process.durable.call(move |connection| record_and_check::consume(connection, &own, amount)).await;
    done.map_or_else(|error| Outcome::Retry(error.to_string()), Outcome::Done)
}

async fn consume_key_value(process: &Claiming<KeyValue>, id: &str, amount: i64) -> Outcome {
    let Some(_held) = process.claims.hold(id.to_owned()) else { return Outcome::Retry(BUSY.to_owned()) };
    let done: Result<(), Error> = record_and_check::consume_key_value(&process.durable, id, amount).await;
    done.map_or_else(|error| Outcome::Retry(error.to_string()), Outcome::Done)
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let on_sqlite = async |process: &Claiming<Sqlite>, m: &Delivery<i64>| consume(process, m.id(), *m.payload()).await;
    let on_key_value =
        async |process: &Claiming<KeyValue>, m: &Delivery<i64>| consume_key_value(process, m.id(), *m.payload()).await;
    in_a_process(entry, store, (Claiming::start, on_sqlite), (Claiming::start, on_key_value))
}
