//! What clients hear, from outside: a handler is convicted by its reply alone, and the report shows it.

use redeliver::{Anomaly, Delivery, DeliveryModel, Error, Harness, KeyValue, Outcome, Verdict};

fn bank(model: DeliveryModel) -> Harness<KeyValue> {
    Harness::new(KeyValue::new("bank").observe_prefix("balance")).named("charge").model(model)
}

/// Charges once, and replies with the number of charges so far.
async fn recomputed(kv: &KeyValue, m: &Delivery<i64>) -> Result<(u16, String), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "charged", None).await? {
        tx.add("balance", *m.payload()).await?;
        tx.add("charges", 1).await?;
    }
    let charges = tx.get("charges").await?.unwrap_or_default();
    tx.commit().await?;
    Ok((200, format!("charge {charges}")))
}

/// Charges once, and stores the number.
async fn stored(kv: &KeyValue, m: &Delivery<i64>) -> Result<(u16, String), Error> {
    let tx = kv.begin().await?;
    let charge = match tx.get(m.id()).await? {
        Some(charge) => charge,
        None => {
            tx.add("balance", *m.payload()).await?;
            let charge = tx.add("charges", 1).await?.to_string();
            tx.put(m.id(), &charge).await?;
            charge
        }
    };
    tx.commit().await?;
    Ok((200, format!("charge {charge}")))
}

#[test]
fn a_reply_that_is_recomputed_is_another_one_after_other_requests() {
    let verdict = bank(DeliveryModel::request_reply()).verdict(1..1000i64, recomputed);
    let Verdict::Violated(found) = &verdict else { panic!("{}", verdict.report("charge")) };
    assert_eq!((found.anomaly(), found.history().faults.len()), (Anomaly::Reply, 1));
    crate::golden::golden("charge.txt", &verdict.report("charge"));
}

#[test]
fn nobody_hears_it_where_a_broker_delivers() {
    for model in [DeliveryModel::at_least_once(), DeliveryModel::at_most_once()] {
        let verdict = bank(model).verdict(1..1000i64, recomputed);
        assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("charge"));
    }
}

#[test]
fn a_reply_that_is_stored_holds() {
    for name in DeliveryModel::names() {
        let model = DeliveryModel::named(name).expect("it is its name");
        let verdict = bank(model).verdict(1..1000i64, stored);
        assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("charge"));
    }
}

#[test]
fn a_retry_that_is_refused_though_the_first_request_took_effect_says_so() {
    let refuses = async |kv: &KeyValue, m: &Delivery<i64>| {
        let charged = async {
            let tx = kv.begin().await?;
            let new = tx.put_if_absent(m.id(), "charged", None).await?;
            if new {
                tx.add("balance", *m.payload()).await?;
            }
            tx.commit().await.map(|()| new)
        };
        match charged.await {
            Ok(true) => Outcome::Done(()),
            Ok(false) => Outcome::Reject("a duplicate".to_owned()),
            Err(error) => Outcome::<()>::Retry(Error::to_string(&error)),
        }
    };
    let verdict = bank(DeliveryModel::request_reply()).verdict(1..1000i64, refuses);
    assert_eq!(verdict.anomaly(), Some(Anomaly::Reply), "{}", verdict.report("charge"));
    assert!(verdict.report("charge").contains("m0 was answered differently"), "{}", verdict.report("charge"));
    let verdict = bank(DeliveryModel::at_least_once()).verdict(1..1000i64, refuses);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("charge"));
}
