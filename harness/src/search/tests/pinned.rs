//! What is drawn, enumerated and shrunk is the same from one version to the next, and not only from one run to the next: a seed,
//! the bytes that a fuzzer kept and a published figure go on to mean what they meant.
//!
//! Each test hashes many histories. Where a number here changes, what they mean did: take the new one if that was meant, and
//! say so in the changelog.

use std::time::Duration;

use super::{
    background::shop,
    counting::{Kept, every_history},
    shrinking::{fails, long_history},
    toys::{self, AnyOrder, options},
};
use crate::{
    Delivery, DeliveryModel, Error, History, KeyValue, Messages, Searched,
    machine::drawn::{digest, number},
    search::{Cases, Options, random::random, shrink},
    subject::Subject,
    world::{Boot, World},
};

fn faults(histories: &[History]) -> impl Iterator<Item = String> {
    histories.iter().map(|history| {
        let faults = history.faults.iter().map(|fault| format!("; {fault}")).collect::<String>();
        format!("{} {}{faults}", history.messages.len(), history.processes)
    })
}

fn drawn(subject: &mut dyn Subject, options: &Options) -> (usize, String) {
    let (mut kept, mut searched) = (Kept::default(), Searched::default());
    random(subject, &mut kept, options, Cases { count: 400, seed: 7 }, &mut searched).unwrap();
    digest(faults(&kept.0))
}

fn store() -> KeyValue {
    KeyValue::new("bank").observe_prefix("balance")
}

fn world<F>(store: KeyValue, keys: usize, handler: F) -> impl Subject
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    World::new(store, Boot::handles(), Messages::from(1..1000_i64).ordering_keys(keys), handler)
}

fn three(model: DeliveryModel) -> Options {
    Options { model, processes: 3, skips: false, ..options(3, 2) }
}

#[test]
fn a_seed_draws_the_same_histories_from_one_version_to_the_next() {
    let (once, repeats) = (DeliveryModel::at_most_once(), DeliveryModel::at_least_once());
    let skewed = Options { skews: vec![Duration::from_millis(5), Duration::from_secs(2)], ..three(repeats) };
    let alone = Options { processes: 1, ..three(repeats) };
    let told = [
        drawn(&mut world(store(), 0, toys::three_steps), &three(repeats)),
        drawn(&mut world(store(), 0, toys::atomic), &alone),
        drawn(&mut world(store(), 0, toys::mark_first), &three(once)),
        drawn(&mut world(store(), 0, toys::three_steps), &three(DeliveryModel::request_reply())),
        drawn(&mut world(store(), 0, toys::mark_first), &three(DeliveryModel::kafka())),
        drawn(&mut world(store(), 2, toys::mark_first), &three(DeliveryModel::kafka())),
        drawn(&mut world(store().fails_over().evicts(), 0, toys::forgets), &skewed),
        drawn(&mut shop(), &three(repeats)),
        drawn(&mut world(store(), 0, leases), &skewed),
    ];
    assert_eq!(
        told.map(number),
        [
            "400 c31c9a16b7a3ad42",
            "400 c6bdce9ae32e23ef",
            "400 79c2deb3c7176049",
            "400 c31c9a16b7a3ad42",
            "400 6706d86381e8a589",
            "400 328ca2eddb8484d9",
            "400 47872be991872f8c",
            "400 ae410856ca7f48d5",
            "400 516814ab7b01b4e6"
        ]
    );
}

/// Asks the clock of its process, and keeps what it says.
async fn leases(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let now = m.now().as_secs();
    if kv.get(m.id()).await?.is_none_or(|until| until.parse().is_ok_and(|until: u64| until <= now)) {
        kv.put(m.id(), &(now + 30).to_string()).await?;
        kv.add("balance", *m.payload()).await?;
    }
    Ok(())
}

fn enumerated(subject: &mut dyn Subject, options: &Options) -> (usize, String) {
    digest(faults(&every_history(subject, options)))
}

#[test]
fn the_same_histories_are_enumerated_from_one_version_to_the_next() {
    let repeats = DeliveryModel::at_least_once();
    let of = |model, messages, skips| Options { model, skips, ..options(messages, 2) };
    let skewed = Options { skews: vec![Duration::from_secs(40)], ..of(repeats, 1, true) };
    let told = [
        enumerated(&mut world(store(), 0, toys::three_steps), &of(repeats, 1, false)),
        enumerated(&mut world(store(), 0, toys::three_steps), &of(repeats, 2, true)),
        enumerated(&mut world(store(), 0, toys::forgets), &of(repeats, 1, true)),
        enumerated(&mut world(store(), 0, toys::mark_first), &of(DeliveryModel::at_most_once(), 2, true)),
        enumerated(&mut world(store(), 0, toys::mark_first), &of(DeliveryModel::request_reply(), 1, false)),
        enumerated(&mut world(store(), 1, toys::mark_first), &of(DeliveryModel::kafka(), 2, true)),
        enumerated(&mut world(store(), 2, toys::blind), &of(DeliveryModel::kafka_blocking(), 2, true)),
        enumerated(&mut world(store().fails_over().evicts(), 0, toys::mark_first), &of(repeats, 1, true)),
        enumerated(&mut world(store(), 0, leases), &skewed),
        enumerated(&mut shop(), &of(repeats, 1, true)),
    ];
    assert_eq!(
        told.map(number),
        [
            "475 dd6973a74d6fe9a3",
            "2259 798acd885a3b3e32",
            "740 dc3b9db04892d0ec",
            "269 62d11d4957e0ae45",
            "234 058715de9b7ab3f0",
            "973 3616035bc2d203b5",
            "603 78030c8361482e2b",
            "286 c72ee61e2f5a1683",
            "661 262052eacf49d079",
            "518 2b83ebb31dc18280"
        ]
    );
}

#[test]
fn what_fails_is_shrunk_to_the_same_histories_by_as_many_replays() {
    let mut subjects: [Box<dyn Subject>; 4] = [
        Box::new(toys::subject(toys::three_steps)),
        Box::new(toys::subject(toys::mark_first)),
        Box::new(toys::subject(toys::third_time)),
        Box::new(toys::subject(toys::forgets)),
    ];
    let told = subjects.each_mut().map(|subject| {
        let subject = &mut **subject;
        let mut lines = Vec::new();
        for seed in 0..40 {
            let mut history = long_history(subject, 3, 8, seed);
            history.processes = 3;
            if fails(subject, &history) {
                let shrunk = shrink(subject, &mut AnyOrder::default(), &history).unwrap();
                lines.extend(faults(&[shrunk.history]).map(|line| format!("{line} by {}", shrunk.replays)));
            }
        }
        digest(lines)
    });
    assert_eq!(
        told.map(number),
        ["25 5980952f8cee542b", "7 b8717b1b57150827", "38 8cd0f21a488d1888", "15 fb04d75603483c43"]
    );
}
