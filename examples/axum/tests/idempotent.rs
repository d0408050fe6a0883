//! The endpoint under redeliver: what only keeps replies charges twice, what claims the key first charges once.

use std::time::Duration;

use axum::{Router, body::Body, http::Request};
use payments::{Services, Unreachable, payments, payments_that_only_keep_replies};
use redeliver::{
    Anomaly, Contract, Delivery, DeliveryModel, Effects, Guarantee, Harness, KeyValue, Message, Messages, Verdict,
};

/// The cache and the payment provider, as redeliver has them.
#[derive(Clone)]
struct Stepped(KeyValue, Effects);

impl Services for Stepped {
    async fn get(&self, key: &str) -> Result<Option<String>, Unreachable> {
        self.0.get(key).await.map_err(|_| Unreachable)
    }

    async fn set(&self, key: &str, value: &str) -> Result<(), Unreachable> {
        self.0.put(key, value).await.map_err(|_| Unreachable)
    }

    async fn set_nx(&self, key: &str, value: &str, ttl: Duration) -> Result<bool, Unreachable> {
        self.0.put_if_absent(key, value, Some(ttl)).await.map_err(|_| Unreachable)
    }

    async fn delete_if(&self, key: &str, value: &str) -> Result<bool, Unreachable> {
        self.0.compare_and_delete(key, value).await.map_err(|_| Unreachable)
    }

    async fn charge(&self, key: Option<&str>, card: &str, cents: u32) -> Result<String, Unreachable> {
        let receipt = match key {
            Some(key) => self.1.perform_once(key, "charge", (card, cents)).await,
            None => self.1.perform("charge", (card, cents)).await,
        };
        receipt.map(|receipt| receipt.to_string()).map_err(|_| Unreachable)
    }
}

/// Two callers that chose the same key.
fn requests() -> Messages<&'static str> {
    Messages::exactly([Message::new("key-1", "alice"), Message::new("key-1", "mallory")])
}

fn verdict(router: fn(Stepped) -> Router) -> Verdict {
    Harness::new((KeyValue::new("cache"), Effects::new().named("bank")))
        .process(move |(cache, bank)| router(Stepped(cache, bank)))
        .model(DeliveryModel::request_reply())
        .faults(1)
        .contract(Contract::strict().effect("charge", Guarantee::ExactlyOnce))
        .verdict(requests(), async |router: &Router, m: &Delivery<&'static str>| {
            let request =
                Request::post("/charge").header("idempotency-key", m.id()).header("authorization", *m.payload());
            redeliver::tower::send(router, request.body(Body::from(format!("{} 100", m.payload()))).unwrap()).await
        })
}

#[test]
fn who_only_keeps_replies_charges_twice() {
    let Verdict::Violated(found) = verdict(payments_that_only_keep_replies) else { panic!("the bug was not found") };
    let faults: Vec<String> = found.history().faults.iter().map(ToString::to_string).collect();
    assert_eq!(found.anomaly(), Anomaly::Twice);
    assert_eq!(faults, ["overlap m0#1.2"]);
}

#[test]
fn who_claims_the_key_first_charges_once_and_answers_the_same() {
    let verdict = verdict(payments);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("payments"));
}
