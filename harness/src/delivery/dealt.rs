//! `dealt`: copies of messages, dealt to processes in advance.
//!
//! Guarantee: of each message there are so many copies (two, under the name `dealt`). They are dealt round-robin: with two
//! copies, delivery d is of message d / 2 and goes to process d mod W. Each process handles what it was dealt one after the
//! other: the next one comes once the one before is settled. After a crash the process has its unacknowledged delivery again
//! at once, and goes on with the rest; after a lost acknowledgement, a cancelled handler or a request for a retry that
//! delivery comes again after 1 s, 2 s, 4 s, …, and what is behind it waits. A rejection puts the copy aside.
//!
//! No broker is so simple. It is the bounded workload of the complete search: who has what is settled, so that all that is
//! left to vary is who acts when, and who dies. The reference cells that checkers are compared by are of this model.
//!
//! It admits `pause`, `crash`, `cancel`, `fail`, `lose-reply`, `lose-ack` and `advance`. What it must refuse: a delivery to
//! another process than the copy was dealt to; two at once in one process; one before an earlier one of its process is
//! settled; a redelivery before its time; a delivery of a copy that is settled; a further copy; an overlap. The tests of
//! `delivery` hold it to that.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{CopyId, Ending, HandedOut, HeldCopy, Queue, Rules, Term, Terms, copies::delay};
use crate::history::Fault;

/// The model, with so many copies of each message.
pub(super) struct Dealt {
    name: &'static str,
    copies: usize,
}

/// By the number of copies, from 1.
pub(super) static DEALT: [Dealt; 4] = [
    Dealt { name: "dealt-1", copies: 1 },
    Dealt { name: "dealt", copies: 2 },
    Dealt { name: "dealt-3", copies: 3 },
    Dealt { name: "dealt-4", copies: 4 },
];

impl Rules for Dealt {
    fn name(&self) -> &'static str {
        self.name
    }

    fn guarantee(&self) -> &'static str {
        "copies of each message are dealt to the processes in advance, and each handles its own one after the other"
    }

    fn admits(&self, fault: &Fault) -> Result<(), &'static str> {
        match fault {
            Fault::Duplicate { .. } => Err("the copies are dealt in advance, and there are no more"),
            Fault::Overlap { .. } => Err("a process has its deliveries one after the other, and nobody else has them"),
            Fault::Defer { .. } => Err("each process has its deliveries in the order in which they were dealt"),
            _ => Ok(()),
        }
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(Hands { copies: self.copies, processes: 1, messages: 0, held: Vec::new() })
    }

    fn deals(&self) -> Option<usize> {
        Some(self.copies)
    }

    fn terms(&self) -> &'static Terms {
        &Terms::OF_BROKERS
    }
}

/// What each process was dealt. The first copies of all messages have the first ids, in publish order, as in every model.
struct Hands {
    /// Of each message.
    copies: usize,
    processes: usize,
    messages: usize,
    held: Vec<HeldCopy>,
}

impl Hands {
    /// The copy that is dealt as the d-th.
    fn dealt(&self, d: usize) -> usize {
        d % self.copies * self.messages + d / self.copies
    }

    fn process_of(&self, copy: usize) -> usize {
        (copy % self.messages * self.copies + copy / self.messages) % self.processes
    }

    /// The first of a process's copies that is not settled.
    fn head(&self, process: usize) -> Option<usize> {
        let hand = (process..self.held.len()).step_by(self.processes).map(|d| self.dealt(d));
        hand.into_iter().find(|copy| !self.held[*copy].settled)
    }

    /// The same, where nothing is in progress in the process.
    fn next(&self, process: usize) -> Option<usize> {
        let busy = |copy: usize| self.held[copy].in_flight > 0 && self.process_of(copy) == process;
        self.head(process).filter(|_| !(0..self.held.len()).any(busy))
    }
}

impl Queue for Hands {
    fn deal(&mut self, processes: usize) {
        self.processes = processes.max(1);
    }

    fn publish(&mut self, messages: usize, _keys: &[Option<&str>]) {
        self.messages = messages;
        self.held.clear();
        let held = |copy| HeldCopy {
            message: copy % messages,
            attempts: 0,
            in_flight: 0,
            due: Some(Duration::ZERO),
            settled: false,
        };
        self.held.extend((0..messages * self.copies).map(held));
    }

    fn duplicate(&mut self, message: usize, _now: Duration) -> CopyId {
        // No history of this model asks for one.
        CopyId(message)
    }

    fn due_at(&self, process: usize, now: Duration) -> Option<CopyId> {
        self.next(process).filter(|copy| self.held[*copy].due.is_some_and(|due| due <= now)).map(CopyId)
    }

    fn due(&self, now: Duration, may: &mut dyn FnMut(&HeldCopy) -> bool) -> Option<CopyId> {
        let mut heads: Vec<CopyId> = (0..self.processes).filter_map(|process| self.due_at(process, now)).collect();
        heads.sort_unstable_by_key(|copy| (copy.0 % self.messages, copy.0));
        heads.into_iter().find(|copy| may(&self.held[copy.0]))
    }

    fn goes_to(&self, copy: CopyId) -> Option<usize> {
        Some(self.process_of(copy.0))
    }

    fn hand_out(&mut self, copy: CopyId) -> HandedOut {
        let copy = &mut self.held[copy.0];
        copy.due = None;
        copy.attempts += 1;
        copy.in_flight += 1;
        HandedOut { attempt: copy.attempts, term: Term::default() }
    }

    fn overlap(&mut self, _copy: CopyId, _term: Term, _to: usize) -> Result<CopyId, &'static str> {
        Err("a process has its deliveries one after the other, and nobody else has them")
    }

    fn acked(&mut self, copy: CopyId, _term: Term) -> bool {
        let copy = &mut self.held[copy.0];
        copy.settled = true;
        copy.due = None;
        true
    }

    fn ended(&mut self, copy: CopyId, _term: Term, how: Ending, now: Duration) -> bool {
        let copy = &mut self.held[copy.0];
        copy.in_flight -= 1;
        match how {
            _ if copy.settled => {}
            Ending::Acked | Ending::Rejected => copy.settled = true,
            // The process is there again at once.
            Ending::Silent => copy.due = Some(now),
            Ending::AckLost | Ending::Cancelled | Ending::Retried => copy.due = Some(now + delay(copy.attempts)),
        }
        true
    }

    fn next_due(&self, now: Duration) -> Option<Duration> {
        let heads = (0..self.processes).filter_map(|process| self.next(process));
        heads.filter_map(|copy| self.held[copy].due).filter(|due| *due > now).min()
    }

    fn copy(&self, copy: CopyId) -> &HeldCopy {
        &self.held[copy.0]
    }

    fn remember(&self, mut state: &mut dyn Hasher) {
        (self.processes, &self.held).hash(&mut state);
    }
}
