//! What a watched trace says about who changed what is observed: an explanation that contradicts it is none.

use super::order::Places;
use crate::{
    Observation,
    machine::trace::{Event, Replay},
};

/// What the trace says of each message.
#[derive(Debug)]
pub(super) struct Evidence {
    /// How often background work did: on whose behalf nobody knows.
    in_background: usize,
    /// How often a step on its behalf changed what is observed. In a transaction only the commit does.
    times: Vec<usize>,
    /// After how many events it did so last.
    last: Vec<Option<usize>>,
    /// The steps tell. If not, what is durable has no points (a store of the user's own), and each delivery counts as a
    /// change that may or may not have been made, at its end.
    told: bool,
    /// A store lost something that it held: whatever had an effect may have none.
    forgotten: bool,
    /// Messages of which a delivery was cut short: it crashed, or did not say done, or an operation of it failed.
    interrupted: Places,
}

impl Evidence {
    /// Reads a watched replay. `untouched` is what is observed when no message was delivered.
    pub(super) fn of(replay: &Replay, untouched: &Observation) -> Self {
        let messages = replay.fates.len();
        let mut told = Self::none(messages, true);
        let mut untold = Self::none(messages, false);
        for (position, event) in replay.events.iter().enumerate() {
            match event {
                Event::Step { at, facts, .. } => {
                    let Some(message) = at.message() else {
                        told.in_background += usize::from(facts.observed_change);
                        continue;
                    };
                    if facts.observed_change {
                        told.note(message, position);
                    }
                    if facts.went_wrong() {
                        told.interrupted.insert(message);
                    }
                }
                Event::Returned { delivery, answer, .. } => {
                    untold.note(delivery.message, position);
                    if !answer.is_done() {
                        told.interrupted.insert(delivery.message);
                    }
                }
                Event::Crashed { lost, .. } => {
                    for message in lost.iter().filter_map(|task| task.message()) {
                        untold.note(message, position);
                        told.interrupted.insert(message);
                    }
                }
                Event::Cancelled { task, .. } => {
                    if let Some(message) = task.message() {
                        untold.note(message, position);
                        told.interrupted.insert(message);
                    }
                }
                Event::Forgot { .. } => (told.forgotten, untold.forgotten) = (true, true),
                _ => {}
            }
        }
        let steps_tell =
            told.in_background > 0 || told.times.iter().any(|times| *times > 0) || replay.observation == *untouched;
        if steps_tell { told } else { Self { interrupted: told.interrupted, ..untold } }
    }

    fn none(messages: usize, told: bool) -> Self {
        Self {
            in_background: 0,
            times: vec![0; messages],
            last: vec![None; messages],
            told,
            forgotten: false,
            interrupted: Places::default(),
        }
    }

    fn note(&mut self, message: usize, position: usize) {
        self.times[message] += 1;
        self.last[message] = Some(position);
    }

    /// How often it may have taken effect.
    pub(super) fn times(&self, message: usize) -> usize {
        self.times[message] + self.in_background
    }

    /// Whether it may have had no effect at all.
    pub(super) fn may_be_lost(&self, message: usize) -> bool {
        !self.told || self.times[message] == 0 || self.forgotten
    }

    /// Whether both wrote and this one wrote last.
    pub(super) fn wrote_after(&self, message: usize, other: usize) -> bool {
        self.last[message].zip(self.last[other]).is_some_and(|(its, the_others)| its > the_others)
    }

    /// The first message that had an effect and whose handling was cut short.
    pub(super) fn cut_short(&self) -> Option<usize> {
        self.interrupted.iter().find(|message| !self.told || self.times[*message] > 0)
    }
}
