//! Searches by fault count of handlers that are drawn: as many histories, as many of them left out for each reason, and the same
//! ones that fail, from one version to the next.

use std::time::Duration;

use super::toys::{self, options, search};
use crate::{
    Delivery, DeliveryModel, Error, KeyValue, Messages,
    machine::{
        Background,
        drawn::{Draws, digest, number},
    },
    search::Options,
    subject::Subject,
    world::{Boot, World},
};

/// A handler that is drawn, which may ask for the time or for randomness too, and may have background work beside it.
fn drawn(seed: u64) -> impl Subject {
    let mut draws = Draws(seed);
    let (program, isolation) = (draws.program(), draws.isolation());
    let (asks_time, draws_numbers, relays) = (draws.below(3) == 0, draws.below(4) == 0, draws.below(4) == 0);
    let (loses, keys) = (draws.below(4) == 0, draws.below(3) as usize);
    let handler = async move |kv: &KeyValue, m: &Delivery<i64>| {
        let time = if asks_time { m.now().as_secs() } else { 0 };
        let drawn = if draws_numbers { m.random() % 2 } else { 0 };
        if time > 30 || drawn == 1 {
            kv.put("balance:late", m.id()).await?;
        }
        program.run(kv, m.id(), m.id().ends_with('1')).await
    };
    let mut boot = Boot::handles();
    if relays {
        let work = Background { label: "relay".parse().unwrap(), period: Duration::from_secs(1) };
        assert!(boot.every(work, async |kv: &KeyValue| {
            if let Ok(Some(balance)) = kv.get("balance:0").await {
                let _ = kv.put("balance:sent", &balance).await;
            }
        }));
    }
    let store = KeyValue::new("bank").isolation(isolation).observe_prefix("balance").observe_prefix("last");
    let store = if loses { store.fails_over().evicts() } else { store };
    World::new(store, boot, Messages::from(1..1000_i64).ordering_keys(keys), handler)
}

/// A line for what a search comes to, and one for each history that fails.
fn searched(seed: u64, options: &Options) -> Vec<String> {
    let (search, failing) = search(&mut drawn(seed), options);
    let mut told = vec![format!("{search:?}")];
    told.extend(failing.into_iter().map(|(history, seen)| format!("{history} {seen:?}")));
    told
}

fn told(seeds: std::ops::Range<u64>, model: DeliveryModel, messages: usize, faults: usize) -> String {
    let skews = vec![Duration::from_secs(40)];
    let options = Options { model, skews, ..options(messages, faults) };
    number(digest(seeds.flat_map(|seed| searched(seed, &options))))
}

#[test]
fn the_same_histories_of_two_messages_and_a_fault_are_searched() {
    let told = [
        told(0..3, DeliveryModel::at_least_once(), 2, 1),
        told(3..5, DeliveryModel::at_most_once(), 2, 1),
        told(5..6, DeliveryModel::request_reply(), 2, 1),
        told(6..8, DeliveryModel::kafka(), 2, 1),
    ];
    assert_eq!(told, ["126 4eae005041f8d657", "92 c1da901b05bb4d40", "111 093932b8e1b1c1ec", "163 ed2024775f19dea2"]);
}

#[test]
fn the_same_histories_of_a_message_and_two_faults_are_searched() {
    assert_eq!(told(16..24, DeliveryModel::at_least_once(), 1, 2), "2295 24ef9d75cbc7c285");
}

/// Looks twice, and at the clock when all is done.
async fn looks_late(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.get("setting").await?;
    toys::blind(kv, m).await?;
    let _ = m.now();
    Ok(())
}

#[test]
fn the_same_failures_and_jumps_are_searched_of_which_there_are_three() {
    let options = Options { only: &["fail", "advance"], ..options(1, 3) };
    let (search, _) = search(&mut toys::subject(looks_late), &options);
    assert_eq!((search.searched.histories, search.skipped.untried), (vec![1, 12, 47, 107], 159));
}
