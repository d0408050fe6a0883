//! Which thing comes next: the scheduling order, as the design has it.
//!
//! The task that ran last if it can run, else the runnable one that waited longest (of two that could run from the same
//! moment on, the one that began first); a delivery that is due; the task that was paused longest ago; the next deadline of
//! the clock. When there is nothing of all that, what is put off past a message that never comes is put off no more.

use super::system::{Delivery, Place, System, TaskId};

/// How long after the last fault something may still happen, in milliseconds.
const HORIZON: u64 = 3_600_000;

/// One thing that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// This delivery takes a turn.
    Turn(TaskId),
    /// This copy is handed out.
    Deliver(usize),
    /// This delivery stood long enough.
    Resume(TaskId),
    /// The clock moves to here.
    Clock(u64),
    /// The clock moves to where this delivery has waited long enough for a lock.
    GiveUp(TaskId, u64),
    /// What is put off past a message that never comes is put off no more.
    EndDeferrals,
}

impl System<'_> {
    /// What comes next, if anything does.
    pub fn next_move(&self) -> Option<Move> {
        self.runnable()
            .map(Move::Turn)
            .or_else(|| self.due_copy().map(Move::Deliver))
            .or_else(|| self.paused_longest().map(Move::Resume))
            .or_else(|| self.deadline())
            .or_else(|| (!self.deferred.is_empty()).then_some(Move::EndDeferrals))
    }

    fn can_run(&self, at: TaskId) -> bool {
        let task = &self.tasks[at];
        let sleeps = matches!(task.place, Place::Asleep(until) if until > self.now);
        task.place != Place::Over && task.hold.is_none() && (!task.parked || task.has_expired(self.now)) && !sleeps
    }

    fn runnable(&self) -> Option<TaskId> {
        let last = self.last.filter(|last| self.can_run(*last));
        let able = (0..self.tasks.len()).filter(|at| self.can_run(*at));
        last.or_else(|| able.min_by_key(|at| (self.tasks[*at].since, self.tasks[*at].rank)))
    }

    fn due_copy(&self) -> Option<usize> {
        let is_due = |copy: usize| self.copies[copy].due.is_some_and(|due| due <= self.now) && !self.is_put_off(copy);
        (0..self.copies.len()).filter(|copy| is_due(*copy)).min_by_key(|copy| (self.copies[*copy].message, *copy))
    }

    /// Which delivery it would be if this copy were handed out now.
    pub fn would_be(&self, copy: usize) -> Delivery {
        let message = self.copies[copy].message;
        Delivery { message, number: self.messages[message].deliveries + 1 }
    }

    fn is_put_off(&self, copy: usize) -> bool {
        let delivery = self.would_be(copy);
        let waits = |past: usize| !self.is_over(past);
        self.deferred.iter().any(|(put_off, past)| *put_off == delivery && waits(*past))
    }

    fn paused_longest(&self) -> Option<TaskId> {
        let standing = self.tasks.iter().enumerate().filter_map(|(at, task)| Some((task.hold?.since, at)));
        standing.min().map(|(_, at)| at)
    }

    /// The horizon is one for deliveries: a wait for a lock ends, whenever that is.
    fn deadline(&self) -> Option<Move> {
        let horizon = self.last_fault + HORIZON;
        let due =
            self.copies.iter().filter_map(|copy| copy.due).filter(|due| (self.now + 1..=horizon).contains(due)).min();
        let parked = self.tasks.iter().enumerate().filter(|(_, task)| task.parked);
        // Whose wait for an earlier owner of the lock ran out before it met this one waits no longer.
        let patience = parked.filter_map(|(at, task)| Some((task.patience?, at))).min();
        let patience = patience.map(|(patience, at)| (patience.ends.max(self.now), at));
        let asleep = self.tasks.iter().filter_map(|task| task.wakes().filter(|until| *until > self.now));
        let ours = due.into_iter().chain(patience.map(|(until, _)| until)).min();
        if let Some(awakes) = asleep.min().filter(|awakes| ours.is_none_or(|ours| *awakes <= ours)) {
            return Some(Move::Clock(awakes));
        }
        match (due, patience) {
            (due, Some((until, at))) if due.is_none_or(|due| until <= due) => Some(Move::GiveUp(at, until)),
            (due, _) => due.map(Move::Clock),
        }
    }
}
