//! Replays of handlers that are drawn, under faults that are drawn: the same happens from one version to the next, and the same
//! faults do not act, for the same reasons.
//!
//! Where a number here changes, a history came to mean something else: take the new one if that was meant, and say so in the
//! changelog.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join;
use tokio::time::sleep;

use super::{
    drawn::{Draws, digest, number},
    testing::{Given, Stage, lines, rows, unused},
    trace::Replay,
};
use crate::{DeliveryModel, KeyValue, history::Fault};

/// How a handler does what it does.
#[derive(Clone, Copy)]
enum How {
    InTurn,
    /// The same twice at once, in different orders.
    AtOnce,
    /// And once more in a task of its own, after a while.
    Spawned,
}

/// Two messages are of one partition, where there are partitions.
const KEYS: [Option<&str>; 3] = [Some("a"), Some("a"), Some("b")];

/// A replay for each seed, so many of which have one handler.
fn replays(seeds: u64, each: u64, model: DeliveryModel, how: How, relays: bool) -> Vec<Replay> {
    let replays = (0..seeds).map(|seed| {
        let mut draws = Draws(seed / each);
        let (program, isolation) = (draws.program(), draws.isolation());
        let mut draws = if each > 1 { Draws(seed) } else { draws };
        let store = KeyValue::new("kv").isolation(isolation).observed().fails_over().evicts();
        let handler = async move |kv: &KeyValue, given: &Given| {
            let (name, crosses) = (format!("m{}", given.message), given.message % 2 == 1);
            match how {
                How::InTurn => {}
                How::AtOnce => {
                    let both = (program.run(kv, &name, crosses), program.run(kv, &name, !crosses));
                    let (one, other) = join(both.0, both.1).await;
                    return one.and(other);
                }
                How::Spawned => {
                    let (kv, program, name) = (kv.clone(), program.clone(), name.clone());
                    tokio::spawn(async move {
                        sleep(Duration::from_secs(1)).await;
                        program.run(&kv, &name, !crosses).await
                    });
                }
            }
            program.run(kv, &name, crosses).await
        };
        let mut stage = Stage::new(store, handler).under(model, &KEYS);
        if relays {
            stage = stage.every_second("relay", async |kv: &KeyValue| {
                if let Ok(Some(balance)) = kv.get("balance:0").await {
                    let _ = kv.put("sent", &balance).await;
                }
            });
        }
        let messages = 1 + draws.below(3);
        let faults: Vec<Fault> = (0..1 + draws.below(5)).map(|_| draws.any_fault(messages)).collect();
        stage.replay(messages as usize, &faults)
    });
    replays.collect()
}

/// What happened, what was left, and what did not act.
fn told(replays: &[Replay]) -> String {
    number(digest(replays.iter().map(|replay| {
        let acted: Vec<_> = replay.acted.iter().map(|acted| (acted.fault, acted.position)).collect();
        let told = (lines(replay), rows(replay), acted, unused(replay), &replay.end);
        format!("{told:?} {:?} {}", replay.fates, replay.waited_elsewhere)
    })))
}

#[test]
fn the_same_faults_make_the_same_happen_from_one_version_to_the_next() {
    let models = [
        DeliveryModel::at_least_once(),
        DeliveryModel::at_most_once(),
        DeliveryModel::request_reply(),
        DeliveryModel::kafka(),
    ];
    assert_eq!(
        models.map(|model| told(&replays(200, 1, model, How::InTurn, false))),
        ["200 805792f313e6fb16", "200 14a61d497bff97bb", "200 cfc189f83f0333da", "200 69d4b9b3679c854d"]
    );
}

#[test]
fn so_they_do_where_a_handler_does_several_things_at_once() {
    let told =
        [How::AtOnce, How::Spawned].map(|how| told(&replays(100, 1, DeliveryModel::at_least_once(), how, false)));
    assert_eq!(told, ["100 ea653c705e957aba", "100 82a83ea4fe9a7ecd"]);
}

#[test]
fn so_they_do_beside_background_work() {
    let told = [How::InTurn, How::AtOnce, How::Spawned]
        .map(|how| told(&replays(100, 1, DeliveryModel::at_least_once(), how, true)));
    assert_eq!(told, ["100 4e2ff95803febbda", "100 e25d5eea0f0df49d", "100 26d21f97eaa31a8d"]);
}

#[test]
fn what_came_to_the_same_left_the_same_standing_in_as_many_cases_as_before() {
    let repeats = DeliveryModel::at_least_once();
    let told = [(How::InTurn, false), (How::AtOnce, false), (How::Spawned, false), (How::InTurn, true)];
    let told = told.map(|(how, relays)| {
        let replays = replays(400, 100, repeats, how, relays);
        let (mut traces, mut standing) = (BTreeSet::new(), BTreeSet::new());
        for (at, replay) in replays.into_iter().enumerate() {
            // Of one handler each.
            traces.insert((at / 100, replay.key));
            standing.insert((at / 100, replay.key, replay.standing));
        }
        (traces.len(), standing.len())
    });
    assert_eq!(told, [(213, 232), (250, 272), (259, 277), (234, 249)]);
}
