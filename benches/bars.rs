//! What a check costs, against the bars of the design. `README.md` beside this file has the figures.
//!
//! First the counts, which are exact; then times, which are this machine's.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use redeliver::{Bounds, Delivery, DeliveryModel, Error, Harness, KeyValue, Verdict};
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

/// A reference cell of the complete search: three messages, each twice, three processes, one crash. Its executions.
fn cell<F>(handler: F) -> u64
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let bounds = Bounds::default().messages(3).processes(3);
    let store = KeyValue::new("bank").observe_prefix("effect:");
    let explored = Harness::new(store).prepare(1..1000i64, handler).explored(bounds, true, 0);
    explored.expect("the store has no errors").executions
}

async fn atomic_ack(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.put_if_absent(&format!("effect:{}", m.id()), "100", None).await.map(drop)
}

async fn apply_mark(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        kv.add(&format!("effect:{}", m.id()), 100).await?;
        kv.put(m.id(), "seen").await?;
    }
    Ok(())
}

#[divan::bench(sample_count = 20)]
fn complete_atomic_ack() -> u64 {
    cell(atomic_ack)
}

#[divan::bench(sample_count = 5)]
fn complete_apply_mark() -> u64 {
    cell(apply_mark)
}

fn counts() {
    println!("complete: atomic-ack {} executions, apply-mark {}", cell(atomic_ack), cell(apply_mark));
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
