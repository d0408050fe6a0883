//! What is learned of a workload before histories of it are drawn: what can strike its deliveries, and its rounds of background
//! work.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    leaving_out::looks_at_the_clock,
    toys::{self, options},
};
use crate::{
    Delivery, DeliveryModel, Error, History, KeyValue, Messages,
    history::{DeliveryName, Fault, TaskName},
    machine::Background,
    search::{
        Options,
        random::{decode::Decoder, shape::Shapes},
    },
    subject::Subject,
    world::{Boot, World},
};

fn world<F>(handler: F) -> impl Subject
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let store = KeyValue::new("bank").observe_prefix("balance");
    World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler)
}

/// The faults of these numbers, in a history of one message.
fn drawn(subject: &mut dyn Subject, options: &Options, numbers: impl IntoIterator<Item = Vec<u32>>) -> Vec<Vec<Fault>> {
    let mut history = History { model: options.model, ..toys::history(subject, 1, "") };
    let shapes = Shapes::learn(subject, &history, options).expect("the store works").expect("it can be relied on");
    let mut decoder = Decoder::default();
    let faults = numbers.into_iter().map(|numbers| {
        decoder.decode(&shapes, &numbers, &mut history);
        history.faults.clone()
    });
    faults.collect()
}

fn each(below: u32) -> impl Iterator<Item = Vec<u32>> {
    (0..below).map(|number| vec![number])
}

#[test]
fn a_model_that_delivers_nothing_twice_is_asked_for_nothing_but_the_plain_run() {
    let calls = |model| {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let mut subject = world(async move |kv: &KeyValue, m: &Delivery<i64>| {
            counted.fetch_add(1, Ordering::Relaxed);
            toys::blind(kv, m).await
        });
        drawn(&mut subject, &Options { model, ..options(1, 2) }, []);
        count.load(Ordering::Relaxed)
    };
    assert_eq!(calls(DeliveryModel::at_most_once()), 1);
    assert_eq!(calls(DeliveryModel::at_least_once()), 1 + 2);
    assert_eq!(calls(DeliveryModel::kafka()), 1 + 2);
}

#[test]
fn later_deliveries_are_known_from_one_that_the_broker_says_it_repeats() {
    let mut subject = world(async |kv: &KeyValue, m: &Delivery<i64>| {
        for _ in 0..if m.redelivered() { 3 } else { 1 } {
            kv.add("balance", *m.payload()).await?;
        }
        Ok(())
    });
    // A lost acknowledgement, and whatever comes after it.
    let faults = drawn(&mut subject, &options(1, 2), (0..400).map(|number| vec![0, number]));
    let places: BTreeSet<String> = faults
        .iter()
        .filter_map(|faults| faults.get(1)?.coordinate())
        .filter(|at| at.task == TaskName::from(DeliveryName::new(0, 2)))
        .map(|at| at.to_string())
        .collect();
    assert_eq!(places.into_iter().collect::<Vec<_>>(), ["m0#2.1", "m0#2.2", "m0#2.3", "m0#2.ack"]);
}

#[test]
fn what_acknowledges_before_it_handles_is_taken_to_end_with_a_crash() {
    let mut acks_first = world(async |kv: &KeyValue, m: &Delivery<i64>| {
        m.ack().await?;
        toys::blind(kv, m).await
    });
    let after_crashes = |subject: &mut dyn Subject| {
        let two = drawn(subject, &options(1, 2), (0..400).map(|number| vec![number, 0]));
        let crashed = two.into_iter().filter(|faults| matches!(faults[0], Fault::Crash { .. }));
        crashed.map(|faults| faults.len()).collect::<BTreeSet<_>>()
    };
    assert_eq!(after_crashes(&mut acks_first), BTreeSet::from([1]));
    assert_eq!(after_crashes(&mut toys::subject(toys::blind)), BTreeSet::from([2]), "it is delivered again");
}

#[test]
fn the_clock_is_advanced_by_as_long_as_something_lasts_whenever_it_was_written() {
    // The second delivery comes a second after the first one.
    let mut subject = world(async |kv: &KeyValue, m: &Delivery<i64>| {
        let mark = format!("{}:{}", m.id(), m.redelivered());
        kv.put_if_absent(&mark, "seen", Some(Duration::from_secs(60))).await.map(drop)
    });
    let advances =
        drawn(&mut subject, &options(1, 2), each(4_000)).into_iter().flatten().filter_map(|fault| match fault {
            Fault::Advance { by, .. } => Some(by.as_millis()),
            _ => None,
        });
    let all = [1_000, 31_000, 59_999, 60_000, 60_001, 301_000, 3_601_000, 86_401_000];
    assert_eq!(advances.collect::<BTreeSet<_>>(), BTreeSet::from(all));
}

#[test]
fn of_much_background_work_the_first_eight_rounds_are_struck() {
    let mut boot = Boot::handles();
    let work = Background { label: "count".parse().unwrap(), period: Duration::from_secs(1) };
    assert!(boot.every(work, async |kv: &KeyValue| {
        if !kv.get("rounds").await.is_ok_and(|rounds| rounds.as_deref() == Some("20")) {
            let _ = kv.add("rounds", 1).await;
        }
    }));
    let messages = Messages::from(1..1000_i64);
    let mut subject = World::new(KeyValue::new("bank").observed(), boot, messages, toys::blind);
    let struck: BTreeSet<String> = drawn(&mut subject, &options(1, 2), each(4_000))
        .into_iter()
        .flatten()
        .filter_map(|fault| fault.coordinate())
        .filter(|at| at.delivery().is_none())
        .map(|at| at.task.to_string())
        .collect();
    assert_eq!(struck.len(), 8, "{struck:?}");
}

#[test]
fn the_simplest_skew_is_ahead_and_the_first_that_was_asked_for() {
    let skews = vec![Duration::from_secs(5), Duration::from_secs(90)];
    let mut faults = drawn(&mut world(looks_at_the_clock), &Options { skews, ..options(1, 2) }, each(4_000))
        .into_iter()
        .flatten()
        .filter(|fault| matches!(fault, Fault::Skew { .. }))
        .map(|fault| fault.to_string());
    assert_eq!(faults.next().as_deref(), Some("skew p0 +5s"));
    let all: BTreeSet<String> = faults.collect();
    assert_eq!(all.len(), 2 * 2 * 2, "{all:?}");
}
