//! The scheduling order: who goes next.
//!
//! In this order: the task that ran last if it can run, else the runnable one that waited longest; a delivery that is due; a
//! round of background work that is due; the task that was paused longest ago; the next deadline of the clock. When nothing
//! of that is left, first those who stand `until` something that never came go on, then what was deferred past a message that
//! is never handled.

use std::time::Duration;

use super::{
    desk::{TaskId, TicketId},
    replay::{FaultState, Run},
    task::{Hold, State, Task, Until},
    trace::{Detail, Event, Fate, Origin},
};
use crate::{
    Error,
    delivery::{CopyId, HeldCopy},
    history::{Deferred, Fault},
};

impl Run<'_> {
    /// Does the next thing. Whether there was one.
    pub(super) fn move_on(&mut self) -> Result<bool, Error> {
        let before = self.events.len();
        let moved = self.next_thing()?;
        // Whoever ended a transaction may have done so in being dropped, which is nobody's poll. Who waited for it can run
        // from this turn on: longer than whoever the next turn lets go on.
        if self.desk.take_released() {
            let (turn, tasks) = (self.turn, &mut self.tasks);
            self.desk.unblock_all(|task| tasks[task].waiting_since = turn);
            if self.desk.anybody_blocked() {
                self.note_freed(before);
            }
        }
        Ok(moved)
    }

    /// Whoever waited for a lock may try again, by what was done last of these events.
    fn note_freed(&mut self, from: usize) {
        let facts = self.events[from..].iter_mut().rev().find_map(|event| match event {
            Event::Step { facts, .. } => Some(facts),
            _ => None,
        });
        if let Some(facts) = facts {
            facts.frees = true;
        }
    }

    fn next_thing(&mut self) -> Result<bool, Error> {
        if let Some(chooser) = self.plan.chooser {
            return self.next_chosen(chooser);
        }
        if let Some(task) = self.choose() {
            self.last = Some(task);
            self.take_turn(task)?;
            self.runs_on = self.can_run(task);
            let root = self.spawner(task);
            if !self.runs_on && self.lets_go(task) && !self.a_strand_can_run(root) {
                self.lift_holds(|until| until == Until::Task(root));
            }
            return Ok(true);
        }
        // Where a reference run rests between its deliveries, the next one waits for that.
        if self.plan.rests_between && self.pass_time()? {
            return Ok(true);
        }
        if let Some(copy) = self.due_copy() {
            self.deliver_due(copy)?;
            return Ok(true);
        }
        if let Some(round) = self.due_round() {
            self.begin_round(round)?;
            return Ok(true);
        }
        // Who stands for another delivery goes on before the clock moves, if that one was paused in its turn.
        Ok(self.resume(|until| !matches!(until, Until::Point(_)))
            || self.next_deadline()
            || self.resume(|_| true)
            || self.give_up_deferrals())
    }

    /// In a reference run: a round that something calls for, or the next one of tokio's timers. Whether there was one.
    fn pass_time(&mut self) -> Result<bool, Error> {
        if self.tasks.iter().any(Task::is_open) {
            return Ok(false);
        }
        if let Some(round) = self.due_round() {
            self.begin_round(round)?;
            return Ok(true);
        }
        let round = self.next_round().filter(|round| *round <= self.horizon());
        if self.jump_to_timer(round.unwrap_or_else(|| self.horizon())) {
            return Ok(true);
        }
        if let Some(round) = round {
            self.set_clock(round);
        }
        Ok(round.is_some())
    }

    pub(super) fn choose(&self) -> Option<TaskId> {
        if let Some(last) = self.last.filter(|last| self.runs_on || self.can_run(*last)) {
            return Some(last);
        }
        (0..self.tasks.len()).filter(|task| self.can_run(*task)).min_by_key(|task| self.tasks[*task].waiting_since)
    }

    /// Whether this task, which cannot run now, lets the one go on that stands for it. One that was overlapped itself does
    /// not: the newer delivery comes first.
    fn lets_go(&self, task: TaskId) -> bool {
        !matches!(self.tasks[task].hold, Some(Hold { until: Until::Task(_), .. }))
    }

    /// Whether anything that this task spawned can run, where anybody spawns.
    fn a_strand_can_run(&self, root: TaskId) -> bool {
        self.touched && (0..self.tasks.len()).any(|task| self.spawner(task) == root && self.can_run(task))
    }

    fn can_run(&self, at: TaskId) -> bool {
        let task = &self.tasks[at];
        task.hold.is_none()
            && match task.state {
                State::Fresh | State::AtAck(_) => true,
                State::Running => task.given.woken.is_set() || self.desk.first_ready(at).is_some(),
                State::Ended => false,
            }
    }

    /// The copy that the broker hands out next, if any is due and not deferred.
    fn due_copy(&mut self) -> Option<CopyId> {
        let now = self.desk.clock().now();
        let mut holding: Vec<usize> = Vec::new();
        loop {
            let may = |copy: &HeldCopy| self.deferral(copy).is_none_or(|fault| !holding.contains(&fault));
            let copy = self.queue.due(now, &mut { may })?;
            // A deferral acts where the copy would be handed out, not as soon as it is due: until then it changes nothing.
            let Some(fault) = self.deferral(self.queue.copy(copy)) else { return Some(copy) };
            if self.faults[fault] == FaultState::Waiting {
                self.acts(fault);
            }
            holding.push(fault);
        }
    }

    /// The deferral that holds this copy back now, if one does.
    fn deferral(&self, copy: &HeldCopy) -> Option<usize> {
        if self.deferrals_over || !self.aims.defers {
            return None;
        }
        let next = self.numbers[copy.message] + 1;
        self.plan.faults.iter().enumerate().position(|(index, fault)| match fault {
            Fault::Defer { what, .. } => {
                let names_it = match what {
                    Deferred::Message(message) => *message == copy.message && next == 1,
                    Deferred::Delivery(delivery) => delivery.message == copy.message && delivery.number == next,
                };
                names_it && self.holds_back(index)
            }
            _ => false,
        })
    }

    /// Whether this fault is a deferral that holds something back: what it waits for is neither over nor was asked for again.
    pub(super) fn holds_back(&self, index: usize) -> bool {
        let Fault::Defer { past, .. } = self.plan.faults[index] else { return false };
        let is_open = |fate: &Fate| fate.handled.is_none() && !fate.dead_lettered;
        matches!(self.faults[index], FaultState::Waiting | FaultState::Acted)
            && self.fates.get(past).is_some_and(is_open)
    }

    /// A handler asked for this message again: what has waited for it comes before that. It may be what the handler lacks.
    pub(super) fn lift_deferrals(&mut self, message: usize) {
        if !self.aims.defers {
            return;
        }
        for (state, fault) in self.faults.iter_mut().zip(self.plan.faults) {
            if matches!(fault, Fault::Defer { past, .. } if *past == message) && *state == FaultState::Acted {
                *state = FaultState::Lifted;
            }
        }
    }

    fn deliver_due(&mut self, copy: CopyId) -> Result<(), Error> {
        let origin = self.origin(copy);
        let last = self.homes[self.queue.copy(copy).message];
        let process = match origin {
            Origin::Redelivery => self.plan.rules.redelivers_to(last, self.plan.processes),
            _ => 0,
        };
        let process = self.queue.goes_to(copy).unwrap_or(process);
        self.deliver(copy, origin, process)?;
        Ok(())
    }

    /// Lets go on the task that has stood longest, of those that stand for such a thing.
    fn resume(&mut self, which: impl Fn(Until) -> bool) -> bool {
        let stands = |task: &super::task::Task| task.hold.filter(|hold| which(hold.until)).map(|hold| hold.since);
        let longest = (0..self.tasks.len()).filter_map(|task| Some((stands(&self.tasks[task])?, task))).min();
        if let Some((_, task)) = longest {
            self.tasks[task].hold = None;
            self.tasks[task].waiting_since = self.turn;
        }
        longest.is_some()
    }

    /// Moves the clock to the next deadline: of a lock that is waited for, of a timer, or of a delivery or a round that is
    /// within the horizon. Whether there was one.
    fn next_deadline(&mut self) -> bool {
        let due = self.due_within_horizon();
        let round = self.next_round().filter(|round| *round <= self.horizon());
        let lock = self.desk.first_deadline();
        let ours = [due, round, lock.map(|(until, _)| until)].into_iter().flatten().min();
        if self.jump_to_timer(ours.unwrap_or_else(|| self.horizon())) {
            return true;
        }
        let Some(next) = ours else { return false };
        self.set_clock(next);
        if let Some((_, ticket)) = lock.filter(|(until, _)| *until == next) {
            self.gives_up(ticket);
        }
        true
    }

    /// Beyond this time nothing is waited for. In a reference run the clock shows whatever it showed in the history, so it is
    /// counted from now.
    fn horizon(&self) -> Duration {
        let from = if self.plan.turns.is_some() { self.desk.clock().now() } else { self.last_fault };
        from.saturating_add(self.plan.rules.horizon())
    }

    /// When the next copy is due, if that is within the horizon.
    pub(super) fn due_within_horizon(&self) -> Option<Duration> {
        let now = self.desk.clock().now();
        self.queue.next_due(now).filter(|due| *due <= self.horizon())
    }

    fn gives_up(&mut self, ticket: TicketId) {
        if let Some(task) = self.desk.give_up(ticket) {
            self.tasks[task].waiting_since = self.turn;
        }
    }

    /// The clock jumps. Whoever has waited for a lock as long as its store does gives up: it did so meanwhile.
    pub(super) fn jump(&mut self, to: Duration) {
        self.set_clock(to);
        while let Some((_, ticket)) = self.desk.first_deadline().filter(|(until, _)| *until <= to) {
            self.gives_up(ticket);
        }
    }

    pub(super) fn set_clock(&mut self, to: Duration) {
        if to > self.desk.clock().now() {
            self.clock_shows(to);
            self.tokio_follows(to);
        }
    }

    /// Our clock shows this from now on, whoever moved it.
    pub(super) fn clock_shows(&mut self, to: Duration) {
        if to > self.desk.clock().now() {
            self.desk.clock().set(to);
            self.events.push(Event::Clock { to });
            // What expires now is the clock's doing and not that of the next step. A store that cannot say says so again.
            if self.detail == Detail::Watched
                && let Ok(now) = self.handlers.observe()
            {
                self.seen_before = Some(now);
            }
        }
    }

    /// What was deferred past a message that is never handled comes all the same.
    fn give_up_deferrals(&mut self) -> bool {
        let any = !self.deferrals_over && self.aims.defers;
        self.deferrals_over |= any;
        any
    }
}
