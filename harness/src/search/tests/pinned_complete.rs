//! Complete searches of handlers that are drawn: each comes to the same executions, in the same order, from one version to the
//! next. What they touch, lock and wait for is a little different in each.
//!
//! A number here that changes is not wrong by that. But an execution less may be one that is missed; that none is
//! is tried in the tests of the whole.

use std::ops::ControlFlow;

use crate::{
    Bounds, Contract, Delivery, KeyValue, Messages,
    machine::{
        drawn::{Draws, digest, number},
        testing::lines,
    },
    oracle::Oracle,
    search::complete::complete,
    subject::Subject,
    world::{Boot, World},
};

/// After so many executions one is stopped.
const MOST: u64 = 100;

fn drawn(seed: u64) -> (impl Subject, Bounds) {
    let mut draws = Draws(seed);
    let (program, isolation) = (draws.program(), draws.isolation());
    let handler = async move |kv: &KeyValue, m: &Delivery<i64>| {
        program.run(kv, m.id(), m.broker_id().ends_with(['1', '3'])).await
    };
    let messages = 1 + draws.below(2) as usize;
    let processes = 2 + draws.below(2) as usize;
    let bounds = Bounds::default().messages(messages).processes(processes).crashes(draws.below(2) as usize);
    let store = KeyValue::new("bank").isolation(isolation).observe_prefix("balance").observe_prefix("last");
    (World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler), bounds.executions(MOST))
}

/// What a search comes to: a line for each execution, and one for their number.
fn searched(seed: u64, reduces: bool) -> Vec<String> {
    let (mut subject, bounds) = drawn(seed);
    let workloads = subject.workloads(bounds.messages);
    let workload = workloads.into_iter().find(|them| them.messages.len() == bounds.messages);
    let history = bounds.history(workload.expect("there is one of each size").messages);
    let mut told = Vec::new();
    let mut oracle = Oracle::new(Contract::strict());
    let completed =
        complete(&mut subject, &mut oracle, &history, &bounds, reduces, None, &mut |execution, is_wrong| {
            told.push(format!("{} {is_wrong}", lines(execution.replay).join("; ")));
            ControlFlow::Continue(())
        });
    let completed = completed.expect("it has no errors");
    told.push(format!("{completed:?}"));
    told
}

#[test]
fn the_same_executions_are_searched_from_one_version_to_the_next() {
    let told = [0..10, 10..20, 20..30, 30..40, 40..50];
    let told = told.map(|seeds| digest(seeds.flat_map(|seed| searched(seed, true))));
    assert_eq!(
        told.map(number),
        [
            "285 6425c8af8a98ce15",
            "297 917596dbf0de9ae6",
            "256 7fb22ac0c26e0297",
            "460 ee94952af66487bb",
            "375 2ef5aa2c0d1340e3"
        ]
    );
}

#[test]
fn the_same_executions_are_searched_where_deliveries_wait_for_each_other() {
    let told: Vec<String> = [127..137, 147..157].into_iter().flatten().flat_map(|seed| searched(seed, true)).collect();
    assert!(told.iter().any(|line| line.contains("clock 5s")), "nobody gives up");
    assert_eq!(number(digest(told)), "976 d7a5de6c84705843");
}

#[test]
fn the_same_executions_are_told_apart_without_reduction() {
    let told = digest((0..8).flat_map(|seed| searched(seed, false)));
    assert_eq!(number(told), "558 74cbb965be2ba7ed");
}
