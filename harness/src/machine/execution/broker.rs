//! The broker and the clock, followed along an execution: what is handed out next, what is put off, when somebody gives up
//! waiting for a lock.

use std::time::Duration;

use super::{
    Departs,
    follow::{Follow, Stage, Task, Waits},
};
use crate::{
    delivery::{CopyId, HeldCopy},
    history::{Deferred, DeliveryName, Fault},
    machine::{
        desk::TaskId,
        trace::{Event, Origin},
    },
};

impl Follow<'_> {
    /// The copy that is handed out next. One that is not the execution's turn is put off.
    pub(super) fn due_copy(&mut self) -> Result<Option<CopyId>, Departs> {
        let mut holding: Vec<usize> = Vec::new();
        loop {
            let may = |copy: &HeldCopy| self.deferral(copy).is_none_or(|fault| !holding.contains(&fault));
            let Some(copy) = self.queue.due(self.now, &mut { may }) else { return Ok(None) };
            if let Some(fault) = self.deferral(self.queue.copy(copy)) {
                if !self.deferred.contains(&fault) {
                    self.deferred.push(fault);
                    self.last_fault = self.now;
                }
                holding.push(fault);
            } else if !self.put_off(copy)? {
                return Ok(Some(copy));
            }
        }
    }

    /// The deferral that holds this copy back now, if one does.
    fn deferral(&self, copy: &HeldCopy) -> Option<usize> {
        if self.deferrals_over {
            return None;
        }
        let delivery = self.would_be(copy);
        self.faults.iter().enumerate().position(|(index, fault)| match fault {
            Fault::Defer { what, past } => {
                let names_it = match what {
                    Deferred::Message(message) => DeliveryName::new(*message, 1) == delivery,
                    Deferred::Delivery(what) => *what == delivery,
                };
                names_it && !self.over[*past] && !self.lifted.contains(&index)
            }
            _ => false,
        })
    }

    /// A handler asked for this message again: what has waited for it comes before that.
    pub(super) fn lift_deferrals(&mut self, message: usize) {
        let waits = |index: &usize| matches!(self.faults[*index], Fault::Defer { past, .. } if past == message);
        let lifted: Vec<usize> = self.deferred.iter().copied().filter(waits).collect();
        self.lifted.extend(lifted);
    }

    /// Which delivery it would be if this copy were handed out now.
    fn would_be(&self, copy: &HeldCopy) -> DeliveryName {
        DeliveryName::new(copy.message, self.numbers[copy.message] + 1)
    }

    fn is_next(&self, copy: CopyId) -> bool {
        let held = self.queue.copy(copy);
        let (as_what, to) = self.handed_out(held, copy);
        matches!(
            self.event(),
            Some(Event::Delivered { delivery, process, origin })
                if *delivery == self.would_be(held) && *origin == as_what && process.index() == to
        )
    }

    /// As what, and to which process, the broker hands out a copy by itself.
    pub(super) fn handed_out(&self, held: &HeldCopy, copy: CopyId) -> (Origin, usize) {
        let (origin, to) = match (held.attempts, copy.0 < self.messages) {
            (0, true) => (Origin::First, 0),
            (0, false) => (Origin::Copy, 0),
            _ => (Origin::Redelivery, self.rules.redelivers_to(self.homes[held.message], self.processes)),
        };
        (origin, self.queue.goes_to(copy).unwrap_or(to))
    }

    /// The execution's next event is this delivery.
    pub(super) fn deliver(&mut self, copy: CopyId, origin: Origin, process: usize) -> Result<TaskId, Departs> {
        let delivery = self.would_be(self.queue.copy(copy));
        match self.event() {
            Some(Event::Delivered { delivery: of, process: to, origin: how })
                if *of == delivery && to.index() == process && *how == origin => {}
            _ => return Err(Departs),
        }
        self.next += 1;
        let term = self.queue.hand_out(copy).term;
        self.numbers[delivery.message] += 1;
        self.homes[delivery.message] = process;
        self.tasks.push(Task {
            delivery,
            copy,
            term,
            process,
            stage: Stage::Fresh,
            hold: None,
            waiting_since: self.turn,
            blocked: Vec::new(),
        });
        Ok(self.tasks.len() - 1)
    }

    /// Moves the clock to the next deadline, and lets somebody give up waiting for a lock if it is theirs. Whether there was one.
    pub(super) fn next_deadline(&mut self) -> Result<bool, Departs> {
        let due = self.next_due();
        let (to, gives_up) = match (self.first_deadline(), due) {
            (Some((until, _, task, at)), _) if due.is_none_or(|due| until <= due) => (until, Some((task, at))),
            (_, Some(due)) => (due, None),
            _ => {
                let due = self.queue.next_due(self.now);
                self.beyond = matches!(self.event(), Some(Event::Clock { to }) if due == Some(*to));
                return Ok(false);
            }
        };
        self.set_clock(to)?;
        if let Some((task, at)) = gives_up {
            self.give_up(task, at);
        }
        Ok(true)
    }

    /// Moves the clock, if it has to move. The execution's next event says so.
    pub(super) fn set_clock(&mut self, to: Duration) -> Result<(), Departs> {
        if to <= self.now {
            return Ok(());
        }
        if !matches!(self.event(), Some(Event::Clock { to: moved }) if *moved == to) {
            return Err(Departs);
        }
        self.now = to;
        self.pass();
        Ok(())
    }

    fn next_due(&self) -> Option<Duration> {
        let horizon = self.last_fault.saturating_add(self.rules.horizon());
        self.queue.next_due(self.now).filter(|due| *due <= horizon)
    }

    /// When the first that waits for a lock gives up, and who that is.
    fn first_deadline(&self) -> Option<(Duration, u64, TaskId, usize)> {
        let open = self.tasks.iter().enumerate().flat_map(|(task, of)| {
            let waiting = of.blocked.iter().enumerate().filter(|(_, blocked)| blocked.waits == Waits::Lock);
            waiting.map(move |(at, blocked)| (blocked.until, blocked.since, task, at))
        });
        open.min()
    }

    fn give_up(&mut self, task: TaskId, at: usize) {
        self.tasks[task].blocked[at].waits = Waits::Conflict;
        self.tasks[task].waiting_since = self.turn;
    }

    /// Whether the clock would come there without a fault, if nobody could run.
    pub(super) fn comes_to(&self, to: Duration) -> bool {
        self.next_due() == Some(to) || self.first_deadline().is_some_and(|(until, ..)| until == to)
    }

    pub(super) fn give_up_deferrals(&mut self) -> bool {
        let any = !self.deferrals_over && self.faults.iter().any(|fault| matches!(fault, Fault::Defer { .. }));
        self.deferrals_over |= any;
        any
    }

    /// Whether the broker holds a copy of this message that was never handed out.
    pub(super) fn holds_copy(&self, message: usize) -> bool {
        let held = self.queue.due(self.now, &mut |copy| copy.message == message && copy.attempts == 0);
        held.is_some_and(|copy| copy.0 >= self.messages)
    }

    pub(super) fn jump(&mut self, by: Duration) -> Result<(), Departs> {
        self.set_clock(self.now + by)?;
        self.last_fault = self.now;
        while let Some((_, _, task, at)) = self.first_deadline().filter(|(until, ..)| *until <= self.now) {
            self.give_up(task, at);
        }
        Ok(())
    }

    /// Puts off a copy that would be handed out now and is not: it comes after a message that is handled later. Whether it
    /// did.
    ///
    /// One that is handed out now may have been put off as well, if all deferrals were given up since.
    fn put_off(&mut self, copy: CopyId) -> Result<bool, Departs> {
        let is_next = self.is_next(copy);
        let defers = |fault: &Fault| matches!(fault, Fault::Defer { .. });
        if is_next && (self.deferrals_over || !self.faults.iter().any(defers)) {
            return Ok(false);
        }
        if self.deferrals_over {
            return Err(Departs);
        }
        let mut ways: Vec<Option<Fault>> = is_next.then_some(None).into_iter().collect();
        ways.extend(self.deferrals(copy).into_iter().map(Some));
        let way = self.choices.take(ways.len()).ok_or(Departs)?;
        let fault = ways.swap_remove(way);
        let puts_off = fault.is_some();
        self.faults.extend(fault);
        Ok(puts_off)
    }

    /// What would put this copy off, the most likely first: past whatever is handled last before it begins, else past what is
    /// never handled.
    fn deferrals(&self, copy: CopyId) -> Vec<Fault> {
        let delivery = self.would_be(self.queue.copy(copy));
        let begins = self.record.begins(delivery, self.next).unwrap_or(self.record.len());
        let what = match delivery.number {
            1 => Deferred::Message(delivery.message),
            _ => Deferred::Delivery(delivery),
        };
        let mut past: Vec<(usize, usize)> = (0..self.messages)
            .filter(|past| *past != delivery.message && !self.over[*past])
            .map(|past| (self.record.lets_come(past, self.next).unwrap_or(self.record.len()), past))
            .collect();
        past.sort_by_key(|(over, past)| (*over > begins, std::cmp::Reverse(*over), *past));
        past.into_iter().map(|(_, past)| Fault::Defer { what, past }).collect()
    }
}
