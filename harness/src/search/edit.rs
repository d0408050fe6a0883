//! A history with something taken away: a message, faults, a process. What is left names the same things as before, by the
//! names that they have now.
//!
//! Whether such a history still fails is for `shrink` to see.

use std::collections::BTreeSet;

use crate::{
    History,
    history::{Coordinate, Deferred, DeliveryName, Fault, TaskName},
};

/// Without one of its messages, and without the faults that name it. The others move up. `None` for the last one left.
pub(super) fn without_message(history: &History, gone: usize) -> Option<History> {
    if history.messages.len() < 2 {
        return None;
    }
    let mut left = history.clone();
    left.messages.remove(gone);
    left.faults = history.faults.iter().filter_map(|fault| renumbered(fault, gone)).collect();
    Some(left)
}

/// Without the faults from one place on, so many of them.
pub(super) fn without_faults(history: &History, from: usize, count: usize) -> History {
    let mut left = history.clone();
    left.faults.drain(from..(from + count).min(history.faults.len()));
    left
}

/// The same, if each of them had brought about one delivery more of its message: those after it count one less.
pub(super) fn closed_up(history: &History, from: usize, count: usize) -> History {
    let mut left = without_faults(history, from, count);
    let gone = history.faults.iter().skip(from).take(count).filter_map(Fault::coordinate);
    let gone: BTreeSet<DeliveryName> = gone.filter_map(Coordinate::delivery).collect();
    for fault in &mut left.faults {
        let Some(at) = fault.coordinate() else { continue };
        let Some(delivery) = at.delivery() else { continue };
        let earlier = |gone: &&DeliveryName| gone.message == delivery.message && gone.number < delivery.number;
        let number = delivery.number - gone.iter().filter(earlier).count() as u32;
        let to = Coordinate { task: DeliveryName { number, ..delivery }.into(), ..at };
        if let Some(moved) = moved(fault, to) {
            *fault = moved;
        }
    }
    left
}

/// Without so many of its processes, the last ones. What was sent to one of them goes where it would by itself.
pub(super) fn with_processes(history: &History, processes: usize) -> History {
    let mut left = History { processes, ..history.clone() };
    let runs = |at: Coordinate| !matches!(at.task, TaskName::Round(round) if round.process >= processes);
    left.faults.retain(|fault| match fault {
        Fault::Skew { process, .. } => *process < processes,
        other => other.coordinate().is_none_or(runs),
    });
    for fault in &mut left.faults {
        if let Fault::Overlap { to, .. } = fault {
            *to = to.filter(|to| *to < processes);
        }
    }
    left
}

/// The same fault once a message before it is gone; `None` if it needs that message.
fn renumbered(fault: &Fault, gone: usize) -> Option<Fault> {
    let message = |message: usize| match message.cmp(&gone) {
        std::cmp::Ordering::Less => Some(message),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(message - 1),
    };
    let delivery = |name: DeliveryName| Some(DeliveryName { message: message(name.message)?, ..name });
    let point = |at: Coordinate| match at.delivery() {
        Some(of) => Some(Coordinate { task: delivery(of)?.into(), ..at }),
        None => Some(at),
    };
    Some(match fault.clone() {
        Fault::Duplicate { message: of, at: None } => Fault::Duplicate { message: message(of)?, at: None },
        Fault::Duplicate { message: of, at: Some(at) } => {
            Fault::Duplicate { message: message(of)?, at: Some(point(at)?) }
        }
        Fault::Defer { what: Deferred::Message(of), past } => {
            Fault::Defer { what: Deferred::Message(message(of)?), past: message(past)? }
        }
        Fault::Defer { what: Deferred::Delivery(of), past } => {
            Fault::Defer { what: Deferred::Delivery(delivery(of)?), past: message(past)? }
        }
        Fault::Overlap { at, to } => Fault::Overlap { at: point(at)?, to },
        Fault::Pause { at, until } => Fault::Pause { at: point(at)?, until: until.and_then(point) },
        Fault::Crash { at } => Fault::Crash { at: point(at)? },
        Fault::Cancel { at } => Fault::Cancel { at: point(at)? },
        Fault::LoseAck { delivery: of } => Fault::LoseAck { delivery: delivery(of)? },
        Fault::Fail { at } => Fault::Fail { at: point(at)? },
        Fault::LoseReply { at } => Fault::LoseReply { at: point(at)? },
        Fault::Advance { at, by } => Fault::Advance { at: point(at)?, by },
        Fault::Forget { store, at, loss, count } => Fault::Forget { store, at: point(at)?, loss, count },
        skew @ Fault::Skew { .. } => skew,
    })
}

/// The same fault at another point. `None` for one that acts at none.
pub(super) fn moved(fault: &Fault, to: Coordinate) -> Option<Fault> {
    let mut moved = fault.clone();
    match &mut moved {
        Fault::Duplicate { at: Some(at), .. }
        | Fault::Overlap { at, .. }
        | Fault::Pause { at, .. }
        | Fault::Crash { at }
        | Fault::Cancel { at }
        | Fault::Fail { at }
        | Fault::LoseReply { at }
        | Fault::Advance { at, .. }
        | Fault::Forget { at, .. } => *at = to,
        Fault::LoseAck { delivery } => *delivery = to.delivery()?,
        Fault::Duplicate { at: None, .. } | Fault::Defer { .. } | Fault::Skew { .. } => return None,
    }
    Some(moved)
}

/// The same fault without what it names beyond its point, if it names anything.
pub(super) fn plainer(fault: &Fault) -> Option<Fault> {
    match fault {
        Fault::Overlap { at, to: Some(_) } => Some(Fault::Overlap { at: *at, to: None }),
        Fault::Pause { at, until: Some(_) } => Some(Fault::Pause { at: *at, until: None }),
        Fault::Forget { store, at, loss, count: 2.. } => {
            Some(Fault::Forget { store: *store, at: *at, loss: *loss, count: 1 })
        }
        _ => None,
    }
}
