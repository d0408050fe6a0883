//! What each thing does: a delivery begins, a task takes its turn, an operation acts, the broker hears of it.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    desk::{Grant, Ready, Report, TaskId},
    plan::Call,
    replay::Run,
    task::{Kind, State, Task, Until},
    trace::{Answer, Detail, Event, Origin, Settlement, Supplied},
    uses::Uses,
};
use crate::{
    Error,
    delivery::{CopyId, Ending, HandedOut},
    history::{Coordinate, DeliveryName, Fault, Place, TaskName},
};

/// So far apart are the seeds of two copies that were dealt: no copy has so many attempts.
const DEALT_APART: u64 = 1 << 16;

impl Run<'_> {
    /// Hands a copy to a process. The task that handles it.
    pub(super) fn deliver(&mut self, copy: CopyId, origin: Origin, process: usize) -> Result<TaskId, Error> {
        self.skew(process);
        let message = self.queue.copy(copy).message;
        let HandedOut { attempt, term } = self.queue.hand_out(copy);
        self.numbers[message] += 1;
        self.homes[message] = process;
        let delivery = DeliveryName::new(message, self.numbers[message]);
        let supplied = self.supply(delivery, copy, process);
        let fate = &mut self.fates[message];
        fate.first_delivered.get_or_insert(self.events.len());
        fate.supplied.push(supplied);
        let ahead = supplied.ahead;
        let process = self.desk.process(process);
        self.events.push(Event::Delivered { delivery, process: process.clone(), origin });
        let given = self.given(supplied.seed, ahead);
        let call = Call {
            message,
            process: process.clone(),
            attempt,
            copy,
            variant: supplied.copy,
            supply: Arc::clone(&given.supply),
            wants_reply: self.plan.rules.compares_replies(),
        };
        let work = self.handlers.start(call)?;
        let kind = Kind::Delivery { copy, term, acked: false };
        self.tasks.push(Task::new(delivery.into(), kind, process, Some(work), given, self.turn));
        Ok(self.tasks.len() - 1)
    }

    /// The time and the randomness of a delivery: its own, or what a reference run says.
    fn supply(&mut self, delivery: DeliveryName, copy: CopyId, process: usize) -> Supplied {
        if let Some(turn) = self.plan.turns.map(|turns| turns[copy.0]) {
            self.desk.clock().set(turn.at);
            self.runtime.set_zero(turn.at);
            return Supplied { began: turn.at, seed: turn.seed, copy: turn.copy, ..Supplied::default() };
        }
        let before = |earlier: &usize| self.queue.copy(CopyId(*earlier)).message == delivery.message;
        let before = if self.plan.copies_vary { (0..copy.0).filter(before).count() as u32 } else { 0 };
        let number = match self.plan.rules.deals() {
            // Which of two copies comes first must not matter to either: one that does not know of the other cannot tell.
            Some(_) => (copy.0 / self.plan.messages) as u64 * DEALT_APART + u64::from(self.queue.copy(copy).attempts),
            None => u64::from(delivery.number),
        };
        let seed = (delivery.message as u64) << 32 | number;
        let (began, ahead) = (self.desk.clock().now(), self.ahead(process));
        Supplied { began, seed, copy: before, ahead, ..Supplied::default() }
    }

    /// One turn of a task: a poll that it was woken for, an operation, or its acknowledgement; or a fault instead.
    pub(super) fn take_turn(&mut self, task: TaskId) -> Result<(), Error> {
        self.steps += 1;
        let answer = match &self.tasks[task].state {
            State::Fresh => {
                self.tasks[task].state = State::Running;
                self.desk.allow(self.further(task, 0));
                return self.poll(task, None);
            }
            State::AtAck(answer) => answer.clone(),
            State::Running if self.tasks[task].given.woken.is_set() => return self.poll(task, None),
            State::Running => return self.operation(task),
            State::Ended => unreachable!("a task that has ended is never chosen"),
        };
        let (delivery, _) = self.tasks[task].delivery().expect("only deliveries are acknowledged");
        let at = delivery.ack();
        if let Some((index, fault)) = self.fault_at(at) {
            return self.strike(task, at, index, fault, None);
        }
        self.settle(task, &answer, true);
        Ok(())
    }

    fn operation(&mut self, task: TaskId) -> Result<(), Error> {
        let ready = self.desk.first_ready(task).expect("a running task is chosen for a ticket that is ready");
        let at = self.tasks[task].name.operation(ready.number);
        if !ready.give_up
            && let Some((index, fault)) = self.fault_at(at)
        {
            return self.strike(task, at, index, fault, Some(ready));
        }
        self.desk.allow(self.further(task, ready.number));
        self.poll(task, Some((ready, Grant { fault: None, give_up: ready.give_up })))
    }

    /// How many operations after this one its task will do before anything else happens: up to the next fault that stands
    /// at one of them. None where a handler was ever seen to do several things at once: which of them comes first, and is
    /// numbered first, is then decided turn by turn. Nor while somebody waits for a lock, who can run from the very operation
    /// on that releases it; nor where invariants are looked at after each. Nobody asks before synchronous code ran here.
    fn further(&self, task: TaskId, number: u32) -> u32 {
        const MOST: u32 = 1_000;
        if !self.desk.steps() || self.plan.chooser.is_some() {
            return 0;
        }
        let alone = !self.plan.habits.concurrent.get() && self.spawned == 0 && !self.has_invariants;
        if self.detail >= Detail::Words || !alone || self.desk.anybody_blocked() {
            return 0;
        }
        if self.plan.faults.is_empty() {
            return MOST;
        }
        let name = self.tasks[task].name;
        let next = self.waiting_faults().filter_map(|(_, fault)| match fault.coordinate()? {
            Coordinate { task: of, place: Place::Operation(n) } if of == name && n > number => Some(n),
            _ => None,
        });
        next.min().map_or(MOST, |next| next - number - 1)
    }

    /// The first fault of the history that is to act at this point and has not.
    fn fault_at(&self, at: Coordinate) -> Option<(usize, Fault)> {
        if !self.aims.any_at(at) {
            return None;
        }
        let found = self.waiting_faults().find(|(_, fault)| fault.coordinate() == Some(at));
        found.map(|(index, fault)| (index, fault.clone()))
    }

    /// Polls a task, with a ticket granted or for whatever woke it.
    pub(super) fn poll(&mut self, at: TaskId, granted: Option<(Ready, Grant)>) -> Result<(), Error> {
        if let (Kind::Spawned { .. }, Some((ready, grant))) = (self.tasks[at].kind, granted) {
            return self.poll_spawned(at, ready, grant);
        }
        if let Some((ready, grant)) = granted {
            self.desk.grant(ready.id, grant);
        }
        let task = &mut self.tasks[at];
        let work = task.work.as_mut().expect("a task that runs has its work");
        let waker = &task.given.waker;
        // Whatever woke it until now, the granted ticket included, this is the poll that it was woken for.
        task.given.woken.take();
        task.woken_noted = false;
        self.desk.begin_poll(at, task.name, task.operations, waker);
        let mut uses = Uses::begin(self.desk.clock().asked());
        let polled = panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(waker))));
        task.operations = self.desk.end_poll();
        let asked = self.desk.clock().asked();
        self.desk.allow(0);
        if self.desk.is_concurrent(at) {
            self.plan.habits.concurrent.set(true);
        }
        self.desk.take_back_grant();
        // What acts without being granted a turn of its own takes one all the same.
        let mut has_turn = granted.is_some();
        while let Some(report) = self.desk.next_report() {
            let further = !std::mem::take(&mut has_turn);
            self.turn += u64::from(further);
            self.steps += u32::from(further);
            if let Report::Acted(.., asked) = report {
                self.note_step(at, &mut uses, further.then_some(asked));
            }
            self.record(at, report)?;
        }
        if self.looks_unseen {
            self.desk.clock().note_read();
        }
        self.note_looks(at, &mut uses, asked);
        self.note_supply(at, &uses);
        self.after_poll(at);
        match polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(answer)) => self.returned(at, answer),
            Err(panic) => self.returned(at, Self::panicked(panic)),
        }
        self.note_woken();
        Ok(())
    }

    /// Whoever was woken in this turn can run since then.
    pub(super) fn note_woken(&mut self) {
        let turn = self.turn;
        for task in &mut self.tasks {
            if task.given.woken.is_set() && !std::mem::replace(&mut task.woken_noted, true) {
                task.waiting_since = turn;
            }
        }
    }

    /// Writes down what an operation did with its turn.
    pub(super) fn record(&mut self, task: TaskId, report: Report) -> Result<(), Error> {
        let Task { name, process, .. } = &self.tasks[task];
        let (name, process) = (*name, process.clone());
        match report {
            Report::Acted(number, mut facts, words, _) => {
                if self.detail == Detail::Watched && facts.changes {
                    facts.observed_change = self.observed_change()?;
                }
                facts.reads_clock |= self.looks_unseen;
                facts.uses |= self.looks_unseen;
                if facts.reads_clock {
                    self.desk.clock().note_read();
                }
                // An invariant sees what expires, and is asked after each step.
                facts.looks = facts.reads_clock || self.has_invariants;
                if facts.changes {
                    self.note_change();
                }
                let at = name.operation(number);
                let acks = facts.acks;
                self.events.push(Event::Step { at, process, facts, words });
                self.lift_holds(|until| until == Until::Point(at));
                if acks {
                    self.acks_early(task);
                }
            }
            Report::Blocked(number, ticket, patience, words) => {
                let until = self.desk.clock().now() + patience;
                if self.desk.block(ticket, until) {
                    self.events.push(Event::Blocked { at: name.operation(number), process, until, words });
                }
            }
        }
        Ok(())
    }

    fn observed_change(&mut self) -> Result<bool, Error> {
        let now = self.handlers.observe()?;
        let changed = self.seen_before.as_ref() != Some(&now);
        self.seen_before = Some(now);
        Ok(changed)
    }

    fn returned(&mut self, task: TaskId, answer: Answer) {
        let Task { name, kind, process, .. } = &self.tasks[task];
        let (delivery, process) = match *name {
            TaskName::Delivery(delivery) => (delivery, process.clone()),
            TaskName::Round(round) => return self.round_returned(task, round, answer),
        };
        let acked = matches!(kind, Kind::Delivery { acked: true, .. });
        self.drop_work(task);
        self.events.push(Event::Returned { delivery, process, answer: answer.clone() });
        if answer.is_done() && self.fates[delivery.message].handled.is_none() {
            self.fates[delivery.message].handled = Some(self.events.len());
            self.hold_copies(delivery.message);
        }
        match answer {
            // The broker has nothing more to hear.
            _ if acked => self.leave(task, Ending::Acked),
            Answer::Reject(_) if !self.plan.rules.puts_aside() => self.settle(task, &answer, true),
            Answer::Done(_) | Answer::Reject(_) => self.tasks[task].state = State::AtAck(answer),
            // The broker hears of it at once: a crash here would come to the same redelivery.
            Answer::Retry(_) | Answer::Panicked(_) => self.settle(task, &answer, true),
        }
    }

    /// The broker hears how a delivery ended, unless its acknowledgement is lost on the way.
    pub(super) fn settle(&mut self, task: TaskId, answer: &Answer, heard: bool) {
        let (delivery, _) = self.tasks[task].delivery().expect("only deliveries are settled");
        let process = self.tasks[task].process.clone();
        let (how, ending) = match answer {
            _ if !heard => (Settlement::AckLost, Ending::AckLost),
            _ if answer.is_final() && !self.plan.rules.hears_of_ends() => (Settlement::Unheard, Ending::Silent),
            _ if !self.plan.rules.hears_of_ends() => (Settlement::Ignored, Ending::Silent),
            Answer::Done(_) => (Settlement::Acked, Ending::Acked),
            Answer::Reject(_) if self.plan.rules.puts_aside() => (Settlement::DeadLettered, Ending::Rejected),
            Answer::Reject(_) | Answer::Retry(_) | Answer::Panicked(_) => (Settlement::Nacked, Ending::Retried),
        };
        let is_heard = self.hears_end(task, ending);
        let how = match how {
            Settlement::Acked | Settlement::DeadLettered if !is_heard => Settlement::Fenced,
            how => how,
        };
        if how == Settlement::DeadLettered && self.fates[delivery.message].handled.is_none() {
            self.fates[delivery.message].dead_lettered = true;
        }
        self.events.push(Event::Settled { delivery, process, how });
        if matches!(how, Settlement::Nacked | Settlement::Ignored) {
            self.lift_deferrals(delivery.message);
        }
        self.ended(task);
    }

    /// A delivery is over, for the broker too.
    pub(super) fn leave(&mut self, task: TaskId, ending: Ending) {
        self.hears_end(task, ending);
        self.ended(task);
    }

    /// The broker hears of the end of a delivery, if it is one. Whether it cares.
    fn hears_end(&mut self, task: TaskId, ending: Ending) -> bool {
        let Some((_, copy)) = self.tasks[task].delivery() else { return true };
        self.queue.ended(copy, self.tasks[task].term(), ending, self.desk.clock().now())
    }

    /// A handler, or what it spawned, acknowledged its message by itself.
    fn acks_early(&mut self, task: TaskId) {
        // Where nobody hears how a delivery ends, nobody hears of this.
        if !self.plan.rules.hears_of_ends() {
            return;
        }
        let by = self.spawner(task);
        let process = self.tasks[by].process.clone();
        if let (TaskName::Delivery(delivery), Kind::Delivery { copy, term, acked: acked @ false }) =
            (self.tasks[by].name, &mut self.tasks[by].kind)
            && self.queue.acked(*copy, *term)
        {
            *acked = true;
            self.fates[delivery.message].acknowledged = true;
            self.events.push(Event::Settled { delivery, process, how: Settlement::AckedEarly });
        }
    }
}
