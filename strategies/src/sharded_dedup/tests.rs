//! What the id is for: the same shards, chosen by something else.

use redeliver_harness::{Delivery, Harness, Verdict, sqlite::Sqlite};

use super::{ENTRY, consume_in, shard};
use crate::registry::AMOUNTS;

/// A check of shards that are chosen so.
fn routed(choose: for<'a> fn(&'a (Sqlite, Sqlite), &Delivery<i64>) -> &'a Sqlite) -> Verdict {
    Harness::new((ENTRY.database().named("even"), ENTRY.database().named("odd"))).faults(1).cases(0).verdict(
        AMOUNTS,
        async move |shards: &(Sqlite, Sqlite), m: &Delivery<i64>| {
            consume_in(choose(shards, m), m.id(), *m.payload()).await
        },
    )
}

#[test]
fn ids_land_on_both_shards_and_each_always_on_the_same() {
    let on = ["m0", "m1", "m0", "m1"].map(|id| *shard(&("even", "odd"), id));
    assert_eq!(on[..2], on[2..]);
    assert_ne!(on[0], on[1]);
}

#[test]
fn who_routes_by_the_id_is_right() {
    let verdict = routed(|shards, m| shard(shards, m.id()));
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("routed by id"));
}

#[test]
fn who_routes_by_the_copy_that_a_broker_holds_is_not() {
    let verdict = routed(|shards, m| shard(shards, m.broker_id()));
    assert!(verdict.anomaly().is_some(), "{}", verdict.report("routed by copy"));
}

#[test]
fn who_routes_retries_elsewhere_is_not() {
    let verdict = routed(|(first, retried), m| if m.redelivered() { retried } else { first });
    assert!(verdict.anomaly().is_some(), "{}", verdict.report("routed by attempt"));
}
