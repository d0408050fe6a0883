//! What a check costs, against the bars of the design. `README.md` beside this file has the figures.
//!
//! First the counts, which are exact; then times, which are this machine's.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use redeliver::{DeliveryModel, Verdict};
use redeliver_strategies::{
    registry,
    run::{self, Options, StoreKind},
};

fn main() {
    counts();
    divan::main();
}

fn options(store: StoreKind, faults: usize) -> Options {
    Options { store, model: DeliveryModel::at_least_once(), faults, cases: 0, ..Options::default() }
}

fn verdict(name: &str, store: StoreKind, faults: usize) -> Verdict {
    let entry = registry::all().iter().find(|entry| entry.name == name).expect("it is registered");
    run::check(entry, &options(store, faults))
}

fn counts() {
    for store in [StoreKind::KeyValue, StoreKind::Sqlite] {
        if let Verdict::Holds(searched) = verdict("record-and-check", store, 2) {
            println!("record-and-check on {store:?}, up to 2 faults of 2 messages: {} histories", searched.total());
        }
    }
    for entry in registry::all().iter().filter(|entry| entry.twin_of.is_some()) {
        if let Verdict::Violated(found) = verdict(entry.name, StoreKind::Sqlite, 2) {
            println!("{}: first violation after {} histories", entry.name, found.searched().total());
        }
    }
}

#[divan::bench(args = ["natural", "unique-constraint", "record-and-check"], sample_count = 5)]
fn two_faults_on_key_value(name: &str) -> Verdict {
    verdict(name, StoreKind::KeyValue, 2)
}

#[divan::bench(args = ["natural", "unique-constraint", "record-and-check"], sample_count = 3)]
fn two_faults_on_sqlite(name: &str) -> Verdict {
    verdict(name, StoreKind::Sqlite, 2)
}

#[divan::bench(args = ["toctou-check-insert", "apply-before-mark", "ambiguous-commit-rerun"], sample_count = 10)]
fn first_violation_with_its_report(name: &str) -> Verdict {
    verdict(name, StoreKind::Sqlite, 2)
}
