//! Runs 1,000,000 random histories on the key-value store, or as many as are asked for, and prints the most memory that the
//! process ever had, after a tenth, a half and all of them: it is to stay flat, and below 100 MiB.
//!
//! `cargo run --release --package redeliver-harness --example memory_of_random_search [HISTORIES]`, on Linux.

use redeliver_harness::{Delivery, Error, Harness, KeyValue, Verdict};

async fn credit(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

fn main() {
    let asked = std::env::args().nth(1).map(|count| count.parse().expect("a number of histories was expected"));
    let histories: u64 = asked.unwrap_or(1_000_000);
    for count in [histories / 10, histories / 2, histories] {
        let harness = Harness::new(KeyValue::new("bank").observe_prefix("balance")).faults(1).messages(4).processes(3);
        let verdict = harness.cases(count).verdict(1..1000i64, credit);
        let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report("credit")) };
        println!("{} random histories: {}", searched.random, peak());
    }
}

/// The most memory that this process ever had, as Linux tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    peak.map_or_else(|| "nobody tells how much memory".to_owned(), str::to_owned)
}
