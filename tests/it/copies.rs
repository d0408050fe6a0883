//! What a producer changes from one copy of a message to the next, and what of that is right.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use redeliver::{Anomaly, Delivery, Error, Harness, KeyValue, Message, Messages, Verdict};

/// A payload that says when it was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Charge {
    order: u32,
    sent_at: u32,
}

fn charges() -> Messages<Charge> {
    let charge = |order| Message::new(format!("m{order}"), Charge { order, sent_at: 0 });
    Messages::exactly([charge(0), charge(1)]).vary(|m, copy| m.payload.sent_at = copy)
}

fn shop() -> Harness<KeyValue> {
    Harness::new(KeyValue::new("shop").observe_prefix("charge:"))
}

/// Keeps the first that it meets.
async fn first_counts(kv: &KeyValue, m: &Delivery<Charge>) -> Result<(), Error> {
    let Charge { order, sent_at } = m.payload();
    kv.put_if_absent(&format!("charge:{order}"), &sent_at.to_string(), None).await.map(drop)
}

#[test]
fn whichever_copy_counts_is_right() {
    let verdict = shop().verdict(charges(), first_counts);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("shop"));
}

#[test]
fn a_little_of_both_copies_is_not() {
    let verdict = shop().verdict(charges(), async |kv: &KeyValue, m: &Delivery<Charge>| {
        first_counts(kv, m).await?;
        let Charge { order, sent_at } = m.payload();
        kv.put(&format!("charge:{order}:last"), &sent_at.to_string()).await
    });
    let Verdict::Violated(found) = verdict else { panic!("{}", verdict.report("shop")) };
    assert!(found.history().to_string().contains("duplicate m"), "{found}");
}

#[test]
fn an_id_that_changes_between_copies_is_no_key() {
    let bank = || Harness::new(KeyValue::new("bank").observe_prefix("balance"));
    let once = async |kv: &KeyValue, m: &Delivery<i64>| {
        let tx = kv.begin().await?;
        if tx.put_if_absent(m.id(), "seen", None).await? {
            tx.add("balance", *m.payload()).await?;
        }
        tx.commit().await
    };
    let steady = bank().verdict(1..1000i64, once);
    assert!(matches!(steady, Verdict::Holds(_)), "{}", steady.report("bank"));
    let fresh = || Messages::from(1..1000i64).vary(|m, copy| m.id = format!("{}-{copy}", m.id));
    let Verdict::Violated(found) = bank().verdict(fresh(), once) else { panic!("the second copy is another id") };
    assert_eq!((found.anomaly(), found.history().faults.len()), (Anomaly::Twice, 1), "{found}");
    assert!(found.to_string().contains("m0-2"), "{found}");
    let again = bank().replay(found.history(), fresh(), once);
    assert_eq!(again.anomaly(), Some(Anomaly::Twice));
}

#[test]
fn the_second_copy_is_2_and_a_redelivery_is_the_copy_that_it_was() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&seen);
    let verdict = shop().cases(0).verdict(charges(), async move |kv: &KeyValue, m: &Delivery<Charge>| {
        noted.lock().unwrap().insert((m.broker_id().to_owned(), m.payload().clone(), m.attempt() > 1));
        first_counts(kv, m).await
    });
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("shop"));
    let seen = seen.lock().unwrap();
    let numbers: BTreeSet<u32> = seen.iter().map(|(_, charge, _)| charge.sent_at).collect();
    assert_eq!(numbers, BTreeSet::from([0, 2, 3]));
    assert!(seen.iter().any(|(_, charge, again)| *again && charge.sent_at == 2), "a second copy is redelivered");
    // What is delivered again is no reference run: there the first two copies are the messages' own.
    for (broker_id, charge, _) in seen.iter().filter(|(.., again)| *again) {
        let first = ["broker-0", "broker-1"].contains(&broker_id.as_str());
        assert_eq!(first, charge.sent_at == 0, "{broker_id}: {charge:?}");
    }
}
