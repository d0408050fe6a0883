//! What differs from one replay to the next is found, and nothing is said of it.

use std::{
    cell::Cell,
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering},
};

use super::toys::{self, AnyOrder, history, options};
use crate::{
    Delivery, Error, KeyValue,
    machine::trace::{Detail, End, Replay},
    search::{by_fault_count, confirm, confirm::differs},
    subject::{Job, Subject},
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
fn what_belongs_to_a_thread_is_found_though_this_thread_repeats_itself() {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    thread_local!(static THREAD: u64 = THREADS.fetch_add(1, Ordering::Relaxed));
    async fn names_its_thread(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        kv.put(&format!("thread:{}", THREAD.with(|thread| *thread)), m.id()).await
    }
    async fn names_it_later(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        if m.redelivered() { names_its_thread(kv, m).await } else { kv.add("balance", 1).await.map(drop) }
    }
    let stops = &mut |_: crate::search::by_fault_count::Found<'_>| ControlFlow::Break(());
    let search = by_fault_count(&mut toys::subject(names_its_thread), &mut AnyOrder::default(), &options(1, 1), stops);
    let why = search.unwrap().inconclusive.expect("a fresh thread has another number");
    assert!(why.contains("in a fresh thread differs: m0#1.1 was `put thread:"), "{why}");
    let subject = &mut toys::subject(names_it_later);
    let failing = history(subject, 1, "lose-ack m0#1\n");
    let why = confirm(subject, &mut AnyOrder::default(), &failing).unwrap().expect("a fresh thread has another number");
    assert!(why.contains("in a fresh thread differs: m0#2.1 was `put thread:"), "{why}");
}

#[test]
fn what_a_thread_remembers_is_found_though_each_fresh_thread_begins_alike() {
    thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });
    async fn counts(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        let calls = CALLS.replace(CALLS.get() + 1);
        kv.put(&format!("call:{calls}"), m.id()).await
    }
    let stops = &mut |_: crate::search::by_fault_count::Found<'_>| ControlFlow::Break(());
    let search = by_fault_count(&mut toys::subject(counts), &mut AnyOrder::default(), &options(1, 1), stops);
    assert!(search.unwrap().inconclusive.expect("it counts on").contains("two replays of one history differ"));
}

#[test]
fn what_differs_only_now_and_then_has_two_chances_to_be_found() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    async fn every_third_time(kv: &KeyValue, _m: &Delivery<i64>) -> Result<(), Error> {
        let odd = CALLS.fetch_add(1, Ordering::Relaxed) == 2;
        kv.put("balance", if odd { "odd" } else { "even" }).await
    }
    let subject = &mut toys::subject(every_third_time);
    let failing = history(subject, 1, "");
    let why = confirm(subject, &mut AnyOrder::default(), &failing).unwrap().expect("it differs");
    // In a replay of its own, before any reference run is held against another.
    assert!(why.starts_with("a replay of the same history") && why.contains("odd"), "{why}");
}

#[test]
fn replays_differ_in_whatever_differs_first() {
    let subject = &mut toys::subject(toys::atomic);
    let history = history(subject, 1, "");
    let replay = subject.run(Job::Replay(&history), Detail::Words).unwrap();
    let differs_if = |change: fn(&mut Replay)| {
        let mut other = replay.clone();
        change(&mut other);
        (differs(&replay, &other), differs(&other, &replay))
    };
    assert_eq!(differs_if(|_| ()), (None, None));
    let (longer, shorter) = differs_if(|other| drop(other.events.pop()));
    assert_eq!(longer, shorter);
    assert!(longer.unwrap().contains("m0#1 was settled: Acked, which does not always happen"));
    let (seen, _) = differs_if(|other| other.observation.set("more", 1));
    assert!(seen.unwrap().contains("what is observed at the end"));
    let (ended, _) = differs_if(|other| other.end = End::Stuck(vec![0]));
    assert!(ended.unwrap().contains("how the replay ended"));
    let (drew, _) = differs_if(|other| other.fates[0].supplied[0].drew = true);
    assert!(drew.is_some(), "a reference run depends on that");
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
