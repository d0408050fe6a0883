//! Which executions are judged: of all that come to the same, one.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
};

use rustc_hash::{FxHashMap, FxHasher};

use super::Execution;
use crate::{
    Error, History,
    machine::{
        Activity, Turn, disturbed,
        trace::{Answer, Detail, Event, Replay, Settlement},
    },
    oracle::Judgement,
    search::Judge,
    subject::{Job, Reference, Subject},
};

/// What executions came to, by all that the oracle looks at.
#[derive(Default)]
pub(super) struct Judged {
    known: FxHashMap<u64, Judgement>,
}

impl Judged {
    /// The judgement on an execution, taken from another one that came to the same if there was one.
    pub(super) fn judge(
        &mut self,
        subject: &mut dyn Subject,
        judge: &mut dyn Judge,
        execution: &Execution<'_>,
    ) -> Result<Judgement, Error> {
        let key = key(execution.replay);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let judgement = judge.judge(subject, execution.history, execution.replay)?;
        self.known.insert(key, judgement.clone());
        Ok(judgement)
    }
}

/// All that a judgement can depend on. Where the clock moved that is everything that happened.
fn key(replay: &Replay) -> u64 {
    let mut hasher = FxHasher::default();
    if replay.events.iter().any(|event| matches!(event, Event::Clock { .. })) {
        replay.key.hash(&mut hasher);
    }
    (&replay.observation, &replay.state, &replay.end).hash(&mut hasher);
    replay.broken.as_ref().map(|broken| &broken.label).hash(&mut hasher);
    for fate in &replay.fates {
        (fate.handled.is_some(), fate.dead_lettered, fate.acknowledged, &fate.supplied).hash(&mut hasher);
        for other in &replay.fates {
            let before = fate.handled.is_some_and(|handled| other.first_delivered.is_none_or(|first| handled <= first));
            before.hash(&mut hasher);
        }
    }
    for event in &replay.events {
        match event {
            Event::Settled { delivery, how: Settlement::Acked | Settlement::AckedEarly, .. } => {
                delivery.hash(&mut hasher)
            }
            Event::Returned {
                delivery, answer: Answer::Panicked(_) | Answer::Retry(_) | Answer::Reject(_), ..
            } => {
                delivery.hash(&mut hasher);
            }
            _ => {}
        }
    }
    disturbed(&replay.events).hash(&mut hasher);
    Activity::of(&replay.events, &replay.fates).hash(&mut hasher);
    hasher.finish()
}

/// Whether messages that are handled one after the other leave something else in another order, or are answered otherwise.
/// Where they do not, it cannot matter which of two executions that differ only in real time it was.
///
/// # Errors
/// What a store met.
pub(super) fn time_matters(subject: &mut dyn Subject, history: &History) -> Result<bool, Error> {
    let mut orders = vec![Vec::new()];
    let mut left: Vec<(BTreeSet<usize>, Replay)> = Vec::new();
    while let Some(order) = orders.pop() {
        for next in (0..history.messages.len()).filter(|next| !order.contains(next)) {
            let longer: Vec<usize> = order.iter().copied().chain([next]).collect();
            let turns = longer.iter().copied().map(Turn::plain).collect();
            let reference = Reference { turns, ..Reference::default() };
            let replay = subject.run(Job::Reference(history, &reference), Detail::Facts)?;
            let set: BTreeSet<usize> = longer.iter().copied().collect();
            let is_done = |event: &Event| !matches!(event, Event::Returned { answer, .. } if !answer.is_done());
            let same = |(of, other): &(BTreeSet<usize>, Replay)| *of != set || other.observation == replay.observation;
            if !replay.events.iter().all(is_done) || !left.iter().all(same) {
                return Ok(true);
            }
            left.push((set, replay));
            orders.push(longer);
        }
    }
    Ok(false)
}
