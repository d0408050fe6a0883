//! What a task used of that with which it is supplied, the clock and randomness, and with which of its steps.
//!
//! The search asks: where nobody looked, a jump of the clock may as well come later; and how far a delivery came before it died
//! matters where it came to use something.

use super::{
    desk::TaskId,
    replay::Run,
    task::Kind,
    trace::{Event, Facts},
};
use crate::history::TaskName;

/// What was used in one poll, as far as it has been gone through.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// How often the clock had been asked by then.
    asked: u32,
    /// The events that are the first step and the last one so far.
    steps: Option<(usize, usize)>,
    /// Whether anybody looked at the clock, and the step with which that was first; none, if it was before any.
    looks: Option<Option<usize>>,
}

impl Uses {
    /// A poll begins when the clock has been asked so often.
    pub(super) fn begin(asked: u32) -> Self {
        Self { asked, ..Self::default() }
    }
}

impl Run<'_> {
    /// The next event is a step, that acted when the clock had been asked so often. What happened earlier in a poll that was
    /// made for a step, happened in its turn.
    pub(super) fn note_step(&mut self, task: TaskId, uses: &mut Uses, asked: Option<u32>) {
        if let Some(asked) = asked {
            self.note_looks(task, uses, asked);
        }
        let next = self.events.len();
        uses.steps = Some(uses.steps.map_or((next, next), |(first, _)| (first, next)));
    }

    /// The clock has been asked so often by now. If that is more than before, somebody did with the last step, be it one of an
    /// earlier poll.
    pub(super) fn note_looks(&mut self, task: TaskId, uses: &mut Uses, asked: u32) {
        let has_asked = std::mem::replace(&mut uses.asked, asked) != asked;
        let step = match uses.steps {
            Some((_, last)) => Some(last),
            None if has_asked => self.last_step(task),
            None => None,
        };
        let facts = step.and_then(|step| self.facts(step));
        if has_asked || facts.as_ref().is_some_and(|facts| facts.reads_clock) {
            facts.into_iter().for_each(|facts| facts.looks = true);
            uses.looks.get_or_insert(step);
        }
    }

    /// Remembers whether the handler used the clock or the randomness that it was given, and with which steps for the first time.
    pub(super) fn note_supply(&mut self, task: TaskId, uses: &Uses) {
        let read = self.desk.clock().take_read();
        let delivery = match (self.tasks[task].name, self.tasks[task].kind) {
            (TaskName::Delivery(delivery), _) => delivery,
            (_, Kind::Round(round)) if read => return self.round_reads_clock(round),
            _ => return,
        };
        let drew = self.tasks[task].given.supply.drew();
        let asked_time = self.tasks[task].given.supply.asked_time();
        if self.tasks[task].given.supply.asked_for_key() {
            self.plan.habits.asks_for_keys.set(true);
        }
        let supplied = self.supplied(delivery);
        let (draws, looks) = (drew && !supplied.drew, read && !supplied.read_clock);
        supplied.drew |= drew;
        supplied.asked_time |= asked_time;
        supplied.read_clock |= read;
        if draws {
            // With which of them nobody knows.
            let steps = uses.steps.map_or(0..0, |(first, last)| first..last + 1);
            self.last_step(task).into_iter().chain(steps).for_each(|step| self.note_use(step));
        }
        if looks {
            uses.looks.flatten().into_iter().for_each(|step| self.note_use(step));
        }
    }

    fn note_use(&mut self, step: usize) {
        if let Some(facts) = self.facts(step) {
            facts.uses = true;
        }
    }

    fn facts(&mut self, event: usize) -> Option<&mut Facts> {
        match self.events.get_mut(event) {
            Some(Event::Step { facts, .. }) => Some(facts),
            _ => None,
        }
    }

    /// The last step of a task, if it has taken one.
    fn last_step(&self, task: TaskId) -> Option<usize> {
        let name = self.tasks[task].name;
        self.events.iter().rposition(|event| matches!(event, Event::Step { at, .. } if at.task == name))
    }
}
