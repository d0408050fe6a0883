//! The clock jumps as late as it can, and nothing is lost by it.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::{
    leaving_out::{looks_at_the_clock, skips_change_nothing},
    skipping::replay,
    toys::{self, options, search},
};
use crate::{
    Delivery, Error, Isolation, KeyValue, Messages, Process,
    history::{DeliveryName, Fault},
    machine::trace::{Acted, Answer, Event, Facts, Injected, Origin, Replay},
    search::{Options, skip::Jumps},
    subject::Subject,
    world::{Boot, World},
};

/// A step with this number of a delivery of the first message.
fn nth(delivery: u32, number: u32, facts: Facts) -> Event {
    let at = DeliveryName::new(0, delivery).operation(number);
    Event::Step { at, process: Process::new(0, 0), facts, words: None }
}

fn blocked(delivery: u32, number: u32) -> Event {
    let at = DeliveryName::new(0, delivery).operation(number);
    Event::Blocked { at, process: Process::new(0, 0), until: Duration::ZERO, words: None }
}

/// Whether a jump before the event in this place comes to the same as one before the next.
fn may_come_later(events: Vec<Event>, at: usize) -> bool {
    let (history, replay) = (toys::history(&toys::subject(toys::atomic), 1, ""), replay(events));
    let mut jumps = Jumps::new(&history, &replay);
    (0..at).for_each(|at| jumps.passes(&replay, at));
    jumps.repeats(&replay, at)
}

#[test]
fn a_jump_of_the_clock_may_come_later_past_steps_with_which_nobody_looks() {
    let none = Facts::default();
    let past = |facts| may_come_later(vec![nth(1, 1, facts), nth(1, 2, none)], 0);
    assert!(past(none));
    assert!(past(Facts { changes: true, locks: true, uses: true, ..none }), "it matters to others, but not when");
    for facts in [
        Facts { looks: true, ..none },
        Facts { deadline: Some(Duration::from_secs(1)), ..none },
        Facts { gave_up: true, ..none },
        Facts { suffered: Some(Injected::Fail), ..none },
    ] {
        assert!(!past(facts), "{facts:?}");
    }
    let (delivery, process) = (DeliveryName::new(0, 1), Process::new(0, 0));
    assert!(may_come_later(vec![nth(1, 1, none), blocked(1, 2)], 0), "it is the same point, if it is not passed yet");
    for next in [
        nth(2, 1, none),
        Event::Returned { delivery, process: process.clone(), answer: Answer::DONE },
        Event::Delivered { delivery, process, origin: Origin::Overlap },
        Event::Clock { to: Duration::from_secs(1) },
    ] {
        assert!(!may_come_later(vec![nth(1, 1, none), next.clone()], 0), "{next:?}");
    }
    assert!(!may_come_later(vec![nth(1, 1, none)], 0), "the record ends there");
}

#[test]
fn while_somebody_waits_for_a_lock_it_matters_when_the_clock_jumps() {
    let none = Facts::default();
    let after = |before: Vec<Event>| {
        let at = before.len();
        may_come_later(before.into_iter().chain([nth(1, 1, none), nth(1, 2, none)]).collect(), at)
    };
    let (waiter, process) = (DeliveryName::new(0, 2), Process::new(1, 0));
    assert!(after(vec![]));
    assert!(!after(vec![blocked(2, 1)]));
    assert!(after(vec![blocked(2, 1), nth(2, 1, none)]), "it has it");
    let crashed = |lost: DeliveryName| Event::Crashed { process: process.clone(), lost: vec![lost.into()] };
    let cancelled = |task: DeliveryName| Event::Cancelled { task: task.into(), process: process.clone() };
    let another = DeliveryName::new(0, 3);
    for (own, other) in [(crashed(waiter), crashed(another)), (cancelled(waiter), cancelled(another))] {
        assert!(after(vec![blocked(2, 1), own]), "it waits no more");
        assert!(!after(vec![blocked(2, 1), other]), "it waits on");
    }
    assert!(!after(vec![blocked(2, 1), nth(3, 1, none)]), "another acted");
    assert!(!after(vec![blocked(2, 1), nth(2, 2, none)]), "another operation of it acted");
}

#[test]
fn the_clock_does_not_jump_twice_before_anybody_looks() {
    let none = Facts::default();
    let at = DeliveryName::new(0, 1).operation(1);
    let clock = || Event::Clock { to: Duration::from_secs(1) };
    // Where each event stands: whether the last fault was a jump, and nobody looked since.
    let just_jumped = |fault: Fault, events: Vec<Event>| -> Vec<bool> {
        let mut history = toys::history(&toys::subject(toys::atomic), 1, "");
        history.faults.push(fault);
        let replay = Replay { acted: vec![Acted { fault: 0, position: 0 }], ..replay(events) };
        let mut jumps = Jumps::new(&history, &replay);
        let seen = |at| {
            let jumped = jumps.has_just_jumped();
            jumps.passes(&replay, at);
            jumped
        };
        (0..replay.events.len()).map(seen).collect()
    };
    let jump = || Fault::Advance { at, by: Duration::from_secs(1) };
    let looks = Facts { looks: true, ..none };
    let steps = || vec![clock(), nth(1, 1, none), nth(1, 2, looks), nth(1, 3, none), nth(1, 4, none)];
    assert_eq!(just_jumped(jump(), steps()), [false, false, true, false, false]);
    assert_eq!(just_jumped(Fault::Fail { at }, steps()), [false; 5]);
    let mut another = steps();
    another[1] = nth(2, 1, none);
    assert_eq!(just_jumped(jump(), another.clone()), [false; 5], "the jump took the operation away");
    another[2] = nth(2, 2, none);
    assert_eq!(just_jumped(jump(), another), [false; 5]);
    let late = vec![clock(), nth(2, 1, none), nth(1, 1, none), nth(1, 2, looks)];
    assert_eq!(just_jumped(jump(), late), [false; 4], "somebody else acted first");
}

/// Takes a lease by its own clock, and looks at it again before it applies.
async fn leases(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.get("setting").await?;
    let until = kv.get("until").await?.and_then(|until| until.parse().ok()).map_or(Duration::ZERO, Duration::from_secs);
    if until > m.now() {
        return Err(Error::other("somebody is at it"));
    }
    kv.put("until", &(m.now() + Duration::from_secs(30)).as_secs().to_string()).await?;
    if kv.get(m.id()).await?.is_none() {
        kv.add("balance", *m.payload()).await?;
        kv.put(m.id(), "seen").await?;
    }
    kv.put("until", "0").await
}

/// Marks for ten seconds in a transaction that waits for its lock, after looks at what does not expire.
async fn marks_for_a_while(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.get("setting").await?;
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", Some(Duration::from_secs(10))).await? {
        tx.get("setting").await?;
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

#[test]
fn what_is_skipped_changes_nothing_where_somebody_looks_at_a_clock() {
    skips_change_nothing(&mut toys::subject(leases), 1, 2);
    skips_change_nothing(&mut toys::subject(marks_for_a_while), 1, 2);
    skips_change_nothing(&mut toys::subject(toys::forgets), 1, 2);
    skips_change_nothing(&mut toys::subject(looks_at_the_clock), 1, 2);
    skips_change_nothing(&mut toys::subject_at(Isolation::Snapshot, marks_for_a_while), 2, 1);
}

/// Drops what takes too long after the look with which it began, by a clock that nobody sees it look at.
async fn drops_what_is_overdue(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let began = Instant::now();
    let seen = kv.get(m.id()).await?;
    kv.get("setting").await?;
    if seen.is_none() && began.elapsed() < Duration::from_secs(30) {
        kv.add("balance", *m.payload()).await?;
    }
    kv.put(m.id(), "seen").await
}

/// A process that remembers for a minute what it handled, by the same clock.
fn remembers_for_a_minute() -> impl Subject {
    type Worker = (KeyValue, Mutex<BTreeMap<String, Instant>>);
    let boot = Boot::with(|kv| (kv, Mutex::default()));
    let store = KeyValue::new("bank").observe_prefix("balance");
    World::new(store, boot, Messages::from(1..1000_i64), async |(kv, handled): &Worker, m: &Delivery<i64>| {
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        let since = handled.lock().expect("nobody panics").get(m.id()).copied();
        if since.is_none_or(|since| now - since > minute) {
            kv.add("balance", *m.payload()).await?;
            handled.lock().expect("nobody panics").insert(m.id().to_owned(), now);
        }
        kv.get("setting").await.map(drop)
    })
    .looking_unseen(true)
}

#[test]
fn what_is_skipped_changes_nothing_where_nobody_sees_who_looks_at_a_clock() {
    let store = KeyValue::new("bank").observe_prefix("balance");
    let drops = World::new(store, Boot::handles(), Messages::from(1..1000_i64), drops_what_is_overdue);
    skips_change_nothing(&mut drops.looking_unseen(true), 1, 2);
    skips_change_nothing(&mut remembers_for_a_minute(), 1, 2);
}

#[test]
fn the_clock_jumps_as_late_as_it_can() {
    let (some, _) = search(&mut toys::subject(leases), &options(1, 2));
    let (all, _) = search(&mut toys::subject(leases), &Options { skips: false, ..options(1, 2) });
    assert!(some.searched.total() * 2 < all.searched.total(), "{some:?} of {all:?}");
}

#[test]
#[cfg(not(debug_assertions))] // Minutes in a debug build.
fn the_clock_jumps_as_late_as_it_can_and_changes_nothing_in_larger_searches() {
    skips_change_nothing(&mut toys::subject(leases), 2, 2);
    skips_change_nothing(&mut toys::subject(marks_for_a_while), 2, 2);
}
