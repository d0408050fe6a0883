//! Aiming again: where a fault belongs after something before it was taken away.
//!
//! `m0#2` is whichever delivery came second; without the crash that made it so, the same work is done in `m0#1`. So a fault
//! that misses in the shorter history is tried at the nearest points where the same operation of the same message stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    edit::moved,
    ladder::{LADDER, to_deadlines},
};
use crate::{
    History,
    history::{Coordinate, DeliveryName, Fault, Place, TaskName},
    machine::trace::{Event, Replay},
};

/// How many points are tried for a fault that misses.
const MOST_POINTS: usize = 3;

/// An operation is looked for among so many numbers to either side of its own.
const REACH: u32 = 4;

/// What stood at each point of a trace, in words. An acknowledgement has none.
pub(super) type Points = BTreeMap<Coordinate, String>;

/// The points of a trace that was recorded in words.
pub(super) fn points(replay: &Replay) -> Points {
    let said = |event: &Event| match event {
        Event::Step { at, words, .. } | Event::Blocked { at, words, .. } => {
            Some((*at, words.as_ref().map_or_else(String::new, |words| words.what.clone())))
        }
        Event::Settled { delivery, .. } => Some((delivery.ack(), String::new())),
        _ => None,
    };
    replay.events.iter().filter_map(said).collect()
}

/// Histories like `shorter`, whose replay is `missed`, with the faults that miss there at the nearest points that fit,
/// nearest first. `before` is what stood where in the longer history, its messages numbered as in the shorter one.
pub(super) fn aimed_again(shorter: &History, missed: &Replay, before: &Points) -> Vec<History> {
    let now = points(missed);
    let fits: Vec<(usize, Vec<Coordinate>)> = shorter
        .faults
        .iter()
        .enumerate()
        .filter(|(at, fault)| misses(*at, fault, missed, before, &now))
        .filter_map(|(at, fault)| Some((at, nearest(point_of(fault)?, before, &now))))
        .filter(|(_, fits)| !fits.is_empty())
        .collect();
    let tries = fits.iter().map(|(_, fits)| fits.len()).max().unwrap_or(0);
    let aimed = (0..tries).filter_map(|nth| {
        let mut history = shorter.clone();
        for (at, fits) in &fits {
            history.faults[*at] = moved(&shorter.faults[*at], fits[nth.min(fits.len() - 1)])?;
        }
        let twice = history.faults.iter().enumerate().any(|(at, fault)| history.faults[..at].contains(fault));
        (!twice).then_some(history)
    });
    aimed.collect()
}

fn point_of(fault: &Fault) -> Option<Coordinate> {
    fault.coordinate()
}

/// Whether a fault did not act, or on something else than before.
fn misses(at: usize, fault: &Fault, missed: &Replay, before: &Points, now: &Points) -> bool {
    let Some(point) = point_of(fault) else { return false };
    missed.unused.iter().any(|unused| unused.fault == at)
        || matches!((before.get(&point), now.get(&point)), (Some(before), Some(now)) if before != now)
}

/// The nearest other points of the same message where the same operation stands.
fn nearest(point: Coordinate, before: &Points, now: &Points) -> Vec<Coordinate> {
    let operation = operation(point, before);
    let mut fits: Vec<(u32, Coordinate)> = now
        .iter()
        .filter(|(at, what)| {
            **at != point && same_work(**at, point) && operation.is_none_or(|operation| operation == what.as_str())
        })
        .filter_map(|(at, _)| Some((distance(point, *at, operation.is_some())?, *at)))
        .collect();
    fits.sort_unstable();
    fits.truncate(MOST_POINTS);
    fits.into_iter().map(|(_, at)| at).collect()
}

/// What stood at a point. An operation that a crash kept from acting is not in the trace, but another delivery of the
/// message that came further tells.
fn operation(point: Coordinate, before: &Points) -> Option<&str> {
    let elsewhere = || {
        let like = |at: &Coordinate| same_work(*at, point) && at.place == point.place;
        before.iter().find(|(at, _)| like(at)).map(|(_, what)| what)
    };
    before.get(&point).or_else(elsewhere).map(String::as_str)
}

/// Whether two points stand in deliveries of one message, or in rounds of one work of one process.
fn same_work(one: Coordinate, other: Coordinate) -> bool {
    match (one.task, other.task) {
        (TaskName::Delivery(one), TaskName::Delivery(other)) => one.message == other.message,
        (TaskName::Round(one), TaskName::Round(other)) => (one.work, one.process) == (other.work, other.process),
        _ => false,
    }
}

/// How far apart two points are, if one can stand for the other. What is not known by its words must have the same number.
fn distance(one: Coordinate, other: Coordinate, is_known: bool) -> Option<u32> {
    let deliveries = match (one.task, other.task) {
        (TaskName::Delivery(one), TaskName::Delivery(other)) => one.number.abs_diff(other.number),
        (TaskName::Round(one), TaskName::Round(other)) => one.number.abs_diff(other.number),
        _ => return None,
    };
    let places = match (one.place, other.place) {
        (Place::Ack, Place::Ack) => 0,
        (Place::Operation(one), Place::Operation(other)) => one.abs_diff(other),
        _ => return None,
    };
    (places <= if is_known { REACH } else { 0 }).then_some(deliveries * REACH + places)
}

/// For each fault that acted, in that order, other points where it may do the same, so that the faults that led to its own
/// can be spared.
///
/// A crash takes every delivery of its process, and may as well stand where another of them stood. A jump of the clock
/// matters to a later delivery of a message, and may as well stand at its first point.
pub(super) fn elsewhere(history: &History, replay: &Replay) -> Vec<Vec<Coordinate>> {
    let places = replay.acted.iter().map(|acted| {
        let (before, after) = replay.events.split_at(acted.position);
        let mut places: Vec<Coordinate> = match (&history.faults[acted.fault], after.first()) {
            (Fault::Crash { at }, Some(Event::Crashed { lost, .. })) => {
                let others = lost.iter().filter(|task| **task != at.task).filter_map(|task| task.delivery());
                others.map(|delivery| stood(delivery, before)).collect()
            }
            (Fault::Advance { at, .. }, _) => {
                let began = |event: &Event| match event {
                    Event::Delivered { delivery, .. } if delivery.number > 1 => Some(delivery.operation(1)),
                    _ => None,
                };
                after.iter().filter_map(began).filter(|place| place != at).collect()
            }
            _ => Vec::new(),
        };
        places.truncate(MOST_POINTS);
        places
    });
    places.collect()
}

/// The longest jump of the clock in the place of what cuts a later delivery short.
pub(super) fn jump_instead(fault: &Fault) -> Option<Fault> {
    let (Fault::Crash { at } | Fault::Cancel { at }) = *fault else { return None };
    let by = LADDER.into_iter().next_back()?;
    at.delivery().is_some_and(|delivery| delivery.number > 1).then_some(Fault::Advance { at, by })
}

/// The longest jump of the clock in the place of this one: all the time that other faults let pass may pass in it.
pub(super) fn longest_jump(fault: &Fault) -> Option<Fault> {
    let Fault::Advance { at, by } = *fault else { return None };
    LADDER.into_iter().next_back().filter(|longest| *longest > by).map(|by| Fault::Advance { at, by })
}

/// For each fault that acted, in that order, the shorter jumps of the clock that may do in its place, shortest first.
pub(super) fn shorter_jumps(history: &History, replay: &Replay) -> Vec<Vec<Fault>> {
    let jumps = replay.acted.iter().map(|acted| {
        let Fault::Advance { at, by: longest } = history.faults[acted.fault] else { return Vec::new() };
        let (mut now, mut deadlines) = (Duration::ZERO, BTreeSet::new());
        for event in &replay.events[..acted.position] {
            match event {
                Event::Clock { to } => now = *to,
                Event::Step { facts, .. } => deadlines.extend(facts.deadline),
                _ => {}
            }
        }
        let shorter: BTreeSet<Duration> = to_deadlines(&deadlines, now).chain(LADDER).collect();
        shorter.range(..longest).map(|by| Fault::Advance { at, by: *by }).collect()
    });
    jumps.collect()
}

/// The next point of a delivery after these events.
fn stood(delivery: DeliveryName, events: &[Event]) -> Coordinate {
    let mut next = delivery.operation(1);
    for event in events.iter().filter(|event| event.delivery() == Some(delivery)) {
        match (event, event.point().map(|point| point.place)) {
            (_, Some(Place::Operation(number))) => next = delivery.operation(number + 1),
            (Event::Returned { .. }, _) => next = delivery.ack(),
            _ => {}
        }
    }
    next
}

/// What stood where, with the messages numbered as they are without one of them.
pub(super) fn without_message(points: &Points, gone: usize) -> Points {
    let renumber = |delivery: DeliveryName| DeliveryName {
        message: delivery.message - usize::from(delivery.message > gone),
        ..delivery
    };
    let left = points.iter().filter(|(at, _)| at.message() != Some(gone));
    let moved = |at: &Coordinate| match at.delivery() {
        Some(delivery) => Coordinate { task: renumber(delivery).into(), ..*at },
        None => *at,
    };
    left.map(|(at, what)| (moved(at), what.clone())).collect()
}

#[cfg(test)]
mod tests;
