//! What each fault does to a replay.
//!
//! A fault that cannot act where it stands is refused with a reason, not forced.

use std::time::Duration;

use super::{
    replay::Run,
    task::{Hold, State, Until},
    ticket::{Entry, Grant, TaskId},
    trace::{Answer, Event, Injected, Origin},
};
use crate::{
    Error,
    delivery::Ending,
    history::{Coordinate, Fault},
    store::Process,
};

impl Run<'_> {
    /// A fault acts at the point where this task stands. `entry` is the operation there; `None` at the acknowledgement.
    pub(super) fn strike(
        &mut self,
        task: TaskId,
        at: Coordinate,
        index: usize,
        fault: Fault,
        entry: Option<Entry>,
    ) -> Result<(), Error> {
        match fault {
            Fault::Advance { by, .. } => {
                self.acts(index);
                self.set_clock(self.desk.clock().now() + by);
                self.last_fault = self.desk.clock().now();
            }
            Fault::Pause { until, .. } => {
                self.acts(index);
                self.stand(task, until.map_or(Until::NothingElse, Until::Point));
            }
            Fault::Overlap { to, .. } => self.overlap(task, index, to)?,
            Fault::Duplicate { message, .. } => self.duplicate(task, index, message)?,
            Fault::Crash { .. } => {
                self.acts(index);
                let process = self.tasks[task].process.clone();
                self.crash(&process);
            }
            Fault::LoseAck { .. } => match self.tasks[task].state.clone() {
                State::AtAck(Answer::Done) => {
                    self.acts(index);
                    self.settle(task, &Answer::Done, false);
                }
                _ => self.refuse(index, "the handler did not say done there"),
            },
            Fault::Fail { .. } => self.inject(task, index, entry, Injected::Fail)?,
            Fault::LoseReply { .. } => self.inject(task, index, entry, Injected::LoseReply)?,
            Fault::Defer { .. } => unreachable!("a deferral has no coordinate, and {at} is one"),
        }
        Ok(())
    }

    fn stand(&mut self, task: TaskId, until: Until) {
        self.tasks[task].hold = Some(Hold { until, since: self.turn });
    }

    fn overlap(&mut self, task: TaskId, index: usize, to: Option<usize>) -> Result<(), Error> {
        let copy = self.tasks[task].copy;
        if self.queue.copy(copy).settled {
            self.refuse(index, "the message was acknowledged by then: no broker delivers it again");
            return Ok(());
        }
        self.acts(index);
        let next = (self.tasks[task].process.index() + 1) % self.plan.processes;
        let other = self.deliver(copy, Origin::Overlap, to.unwrap_or(next))?;
        self.stand(task, Until::Task(other));
        Ok(())
    }

    fn duplicate(&mut self, task: TaskId, index: usize, message: usize) -> Result<(), Error> {
        self.acts(index);
        let copy = self.queue.duplicate(message, self.desk.clock().now());
        let other = self.deliver(copy, Origin::Copy, 0)?;
        self.stand(task, Until::Task(other));
        Ok(())
    }

    /// A message was handled for the first time: the second copies that the broker holds of it are due.
    pub(super) fn hold_copies(&mut self, message: usize) {
        let held: Vec<usize> = self
            .waiting_faults()
            .filter(|(_, fault)| matches!(fault, Fault::Duplicate { message: of, at: None } if *of == message))
            .map(|(index, _)| index)
            .collect();
        for index in held {
            self.acts(index);
            self.queue.duplicate(message, self.desk.clock().now());
        }
    }

    /// The process dies with every delivery that it had; the broker hears nothing.
    fn crash(&mut self, process: &Process) {
        // First the handles die, so that no drop guard reaches a store.
        self.desk.kill(process.index());
        let lost: Vec<TaskId> = (0..self.tasks.len())
            .filter(|task| self.tasks[*task].process == *process && self.tasks[*task].state != State::Ended)
            .collect();
        let names = lost.iter().map(|task| self.tasks[*task].delivery).collect();
        self.events.push(Event::Crashed { process: process.clone(), lost: names });
        let now = self.desk.clock().now();
        for task in lost {
            let copy = self.tasks[task].copy;
            self.ended(task);
            self.queue.ended(copy, Ending::Silent, now);
        }
        self.handlers.crash(process);
        // Whatever locks it held are free now.
        let turn = self.turn;
        let tasks = &mut self.tasks;
        self.desk.unblock_all(|task| tasks[task].waiting_since = turn);
        self.desk.take_released();
    }

    /// An operation is told to fail or to lose its reply; it says whether it did.
    fn inject(&mut self, task: TaskId, index: usize, entry: Option<Entry>, what: Injected) -> Result<(), Error> {
        let Some(entry) = entry else {
            self.refuse(index, "an acknowledgement is lost with `lose-ack`");
            return Ok(());
        };
        let position = self.events.len();
        let last_fault = self.last_fault;
        self.acts(index);
        self.poll(task, Some((entry, Grant { fault: Some(what), give_up: false, further: 0 })))?;
        let suffered = match self.events.get(position) {
            Some(Event::Step { facts, .. }) => facts.suffered == Some(what),
            // It found a lock taken: the fault waits with it.
            Some(Event::Blocked { .. }) | None => {
                self.faults[index] = super::replay::FaultState::Waiting;
                self.not_acted(index, position, last_fault);
                return Ok(());
            }
            Some(_) => false,
        };
        if !suffered {
            self.not_acted(index, position, last_fault);
            self.refuse(index, "the operation that stands there cannot suffer it");
        }
        Ok(())
    }

    /// A fault that was thought to act did not. Others may have acted since: a held copy, where the handler said done.
    fn not_acted(&mut self, index: usize, position: usize, last_fault: Duration) {
        self.acted.retain(|acted| acted.fault != index);
        if self.acted.last().is_none_or(|acted| acted.position <= position) {
            self.last_fault = last_fault;
        }
    }
}
