//! What random search costs on the key-value store: drawing histories alone, and drawing and replaying them. The bar is that
//! drawing takes at most half of the time of the replay. `benches/README.md` has the figures.
//!
//! A sample is of so many histories that short disturbances do not count: read the column `fastest`.

use divan::{Bencher, counter::ItemsCount};
use redeliver_harness::{Delivery, Error, KeyValue, measure::RandomHistories};

fn main() {
    divan::main();
}

/// Histories in one sample.
const HISTORIES: usize = 1_000;

/// Checks, applies and marks: three operations that commit by themselves.
async fn three_operations(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let mark = format!("seen:{}", m.id());
    if kv.get(&mark).await?.is_none() {
        kv.add("balance", *m.payload()).await?;
        kv.put(&mark, "1").await?;
    }
    Ok(())
}

fn histories() -> RandomHistories {
    RandomHistories::new(KeyValue::new("bank").observe_key("balance"), three_operations)
}

#[divan::bench]
fn drawing(bencher: Bencher<'_, '_>) {
    let mut histories = histories();
    bencher.counter(ItemsCount::new(HISTORIES)).bench_local(|| histories.draw(HISTORIES));
}

#[divan::bench]
fn drawing_and_replaying(bencher: Bencher<'_, '_>) {
    let mut histories = histories();
    bencher.counter(ItemsCount::new(HISTORIES)).bench_local(|| histories.draw_and_replay(HISTORIES));
}
