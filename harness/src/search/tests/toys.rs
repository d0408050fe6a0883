//! Small handlers, right and wrong, and a judge that knows nothing but reference runs in every order.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use crate::{
    Delivery, DeliveryModel, Error, History, Isolation, KeyValue, Messages,
    history::Published,
    machine::{
        Turn,
        trace::{Detail, End, Replay},
    },
    oracle::Judgement,
    search::{Judge, Options, by_fault_count, by_fault_count::Search},
    store::Observation,
    subject::{Job, Reference, Subject},
    world::{Boot, World},
};

/// A handler over the key-value store as something that histories are replayed against.
pub(super) fn subject<F>(handler: F) -> impl Subject
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    subject_at(Isolation::Serializable, handler)
}

/// The same where transactions keep apart so far.
pub(super) fn subject_at<F>(isolation: Isolation, handler: F) -> impl Subject
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let store = KeyValue::new("bank").isolation(isolation).observe_prefix("balance");
    World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler)
}

/// Applies the message each time.
pub(super) async fn blind(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.add("balance", *m.payload()).await.map(drop)
}

/// Looks, applies and marks in three steps.
pub(super) async fn three_steps(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        kv.add("balance", *m.payload()).await?;
        kv.put(m.id(), "seen").await?;
    }
    Ok(())
}

/// Marks before it applies.
pub(super) async fn mark_first(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.put_if_absent(m.id(), "seen", None).await? {
        kv.add("balance", *m.payload()).await?;
    }
    Ok(())
}

/// Marks and applies in one transaction: right.
pub(super) async fn atomic(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

/// Reads the balance and writes it back, in a transaction: right only where nobody else writes meanwhile.
pub(super) async fn reads_and_writes_back(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        let balance = tx.get("balance").await?.and_then(|balance| balance.parse::<i64>().ok()).unwrap_or(0);
        tx.put("balance", &(balance + m.payload()).to_string()).await?;
    }
    tx.commit().await
}

/// Right, and looks twice before it begins.
pub(super) async fn looks_first(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.get("setting").await?;
    kv.get("another").await?;
    atomic(kv, m).await
}

/// Applies the message again the third time: takes two faults.
pub(super) async fn third_time(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    let times = tx.add(&format!("times:{}", m.id()), 1).await?;
    if times == 1 || times == 3 {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

/// Marks for a minute only.
pub(super) async fn forgets(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.put_if_absent(m.id(), "seen", Some(Duration::from_secs(60))).await? {
        kv.add("balance", *m.payload()).await?;
    }
    Ok(())
}

/// Overwrites, whatever came before.
pub(super) async fn overwrites(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.put("balance", &m.payload().to_string()).await
}

/// Says that what is observed is what some order of the messages leaves, or not.
#[derive(Default)]
pub(super) struct AnyOrder {
    references: BTreeMap<Vec<Published>, Vec<Observation>>,
    pub(super) judged: u64,
    /// What fails, with what it left.
    failing: Vec<(History, Observation)>,
}

impl AnyOrder {
    fn references(&mut self, subject: &mut dyn Subject, history: &History) -> Result<&[Observation], Error> {
        if !self.references.contains_key(&history.messages) {
            let mut left = Vec::new();
            for order in orders(history.messages.len()) {
                let turn = |message: &usize| Turn { message: *message, at: Duration::ZERO, seed: 0, copy: 0 };
                let reference = Reference { turns: order.iter().map(turn).collect(), ..Reference::default() };
                left.push(subject.run(Job::Reference(history, &reference), Detail::Facts)?.observation);
            }
            self.references.insert(history.messages.clone(), left);
        }
        Ok(&self.references[&history.messages])
    }
}

impl Judge for AnyOrder {
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        self.judged += 1;
        let agrees = replay.end == End::Drained && self.references(subject, history)?.contains(&replay.observation);
        if agrees {
            return Ok(Judgement::Agrees);
        }
        self.failing.push((history.clone(), replay.observation.clone()));
        Ok(Judgement::Violated)
    }
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..count {
        let mut longer = Vec::new();
        for order in &orders {
            longer.extend((0..count).filter(|next| !order.contains(next)).map(|next| [&order[..], &[next]].concat()));
        }
        orders = longer;
    }
    orders
}

pub(super) fn options(messages: usize, faults: usize) -> Options {
    Options {
        model: DeliveryModel::at_least_once(),
        processes: 2,
        faults,
        messages,
        only: &[],
        skips: true,
        keys_matter: false,
        periods: Vec::new(),
        skews: Vec::new(),
    }
}

/// Searches, and keeps every history that fails with what it left.
pub(super) fn search(subject: &mut dyn Subject, options: &Options) -> (Search, Vec<(History, Observation)>) {
    let mut judge = AnyOrder::default();
    let search = by_fault_count(subject, &mut judge, options, &mut |_| ControlFlow::Continue(()));
    (search.expect("the key-value store has no errors of its own"), judge.failing)
}

/// A history of one workload with these faults.
pub(super) fn history(subject: &dyn Subject, messages: usize, faults: &str) -> History {
    let workloads = subject.workloads(messages);
    let workload =
        workloads.iter().find(|workload| workload.messages.len() == messages).expect("there is such a workload");
    let mut history = History {
        model: DeliveryModel::at_least_once(),
        processes: 2,
        messages: workload.messages.clone(),
        faults: Vec::new(),
    };
    let text = format!("{history}{faults}");
    history = text.parse().expect("the test's faults are well written");
    history
}
