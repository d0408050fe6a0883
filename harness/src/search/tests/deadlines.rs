//! The clock is taken to the deadlines that operations set; a handler that sets none is searched as if there were none.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
    ops::ControlFlow,
    time::Duration,
};

use rustc_hash::FxHasher;

use super::{
    counting::every_history,
    toys::{self, AnyOrder, options, search},
};
use crate::{
    Delivery, Error, History, KeyValue, Process,
    history::{DeliveryName, Fault},
    machine::trace::{Event, Facts},
    search::{by_fault_count, by_fault_count::Found, ladder::LADDER, shrink},
    subject::Subject,
};

const WINDOW: Duration = Duration::from_secs(10);

/// Marks for ten seconds only, and applies in the same transaction.
async fn marks_for_a_while(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", Some(WINDOW)).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

/// Remembers a message for ten seconds by a note of its own; what is in the store for as long is not asked. Whether the
/// window is over at its very end is for `is_over` to say.
async fn looks_at_a_note(
    kv: &KeyValue,
    m: &Delivery<i64>,
    is_over: fn(Duration, Duration) -> bool,
) -> Result<(), Error> {
    let (note, now) = (format!("until:{}", m.id()), m.now());
    let until = kv.get(&note).await?.and_then(|until| until.parse().ok()).map(Duration::from_millis);
    if until.is_none_or(|until| is_over(now, until)) {
        let tx = kv.begin().await?;
        tx.put(&note, &(now + WINDOW).as_millis().to_string()).await?;
        tx.put_if_absent(&format!("session:{}", m.id()), "open", Some(WINDOW)).await?;
        tx.add("balance", *m.payload()).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn in_words(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_mark_that_expires_is_outlived_by_just_as_long_as_it_lasts() {
    let subject = &mut toys::subject(marks_for_a_while);
    let mut first = None;
    let search = by_fault_count(subject, &mut AnyOrder::default(), &options(1, 2), &mut |found: Found<'_>| {
        first = Some(found.history.clone());
        ControlFlow::Break(())
    });
    assert!(search.unwrap().searched.deadlines, "it says so");
    let found = first.expect("it is broken");
    // It is delivered again after a second, and the mark is met by the second operation.
    assert_eq!(in_words(&found.faults), ["lose-ack m0#1", "advance m0#2.2 9s"]);
    let shrunk = shrink(subject, &mut AnyOrder::default(), &found).unwrap().history;
    // A jump of the clock stands at the first point of the delivery that it matters to.
    assert_eq!(in_words(&shrunk.faults), ["lose-ack m0#1", "advance m0#2.1 9s"]);
}

/// By how much the clock jumped where a handler that is delivered again at once then fails.
fn fails_after(subject: &mut dyn Subject) -> BTreeSet<Duration> {
    let ack = DeliveryName::new(0, 1).ack();
    let failing = search(subject, &options(1, 2)).1;
    let jumped = failing.iter().filter_map(|(history, _)| match history.faults[..] {
        [Fault::Advance { at, by }, Fault::Overlap { at: then, .. }] if at == ack && then == ack => Some(by),
        _ => None,
    });
    jumped.filter(|by| *by <= Duration::from_secs(11)).collect()
}

#[test]
fn before_and_after_a_deadline_are_told_apart_to_the_tick() {
    async fn over_at_the_end(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        looks_at_a_note(kv, m, |now, until| now >= until).await
    }
    async fn over_after_the_end(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        looks_at_a_note(kv, m, |now, until| now > until).await
    }
    let tick = Duration::from_millis(1);
    assert_eq!(fails_after(&mut toys::subject(over_at_the_end)), [WINDOW, WINDOW + tick].into());
    assert_eq!(fails_after(&mut toys::subject(over_after_the_end)), [WINDOW + tick].into());
}

/// Every jump of the clock of a search, where it stands alone.
fn jumps(histories: &[History]) -> BTreeSet<String> {
    let alone = histories.iter().filter_map(|history| match &history.faults[..] {
        [jump @ Fault::Advance { .. }] => Some(jump.to_string()),
        _ => None,
    });
    alone.collect()
}

#[test]
fn where_nothing_expires_the_clock_jumps_by_the_ladder_alone() {
    async fn looks(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        let late = m.now() > Duration::from_secs(30);
        kv.add("balance", if late { 0 } else { *m.payload() }).await.map(drop)
    }
    let mut options = options(1, 1);
    let histories = every_history(&mut toys::subject(looks), &options);
    let ladder = |point: &str| LADDER.map(|by| format!("advance {point} {}s", by.as_secs()));
    assert_eq!(jumps(&histories), [ladder("m0#1.1"), ladder("m0#1.ack")].concat().into_iter().collect());
    let searched = search(&mut toys::subject(looks), &options).0.searched;
    assert_eq!((&searched.jumps[..], searched.deadlines), (&LADDER[..], false), "a verdict tells");
    options.messages = 2;
    assert_eq!(jumps(&every_history(&mut toys::subject(toys::atomic), &options)), BTreeSet::new());
}

#[test]
fn a_deadline_is_known_from_where_it_was_set_and_counted_from_where_the_clock_stands() {
    let histories = every_history(&mut toys::subject(toys::forgets), &options(1, 2));
    let all = jumps(&histories);
    // It is set by `m0#1.1`: before that nobody can know of it.
    assert!(!all.contains("advance m0#1.1 60s") && all.contains("advance m0#1.1 1s"));
    for by in ["60s", "60001ms", "59999ms"] {
        assert!(all.contains(&format!("advance m0#1.2 {by}")), "{by} of {all:?}");
    }
    let after = |by: &str| {
        let both = ["advance m0#1.2 1s", &format!("advance m0#1.ack {by}")].map(str::to_owned);
        histories.iter().any(|history| in_words(&history.faults) == both)
    };
    assert!(after("59s") && after("58999ms") && after("59001ms"));
    assert!(!after("60s"), "a second of it is over");
}

#[test]
fn steps_that_set_other_deadlines_are_no_equal_steps() {
    let key = |deadline| {
        let at = DeliveryName::new(0, 1).operation(1);
        let facts = Facts { deadline, ..Facts::default() };
        let mut hasher = FxHasher::default();
        Event::Step { at, process: Process::new(0, 0), facts, words: None }.hash(&mut hasher);
        hasher.finish()
    };
    let keys: BTreeSet<u64> =
        [None, Some(Duration::ZERO), Some(WINDOW), Some(Duration::MAX)].into_iter().map(key).collect();
    assert_eq!(keys.len(), 4);
}
