//! `window-expired-before-retry`: the same code as [`window`](super), and no promise that ends.
//!
//! Nothing is wrong with the handler. Wrong is who relies on it for longer than it remembers.
//!
//! **What breaks it.** `m0` is handled and its acknowledgement is lost. The consumers are down, or the broker waits, for
//! longer than the window; then `m0` comes again, and nobody knows it.
//!
//! Source: Webador/SlmQueueSqs, pull request 46; ydb-platform/ydb, pull request 52276; the article, section 7.

use redeliver_harness::{Anomaly, Contract, Delivery, KeyValue, Prepared};

use super::{SCHEMA, consume, consume_key_value};
use crate::{
    handlers::{on_key_value, on_sqlite_at},
    record_and_check::{KEYS, OBSERVED},
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "window-expired-before-retry",
    summary: "a mark that runs out, and a promise that does not",
    twin_of: Some("window"),
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
lose-ack m0#1
advance m0#1.5 301s
",
    }],
};

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    Some(match store {
        StoreKind::Sqlite => on_sqlite_at(entry, consume),
        StoreKind::KeyValue => on_key_value(entry, async |store: &KeyValue, m: &Delivery<i64>| {
            consume_key_value(store, m.id(), *m.payload()).await
        }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
