//! Stores that forget, and processes whose clocks run ahead or behind.

use std::time::Duration;

use redeliver::{Anomaly, Contract, Delivery, Error, Harness, History, KeyValue, Outcome, Verdict, history::Fault};

const LEASE: Duration = Duration::from_secs(30);

/// A bank, and a cache beside it.
fn stores(cache: impl Fn(KeyValue) -> KeyValue) -> (KeyValue, KeyValue) {
    (KeyValue::new("bank").observe_key("balance"), cache(KeyValue::new("cache")))
}

/// Marks in the cache what it applied in the bank.
async fn marks_in_the_cache((bank, cache): &(KeyValue, KeyValue), m: &Delivery<i64>) -> Result<(), Error> {
    if cache.get(m.id()).await?.is_some() {
        return Ok(());
    }
    bank.add("balance", *m.payload()).await?;
    cache.put(m.id(), "seen").await
}

async fn marks_in_the_bank((bank, cache): &(KeyValue, KeyValue), m: &Delivery<i64>) -> Result<(), Error> {
    cache.put(m.id(), "seen").await?;
    let tx = bank.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

fn history(faults: &str) -> History {
    let messages = "message m0 100\nmessage m1 300\n";
    format!("redeliver-history 1\nmodel at-least-once\n{messages}{faults}\n").parse().unwrap()
}

/// How often a kind of fault acted.
fn times(acted: &[(&str, u64)], word: &str) -> u64 {
    acted.iter().find(|(acted, _)| *acted == word).map_or(0, |(_, times)| *times)
}

#[test]
fn a_failover_that_loses_the_mark_lets_the_duplicate_take_effect_twice() {
    let lost = history("forget cache m0#1.ack last 1\nlose-ack m0#1");
    let verdict = Harness::new(stores(KeyValue::fails_over)).replay(&lost, 1..1000i64, marks_in_the_cache);
    assert_eq!(verdict.anomaly(), Some(Anomaly::Twice), "{}", verdict.report("cache"));
    let report = verdict.report("cache");
    assert!(report.contains("── cache fails over and loses its last write ──"), "{report}");
    assert!(report.contains("needed    the failover and the lost ack"), "{report}");
    let verdict = Harness::new(stores(KeyValue::fails_over)).replay(&lost, 1..1000i64, marks_in_the_bank);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("cache"));
}

#[test]
fn an_eviction_takes_the_key_that_was_written_longest_ago() {
    let evicted = history("lose-ack m0#1\nforget cache m1#1.ack oldest 1");
    let verdict = Harness::new(stores(KeyValue::evicts)).replay(&evicted, 1..1000i64, marks_in_the_cache);
    assert_eq!(verdict.anomaly(), Some(Anomaly::Twice), "{}", verdict.report("cache"));
    assert!(verdict.report("cache").contains("── cache evicts its oldest key ──"));
    let newer = history("forget cache m1#1.ack oldest 1\nlose-ack m1#1");
    let verdict = Harness::new(stores(KeyValue::evicts)).replay(&newer, 1..1000i64, marks_in_the_cache);
    assert!(matches!(verdict, Verdict::Holds(_)), "the mark of m0 went: {}", verdict.report("cache"));
}

#[test]
fn a_store_forgets_only_what_it_can_lose_and_has() {
    let refused = |cache: fn(KeyValue) -> KeyValue, fault: &str| {
        let verdict = Harness::new(stores(cache)).replay(&history(fault), 1..1000i64, marks_in_the_cache);
        let Verdict::Holds(_) = &verdict else { panic!("{}", verdict.report("cache")) };
        verdict.report("cache")
    };
    let durable = refused(|cache| cache, "forget cache m0#1.3 last 1");
    assert!(durable.contains("no store of that name loses such a thing"), "{durable}");
    let elsewhere = refused(KeyValue::fails_over, "forget bank m0#1.3 last 1");
    assert!(elsewhere.contains("no store of that name loses such a thing"), "{elsewhere}");
    let empty = refused(KeyValue::fails_over, "forget cache m0#1.3 last 1");
    assert!(empty.contains("the store had not so much to lose"), "{empty}");
}

#[test]
fn a_transaction_that_is_open_when_its_store_fails_over_is_lost_with_its_locks() {
    async fn credit(bank: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        let tx = bank.begin().await?;
        if tx.put_if_absent(m.id(), "seen", None).await? {
            tx.add("balance", *m.payload()).await?;
        }
        tx.commit().await
    }
    let store = || KeyValue::new("bank").observe_key("balance").fails_over();
    // m0 was acknowledged, and its one write is gone: that is the store's loss.
    let verdict = Harness::new(store()).replay(&history("forget bank m1#1.3 last 1"), 1..1000i64, credit);
    assert_eq!(verdict.anomaly(), Some(Anomaly::Lost), "{}", verdict.report("bank"));
    let report = verdict.report("bank");
    assert!(report.contains("the transaction was rolled back by an earlier error"), "{report}");
}

#[test]
fn the_search_lets_stores_forget_where_they_can() {
    let forgets = |cache: fn(KeyValue) -> KeyValue| {
        let harness = Harness::new(stores(cache)).faults(1).cases(300);
        let verdict = harness.verdict(1..1000i64, marks_in_the_bank);
        let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report("cache")) };
        (times(&searched.acted, "forget"), times(&searched.acted_at_random, "forget"))
    };
    let (by_count, at_random) = forgets(|cache| cache.fails_over().evicts());
    assert!(by_count > 0 && at_random > 0, "{by_count} {at_random}");
    assert_eq!(forgets(|cache| cache), (0, 0));
}

/// A lease that whoever comes later judges by the clock of its own process.
async fn leases_by_its_own_clock(kv: &KeyValue, m: &Delivery<i64>) -> Outcome {
    let taken = async || {
        let tx = kv.begin().await?;
        let until: u64 = tx.get("lease").await?.and_then(|until| until.parse().ok()).unwrap_or(0);
        if until > m.now().as_millis() as u64 {
            return Ok(false);
        }
        tx.put("lease", &(m.now() + LEASE).as_millis().to_string()).await?;
        tx.commit().await.map(|()| true)
    };
    match taken().await {
        Ok(true) => {}
        Ok(false) => return Outcome::Retry("somebody is at it".to_owned()),
        Err::<_, Error>(error) => return Outcome::Retry(error.to_string()),
    }
    let credited = async || {
        if kv.get(m.id()).await?.is_none() {
            kv.add("balance", *m.payload()).await?;
            kv.put(m.id(), "seen").await?;
        }
        kv.delete("lease").await
    };
    match credited().await {
        Ok(_) => Outcome::Done(()),
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

fn leased(faults: &str) -> Verdict {
    let store = KeyValue::new("bank").observe_key("balance");
    Harness::new(store).replay(&history(faults), 1..1000i64, leases_by_its_own_clock)
}

#[test]
fn a_process_whose_clock_runs_ahead_takes_a_lease_that_is_held() {
    assert!(matches!(leased("overlap m0#1.6"), Verdict::Holds(_)));
    assert!(matches!(leased("skew p1 +29s\noverlap m0#1.6"), Verdict::Holds(_)));
    assert!(matches!(leased("skew p1 -31s\noverlap m0#1.6"), Verdict::Holds(_)));
    let verdict = leased("skew p1 +31s\noverlap m0#1.6");
    assert_eq!(verdict.anomaly(), Some(Anomaly::Twice), "{}", verdict.report("lease"));
    let report = verdict.report("lease");
    assert!(report.contains("── the clock of p1 is 31 s ahead ──"), "{report}");
    assert!(report.contains("needed    the skewed clock and the overlap"), "{report}");
}

#[test]
fn a_process_whose_clock_runs_behind_takes_no_lease_for_over_that_is() {
    let late = "advance m0#1.6 31s\noverlap m0#1.6";
    assert_eq!(leased(late).anomaly(), Some(Anomaly::Twice));
    let verdict = leased(&format!("skew p1 -31s\n{late}"));
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("lease"));
}

#[test]
fn the_search_skews_the_clocks_of_whoever_asks_them_as_far_as_the_contract_says() {
    let store = KeyValue::new("bank").observe_key("opened");
    let skewed = Contract::strict().clocks_apart(Duration::from_secs(5));
    let verdict = Harness::new(store).contract(skewed).faults(1).cases(300).verdict(
        1..1000i64,
        async |kv: &KeyValue, m: &Delivery<i64>| {
            let tx = kv.begin().await?;
            // Whoever is first says when; nobody may be earlier than that.
            let now = m.now().as_secs();
            match tx.get("opened").await? {
                Some(_) => {}
                None => tx.put("opened", &format!("by {} at {now}", m.id())).await?,
            }
            tx.commit().await
        },
    );
    let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report("clock")) };
    assert!(times(&searched.acted, "skew") > 0, "{searched:?}");
    assert!(times(&searched.acted_at_random, "skew") > 0, "{searched:?}");
    assert!(Fault::words().any(|word| word == "skew") && Fault::words().any(|word| word == "forget"));
}
