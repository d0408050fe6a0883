//! What the broker, or a client, does with messages, by the design's words for the two delivery models; and what happens to
//! deliveries in progress: they are dropped, die with their process, stand beside another, see the clock jump.

use super::{
    cursor::{Answer, Cursor},
    program::Instruction,
    system::{Copy, Delivery, Hold, Model, PROCESSES, Place, SECOND, System, Task, TaskId},
};

impl System<'_> {
    /// The broker has one more copy of this message, due now.
    pub fn hold_copy(&mut self, message: usize) -> usize {
        self.copies.push(Copy { message, due: Some(self.now), settled: false, attempts: 0, in_flight: 0 });
        self.copies.len() - 1
    }

    /// The process that a delivery of this copy goes to when it is due: `p0` at first, then where the message was last or,
    /// of a client, the one after.
    pub fn goes_to(&self, copy: usize) -> usize {
        let home = self.messages[self.copies[copy].message].home;
        match (self.copies[copy].attempts, self.model) {
            (0, _) => 0,
            (_, Model::AtLeastOnce) => home,
            (_, Model::RequestReply) => (home + 1) % PROCESSES,
        }
    }

    /// Hands out a copy. The new delivery.
    pub fn deliver(&mut self, copy: usize, process: usize) -> TaskId {
        let held = &mut self.copies[copy];
        held.due = None;
        held.attempts += 1;
        held.in_flight += 1;
        let message = held.message;
        let fate = &mut self.messages[message];
        fate.deliveries += 1;
        fate.home = process;
        fate.delivered.get_or_insert(self.step);
        self.tasks.push(Task {
            delivery: Delivery { message, number: fate.deliveries },
            process,
            copy,
            cursor: Cursor::default(),
            place: Place::Fresh,
            spawned: false,
            orphan: false,
            rank: 0,
            handler_rank: 0,
            operations: 0,
            faults_past: 0,
            hold: None,
            parked: false,
            patience: None,
            gives_up: false,
            expires: None,
            since: self.step,
            times: vec![self.now],
        });
        self.in_line(self.tasks.len() - 1);
        self.tasks.len() - 1
    }

    /// Of those who can run from now on, this one comes after all that have begun.
    pub fn in_line(&mut self, at: TaskId) {
        self.begun += 1;
        self.tasks[at].rank = self.begun;
    }

    /// The final answer of this delivery arrives.
    pub fn hear(&mut self, at: TaskId) {
        let Task { place: Place::Ack(answer), delivery, .. } = self.tasks[at] else { unreachable!("it has no answer") };
        self.heard.push((delivery.message, answer));
        let fate = &mut self.messages[delivery.message];
        fate.rejected |= answer == Answer::Reject && fate.handled.is_none();
        self.end(at, true);
    }

    /// Whether nothing more is to come of this message: it was handled, or rejected for good.
    pub fn is_over(&self, message: usize) -> bool {
        self.messages[message].handled.is_some() || self.messages[message].rejected
    }

    /// Whether this message is not over when all else is; or a client was never answered.
    pub fn is_stuck(&self, message: usize) -> bool {
        let waits = |copy: &Copy| copy.message == message && copy.attempts > 0 && !copy.settled;
        !self.is_over(message) || self.model == Model::RequestReply && self.copies.iter().any(waits)
    }

    /// The handler is dropped where it stands. What it spawned goes on.
    pub fn cancel(&mut self, at: TaskId) {
        if self.tasks[at].spawned {
            let orphan = Task { orphan: true, faults_past: u8::MAX, ..self.tasks[at].clone() };
            self.tasks.push(orphan);
            self.last = Some(self.tasks.len() - 1);
        }
        self.end(at, false);
    }

    /// A delivery ends, and the broker knows it as acknowledged or not.
    pub fn end(&mut self, at: TaskId, acked: bool) {
        if self.tasks[at].orphan {
            self.tasks[at].place = Place::Over;
            return;
        }
        if self.bank.close(at, false) {
            self.unlocked();
        }
        let task = &mut self.tasks[at];
        task.place = Place::Over;
        task.hold = None;
        task.parked = false;
        let copy = &mut self.copies[task.copy];
        copy.in_flight -= 1;
        if acked {
            copy.settled = true;
            copy.due = None;
        } else if copy.in_flight == 0 && !copy.settled {
            copy.due = Some(self.now + (SECOND << (copy.attempts - 1)));
        }
        self.release_holds(at);
    }

    pub fn release_holds(&mut self, met: TaskId) {
        for task in &mut self.tasks {
            if task.hold.is_some_and(|hold| hold.meets == Some(met)) {
                task.hold = None;
                task.since = self.step;
            }
        }
    }

    /// The process dies, with every delivery that it had.
    pub fn crash(&mut self, process: usize) {
        for at in 0..self.tasks.len() {
            if self.tasks[at].process == process && self.tasks[at].place != Place::Over {
                self.end(at, false);
            }
        }
    }

    /// Delivers the same message once more beside this delivery, which stands until the new one ends or waits for a lock:
    /// the same copy to the other process, or another copy to `p0`.
    pub fn beside(&mut self, at: TaskId, same_copy: bool) {
        let Task { copy, process, delivery, .. } = self.tasks[at];
        let other = if same_copy {
            self.deliver(copy, (process + 1) % PROCESSES)
        } else {
            let copy = self.hold_copy(delivery.message);
            self.deliver(copy, 0)
        };
        self.tasks[at].hold = Some(Hold { since: self.step, meets: Some(other) });
    }

    /// The clock shows this: whoever waited for it can run, or gives up waiting for a lock.
    pub fn jump(&mut self, to: u64) {
        self.set_clock(to);
        for task in self
            .tasks
            .iter_mut()
            .filter(|task| task.parked && task.patience.is_some_and(|patience| patience.ends <= to))
        {
            (task.parked, task.gives_up, task.since) = (false, true, self.step);
        }
    }

    /// The same, but for those who wait for a lock.
    pub fn set_clock(&mut self, to: u64) {
        let before = std::mem::replace(&mut self.now, to);
        for task in &mut self.tasks {
            if to > before && !matches!(task.place, Place::Ack(_) | Place::Over) {
                task.times.push(to);
            }
            let woken = (before + 1..=to).contains(&task.wakes().unwrap_or(before));
            if woken {
                task.since = self.step;
            }
        }
    }

    /// Whether the broker could deliver the copy that this delivery has once more.
    pub fn is_unsettled(&self, at: TaskId) -> bool {
        !self.copies[self.tasks[at].copy].settled
    }

    /// Whether the operation before which this delivery stands can return an error without effect: all but a roll back.
    pub fn can_fail(&self, at: TaskId) -> bool {
        matches!(self.tasks[at].place, Place::Operation(instruction) if instruction != Instruction::Rollback)
    }

    /// Whether it can take effect and return an error.
    pub fn can_lose_reply(&self, at: TaskId) -> bool {
        matches!(self.tasks[at].place, Place::Operation(next) if self.bank.can_lose_reply(self.who(at), next))
    }
}
