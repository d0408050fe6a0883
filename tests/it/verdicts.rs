//! What a verdict claims, and what it must not: which loss nobody would see, that nothing smaller fails, what is needed.

use std::sync::atomic::{AtomicU64, Ordering};

use redeliver::{Anomaly, Delivery, Error, Harness, History, KeyValue, Verdict};

fn bank() -> Harness<KeyValue> {
    Harness::new(KeyValue::new("bank").observe_prefix("balance"))
}

async fn add(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.add("balance", *m.payload()).await.map(drop)
}

const PROVEN: &str = "no history with fewer fails";

#[test]
fn a_pass_names_the_messages_whose_loss_nobody_would_see() {
    // The highest bid stands: whatever is lower leaves nothing.
    let verdict = bank().faults(1).verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| {
        let tx = kv.begin().await?;
        let highest = tx.get("balance").await?.and_then(|bid| bid.parse().ok()).unwrap_or(0);
        tx.put("balance", &highest.max(*m.payload()).to_string()).await?;
        tx.commit().await
    });
    let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report("bids")) };
    let unseen = ["m0 of two unlike", "m0 of two of one ordering key"];
    assert!(unseen.iter().all(|message| searched.unseen.iter().any(|named| named == message)), "{searched:?}");
    assert!(!searched.unseen.iter().any(|named| named.starts_with("m1 of two unlike")), "{searched:?}");
    assert!(verdict.report("bids").contains("unseen    the loss of m0 of two unlike"), "{}", verdict.report("bids"));
}

#[test]
fn only_a_search_that_saw_all_smaller_histories_says_that_none_of_them_fails() {
    let Verdict::Violated(found) = bank().verdict(1..1000i64, add) else { panic!("it adds each time") };
    assert!(found.to_string().contains(PROVEN), "{found}");
    let Verdict::Violated(given) = bank().replay(found.history(), 1..1000i64, add) else { panic!("it is the same") };
    assert!(!given.to_string().contains(PROVEN), "nothing else was replayed: {given}");
}

#[test]
fn a_violation_counts_though_another_history_cannot_be_judged_but_proves_less() {
    let verdict = bank().verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| {
        if m.id() == "m1" {
            std::future::pending::<()>().await;
        }
        add(kv, m).await
    });
    let Verdict::Violated(found) = verdict else { panic!("one message alone breaks it") };
    assert_eq!(found.anomaly(), Anomaly::Twice);
    assert!(!found.to_string().contains(PROVEN), "of two messages nothing is known: {found}");
}

#[test]
fn one_history_that_cannot_be_judged_is_enough_for_no_pass() {
    let verdict = bank().faults(1).verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| {
        let tx = kv.begin().await?;
        if tx.put_if_absent(m.id(), "seen", None).await? {
            tx.add("balance", *m.payload()).await?;
        } else if m.id() == "m1" {
            std::future::pending::<()>().await;
        }
        tx.commit().await
    });
    let Verdict::Inconclusive(inconclusive) = verdict else { panic!("{}", verdict.report("check")) };
    assert!(inconclusive.reason.starts_with("m1#2 waits for something"), "{}", inconclusive.reason);
}

#[test]
fn only_faults_without_which_it_passes_are_needed() {
    let text = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\nlose-ack m0#1\nfail m0#2.1\n";
    let history: History = text.parse().expect("it is well written");
    let Verdict::Violated(given) = bank().replay(&history, 1..1000i64, add) else { panic!("it adds each time") };
    let report = given.to_string();
    let needed = report.lines().find(|line| line.starts_with("  needed")).expect("it is told");
    assert!(needed.contains("lost ack") && !needed.contains("fail"), "{report}");
}

#[test]
fn what_differs_each_time_that_it_fails_is_no_counterexample() {
    static REDELIVERIES: AtomicU64 = AtomicU64::new(0);
    let verdict = bank().faults(1).verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| {
        if m.redelivered() {
            let nth = REDELIVERIES.fetch_add(1, Ordering::Relaxed);
            return kv.put("balance", &format!("odd {nth}")).await;
        }
        add(kv, m).await
    });
    let Verdict::Inconclusive(inconclusive) = verdict else { panic!("{}", verdict.report("check")) };
    assert!(inconclusive.reason.contains("m0#2.1 was `put balance odd"), "{}", inconclusive.reason);
}
