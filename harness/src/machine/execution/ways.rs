//! What can be done with a turn at a point, and with which fault. Which of it is done is chosen in `depart`.

use std::{collections::BTreeSet, time::Duration};

use super::follow::Follow;
use crate::{
    history::{Coordinate, Fault},
    machine::{
        desk::TaskId,
        trace::{Event, Origin},
    },
};

/// So many points are tried for one pause to end at.
const MOST_ENDS: usize = 8;

/// What can be done with a turn at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing: it goes on.
    GoesOn,
    Crash,
    Cancel,
    Advance(Duration),
    Overlap(Option<usize>),
    Duplicate(usize),
    Pause(Option<Coordinate>),
}

impl Follow<'_> {
    /// What can be done with a turn of this task at its point, the most likely first.
    pub(super) fn ways(&self, task: TaskId, at: Coordinate) -> Vec<Way> {
        let own = &self.tasks[task];
        match self.event() {
            Some(Event::Cancelled { task, .. }) if *task == own.delivery.into() => return vec![Way::Cancel],
            Some(event) if event.delivery() == Some(own.delivery) => return vec![Way::GoesOn],
            _ => {}
        }
        let mut ways: Vec<Way> = self.pauses(task).into_iter().map(Way::Pause).collect();
        match self.event() {
            Some(Event::Crashed { process, .. }) if process.index() == own.process => ways.insert(0, Way::Crash),
            Some(Event::Clock { to }) => {
                let by = to.saturating_sub(self.now);
                let by_itself = self.comes_to(*to) && self.record.moved_by_itself(self.next);
                let last = if by_itself { ways.len() } else { 0 };
                ways.insert(last, Way::Advance(by));
            }
            Some(Event::Delivered { delivery, process, origin: Origin::Overlap })
                if delivery.message == own.delivery.message && !self.queue.copy(own.copy).settled =>
            {
                let next = (own.process + 1) % self.processes;
                let to = (process.index() != next).then_some(process.index());
                ways.insert(0, Way::Overlap(to));
            }
            Some(Event::Delivered { delivery, process, origin: Origin::Copy }) if process.index() == 0 => {
                let is_held = self.holds_copy(delivery.message) && self.record.begins_by_itself(self.next);
                let last = if is_held { ways.len() } else { 0 };
                ways.insert(last, Way::Duplicate(delivery.message));
            }
            _ => {}
        }
        ways.retain(|way| self.fault(task, at, way).is_none_or(|fault| !self.faults.contains(&fault)));
        ways
    }

    /// Until what a delivery could stand here, the most likely first; `None` is: until nothing else can run.
    fn pauses(&self, task: TaskId) -> Vec<Option<Coordinate>> {
        let own = self.tasks[task].delivery;
        let goes_on = self.record.next_of(own, self.next).unwrap_or(self.record.len());
        // Whoever can run keeps the broker from handing anything out.
        let idle = self.record.last_idle(self.next, goes_on);
        let mut ends: Vec<(usize, Coordinate)> = self.record.arrivals(idle.unwrap_or(self.next), goes_on).collect();
        ends.retain(|(_, came)| came.delivery() != Some(own));
        let is_first = |other| self.tasks[..task].iter().any(|task| task.delivery == other);
        let limit = self.record.in_time(self.next, goes_on, is_first);
        let in_time = ends.partition_point(|(at, _)| *at < limit);
        // The last that comes in time, then the others from the last one on.
        let likely = in_time.checked_sub(1).map(|at| ends.remove(at));
        let mut ways: Vec<Option<Coordinate>> =
            likely.into_iter().chain(ends.into_iter().rev()).map(|(_, came)| Some(came)).collect();
        ways.truncate(MOST_ENDS);
        ways.push(None);
        // If it is lost where it stands.
        if let Some(Event::Crashed { lost, .. }) = self.record.event(goes_on) {
            ways.extend(
                lost.iter()
                    .filter_map(|other| other.delivery())
                    .filter(|other| *other != own)
                    .map(|other| Some(other.ack())),
            );
        }
        // If nothing else is left before that comes.
        let later = self.record.arrivals(goes_on, self.record.len()).find(|(_, came)| came.delivery() != Some(own));
        ways.extend(later.map(|(_, came)| Some(came)));
        if let Some(idle) = idle {
            // If it has to stand twice.
            let early = self.record.arrivals(self.next, idle).rev().filter(|(_, came)| came.delivery() != Some(own));
            ways.extend(early.take(2).map(|(_, came)| Some(came)));
        }
        let mut seen = BTreeSet::new();
        ways.retain(|way| seen.insert(*way));
        ways
    }

    /// The fault that makes it come to this.
    pub(super) fn fault(&self, task: TaskId, at: Coordinate, way: &Way) -> Option<Fault> {
        Some(match *way {
            Way::GoesOn => return None,
            Way::Crash => Fault::Crash { at },
            Way::Cancel => Fault::Cancel { at },
            Way::Advance(by) => Fault::Advance { at, by },
            Way::Overlap(to) => {
                // A second one at this point, to the same process, has to name it: no fault is written twice.
                let fault = Fault::Overlap { at, to };
                if to.is_none() && self.faults.contains(&fault) {
                    let next = (self.tasks[task].process + 1) % self.processes;
                    return Some(Fault::Overlap { at, to: Some(next) });
                }
                fault
            }
            Way::Duplicate(message) => Fault::Duplicate { message, at: Some(at) },
            Way::Pause(until) => Fault::Pause { at, until },
        })
    }
}
