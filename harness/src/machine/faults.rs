//! What each fault does to a replay.
//!
//! A fault that cannot act where it stands is refused with a reason, not forced.

use std::time::Duration;

use super::{
    desk::{Grant, Ready, TaskId, release_locks},
    replay::{FaultState, Run},
    task::{Hold, Kind, State, Task, Until},
    trace::{Answer, Event, Injected, Origin},
};
use crate::{
    Error,
    delivery::{Ending, IN_ORDER},
    history::{Coordinate, Deferred, DeliveryName, Fault, Label, Loss},
    store::Process,
};

impl Run<'_> {
    /// A fault acts at the point where this task stands. `ready` is the operation there; `None` at the acknowledgement.
    pub(super) fn strike(
        &mut self,
        task: TaskId,
        at: Coordinate,
        index: usize,
        fault: Fault,
        ready: Option<Ready>,
    ) -> Result<(), Error> {
        match fault {
            Fault::Advance { by, .. } => {
                self.acts(index);
                self.jump(self.desk.clock().now().saturating_add(by));
                self.last_fault = self.desk.clock().now();
            }
            Fault::Pause { until: Some(until), .. } if self.has_come(until) => {
                self.refuse(index, "what it waits for had come by then");
            }
            Fault::Pause { until: Some(until), .. } if self.stands_behind(until) => {
                self.refuse(index, "what it waits for stands behind others in its partition");
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
                self.after_crash(task);
            }
            Fault::Cancel { .. } => self.cancel(task, index, ready),
            Fault::LoseAck { .. } => match self.tasks[task].state.clone() {
                State::AtAck(Answer::Done(_)) if !self.is_heard(task) => {
                    self.refuse(index, "the broker would not take it: another process has the message");
                }
                State::AtAck(answer @ Answer::Done(_)) => {
                    self.acts(index);
                    self.settle(task, &answer, false);
                }
                _ => self.refuse(index, "the handler did not say done there"),
            },
            Fault::Fail { .. } => self.inject(task, index, ready, Injected::Fail)?,
            Fault::LoseReply { .. } => self.inject(task, index, ready, Injected::LoseReply)?,
            Fault::Forget { store, loss, count, .. } => self.forget(index, store, loss, count),
            Fault::Defer { .. } | Fault::Skew { .. } => {
                unreachable!("neither a deferral nor a skewed clock has a coordinate, and {at} is one")
            }
        }
        Ok(())
    }

    fn stand(&mut self, task: TaskId, until: Until) {
        self.tasks[task].hold = Some(Hold { until, since: self.turn });
    }

    /// A delivery stands, with all that it spawned, until another one has ended.
    fn stand_for(&mut self, task: TaskId, other: TaskId) {
        let root = self.spawner(task);
        for strand in 0..self.tasks.len() {
            let stands = strand == task || self.tasks[strand].hold.is_none();
            if self.spawner(strand) == root && self.tasks[strand].state != State::Ended && stands {
                self.stand(strand, Until::Task(other));
            }
        }
    }

    /// Whether this point has acted, or its delivery has ended.
    fn has_come(&self, point: Coordinate) -> bool {
        let ended = |task: &Task| task.name == point.task && task.state == State::Ended;
        self.tasks.iter().any(ended) || self.events.iter().any(|event| event.point() == Some(point))
    }

    /// Whether the broker would take an acknowledgement of this delivery.
    fn is_heard(&self, task: TaskId) -> bool {
        let task = &self.tasks[task];
        task.delivery().is_none_or(|(_, copy)| self.queue.hears(copy, task.term()))
    }

    /// Whether this point is of a delivery that is yet to come, and comes after others whatever happens.
    fn stands_behind(&self, point: Coordinate) -> bool {
        let yet_to_come = |delivery: &DeliveryName| {
            self.numbers.get(delivery.message).is_some_and(|number| *number < delivery.number)
        };
        point.delivery().filter(yet_to_come).is_some_and(|delivery| !self.queue.comes_freely(delivery.message))
    }

    fn overlap(&mut self, task: TaskId, index: usize, to: Option<usize>) -> Result<(), Error> {
        let root = self.spawner(task);
        let Some((_, copy)) = self.tasks[root].delivery() else {
            self.refuse(index, "it is no delivery that stands there");
            return Ok(());
        };
        if self.tasks[root].state == State::Ended {
            self.refuse(index, "the handler had returned by then");
            return Ok(());
        }
        if self.queue.copy(copy).settled {
            self.refuse(index, self.plan.rules.terms().over);
            return Ok(());
        }
        if to.is_some_and(|to| to >= self.plan.processes) {
            self.refuse(index, "there is no such process");
            return Ok(());
        }
        let to = to.unwrap_or((self.tasks[task].process.index() + 1) % self.plan.processes);
        let first = match self.queue.overlap(copy, self.tasks[root].term(), to) {
            Ok(first) => first,
            Err(why) => {
                self.refuse(index, why);
                return Ok(());
            }
        };
        self.acts(index);
        let other = self.deliver(first, Origin::Overlap, to)?;
        self.stand_for(task, other);
        Ok(())
    }

    fn duplicate(&mut self, task: TaskId, index: usize, message: usize) -> Result<(), Error> {
        if message >= self.plan.messages {
            self.refuse(index, "there is no such message");
            return Ok(());
        }
        self.acts(index);
        let copy = self.queue.duplicate(message, self.desk.clock().now());
        let other = self.deliver(copy, Origin::Copy, 0)?;
        self.stand_for(task, other);
        Ok(())
    }

    /// Deferrals that the broker cannot bring about are refused before anything happens.
    pub(super) fn refuse_deferrals(&mut self) {
        for (index, fault) in self.plan.faults.iter().enumerate() {
            let Fault::Defer {
                what: Deferred::Message(message) | Deferred::Delivery(DeliveryName { message, .. }),
                past,
            } = *fault
            else {
                continue;
            };
            let both = message.max(past) < self.plan.messages;
            if both && self.queue.in_order(message, past) {
                self.refuse(index, IN_ORDER);
            }
        }
    }

    /// A message was handled for the first time: the second copies that the broker holds of it are due.
    pub(super) fn hold_copies(&mut self, message: usize) {
        if !self.aims.holds {
            return;
        }
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
    pub(super) fn crash(&mut self, process: &Process) {
        // First the handles die, so that no drop guard reaches a store.
        self.desk.kill(process.index());
        let lost: Vec<TaskId> = (0..self.tasks.len())
            .filter(|task| self.tasks[*task].process == *process && self.tasks[*task].state != State::Ended)
            .collect();
        let own = lost.iter().filter(|task| !matches!(self.tasks[**task].kind, Kind::Spawned { .. }));
        let names = own.map(|task| self.tasks[*task].name).collect();
        self.events.push(Event::Crashed { process: process.clone(), lost: names });
        for task in 0..self.tasks.len() {
            if self.tasks[task].process == *process {
                self.desk.dies(task);
            }
        }
        for task in lost {
            self.leave(task, Ending::Silent);
        }
        self.queue.crashed(process.index(), self.desk.clock().now());
        self.handlers.crash(process);
        self.restart_rounds(process.index());
        // Whatever locks it held are free now.
        release_locks();
    }

    /// A process is about to get a delivery: if its clock is skewed, it is from now on.
    pub(super) fn skew(&mut self, process: usize) {
        if !self.aims.skews {
            return;
        }
        let of_it = |fault: &Fault| matches!(fault, Fault::Skew { process: of, .. } if *of == process);
        let Some((index, fault)) = self.waiting_faults().find(|(_, fault)| of_it(fault)) else { return };
        let Fault::Skew { skew, .. } = *fault else { return };
        self.acts(index);
        self.events.push(Event::Skewed { process: self.desk.process(process), skew });
    }

    /// By how much the clock of a process is ahead of the virtual time. Since that begins at nothing, one that runs behind is
    /// one of which all others are ahead.
    pub(super) fn ahead(&self, process: usize) -> Duration {
        if !self.aims.skews {
            return Duration::ZERO;
        }
        let skews = || {
            self.plan.faults.iter().filter_map(|fault| match fault {
                Fault::Skew { process, skew } => Some((*process, *skew)),
                _ => None,
            })
        };
        let furthest_behind =
            skews().filter(|(_, skew)| !skew.ahead).map(|(_, skew)| skew.by).max().unwrap_or_default();
        match skews().find(|(of, _)| *of == process) {
            Some((_, skew)) if skew.ahead => furthest_behind.saturating_add(skew.by),
            Some((_, skew)) => furthest_behind.saturating_sub(skew.by),
            None => furthest_behind,
        }
    }

    /// A store loses something; it says whether it had so much to lose.
    fn forget(&mut self, index: usize, store: Label, loss: Loss, count: u32) {
        if !self.handlers.losses().contains(&(store, loss)) {
            return self.refuse(index, "no store of that name loses such a thing");
        }
        if !self.handlers.forget(store, loss, count) {
            return self.refuse(index, "the store had not so much to lose");
        }
        self.acts(index);
        self.events.push(Event::Forgot { store, loss, count });
        self.changes += 1;
        // The connections of a store that failed over are gone, with the locks that they held.
        if loss == Loss::Last {
            release_locks();
        }
    }

    /// The handler's future is dropped where it stands, and its drop guards run. What it spawned goes on.
    fn cancel(&mut self, task: TaskId, index: usize, ready: Option<Ready>) {
        let task = self.spawner(task);
        let Some(ready) = ready.filter(|_| self.tasks[task].work.is_some()) else {
            return self.refuse(index, "the handler had returned there");
        };
        if ready.stepped {
            return self.refuse(index, "synchronous code runs there, which goes on whoever waits for it");
        }
        self.acts(index);
        let Task { name, process, .. } = &self.tasks[task];
        self.events.push(Event::Cancelled { task: *name, process: process.clone() });
        self.drop_work(task);
        self.after_poll(task);
        self.leave(task, Ending::Cancelled);
    }

    /// An operation is told to fail or to lose its reply; it says whether it did.
    fn inject(&mut self, task: TaskId, index: usize, ready: Option<Ready>, what: Injected) -> Result<(), Error> {
        let Some(ready) = ready else {
            self.refuse(index, "an acknowledgement is lost with `lose-ack`");
            return Ok(());
        };
        let (position, place, last_fault) = (self.events.len(), self.acted.len(), self.last_fault);
        self.acts(index);
        self.poll(task, Some((ready, Grant { fault: Some(what), give_up: false })))?;
        let point = self.tasks[task].name.operation(ready.number);
        let acted = match self.events.get(position) {
            Some(Event::Step { at, facts, .. }) if *at == point => Some(facts.suffered == Some(what)),
            _ => None,
        };
        if acted == Some(true) {
            return Ok(());
        }
        self.acted.remove(place);
        if self.acted.len() == place {
            self.last_fault = last_fault;
        }
        match acted {
            Some(_) => self.refuse(index, "the operation that stands there cannot suffer it"),
            // It found a lock taken, or was not polled: the fault waits with it.
            None => self.faults[index] = FaultState::Waiting,
        }
        Ok(())
    }
}
