//! What came before what, and which steps of an execution could have come the other way around.
//!
//! An event comes before another one if they are of one process, or if they conflict; and whatever came before that. Two that
//! conflict, with nothing in between that orders them, are a race: the other order is another execution. To have that
//! explored, somebody has to be tried at the node before the first of them with whom it can begin.
//!
//! Who waits for a lock races with who took it, not with who releases it: before the release it cannot go on. Who may be
//! refused instead races with both. Where somebody
//! waits at the moment in which nobody can go on, what it waits for races too, though it never came to it.

use super::walk::{Clock, Event, Walk};
use crate::machine::{
    chooser::MOST_PROCESSES,
    footprint::{Access, conflict},
};

impl Event {
    fn is_before(&self, clock: &Clock) -> bool {
        self.process.is_none_or(|process| self.number <= clock[process])
    }
}

impl Walk {
    /// The event that this replay came to, of a process or of the clock. Whatever it races with is tried the other way.
    pub(super) fn event(&mut self, process: Option<usize>, touched: &[Access]) -> Event {
        let Some(process) = process else {
            let clock = self.events().fold(Clock::default(), |clock, (_, event)| joined(clock, &event.clock));
            return Event { process: None, number: 0, touched: [].into(), clock };
        };
        let own = self.clock_of(process);
        let (mut clock, races) = self.races(process, touched, &own);
        clock[process] = own[process] + 1;
        if self.scope.reduces {
            for first in races {
                self.reverse(first, process, &clock);
            }
        }
        Event { process: Some(process), number: clock[process], touched: touched.into(), clock }
    }

    /// Nobody can go on. Those that wait for a lock might have had it first.
    pub(super) fn races_of_those_that_wait(&mut self) {
        if !self.scope.reduces {
            return;
        }
        for process in 0..MOST_PROCESSES {
            let waits_for = std::mem::take(&mut self.waits_for[process]);
            if !waits_for.is_empty() {
                let own = self.clock_of(process);
                let (clock, races) = self.races(process, &waits_for, &own);
                for first in races {
                    self.reverse(first, process, &clock);
                }
            }
        }
    }

    /// The events of this replay so far, the last first, with their places.
    fn events(&self) -> impl Iterator<Item = (usize, &Event)> {
        let events = self.nodes[..self.depth()].iter().enumerate().rev();
        events.filter_map(|(at, node)| Some((at, node.event.as_ref()?)))
    }

    /// What came before the next event of a process.
    fn clock_of(&self, process: usize) -> Clock {
        let last = self.events().find(|(_, event)| event.process.is_none_or(|of| of == process));
        last.map_or_else(Clock::default, |(_, event)| event.clock)
    }

    /// What comes before an event of this process that touches this, and the events that it races with.
    fn races(&self, process: usize, touched: &[Access], own: &Clock) -> (Clock, Vec<usize>) {
        let mut clock = *own;
        let mut races = Vec::new();
        let mut contended = Vec::new();
        for (at, event) in self.events() {
            // What was before the clock moved comes before everything.
            let Some(of) = event.process else { break };
            if of == process || event.is_before(own) || !conflict(&event.touched, touched) {
                continue;
            }
            let between = event.is_before(&clock);
            clock = joined(clock, &event.clock);
            let contends = self.contends(event, touched, &mut contended);
            if contends || !between && !self.must_wait(at, process, touched) {
                races.push(at);
            }
        }
        (clock, races)
    }

    /// Whether this event took a lock that is wanted now, and nobody did after it.
    fn contends(&self, event: &Event, touched: &[Access], known: &mut Vec<(usize, u64)>) -> bool {
        let mut contends = false;
        for taken in event.touched.iter() {
            if let Some(lock) = taken.locks().filter(|lock| !known.contains(lock))
                && touched.iter().any(|wanted| wanted.contends(*taken))
            {
                known.extend(taken.acquires().then_some(lock));
                contends = true;
            }
        }
        contends
    }

    /// Whether a process that wants locks finds one of them taken by another process at this node.
    fn must_wait(&self, at: usize, process: usize, touched: &[Access]) -> bool {
        let waits = |access: &Access| access.locks().filter(|_| access.waits());
        touched.iter().filter_map(waits).any(|lock| {
            let before = self.nodes[..at].iter().rev().filter_map(|node| node.event.as_ref());
            let last = before.filter(|event| event.process != Some(process)).find_map(|event| {
                let of_it = || event.touched.iter().filter(|access| access.locks() == Some(lock));
                let released = of_it().any(|access| access.releases());
                let taken = of_it().any(|access| access.acquires());
                (released || taken).then_some(taken && !released)
            });
            last == Some(true)
        })
    }

    /// Has an execution explored in which this process comes to its next event before the event at this place.
    ///
    /// Of what came between, everything that does not come after the first event can stay before the second: with any process
    /// that can begin that, the other order is explored (a *source set*).
    fn reverse(&mut self, first: usize, process: usize, clock: &Clock) {
        let Some(event) = self.nodes[first].event.clone() else { return };
        let mut kept: Vec<(usize, u16)> = Vec::new();
        let mut begins: u16 = 0;
        let later = (first + 1..self.depth()).filter_map(|at| self.nodes[at].event.as_ref());
        let last = (process, clock[process], clock);
        let later = later.filter_map(|event| Some((event.process?, event.number, &event.clock)));
        for (of, number, clock) in later.filter(|(.., clock)| !event.is_before(clock)).chain([last]) {
            // What its own process did before is among that.
            let depends = |(process, number): &(usize, u16)| *number <= clock[*process];
            if !kept.iter().any(depends) {
                begins |= 1 << of;
            }
            kept.push((of, number));
        }
        let node = &mut self.nodes[first];
        if node.tries & begins == 0 {
            let own = 1 << process;
            node.tries |= if begins & own != 0 { own } else { begins & begins.wrapping_neg() };
        }
    }
}

fn joined(mut one: Clock, other: &Clock) -> Clock {
    for (one, other) in one.iter_mut().zip(other) {
        *one = (*one).max(*other);
    }
    one
}
