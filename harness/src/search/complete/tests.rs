//! The reference cells, through the real machine.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::*;
use crate::{
    Contract, Delivery, KeyValue, Messages,
    oracle::Oracle,
    world::{Boot, World},
};

/// What a complete search came to, the final states, and how many executions were wrong.
fn explored<F>(bounds: Bounds, store: KeyValue, reduces: bool, handler: F) -> (Completed, BTreeSet<String>, u64)
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let mut world = World::new(store.observe_prefix("effect"), Boot::handles(), Messages::from(1..1000_i64), handler);
    let workload = world.workloads(bounds.messages).into_iter().find(|them| them.messages.len() == bounds.messages);
    let history = bounds.history(workload.expect("there is one of each size").messages);
    let mut oracle = Oracle::new(Contract::strict());
    let (mut states, mut wrong) = (BTreeSet::new(), 0);
    let completed = complete(&mut world, &mut oracle, &history, &bounds, reduces, &mut |met, is_wrong| {
        states.insert(format!("{:?}", met.replay.observation));
        wrong += u64::from(is_wrong);
        ControlFlow::Continue(())
    });
    let completed = completed.expect("a store of a test has no errors");
    assert_eq!(completed.inconclusive, None);
    (completed, states, wrong)
}

fn bounds(messages: usize, processes: usize, crashes: usize) -> Bounds {
    Bounds::default().messages(messages).processes(processes).crashes(crashes)
}

fn effect(m: &Delivery<i64>) -> String {
    format!("effect:{}", m.id())
}

async fn atomic(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.put_if_absent(&effect(m), "100", None).await.map(drop)
}

async fn check_apply_mark(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        kv.add(&effect(m), 100).await?;
        kv.put(m.id(), "seen").await?;
    }
    Ok(())
}

async fn claim_apply(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.put_if_absent(m.id(), "seen", None).await? {
        kv.add(&effect(m), 100).await?;
    }
    Ok(())
}

const CELLS: [(usize, usize); 4] = [(1, 2), (2, 2), (2, 3), (3, 3)];

#[test]
fn cells() {
    for (m, w) in CELLS {
        let e = |c, (completed, states, wrong): (Completed, BTreeSet<String>, u64)| {
            println!(
                "{m},{w} {c}: {} + {} cut, {} states, {wrong} wrong",
                completed.executions,
                completed.cut,
                states.len()
            );
        };
        e("atomic 0", explored(bounds(m, w, 0), KeyValue::new("kv"), true, atomic));
        e("atomic-ack 1", explored(bounds(m, w, 1), KeyValue::new("kv"), true, atomic));
        e("toctou", explored(bounds(m, w, 0), KeyValue::new("kv"), true, check_apply_mark));
        e("claim", explored(bounds(m, w, 0), KeyValue::new("kv"), true, claim_apply));
        e("mark-apply", explored(bounds(m, w, 1), KeyValue::new("kv"), true, claim_apply));
        e("apply-mark", explored(bounds(m, w, 1), KeyValue::new("kv"), true, check_apply_mark));
    }
}
