//! What a check claims of a counterexample.

use super::{Options, violated};
use crate::{
    Delivery, Error, History, KeyValue, Messages, Searched, Verdict,
    subject::{Subject, Workload},
    world::{Boot, World},
};

async fn blind(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.add("balance", *m.payload()).await.map(drop)
}

/// The report on these faults, where every history with fewer than so many was searched.
fn reported(faults: &str, proven: Option<usize>) -> String {
    let source = Messages::from(1..1000_i64);
    let store = KeyValue::new("bank").observe_prefix("balance");
    let mut world = World::new(store, Boot::handles(), source, blind);
    let Workload { messages, .. } = world.workloads(1).swap_remove(0);
    let options = Options::default();
    let plain = History { model: options.model, processes: options.processes, messages, faults: Vec::new() };
    let history = format!("{plain}{faults}").parse().expect("the faults are well written");
    match violated(&mut world, &options, &history, &Searched::default(), proven) {
        Ok(Verdict::Violated(counterexample)) => counterexample.to_string(),
        other => panic!("it adds each time: {other:?}"),
    }
}

#[test]
fn what_shrinks_below_what_was_searched_proves_that_the_search_saw_not_all() {
    let claims = |faults, proven| reported(faults, proven).contains("no history with fewer fails");
    assert!(claims("lose-ack m0#1\n", Some(1)));
    assert!(!claims("lose-ack m0#1\n", None));
    assert!(!claims("fail m0#1.1\nlose-ack m0#2\n", Some(2)), "one of the two is enough");
}
