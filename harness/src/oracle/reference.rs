//! Reference runs: made when they are asked for, and kept for as long as the same messages are searched.
//!
//! Which reference runs a history has is `case`'s. A run depends on the messages and on the delivery model, on neither the
//! faults nor the number of processes (it runs in one), so that the thousands of histories of a workload share them.

use std::{collections::BTreeMap, time::Duration};

use super::order::Places;
use crate::{
    DeliveryModel, Error, History, Observation,
    history::Published,
    machine::trace::{Answer, Detail, End, Event, Fate, Replay, Supplied},
    subject::{Job, Reference, Subject},
};

/// So many runs are kept at most, and of so many workloads; then all are forgotten, so that memory stays flat.
const MOST_RUNS_KEPT: usize = 4_096;
const MOST_WORKLOADS_KEPT: usize = 32;

/// What is known of reference runs.
#[derive(Debug, Default)]
pub(super) struct References {
    known: Vec<Known>,
    /// The workload that was asked for last, mostly the one that is asked for next.
    last: usize,
    /// How many runs are kept, over all workloads.
    kept: usize,
}

/// What is known of the reference runs of one workload.
#[derive(Debug)]
struct Known {
    model: DeliveryModel,
    messages: Vec<Published>,
    runs: Vec<Run>,
    /// Where each of them is.
    places: BTreeMap<Reference, usize>,
}

/// What one reference run left.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) observation: Observation,
    /// The messages whose handler answered done.
    pub(super) done: Places,
    /// How each handler answered, by the place of its message.
    answers: Vec<Option<Answer>>,
    /// What its deliveries used of what they were supplied with.
    pub(super) used: Used,
    /// Why it says nothing, if it has no end.
    pub(super) endless: Option<String>,
}

/// Which messages' handlers used the clock and the randomness that they were supplied with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) clock: Places,
    pub(super) random: Places,
}

impl References {
    /// What this reference run leaves.
    pub(super) fn run(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        reference: &Reference,
    ) -> Result<&Run, Error> {
        self.find_workload(history);
        let at = match self.known[self.last].places.get(reference) {
            Some(at) => *at,
            None => {
                let replay = subject.run(Job::Reference(history, reference), Detail::Facts)?;
                self.keep(history, reference.clone(), Run::of(replay))
            }
        };
        Ok(&self.known[self.last].runs[at])
    }

    fn find_workload(&mut self, history: &History) {
        let is_it = |known: &Known| known.messages == history.messages && known.model == history.model;
        if self.known.get(self.last).is_some_and(is_it) {
            return;
        }
        self.last = self.known.iter().position(is_it).unwrap_or_else(|| {
            if self.known.len() >= MOST_WORKLOADS_KEPT {
                self.forget();
            }
            let messages = history.messages.clone();
            self.known.push(Known { model: history.model, messages, runs: Vec::new(), places: BTreeMap::new() });
            self.known.len() - 1
        });
    }

    fn keep(&mut self, history: &History, reference: Reference, run: Run) -> usize {
        if self.kept >= MOST_RUNS_KEPT {
            self.forget();
            self.find_workload(history);
        }
        self.kept += 1;
        let known = &mut self.known[self.last];
        known.runs.push(run);
        known.places.insert(reference, known.runs.len() - 1);
        known.runs.len() - 1
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Run {
    fn of(replay: Replay) -> Self {
        let endless = match replay.end {
            End::Inconclusive(why) => Some(why),
            End::Drained | End::Stuck(_) => None,
        };
        let mut answers = vec![None; replay.fates.len()];
        for event in &replay.events {
            if let Event::Returned { delivery, answer, .. } = event {
                answers[delivery.message] = Some(answer.clone());
            }
        }
        let done = replay.fates.iter().enumerate().filter(|(_, fate)| fate.handled.is_some());
        Self {
            done: done.map(|(place, _)| place).collect(),
            answers,
            used: Used::by(&replay.fates),
            observation: replay.observation,
            endless,
        }
    }

    /// How the handler of this message answered, if it took part.
    pub(super) fn answer(&self, message: usize) -> Option<&Answer> {
        self.answers.get(message)?.as_ref()
    }
}

impl Used {
    pub(super) fn by(fates: &[Fate]) -> Self {
        let mut used = Self::default();
        for (place, fate) in fates.iter().enumerate() {
            if fate.supplied.iter().any(|supplied| supplied.read_clock) {
                used.clock.insert(place);
            }
            if fate.supplied.iter().any(|supplied| supplied.drew) {
                used.random.insert(place);
            }
        }
        used
    }

    /// The same of other places: one more message like another counts as the other.
    pub(super) fn map(self, original: impl Fn(usize) -> usize) -> Self {
        Self { clock: self.clock.iter().map(&original).collect(), random: self.random.iter().map(&original).collect() }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { clock: self.clock.and(other.clock), random: self.random.and(other.random) }
    }

    /// Whether all that this used, the other used too.
    pub(super) fn within(self, other: Self) -> bool {
        self.clock.without(other.clock).is_empty() && self.random.without(other.random).is_empty()
    }

    /// When a reference run is observed: as late as the history was, if anything depends on the clock.
    pub(super) fn seen_at(self, replay: &Replay) -> Duration {
        if self.clock.is_empty() {
            return Duration::ZERO;
        }
        let time = |event: &Event| match event {
            Event::Clock { to } => Some(*to),
            _ => None,
        };
        replay.events.iter().rev().find_map(time).unwrap_or_default()
    }

    /// What a message is supplied with in a reference run, by one of its deliveries: only what is used, so that runs which
    /// cannot differ are one run.
    pub(super) fn of_supply(self, message: usize, supplied: &Supplied, first: &Supplied) -> Supplied {
        Supplied {
            began: if self.clock.contains(message) { supplied.began } else { Duration::ZERO },
            seed: if self.random.contains(message) { supplied.seed } else { first.seed },
            // Copies differ in what the handler is given: it need not ask.
            copy: supplied.copy,
            ..Supplied::default()
        }
    }
}
