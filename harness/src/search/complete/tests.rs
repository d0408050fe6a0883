//! The reference cells in which a transaction of two rows is one step, which no store of ours offers.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use super::*;
use crate::{
    Contract, Delivery, Messages, Observation, Process, Store,
    machine::{
        Act, Operation, OperationTurn,
        footprint::{Access, row},
        operate, touches,
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
