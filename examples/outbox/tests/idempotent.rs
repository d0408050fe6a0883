//! The order service and its relay under redeliver: what tells twice, or never, is caught; what publishes under a key holds.

use std::time::Duration;

use outbox::{Database, Error, Relay, SCHEMA, Topic, order, relay};
use redeliver::{Anomaly, Contract, Delivery, Effects, Guarantee, Harness, Sqlite, Verdict, rusqlite};

/// The database and the topic, as redeliver has them.
struct Stepped(Sqlite, Effects);

impl Database for Stepped {
    async fn run<T: Send + 'static>(
        &self,
        statements: impl FnOnce(&mut rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let statements = Box::new(statements);
        self.0.call(move |db| statements(db)).await
    }
}

impl Topic for Stepped {
    async fn publish(&self, key: Option<&str>, note: &str) -> Result<(), Error> {
        let published = match key {
            Some(key) => self.1.perform_once(key, "publish", note).await,
            None => self.1.perform("publish", note).await,
        };
        published.map(drop).map_err(|error| Error::Unconfirmed(error.to_string()))
    }
}

fn verdict(how: Relay, told: Guarantee) -> Verdict {
    let database = Sqlite::schema(SCHEMA).observe("SELECT id, cents FROM orders");
    Harness::new((database, Effects::new().named("topic")))
        .process(|(db, topic)| Stepped(db, topic))
        .every(Duration::from_secs(1), "relay", async move |shop: &Stepped| drop(relay(shop, shop, how).await))
        .faults(1)
        .contract(Contract::strict().effect("publish", told))
        .verdict(1..1000i64, async |shop: &Stepped, m: &Delivery<i64>| {
            let (id, cents) = (m.id().to_owned(), *m.payload());
            shop.run(move |db| order(db, &id, cents)).await
        })
}

fn found(verdict: Verdict) -> (Anomaly, Vec<String>) {
    let Verdict::Violated(found) = verdict else { panic!("the bug was not found") };
    (found.anomaly(), found.history().faults.iter().map(ToString::to_string).collect())
}

#[test]
fn who_publishes_without_a_key_tells_twice() {
    let (anomaly, faults) = found(verdict(Relay::Plain, Guarantee::ExactlyOnce));
    assert_eq!(anomaly, Anomaly::Twice);
    assert_eq!(faults, ["lose-reply relay@p0#1.2"]);
}

#[test]
fn who_marks_first_tells_nobody() {
    let (anomaly, faults) = found(verdict(Relay::MarkFirst, Guarantee::ExactlyOnce));
    // The order stands and its note is missing: neither is what no message at all would leave.
    assert_eq!(anomaly, Anomaly::Unexplained);
    assert_eq!(faults, ["lose-reply relay@p0#1.2"]);
}

#[test]
fn who_publishes_under_a_key_tells_once() {
    let verdict = verdict(Relay::Keyed, Guarantee::ExactlyOnce);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("order"));
}
