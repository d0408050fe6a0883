//! Background work and tasks that handlers spawn, under the search: their points are struck, and what is left out hides
//! nothing.

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use super::toys::{AnyOrder, options};
use crate::{
    Delivery, Error, History, KeyValue, Messages, Observation,
    history::Fault,
    machine::{
        Background,
        trace::{Detail, Replay},
    },
    oracle::Judgement,
    search::{
        Cases, Judge, Options, by_fault_count,
        by_fault_count::Found,
        random::{decode::Decoder, random, shape::Shapes},
    },
    subject::{Job, Subject},
    world::{Boot, World},
};

async fn order(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.put_if_absent(&format!("order:{}", m.id()), &m.payload().to_string(), None).await.map(drop)
}

/// Takes each order and then adds it: a crash between loses it.
async fn send(kv: &KeyValue) {
    for id in ["m0", "m1"] {
        let key = format!("order:{id}");
        if let Ok(Some(amount)) = kv.get(&key).await
            && amount != "sent"
            && kv.put(&key, "sent").await.is_ok()
        {
            let _ = kv.add("balance", amount.parse().unwrap_or_default()).await;
        }
    }
}

/// A shop that sends its orders in the background.
pub(super) fn shop() -> impl Subject {
    let mut boot = Boot::handles();
    let work = Background { label: "send".parse().unwrap(), period: Duration::from_secs(1) };
    assert!(boot.every(work, async |kv: &KeyValue| send(kv).await));
    let store = KeyValue::new("bank").observe_prefix("balance");
    World::new(store, boot, Messages::from(1..1000_i64), order)
}

/// A handler that leaves its work to a task that outlives it.
async fn leaves_it_to_a_task(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.put_if_absent(m.id(), "seen", None).await? {
        let (own, amount) = (kv.clone(), *m.payload());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            own.add("balance", amount).await
        });
    }
    Ok(())
}

/// What is seen in the end of each history that fails, with how many faults it has; and how many histories there were.
#[derive(Default)]
struct Failing {
    seen: BTreeSet<(usize, Observation)>,
    judge: AnyOrder,
}

impl Judge for Failing {
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        let judgement = self.judge.judge(subject, history, replay)?;
        if judgement == Judgement::Violated {
            self.seen.insert((history.faults.len(), replay.observation.clone()));
        }
        Ok(judgement)
    }
}

fn failing(subject: &mut dyn Subject, options: &Options) -> (BTreeSet<(usize, Observation)>, u64) {
    let mut failing = Failing::default();
    let go_on = &mut |_: Found<'_>| ControlFlow::Continue(());
    let search = by_fault_count(subject, &mut failing, options, go_on).expect("the store has no errors of its own");
    assert_eq!(search.inconclusive, None);
    (failing.seen, search.searched.total())
}

#[test]
fn what_is_left_out_hides_nothing_of_background_work_nor_of_spawned_tasks() {
    let spawns = || {
        let store = KeyValue::new("bank").observe_prefix("balance");
        World::new(store, Boot::handles(), Messages::from(1..1000_i64), leaves_it_to_a_task)
    };
    let mut subjects: [(Box<dyn Subject>, usize, usize); 3] =
        [(Box::new(shop()), 1, 2), (Box::new(shop()), 2, 1), (Box::new(spawns()), 1, 2)];
    for (subject, messages, faults) in &mut subjects {
        let with = Options { skips: true, ..options(*messages, *faults) };
        let without = Options { skips: false, ..options(*messages, *faults) };
        let (found, few) = failing(subject.as_mut(), &with);
        let (all, many) = failing(subject.as_mut(), &without);
        assert!(!all.is_empty() && few <= many);
        assert_eq!(found, all);
    }
}

#[test]
fn random_histories_strike_background_work_and_mostly_act() {
    let subject = &mut shop();
    let options = Options { processes: 3, ..options(3, 2) };
    let plain = History {
        model: options.model,
        processes: options.processes,
        messages: subject.workloads(2).pop().expect("a workload").messages,
        faults: Vec::new(),
    };
    let shapes = Shapes::learn(subject, &plain, &options).expect("the store works").expect("it can be relied on");
    let mut history = plain.clone();
    let mut decoder = Decoder::default();
    let (mut in_rounds, mut acted, mut all) = (BTreeSet::new(), 0, 0);
    for seed in 0..400_u32 {
        let numbers = [1, 2, 3].map(|n: u32| (seed * 3 + n).wrapping_mul(0x9e37_79b9).rotate_left(n * 5));
        decoder.decode(&shapes, &numbers, &mut history);
        assert_eq!(history.validate(), Ok(()));
        let replay = subject.run(Job::Replay(&history), Detail::Facts).expect("the store works");
        for (at, fault) in history.faults.iter().enumerate() {
            let in_round = fault.coordinate().is_some_and(|at| at.delivery().is_none());
            if in_round && replay.acted.iter().any(|acted| acted.fault == at) {
                in_rounds.insert(fault.word());
            }
        }
        (acted, all) = (acted + replay.acted.len(), all + history.faults.len());
    }
    let kinds = ["advance", "cancel", "crash", "fail", "lose-reply", "pause"];
    assert_eq!(in_rounds.into_iter().collect::<Vec<_>>(), kinds);
    assert!(acted * 10 >= all * 8, "{acted} of {all} acted");
}

#[test]
fn random_search_finds_what_a_crash_in_background_work_loses() {
    let options = options(1, 0);
    let mut searched = crate::Searched::default();
    let came = random(&mut shop(), &mut AnyOrder::default(), &options, Cases { count: 256, seed: 0 }, &mut searched);
    let found = came.expect("the store works").fails.expect("it is found");
    let rounds = |fault: &Fault| fault.coordinate().is_some_and(|at| at.delivery().is_none());
    assert!(found.faults.iter().any(rounds), "{found}");
}
