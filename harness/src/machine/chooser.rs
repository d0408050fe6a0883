//! A replay in which somebody else says who goes next, instead of the scheduling order.
//!
//! Under a model that deals messages to processes in advance (`dealt`), what can happen next is a step of any process, or its
//! crash; and where nobody can step, the clock moves. A step of a process that has nothing in progress begins its next
//! delivery and does the first operation of that: so a delivery begins as late as it can, behind what is due before it. What one step or crash touches is
//! told with it. Everything else (what a step does, what a crash leaves, what the broker makes of it) is as in every replay.

use super::{
    desk::TaskId,
    footprint::Access,
    replay::{MOST_STEPS, Run},
    task::{Kind, State, Task},
    trace::{Event, Origin},
};
use crate::{Error, delivery::CopyId, store::Process};

/// More processes than this nobody chooses among.
pub(crate) const MOST_PROCESSES: usize = 8;

/// Says who goes next.
pub(crate) trait Chooser: Sync {
    /// Of these, what happens next. `None` ends the replay.
    fn choose(&self, open: &Open) -> Option<Choice>;

    /// It happened, and touched this; or the process found a lock taken, and nothing happened.
    fn came(&self, choice: Choice, acted: bool, touched: &[Access]);
}

/// What can happen next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Open {
    /// The processes that can step, as far as anybody knows who has not tried: a bit each.
    pub(crate) steps: u16,
    /// Those in the middle of a handler: behind its first operation and before its end.
    pub(crate) crashes: u16,
    /// Where nobody can step: the clock can move.
    pub(crate) clock: bool,
    /// And then one of these has waited for a lock as long as its store does.
    pub(crate) give_up: u16,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Step(usize),
    Crash(usize),
    /// The clock moves to the next deadline; where that is of locks, this process gives up waiting.
    Clock(Option<usize>),
}

impl Run<'_> {
    /// Does what somebody chose. Whether anything was left to choose from.
    pub(super) fn next_chosen(&mut self, chooser: &dyn Chooser) -> Result<bool, Error> {
        let mut at_work = [None; MOST_PROCESSES];
        for (task, of) in self.tasks.iter().enumerate() {
            if of.is_open() {
                at_work[of.process.index()] = Some(task);
            }
        }
        let open = self.open_to_choice(&at_work);
        if open == Open::default() {
            return Ok(false);
        }
        let Some(choice) = chooser.choose(&open) else { return Ok(false) };
        self.desk.take_touched();
        let before = self.events.len();
        let acted = match choice {
            Choice::Step(process) => self.step_chosen(process, at_work[process])?,
            Choice::Crash(process) => {
                let Some(task) = at_work[process] else { return Ok(false) };
                self.crash_chosen(task);
                true
            }
            Choice::Clock(who) => {
                self.clock_chosen(who.and_then(|who| at_work[who]));
                true
            }
        };
        let mut touched = self.desk.take_touched();
        self.touch_by_events(before, &mut touched);
        match choice {
            Choice::Step(_) => self.touch_by_beginning(before, acted, &mut touched),
            Choice::Crash(_) | Choice::Clock(_) => {}
        }
        chooser.came(choice, acted, &touched);
        self.desk.keep_room(touched);
        Ok(true)
    }

    fn open_to_choice(&self, at_work: &[Option<TaskId>; MOST_PROCESSES]) -> Open {
        let mut open = Open::default();
        for (process, task) in at_work.iter().enumerate().take(self.plan.processes) {
            let bit = 1 << process;
            match task {
                Some(task) => {
                    open.steps |= if self.can_act(*task) { bit } else { 0 };
                    open.crashes |= if self.is_in_the_middle(*task) { bit } else { 0 };
                }
                None if self.queue.due_at(process, self.desk.clock().now()).is_some() => open.steps |= bit,
                None => {}
            }
        }
        if open.steps == 0 {
            let due = self.due_within_horizon();
            let lock = self.desk.first_deadline().map(|(until, _)| until);
            let next = [due, lock].into_iter().flatten().min();
            open.clock = next.is_some();
            if lock.is_some() && lock == next {
                let gives_up = |task: &Option<TaskId>| task.is_some_and(|task| self.desk.waits_until(task) == lock);
                let who = at_work.iter().enumerate().filter(|(_, task)| gives_up(task));
                open.give_up = who.fold(0, |bits, (process, _)| bits | 1 << process);
            }
        }
        open
    }

    fn can_act(&self, task: TaskId) -> bool {
        match self.tasks[task].state {
            State::Fresh | State::AtAck(_) => true,
            State::Running => self.tasks[task].given.woken.is_set() || self.desk.first_ready(task).is_some(),
            State::Ended => false,
        }
    }

    /// Behind its first operation, and before its end, of which the acknowledgement is the last step.
    fn is_in_the_middle(&self, task: TaskId) -> bool {
        let Task { state, operations, .. } = &self.tasks[task];
        match state {
            State::Running => *operations > 1,
            State::AtAck(_) => *operations > 0,
            State::Fresh | State::Ended => false,
        }
    }

    /// A process goes on with what it has, or with what it was dealt next. Whether it acted.
    fn step_chosen(&mut self, process: usize, at_work: Option<TaskId>) -> Result<bool, Error> {
        let task = match at_work {
            Some(task) => task,
            None => {
                let Some(task) = self.hand_out_up_to(process)? else { return Ok(false) };
                task
            }
        };
        self.last = Some(task);
        self.go_to_its_point(task)?;
        let can_act = match self.tasks[task].state {
            State::AtAck(_) => true,
            State::Running => self.desk.first_ready(task).is_some(),
            // It answered without an operation, and asks to be called again.
            State::Fresh | State::Ended => return Ok(true),
        };
        if !can_act {
            return Ok(self.desk.waits_until(task).is_none());
        }
        self.take_turn(task)?;
        // Up to where it stands next: behind an operation it can crash, whatever it does by itself before another one.
        self.go_to_its_point(task)?;
        Ok(self.desk.waits_until(task).is_none())
    }

    /// Hands out what is due, in its order, until this process has something: the broker lets nobody wait for it who comes
    /// before another. Nothing that a handler does before its first operation can be seen.
    fn hand_out_up_to(&mut self, process: usize) -> Result<Option<TaskId>, Error> {
        while let Some(copy) = self.queue.due(self.desk.clock().now(), &mut |_| true) {
            let origin = self.origin(copy);
            let to = self.queue.goes_to(copy).unwrap_or(process);
            let task = self.deliver(copy, origin, to)?;
            self.go_to_its_point(task)?;
            if to == process {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// What a handler does by itself, without an operation, comes before anybody else goes on.
    fn go_to_its_point(&mut self, task: TaskId) -> Result<(), Error> {
        while self.tasks[task].state == State::Fresh
            || self.tasks[task].state == State::Running
                && self.tasks[task].given.woken.is_set()
                && self.steps <= MOST_STEPS
        {
            self.take_turn(task)?;
        }
        Ok(())
    }

    fn crash_chosen(&mut self, task: TaskId) {
        let process: Process = self.tasks[task].process.clone();
        self.crash(&process);
        self.after_crash(task);
        self.last_fault = self.desk.clock().now();
    }

    /// The clock moves to the next deadline. If that is of this task's lock, it gives up and gets its store's error.
    fn clock_chosen(&mut self, gives_up: Option<TaskId>) {
        match gives_up.and_then(|task| Some((self.desk.waits_until(task)?, task))) {
            Some((until, task)) => {
                self.set_clock(until);
                self.desk.gives_up(task);
            }
            None => {
                if let Some(due) = self.due_within_horizon() {
                    self.set_clock(due);
                }
            }
        }
    }

    /// As what the broker hands out this copy.
    pub(super) fn origin(&self, copy: CopyId) -> Origin {
        match (self.queue.copy(copy).attempts, copy.0 < self.plan.messages || self.plan.turns.is_some()) {
            (0, true) => Origin::First,
            (0, false) => Origin::Copy,
            _ => Origin::Redelivery,
        }
    }

    /// What the events since then touch, beside what operations said.
    fn touch_by_events(&self, from: usize, touched: &mut Vec<Access>) {
        for event in &self.events[from..] {
            match event {
                Event::Returned { delivery, answer, .. } if answer.is_done() => {
                    touched.push(Access::handled(delivery.message));
                }
                Event::Step { facts, .. } if facts.changes && self.has_invariants => touched.push(Access::SEEN),
                _ => {}
            }
        }
    }

    /// The deliveries that began in a step since then. What began in one that found a lock taken counts as begun with the step
    /// with which it would have been handed out otherwise: what is tried in vain is to leave no trace.
    fn touch_by_beginning(&mut self, from: usize, acted: bool, touched: &mut Vec<Access>) {
        let delivered = |event: &Event| matches!(event, Event::Delivered { .. });
        let began = self.events[from..].iter().filter(|event| delivered(event)).count();
        let opened = self.tasks.len() - began..self.tasks.len();
        let mut new: Vec<CopyId> =
            opened.filter_map(|task| self.tasks[task].delivery()).map(|(_, copy)| copy).collect();
        if !acted {
            self.begun_in_vain.append(&mut new);
            return;
        }
        let order = |copy: &CopyId| (self.queue.copy(*copy).message, *copy);
        let own = self.last.and_then(|last| self.tasks[last].delivery()).map(|(_, copy)| copy);
        if let Some(own) = own.filter(|own| new.contains(own) || self.begun_in_vain.contains(own)) {
            new.extend(self.begun_in_vain.iter().filter(|copy| order(copy) <= order(&own)));
            self.begun_in_vain.retain(|copy| !new.contains(copy));
        }
        new.sort_unstable_by_key(order);
        touched.extend(new.iter().map(|copy| Access::begins(self.queue.copy(*copy).message)));
    }

    /// What was met that nobody can choose about, if anything was.
    pub(super) fn beyond_choice(&self) -> Option<String> {
        self.plan.chooser?;
        let spawned = |task: &Task| matches!(task.kind, Kind::Spawned { .. });
        let what = if self.touched || self.tasks.iter().any(spawned) {
            "a handler that spawns a task or waits for a timer or a channel"
        } else if self.plan.habits.concurrent.get() {
            "a handler that does several things at once"
        } else {
            return None;
        };
        Some(format!("a complete search does not control {what}: search by fault count, which does"))
    }
}
