//! What differs from one replay to the next is found, and nothing is said of it.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering},
};

use super::toys::{self, AnyOrder, history, options};
use crate::{
    Delivery, Error, KeyValue,
    search::{by_fault_count, confirm},
};

#[test]
fn a_static_that_outlives_the_crash_is_found() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    async fn counts(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        kv.put(&format!("call:{call}"), m.id()).await?;
        toys::atomic(kv, m).await
    }
    let search = by_fault_count(&mut toys::subject(counts), &mut AnyOrder::default(), &options(1, 1), &mut |_| {
        ControlFlow::Break(())
    })
    .unwrap();
    let why = search.inconclusive.expect("two replays differ");
    assert!(why.contains("m0#1.1 was `put call:") && why.contains("a static"), "{why}");
    assert_eq!(search.searched.histories, [0, 0], "nothing is searched that cannot be relied on");
}

#[test]
fn the_order_of_a_hash_map_is_found() {
    async fn in_any_order(kv: &KeyValue, _m: &Delivery<i64>) -> Result<(), Error> {
        #[expect(clippy::disallowed_types, reason = "what the test is about")]
        let keys: std::collections::HashSet<u32> = (0..32).collect();
        for key in keys {
            kv.put(&format!("balance:{key}"), "1").await?;
        }
        Ok(())
    }
    let subject = &mut toys::subject(in_any_order);
    let stops = &mut |_: crate::search::by_fault_count::Found<'_>| ControlFlow::Break(());
    let search = by_fault_count(subject, &mut AnyOrder::default(), &options(1, 1), stops).unwrap();
    let why = search.inconclusive.expect("two replays differ");
    // Two orders may well begin alike: which operation it is that differs first is anybody's guess.
    assert!(why.contains("hash map") && why.contains(" was `put balance:"), "{why}");
}

#[test]
fn what_differs_only_in_the_failing_history_is_found_before_it_is_reported() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    async fn counts_redeliveries(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        let call = if m.redelivered() { CALLS.fetch_add(1, Ordering::Relaxed) } else { 0 };
        kv.put(&format!("balance:{call}"), "1").await
    }
    let subject = &mut toys::subject(counts_redeliveries);
    let failing = history(subject, 1, "lose-ack m0#1\n");
    let why = confirm(subject, &mut AnyOrder::default(), &failing).unwrap().expect("it differs each time");
    assert!(why.contains("m0#2.1 was `put balance:"), "{why}");
}

#[test]
fn what_differs_only_in_reference_runs_is_found() {
    static FIRSTS: AtomicU64 = AtomicU64::new(0);
    async fn counts_alone(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        if kv.get("first").await?.is_none() {
            kv.put("first", m.id()).await?;
            // The history delivers m0 first, a reference run m1 too.
            if m.id() == "m1" {
                let odd = FIRSTS.fetch_add(1, Ordering::Relaxed);
                kv.put(&format!("balance:{odd}"), "1").await?;
            }
        }
        kv.add("balance", 1).await.map(drop)
    }
    let subject = &mut toys::subject(counts_alone);
    let failing = history(subject, 2, "duplicate m0\n");
    let why = confirm(subject, &mut AnyOrder::default(), &failing).unwrap().expect("a reference run differs");
    assert!(why.starts_with("a reference run") && why.contains("balance:"), "{why}");
}

#[test]
fn a_counterexample_that_can_be_relied_on_is_confirmed() {
    let subject = &mut toys::subject(toys::three_steps);
    let failing = history(subject, 1, "overlap m0#1.2\n");
    assert_eq!(confirm(subject, &mut AnyOrder::default(), &failing).unwrap(), None);
    let passing = history(subject, 1, "");
    assert!(confirm(subject, &mut AnyOrder::default(), &passing).unwrap().is_some());
}

#[test]
fn a_handler_that_never_ends_makes_it_inconclusive() {
    async fn spins(kv: &KeyValue, _m: &Delivery<i64>) -> Result<(), Error> {
        loop {
            kv.get("a sign").await?;
        }
    }
    let subject = &mut toys::subject(spins);
    let stops = &mut |_: crate::search::by_fault_count::Found<'_>| ControlFlow::Break(());
    let search = by_fault_count(subject, &mut AnyOrder::default(), &options(1, 1), stops).unwrap();
    assert!(search.inconclusive.expect("it cannot be judged").contains("10000 steps"));
}
