//! The reference cells in which a transaction of two rows is one step, which no store of ours offers.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use super::*;
use crate::{
    Contract, Delivery, Messages, Observation, Process, Store,
    history::DeliveryName,
    machine::{
        Act, Operation, OperationTurn,
        footprint::{Access, row},
        operate, touches,
        trace::{Answer, Event as MachineEvent, Settlement},
    },
    oracle::Oracle,
    world::{Boot, World},
};

/// What was seen, and what it came to, by row.
#[derive(Clone, Default)]
struct Rows {
    rows: Arc<Mutex<BTreeMap<String, i64>>>,
    process: Option<Process>,
}

impl Rows {
    fn with<T>(&self, what: impl FnOnce(&mut BTreeMap<String, i64>) -> T) -> T {
        what(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Rows {
    type Handle = Self;

    fn reset(&mut self) -> Result<(), Error> {
        self.with(BTreeMap::clear);
        Ok(())
    }

    fn open(&mut self, process: &Process) -> Result<Self, Error> {
        Ok(Self { process: Some(process.clone()), ..self.clone() })
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        seen.set("rows", self.with(|rows| format!("{rows:?}")));
        Ok(())
    }

    fn tells_footprints(&self) -> bool {
        true
    }
}

/// Marks a message and adds 100 to a row, unless it was marked.
struct Transaction<'a> {
    rows: &'a Rows,
    seen: String,
    row: String,
}

impl Operation for Transaction<'_> {
    type Output = ();

    fn act(&mut self, turn: &mut OperationTurn) -> Act<()> {
        touches(|| [Access::write(0, row(&self.seen)), Access::write(0, row(&self.row))]);
        turn.facts.changes = self.rows.with(|rows| {
            let is_new = rows.insert(self.seen.clone(), 1).is_none();
            *rows.entry(self.row.clone()).or_default() += if is_new { 100 } else { 0 };
            is_new
        });
        Act::Done(())
    }

    fn outside(&mut self) {}
}

/// How many executions there are of one transaction and its acknowledgement, and that none is wrong.
fn executions(messages: usize, processes: usize, crashes: usize, shared: bool) -> u64 {
    let handler = async move |rows: &Rows, m: &Delivery<i64>| {
        let process = rows.process.clone().expect("it is a handle");
        let row = if shared { "account".to_owned() } else { format!("effect:{}", m.id()) };
        operate(process, Transaction { rows, seen: format!("seen:{}", m.id()), row }).await;
        Ok::<(), Error>(())
    };
    let bounds = Bounds::default().messages(messages).processes(processes).crashes(crashes);
    let mut world = World::new(Rows::default(), Boot::handles(), Messages::from(1..1000_i64), handler);
    let workload = world.workloads(messages).into_iter().find(|them| them.messages.len() == messages);
    let history = bounds.history(workload.expect("there is one of each size").messages);
    let mut oracle = Oracle::new(Contract::strict());
    let completed = complete(&mut world, &mut oracle, &history, &bounds, true, None, &mut |_, is_wrong| {
        assert!(!is_wrong, "it is one step");
        ControlFlow::Continue(())
    });
    let completed = completed.expect("it has no errors");
    assert_eq!((completed.inconclusive, completed.stopped), (None, false));
    assert!(completed.cut * 100 <= completed.executions * 35, "{} cut short", completed.cut);
    completed.executions
}

const CELLS: [(usize, usize); 4] = [(1, 2), (2, 2), (2, 3), (3, 3)];

#[test]
fn a_transaction_of_rows_of_its_own_comes_to_the_closed_form() {
    assert_eq!(CELLS.map(|(messages, processes)| executions(messages, processes, 1, false)), [8, 28, 28, 80]);
}

#[test]
fn transactions_of_one_row_come_to_what_was_counted() {
    assert_eq!(CELLS.map(|(messages, processes)| executions(messages, processes, 1, true)), [8, 46, 112, 1_350]);
}

#[test]
fn bounds_are_as_large_as_they_are_told_to_be_but_for_what_nobody_can_search() {
    let told = |copies| Bounds::default().messages(1).copies(copies).processes(1).crashes(0).to_string();
    assert_eq!(
        [0, 3, 9].map(told),
        [1, 3, 4].map(|copies| format!(
            "1 message × {copies} {} × 1 process × 0 crashes",
            if copies == 1 { "copy" } else { "copies" }
        ))
    );
}

/// The same, and tells nobody what it touches.
struct Silent(Rows);

impl Store for Silent {
    type Handle = Rows;

    fn reset(&mut self) -> Result<(), Error> {
        self.0.reset()
    }

    fn open(&mut self, process: &Process) -> Result<Rows, Error> {
        self.0.open(process)
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        self.0.observe(seen)
    }
}

#[test]
fn where_a_store_does_not_tell_what_it_touches_everything_is_tried_in_every_order() {
    fn completed<S: Store<Handle = Rows> + 'static>(store: S) -> Completed {
        let handler = async |rows: &Rows, m: &Delivery<i64>| {
            let (seen, row) = (m.id().to_owned(), m.id().to_owned());
            operate(rows.process.clone().expect("it is a handle"), Transaction { rows, seen, row }).await;
            Ok::<(), Error>(())
        };
        let mut subject = World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler);
        let bounds = Bounds::default().messages(2).processes(2).crashes(0);
        let workloads = subject.workloads(2);
        let workload = workloads.into_iter().find(|workload| workload.messages.len() == 2);
        let history = bounds.history(workload.expect("there is one of two messages").messages);
        let mut oracle = Oracle::new(Contract::strict());
        let met = &mut |_: &Execution<'_>, _| ControlFlow::Continue(());
        complete(&mut subject, &mut oracle, &history, &bounds, true, None, met).unwrap()
    }
    let (told, silent) = (completed(Rows::default()), completed(Silent(Rows::default())));
    assert!(!told.blind && silent.blind && silent.executions > told.executions, "{told:?} {silent:?}");
}

/// Counts how often it is asked.
#[derive(Default)]
struct Asked(u32);

impl Judge for Asked {
    fn judge(&mut self, _: &mut dyn Subject, _: &History, _: &Replay) -> Result<Judgement, Error> {
        self.0 += 1;
        Ok(Judgement::Agrees)
    }
}

#[test]
fn executions_are_judged_apart_where_deliveries_were_answered_or_acknowledged_otherwise() {
    let delivery = DeliveryName::new(0, 1);
    let process = Process::new(0, 0);
    let settled = |how| MachineEvent::Settled { delivery, process: process.clone(), how };
    let returned = |answer| MachineEvent::Returned { delivery, process: process.clone(), answer };
    let retry = || Answer::Retry("later".to_owned());
    let judged = |executions: [MachineEvent; 2]| {
        let handler = async |_: &Rows, _: &Delivery<i64>| Ok::<(), Error>(());
        let mut subject = World::new(Rows::default(), Boot::handles(), Messages::from(1..1000_i64), handler);
        let history = Bounds::default().history(subject.workloads(1)[0].messages.clone());
        let (mut judged, mut judge) = (judged::Judged::default(), Asked::default());
        for event in executions {
            let replay = crate::search::tests::skipping::replay(vec![event]);
            judged.judge(&mut subject, &mut judge, &Execution { history: &history, replay: &replay }).unwrap();
        }
        judge.0
    };
    assert_eq!(judged([settled(Settlement::Acked), settled(Settlement::Acked)]), 1);
    assert_eq!(judged([settled(Settlement::Acked), settled(Settlement::Unheard)]), 2);
    assert_eq!(judged([settled(Settlement::AckedEarly), settled(Settlement::Unheard)]), 2);
    assert_eq!(judged([returned(Answer::DONE), returned(retry())]), 2);
}
