//! `window-expired-before-retry`: the same code as [`window`](super), and no promise that ends.
//!
//! Nothing is wrong with the handler. Wrong is who relies on it for longer than it remembers.
//!
//! **What breaks it.** `m0` is handled and its acknowledgement is lost. The consumers are down, or the broker waits, for
//! longer than the window; then `m0` comes again, and nobody knows it.
//!
//! ```
//! use redeliver_strategies::{Options, named, replay};
//!
//! let history = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\nlose-ack m0#1\nadvance m0#1.5 301s\n".parse()?;
//! let verdict = replay(named("window-expired-before-retry")?, &history, &Options::default());
//! assert_eq!(verdict.anomaly().map(|anomaly| anomaly.name()), Some("twice"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: Webador/SlmQueueSqs, pull request 46; ydb-platform/ydb, pull request 52276; the article, section 7.

use redeliver_harness::{Contract, Delivery, KeyValue, Prepared};

use super::{SCHEMA, consume, consume_key_value};
use crate::{
    handlers::{on_key_value, on_sqlite_at},
    record_and_check::{KEYS, OBSERVED},
    registry::{Entry, Strategy},
    run::StoreKind,
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
