//! For the benchmarks of this workspace only: histories replayed against fixed handlers, as often as is asked for.
//!
//! What a check adds to that (judging, searching, reporting) is not measured here.

use std::{rc::Rc, sync::Arc};

use crate::{
    Delivery, DeliveryModel, Error, KeyValue, Message, Observation, Process, Store,
    history::{DeliveryName, Fault},
    machine::{
        Call, Handlers, Machine, Plan, Work,
        trace::{Answer, Detail},
    },
};

/// A history of two messages and a handler of a few operations on a [`KeyValue`].
pub struct Replays {
    stage: Stage,
    faults: Vec<Fault>,
}

/// What the handler does.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// Checks, applies and marks: three operations that commit by themselves.
    ThreeOperations,
    /// The same in a transaction of four: begin, mark, apply, commit.
    Transaction,
}

struct Stage {
    store: KeyValue,
    handler: Handler,
    messages: Vec<Arc<Message<i64>>>,
    processes: Vec<Option<Rc<KeyValue>>>,
}

impl Replays {
    /// Two messages, delivered one after the other; `overlapped`, the first is delivered again after its first step.
    pub fn new(handler: Handler, overlapped: bool) -> Self {
        let message = |place: i64| Arc::new(Message::new(format!("m{place}"), 100 * place + 100));
        let faults = if overlapped {
            vec![Fault::Overlap { at: DeliveryName::new(0, 1).operation(2), to: None }]
        } else {
            Vec::new()
        };
        let stage = Stage {
            store: KeyValue::new("bank").observe_key("balance"),
            handler,
            messages: vec![message(0), message(1)],
            processes: vec![None, None],
        };
        Self { stage, faults }
    }

    /// Replays it so many times. How many events there were, in all.
    ///
    /// # Panics
    /// Where the machine meets an error: nothing here can fail.
    pub fn run(&mut self, times: usize) -> usize {
        let mut events = 0;
        for _ in 0..times {
            let plan = Plan {
                rules: DeliveryModel::at_least_once().rules(),
                processes: 2,
                messages: 2,
                faults: &self.faults,
                turns: None,
                until: std::time::Duration::ZERO,
                habits: &crate::machine::Habits::default(),
            };
            let replay = Machine::on_this_thread(|machine| machine.replay(&plan, &mut self.stage, Detail::Facts));
            events += replay.expect("a key-value store has no errors of its own").events.len();
        }
        events
    }
}

async fn three_operations(kv: &KeyValue, delivery: &Delivery<i64>) -> Result<(), Error> {
    let mark = mark(delivery);
    if kv.get(&mark).await?.is_none() {
        kv.add("balance", *delivery.payload()).await?;
        kv.put(&mark, "1").await?;
    }
    Ok(())
}

async fn transaction(kv: &KeyValue, delivery: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(&mark(delivery), "1", None).await? {
        tx.add("balance", *delivery.payload()).await?;
    }
    tx.commit().await
}

fn mark(delivery: &Delivery<i64>) -> String {
    format!("seen:{}", delivery.id())
}

impl Handlers for Stage {
    fn reset(&mut self) -> Result<(), Error> {
        self.store.reset()
    }

    fn start(&mut self, call: Call) -> Result<Work, Error> {
        let at = call.process.index();
        if self.processes[at].is_none() {
            self.processes[at] = Some(Rc::new(self.store.open(&call.process)?));
        }
        let process = Rc::clone(self.processes[at].as_ref().expect("it was started just above"));
        let delivery = Delivery::new(Arc::clone(&self.messages[call.message]), call.attempt, call.copy.0, call.supply);
        let handler = self.handler;
        Ok(Box::pin(async move {
            let done = match handler {
                Handler::ThreeOperations => three_operations(&process, &delivery).await,
                Handler::Transaction => transaction(&process, &delivery).await,
            };
            done.map_or_else(|error| Answer::Retry(error.to_string()), |()| Answer::Done)
        }))
    }

    fn crash(&mut self, process: &Process) {
        self.processes[process.index()] = None;
        self.store.crash(process);
    }

    fn observe(&mut self) -> Result<Observation, Error> {
        let mut seen = Observation::default();
        self.store.observe(&mut seen)?;
        Ok(seen)
    }

    fn finish(&mut self) {
        self.processes.fill(None);
    }
}
