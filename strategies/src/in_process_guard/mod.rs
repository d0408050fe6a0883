//! A guard in the process, and the database's mark behind it: most duplicates cost no statement.
//!
//! The process remembers which messages it knows to be handled. A duplicate of one of them is answered from memory; every
//! other delivery goes to the database, where effect and mark are one transaction.
//!
//! **Safe because** the guard only ever says "handled already", and only of what was seen committed: what is in memory is in
//! the database too. What it does not know (another process's, a restart's, a commit whose reply was lost) the mark knows.
//! The guard saves statements; it decides nothing.
//!
//! **Costs** a set in memory for each process, beside the table of marks, which it does not replace.
//!
//! **Needs from the delivery model** nothing but an id that is the same in every delivery of a message.
//!
//! **When not.** Where duplicates are rare, or mostly come to another process: then it saves nothing. The set has to be
//! bounded in a long-lived process; what falls out of it costs a statement and nothing else.
//!
//! Source: the article, section 5: the mark that a guard cannot replace; mikenelsonjr/Accelerators, issue 13, where a guard
//! was to replace it (`process-local-guard`).

pub mod process_local_guard;

use std::{cell::RefCell, collections::BTreeSet};

use redeliver_harness::{Contract, Delivery, Error, KeyValue, Prepared, sqlite::Sqlite};

use crate::{
    handlers::in_a_process,
    record_and_check::{self, KEYS, OBSERVED, SCHEMA},
    registry::{ANY_MODEL, Entry, Strategy},
    run::StoreKind,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "in-process-guard",
    summary: "a set in memory in front, effect and mark in one transaction behind it",
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

/// A process: what is durable, and the ids in its memory.
pub struct Guarded<D> {
    durable: D,
    ids: RefCell<BTreeSet<String>>,
}

impl<D> Guarded<D> {
    fn start(durable: D) -> Self {
        Self { durable, ids: RefCell::default() }
    }

    /// Whether this process knows the id.
    fn knows(&self, id: &str) -> bool {
        self.ids.borrow().contains(id)
    }

    /// Whether it did not know it before.
    fn learn(&self, id: &str) -> bool {
        self.ids.borrow_mut().insert(id.to_owned())
    }

    fn forget(&self, id: &str) {
        self.ids.borrow_mut().remove(id);
    }
}

/// Adds the amount to the balance, once for each id.
///
/// # Errors
/// Whatever the database says; the id is not learnt then, and the next delivery asks the database.
pub async fn consume(process: &Guarded<Sqlite>, id: &str, amount: i64) -> rusqlite::Result<()> {
    if process.knows(id) {
        return Ok(());
    }
    let own = id.to_owned();
    process.durable.call(move |connection| record_and_check::consume(connection, &own, amount)).await?;
    process.learn(id);
    Ok(())
}

async fn consume_key_value(process: &Guarded<KeyValue>, id: &str, amount: i64) -> Result<(), Error> {
    if process.knows(id) {
        return Ok(());
    }
    record_and_check::consume_key_value(&process.durable, id, amount).await?;
    process.learn(id);
    Ok(())
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let on_sqlite = async |process: &Guarded<Sqlite>, m: &Delivery<i64>| consume(process, m.id(), *m.payload()).await;
    let on_key_value =
        async |process: &Guarded<KeyValue>, m: &Delivery<i64>| consume_key_value(process, m.id(), *m.payload()).await;
    in_a_process(entry, store, (Guarded::start, on_sqlite), (Guarded::start, on_key_value))
}
