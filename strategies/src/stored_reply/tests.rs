//! Three services that keep a key and answer otherwise.

use redeliver_harness::{Anomaly, Delivery, DeliveryModel, Error, Harness, KeyValue, Outcome, Verdict};

use super::{Answer, ENTRY, consume_key_value, outcome};
use crate::registry::AMOUNTS;

/// A check of a service that answers a retry so: from what it is told, what was stored, and the balance of today.
fn checked<A>(answers: A) -> Verdict
where
    A: AsyncFn(&KeyValue, &Delivery<i64>) -> Outcome<i64> + Send + Sync + 'static,
{
    Harness::new(ENTRY.key_value())
        .contract((ENTRY.contract)())
        .model(DeliveryModel::request_reply())
        .cases(0)
        .verdict(AMOUNTS, answers)
}

async fn balance(store: &KeyValue) -> Result<i64, Error> {
    store.get("balance").await?.map_or(Ok(0), |balance| balance.parse().map_err(Error::other))
}

#[test]
fn a_reply_that_is_recomputed_is_that_of_another_day() {
    let verdict = checked(async |store: &KeyValue, m: &Delivery<i64>| {
        match consume_key_value(store, m.id(), *m.payload()).await {
            Ok(Answer::Balance(_)) => outcome(balance(store).await.map(Answer::Balance)),
            other => outcome(other),
        }
    });
    assert_eq!(verdict.anomaly(), Some(Anomaly::Reply), "{}", verdict.report("recomputed"));
}

#[test]
fn an_error_that_is_stored_is_answered_for_ever() {
    let verdict = checked(async |store: &KeyValue, m: &Delivery<i64>| {
        let errors = format!("error:{}", m.id());
        if let Ok(Some(error)) = store.get(&errors).await {
            return Outcome::Reject(error);
        }
        let answer = consume_key_value(store, m.id(), *m.payload()).await;
        if let Err(error) = &answer {
            drop(store.put(&errors, &error.to_string()).await);
        }
        outcome(answer)
    });
    assert!(verdict.anomaly().is_some(), "{}", verdict.report("cached error"));
}

#[test]
fn another_payload_that_gets_the_old_reply_is_a_mismatch() {
    let verdict = checked(async |store: &KeyValue, m: &Delivery<i64>| {
        match consume_key_value(store, m.id(), *m.payload()).await {
            Ok(Answer::Mismatch) => outcome(balance(store).await.map(Answer::Balance)),
            other => outcome(other),
        }
    });
    assert_eq!(verdict.anomaly(), Some(Anomaly::Mismatch), "{}", verdict.report("old reply"));
}
