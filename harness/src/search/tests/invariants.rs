//! What is skipped loses no broken invariant.

use std::ops::ControlFlow;

use super::{
    counting::every_history,
    toys::{self, options},
};
use crate::{
    Contract, Delivery, Error, History, KeyValue, Messages,
    invariants::Invariants,
    machine::trace::Detail,
    oracle::{Anomaly, Oracle},
    search::{Judge, Options, by_fault_count, shrink},
    subject::{Job, Subject},
    world::{Boot, World},
};

/// Raises an alarm for a moment where another delivery of its message is in the middle of this, and leaves nothing of it.
async fn raises_an_alarm(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tried = format!("tried:{}", m.id());
    kv.put("begun", "yes").await?;
    let meets = !m.redelivered() && kv.get(&tried).await?.is_some();
    kv.put(&tried, "yes").await?;
    if meets {
        kv.put("balance:alarm", "raised").await?;
        kv.delete("balance:alarm").await?;
    }
    kv.delete(&tried).await?;
    toys::atomic(kv, m).await
}

fn subject() -> impl Subject {
    let mut invariants = Invariants::default();
    invariants.add("no alarm", |seen| seen.value("balance:alarm").is_none());
    world(invariants)
}

fn without_invariants() -> impl Subject {
    world(Invariants::default())
}

fn world(invariants: Invariants) -> impl Subject {
    let store = KeyValue::new("bank").observe_prefix("balance");
    World::new(store, Boot::handles(), Messages::from(1..1000_i64), raises_an_alarm).holding(invariants)
}

fn failing(judge: &mut dyn Judge, options: &Options) -> Vec<History> {
    let mut failing = Vec::new();
    let search = by_fault_count(&mut subject(), judge, options, &mut |found| {
        failing.push(found.history.clone());
        ControlFlow::Continue(())
    });
    search.expect("the key-value store has no errors of its own");
    failing
}

/// Every history of two messages with one fault, as it came to its last lull: whether an invariant was broken by then.
fn last_lulls(subject: &mut dyn Subject) -> Vec<(u64, bool)> {
    let histories = every_history(subject, &Options { skips: false, ..options(2, 1) });
    let lulls = histories.iter().filter_map(|history| {
        let replay = subject.run(Job::Replay(history), Detail::Lulls).expect("the store has no errors of its own");
        replay.lulls.last().map(|lull| (lull.key, replay.broken.is_some()))
    });
    lulls.collect()
}

#[test]
fn of_two_histories_that_came_to_the_same_lull_the_one_in_which_an_invariant_broke_goes_on_too() {
    let broken: Vec<bool> = last_lulls(&mut subject()).iter().map(|(_, broken)| *broken).collect();
    let same = |lulls: &[(u64, bool)]| {
        let both = |at: usize, other: usize| lulls[at].0 == lulls[other].0 && broken[at] && !broken[other];
        (0..lulls.len())
            .flat_map(|at| (0..lulls.len()).map(move |other| (at, other)))
            .filter(|(at, other)| both(*at, *other))
            .count()
    };
    assert!(same(&last_lulls(&mut without_invariants())) > 0, "nothing of the alarm is left");
    assert_eq!(same(&last_lulls(&mut subject())), 0);
}

#[test]
fn a_broken_invariant_is_found_with_as_few_faults_and_shrinks_to_itself() {
    let oracle = || Oracle::new(Contract::strict());
    for skips in [true, false] {
        let failing = failing(&mut oracle(), &Options { skips, ..options(2, 1) });
        let first = failing.first().expect("two copies meet");
        assert_eq!(first.faults.len(), 1);
        let shrunk = shrink(&mut subject(), &mut oracle(), first).expect("the store has no errors of its own").history;
        assert_eq!((shrunk.messages.len(), shrunk.faults.len()), (1, 1), "{shrunk}");
        let replay = subject().run(Job::Replay(&shrunk), Detail::Watched).expect("it was replayed before");
        let explained = oracle().explain(&mut subject(), &shrunk, &replay).expect("it was judged before");
        assert_eq!(explained.anomaly, Anomaly::Invariant);
        assert_eq!(explained.observed.value("balance:alarm"), Some("raised"), "as it was then");
        assert_eq!(replay.observation.value("balance:alarm"), None, "and is no more");
    }
}

#[test]
fn the_first_invariant_that_breaks_is_noted_with_the_event_that_broke_it() {
    let broken = |holds: fn(&crate::Observation) -> bool| {
        let mut invariants = Invariants::default();
        invariants.add("it holds", holds);
        let store = KeyValue::new("bank").observe_prefix("balance");
        let handler = async |kv: &KeyValue, _: &Delivery<i64>| {
            kv.get("balance:0").await?;
            kv.add("balance:0", 1).await?;
            kv.get("balance:0").await.map(drop)
        };
        let mut subject = World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler).holding(invariants);
        let history = toys::history(&subject, 2, "");
        let replay = subject.run(Job::Replay(&history), Detail::Facts).unwrap();
        let changes = replay.events.iter().enumerate().filter_map(|(at, event)| match event {
            crate::machine::trace::Event::Step { facts, .. } if facts.changes => Some(at + 1),
            _ => None,
        });
        (replay.broken.map(|broken| broken.position), changes.collect::<Vec<_>>())
    };
    let (position, _) = broken(|seen| seen.value("balance:0").is_some());
    assert_eq!(position, Some(0), "before anything happened, and whatever is so later");
    let (position, changes) = broken(|seen| seen.value("balance:0").is_none());
    assert_eq!(position, Some(changes[0]), "though it is broken by the second change too");
    let (position, changes) = broken(|seen| seen.value("balance:0") != Some("2"));
    assert_eq!(position, Some(changes[1]));
}
