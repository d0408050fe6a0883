//! What a turn comes to in an execution, and which fault makes it come to that.
//!
//! A turn that the scheduling order gives to the delivery that acts next needs none.

use super::{
    Departs,
    follow::{Blocked, Follow, Stage, Task, Waits},
    ways::Way,
};
use crate::{
    delivery::Ending,
    history::{Coordinate, DeliveryName, Fault, TaskName},
    machine::{
        desk::TaskId,
        task::Until,
        trace::{Answer, Event, Injected, Origin, Settlement},
    },
};

impl Follow<'_> {
    /// One turn of a task, as the execution goes on.
    pub(super) fn take_turn(&mut self, task: TaskId) -> Result<(), Departs> {
        let delivery = self.tasks[task].delivery;
        if self.tasks[task].stage == Stage::Fresh {
            self.tasks[task].stage = Stage::Running;
            return if self.returns_now(delivery) { self.returns(task) } else { Ok(()) };
        }
        if self.returns_now(delivery) {
            return self.returns(task);
        }
        let at = self.record.stands_at(delivery, self.next);
        let tries_again =
            self.tasks[task].blocked.iter().any(|blocked| blocked.at == at || blocked.waits != Waits::Lock);
        if self.tasks[task].stage == Stage::Running && tries_again {
            return self.try_again(task, at);
        }
        let stands = Fault::Pause { at, until: None };
        if self.linger.contains(&self.next) && !self.faults.contains(&stands) {
            return self.go(task, at, Way::Pause(None));
        }
        let ways = self.ways(task, at);
        let way = self.choices.take(ways.len()).map(|way| ways[way].clone());
        self.go(task, at, way.ok_or(Departs)?)
    }

    fn returns_now(&self, delivery: DeliveryName) -> bool {
        matches!(self.event(), Some(Event::Returned { delivery: of, .. }) if *of == delivery)
    }

    /// An operation found a lock taken before. No fault comes before it any more.
    fn try_again(&mut self, task: TaskId, at: Coordinate) -> Result<(), Departs> {
        let waits = self.tasks[task].blocked.iter().find(|blocked| blocked.at == at).map(|blocked| blocked.waits);
        match (self.event(), waits) {
            (Some(Event::Step { at: acts, facts, .. }), Some(waits))
                if *acts == at && waits != Waits::Lock && facts.gave_up == (waits == Waits::Conflict) =>
            {
                self.acts(task)
            }
            (_, Some(Waits::Conflict)) => Err(Departs),
            // Without an event: the lock was taken again meanwhile, or it waits for another one than was released.
            _ => {
                if !self.taken && !self.lenient {
                    return Err(Departs);
                }
                for blocked in &mut self.tasks[task].blocked {
                    blocked.waits = Waits::Lock;
                }
                Ok(())
            }
        }
    }

    fn go(&mut self, task: TaskId, at: Coordinate, way: Way) -> Result<(), Departs> {
        if let Some(fault) = self.fault(task, at, &way) {
            self.add(fault);
        }
        match way {
            Way::GoesOn => return self.goes_on(task),
            Way::Crash => return self.crash(self.tasks[task].process),
            Way::Cancel => {
                self.pass();
                self.ended(task);
                self.hears_end(task, Ending::Cancelled);
            }
            Way::Advance(by) => self.jump(by)?,
            Way::Overlap(to) => {
                let next = (self.tasks[task].process + 1) % self.processes;
                let other = self.deliver(self.tasks[task].copy, Origin::Overlap, to.unwrap_or(next))?;
                self.stand(task, Until::Task(other));
            }
            Way::Duplicate(message) => {
                let copy = self.queue.duplicate(message, self.now);
                let other = self.deliver(copy, Origin::Copy, 0)?;
                self.stand(task, Until::Task(other));
            }
            Way::Pause(until) => self.stand(task, until.map_or(Until::NothingElse, Until::Point)),
        }
        Ok(())
    }

    fn goes_on(&mut self, task: TaskId) -> Result<(), Departs> {
        match self.event() {
            Some(Event::Step { .. }) => return self.acts(task),
            Some(Event::Blocked { at, until, .. }) => {
                self.tasks[task].blocked.push(Blocked { at: *at, waits: Waits::Lock, until: *until, since: self.turn });
                self.pass();
            }
            Some(Event::Settled { .. }) => return self.settles(task),
            _ => return Err(Departs),
        }
        Ok(())
    }

    /// An operation acts, and its handler may return in the same turn.
    fn acts(&mut self, task: TaskId) -> Result<(), Departs> {
        let Some(Event::Step { at, facts, .. }) = self.event() else { return Err(Departs) };
        match facts.suffered {
            Some(Injected::Fail) => self.add(Fault::Fail { at: *at }),
            Some(Injected::LoseReply) => self.add(Fault::LoseReply { at: *at }),
            None => {}
        }
        self.tasks[task].blocked.retain(|blocked| blocked.at != *at);
        self.pass();
        self.lift_holds(|until| until == Until::Point(*at));
        if at.delivery().is_some_and(|of| self.returns_now(of)) { self.returns(task) } else { Ok(()) }
    }

    fn returns(&mut self, task: TaskId) -> Result<(), Departs> {
        let Some(Event::Returned { delivery, answer, .. }) = self.event() else { return Err(Departs) };
        self.pass();
        self.tasks[task].stage = Stage::AtAck;
        match answer {
            Answer::Done(_) if !self.handled[delivery.message] => {
                self.handled[delivery.message] = true;
                self.over[delivery.message] = true;
                self.hold_copy(delivery.message);
                Ok(())
            }
            Answer::Done(_) | Answer::Reject(_) => Ok(()),
            Answer::Retry(_) | Answer::Panicked(_) => self.settles(task),
        }
    }

    /// A message was handled for the first time: the broker may hold a second copy of it from now on.
    fn hold_copy(&mut self, message: usize) {
        let Some(by_itself) = self.record.further_copy(message, self.next) else { return };
        let Some(way) = self.choices.take(2) else { return };
        if (way == 0) == by_itself {
            self.add(Fault::Duplicate { message, at: None });
            self.queue.duplicate(message, self.now);
        }
    }

    fn settles(&mut self, task: TaskId) -> Result<(), Departs> {
        let own = self.tasks[task].delivery;
        let Some(Event::Settled { delivery, how, .. }) = self.event() else { return Err(Departs) };
        if *delivery != own {
            return Err(Departs);
        }
        let ending = match how {
            Settlement::Acked => Ending::Acked,
            Settlement::Nacked => Ending::Retried,
            Settlement::DeadLettered => Ending::Rejected,
            // What has no fault here is refused before.
            Settlement::AckedEarly | Settlement::Fenced => return Err(Departs),
            Settlement::Unheard | Settlement::Ignored => Ending::Silent,
            Settlement::AckLost => {
                self.add(Fault::LoseAck { delivery: own });
                Ending::AckLost
            }
        };
        if matches!(how, Settlement::Nacked | Settlement::Ignored) {
            self.lift_deferrals(own.message);
        }
        self.hears_end(task, ending);
        self.over[own.message] |= *how == Settlement::DeadLettered;
        self.pass();
        self.ended(task);
        Ok(())
    }

    fn hears_end(&mut self, task: TaskId, ending: Ending) {
        let Task { copy, term, .. } = self.tasks[task];
        self.queue.ended(copy, term, ending, self.now);
    }

    fn crash(&mut self, process: usize) -> Result<(), Departs> {
        let Some(Event::Crashed { lost, .. }) = self.event() else { return Err(Departs) };
        let gone: Vec<TaskId> = (0..self.tasks.len())
            .filter(|task| self.tasks[*task].process == process && self.tasks[*task].stage != Stage::Ended)
            .collect();
        if !gone.iter().map(|task| TaskName::Delivery(self.tasks[*task].delivery)).eq(lost.iter().copied()) {
            return Err(Departs);
        }
        self.pass();
        for task in gone {
            self.ended(task);
            self.hears_end(task, Ending::Silent);
        }
        Ok(())
    }
}
