//! Faults in words: the sentence that stands in a trace where one acts, and what each is called afterwards.
//!
//! What follows a handler's answer, and what comes again, is called as its delivery model calls it.

use crate::{
    delivery::Terms,
    history::{Coordinate, DeliveryName, Fault, Label, Loss, Place, Skew, TaskName},
    machine::trace::Origin,
    store::Process,
};

use super::text::{list, message, span};

/// The sentence of a fault that leaves no event of its own, where it acts.
pub(super) fn silent(fault: &Fault, terms: &Terms) -> Option<String> {
    match fault {
        Fault::Defer { what: crate::history::Deferred::Message(held), past } => {
            Some(format!("m{held} is held back until m{past} has been handled"))
        }
        Fault::Defer { what: crate::history::Deferred::Delivery(held), past } => {
            Some(format!("{held} is held back until m{past} has been handled"))
        }
        Fault::Pause { at, until: None } => Some(format!("{} stops {} while others run", at.task, before(*at, terms))),
        Fault::Pause { at, until: Some(until) } => {
            Some(format!("{} stops {} until {until} has been passed", at.task, before(*at, terms)))
        }
        _ => None,
    }
}

/// A delivery that was not planned: `m0 is delivered again`. Nothing is said of a first one; its steps speak.
pub(super) fn delivered(origin: Origin, place: usize, cause: Option<&Fault>, terms: &Terms) -> Option<String> {
    let (name, again) = (message(place), terms.again);
    let beside = cause.and_then(Fault::coordinate).map(|at| being_handled(at, terms));
    match (origin, beside) {
        (Origin::First, _) => None,
        (Origin::Copy, None) => Some(format!("a second copy of {name} is delivered")),
        (Origin::Copy, Some(beside)) => Some(format!("a second copy of {name} is delivered while {beside}")),
        (Origin::Redelivery, _) => Some(format!("{name} is {again}")),
        (Origin::Overlap, None) => Some(format!("{name} is {again} while it is being handled")),
        (Origin::Overlap, Some(beside)) => Some(format!("{name} is {again} while {beside}")),
    }
}

/// A crash, and which deliveries went with it where that is more than the one that it struck.
pub(super) fn crashed(process: &Process, lost: &[TaskName], cause: Option<&Fault>, terms: &Terms) -> String {
    let index = process.index();
    let at = cause.and_then(Fault::coordinate);
    let others: Vec<String> =
        lost.iter().filter(|delivery| at.is_some_and(|at| at.task != **delivery)).map(ToString::to_string).collect();
    let taken = if others.is_empty() { String::new() } else { format!(", and takes {} along", list(&others)) };
    match at {
        Some(Coordinate { task, place: Place::Ack }) => {
            format!("p{index} crashes before {task} is {}{taken}; it restarts", terms.acked)
        }
        _ if others.is_empty() => format!("p{index} crashes and restarts"),
        _ => format!("p{index} crashes{taken}; it restarts"),
    }
}

/// A handler, or a round of background work, was dropped.
pub(super) fn cancelled(task: TaskName) -> String {
    format!("{task} is cancelled: it is dropped, and its drop guards run")
}

/// The clock was made to jump.
pub(super) fn jumped(by: std::time::Duration) -> String {
    format!("the clock jumps {}", span(by))
}

/// The clock of a process is not that of the others.
pub(super) fn skewed(process: &Process, skew: Skew) -> String {
    let (index, by) = (process.index(), span(skew.by));
    if skew.ahead {
        format!("the clock of p{index} is {by} ahead")
    } else {
        format!("the clock of p{index} is {by} behind")
    }
}

/// A store lost something.
pub(super) fn forgot(store: Label, loss: Loss, count: u32) -> String {
    match (loss, count) {
        (Loss::Last, 1) => format!("{store} fails over and loses its last write"),
        (Loss::Last, _) => format!("{store} fails over and loses its last {count} writes"),
        (Loss::Oldest, 1) => format!("{store} evicts its oldest key"),
        (Loss::Oldest, _) => format!("{store} evicts its {count} oldest keys"),
    }
}

/// An acknowledgement never arrived.
pub(super) fn ack_lost(delivery: DeliveryName, terms: &Terms) -> String {
    format!("the {} of {delivery} is lost", terms.ack)
}

/// What a fault is called once it has been told: `the overlap`. Two of one kind are told apart by their places.
pub(super) fn names(faults: &[&Fault], terms: &Terms) -> Vec<String> {
    let lost_ack = format!("the lost {}", terms.ack);
    let noun = |fault: &Fault| match fault {
        Fault::Duplicate { .. } => "the second copy",
        Fault::Defer { .. } => "the delay",
        Fault::Overlap { .. } => "the overlap",
        Fault::Pause { .. } => "the pause",
        Fault::Crash { .. } => "the crash",
        Fault::Cancel { .. } => "the cancellation",
        Fault::LoseAck { .. } => &lost_ack,
        Fault::Fail { .. } => "the failed operation",
        Fault::LoseReply { .. } => "the lost reply",
        Fault::Advance { .. } => "the jump of the clock",
        Fault::Skew { .. } => "the skewed clock",
        Fault::Forget { loss: Loss::Last, .. } => "the failover",
        Fault::Forget { loss: Loss::Oldest, .. } => "the eviction",
    };
    let name = |fault: &&Fault| {
        let alone = faults.iter().filter(|other| other.word() == fault.word()).count() == 1;
        match (alone, fault) {
            (true, _) => noun(fault).to_owned(),
            (false, Fault::Defer { what, past }) => format!("the delay of {what} past m{past}"),
            (false, Fault::Duplicate { message, at: None }) => format!("the second copy of m{message}"),
            (false, Fault::Skew { process, .. }) => format!("the skewed clock of p{process}"),
            (false, Fault::LoseAck { delivery }) => format!("{lost_ack} of {delivery}"),
            (false, other) => {
                other.coordinate().map_or_else(|| noun(other).to_owned(), |at| format!("{} at {at}", noun(other)))
            }
        }
    };
    faults.iter().map(name).collect()
}

fn being_handled(at: Coordinate, terms: &Terms) -> String {
    match at.place {
        Place::Operation(_) => {
            format!("{} {}", at.task, if at.delivery().is_some() { "is being handled" } else { "is at work" })
        }
        Place::Ack => format!("the {} of {} is on its way", terms.ack, at.task),
    }
}

fn before(at: Coordinate, terms: &Terms) -> String {
    match at.place {
        Place::Operation(_) => "here".to_owned(),
        Place::Ack => format!("before its {}", terms.ack),
    }
}
