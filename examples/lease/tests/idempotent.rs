//! The worker under redeliver: what trusts in its lease is caught, what checks it at the write holds.

use std::time::Duration;

use lease::{Error, Fencing, Redis, Write, settle};
use redeliver::{Anomaly, Delivery, Harness, KeyValue, Verdict};

/// Redis, as redeliver has it.
#[derive(Clone)]
struct Stepped(KeyValue);

fn lost(error: redeliver::Error) -> Error {
    Error::Redis(error.to_string())
}

impl Redis for Stepped {
    async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        self.0.get(key).await.map_err(lost)
    }

    async fn set_nx(&self, key: &str, value: &str, ttl: Duration) -> Result<bool, Error> {
        self.0.put_if_absent(key, value, Some(ttl)).await.map_err(lost)
    }

    async fn delete_if(&self, key: &str, value: &str) -> Result<bool, Error> {
        self.0.compare_and_delete(key, value).await.map_err(lost)
    }

    async fn write(&self, only_if: &[(&str, &str)], all: &[Write<'_>]) -> Result<bool, Error> {
        let tx = self.0.begin().await.map_err(lost)?;
        for (key, value) in only_if {
            if tx.get(key).await.map_err(lost)?.as_deref() != Some(value) {
                return Ok(false);
            }
        }
        for write in all {
            match *write {
                Write::Set(key, value) => tx.put(key, value).await.map_err(lost)?,
                Write::IncrBy(key, amount) => drop(tx.add(key, amount).await.map_err(lost)?),
            }
        }
        tx.commit().await.map_err(lost).map(|()| true)
    }
}

fn verdict(fencing: Fencing) -> Verdict {
    // Each sale has a lock of its own: one is enough.
    let harness = Harness::new(KeyValue::new("redis").observe_key("owed")).process(Stepped).messages(1);
    harness.verdict(1..1000i64, async move |redis: &Stepped, m: &Delivery<i64>| {
        let token = format!("{}/{}", m.broker_id(), m.attempt());
        settle(redis, fencing, m.id(), &token, *m.payload()).await
    })
}

#[test]
fn who_trusts_in_a_lease_writes_when_another_has_it() {
    let Verdict::Violated(found) = verdict(Fencing::Trusting) else { panic!("the bug was not found") };
    let faults: Vec<String> = found.history().faults.iter().map(ToString::to_string).collect();
    assert_eq!(found.anomaly(), Anomaly::Twice);
    assert_eq!(faults, ["overlap m0#1.1", "advance m0#2.2 30s"]);
}

#[test]
fn who_checks_the_lease_where_it_writes_writes_once() {
    let verdict = verdict(Fencing::Checked);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("settle"));
}
