//! redeliver's complete search. One execution: a replay of the handler on a real `KeyValue`, with every event recorded, and
//! judged against the contract, not by a look at two numbers.
//!
//! The handler that is one transaction puts a row if it is absent. In each repetition a check is made anew, and everything
//! that is done once for a check is in it. `explored` goes on past every violation, so that it runs all that there are;
//! `verdict` is what a user calls: it ends at the first violation, which it confirms, shrinks and reports.

use redeliver_harness::{Bounds, Delivery, Error, Harness, KeyValue, Prepared, Verdict};

use super::{Cell, Found, Handler};

async fn atomic(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.put_if_absent(&format!("effect:{}", m.id()), "100", None).await.map(drop)
}

async fn apply_mark(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        kv.add(&format!("effect:{}", m.id()), 100).await?;
        kv.put(m.id(), "seen").await?;
    }
    Ok(())
}

fn prepared(cell: &Cell) -> Prepared {
    let harness = Harness::new(KeyValue::new("bank").observe_prefix("effect:"));
    match cell.handler {
        Handler::Atomic => harness.prepare(1..1000i64, atomic),
        Handler::ApplyMark => harness.prepare(1..1000i64, apply_mark),
    }
}

fn bounds(cell: &Cell) -> Bounds {
    Bounds::default().messages(cell.size).processes(cell.size).crashes(usize::from(cell.crashes))
}

/// All executions.
pub(super) fn explored(cell: &Cell) -> Found {
    let explored = prepared(cell).explored(bounds(cell), true, 0).expect("the store has no errors");
    assert_eq!(explored.inconclusive, None, "{}", cell.name);
    Found { executions: explored.executions, cut: Some(explored.cut), violation: None, finished: !explored.stopped }
}

/// All executions, or those up to the first violation.
pub(super) fn verdict(cell: &Cell) -> Found {
    let verdict = prepared(cell).complete(bounds(cell)).verdict();
    let (searched, is_violated) = match &verdict {
        Verdict::Holds(searched) => (searched, false),
        Verdict::Violated(counterexample) => (counterexample.searched(), true),
        Verdict::Inconclusive(why) => panic!("{}: {}", cell.name, why.reason),
    };
    let complete = searched.complete.as_ref().expect("it was a complete search");
    let executions = complete.executions;
    assert_eq!(is_violated, cell.handler == Handler::ApplyMark, "{}", cell.name);
    assert!(is_violated || executions == cell.closed_form(), "{}", cell.name);
    Found { executions, cut: Some(complete.cut), violation: is_violated.then_some(executions), finished: true }
}

/// The how-manieth replay is the first violation where histories are searched by the number of their faults.
pub(super) fn by_fault_count(cell: &Cell) -> u64 {
    match prepared(cell).messages(cell.size).processes(cell.size).verdict() {
        Verdict::Violated(counterexample) => counterexample.searched().total(),
        other => panic!("{}: {other:?}", cell.name),
    }
}
