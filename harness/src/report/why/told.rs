//! The trace as the finders of reasons see it: steps with what they read and wrote, and how each delivery ended.

use crate::{
    History,
    history::{Coordinate, DeliveryName, Fault, TaskName},
    machine::trace::{Answer, Event, Facts, Injected, Origin, Replay, Settlement},
};

use super::super::text::{escape, list, shorten};

/// The name of a table or key is quoted no longer.
const NAME: usize = 30;

/// A trace, read.
pub(super) struct Told<'a> {
    pub(super) history: &'a History,
    pub(super) replay: &'a Replay,
    pub(super) steps: Vec<Step<'a>>,
}

/// One step that acted.
pub(super) struct Step<'a> {
    /// Its place among the events.
    pub(super) event: usize,
    pub(super) at: Coordinate,
    pub(super) facts: &'a Facts,
    pub(super) reads: &'a [String],
    /// What it wrote; a commit, what its transaction had written.
    pub(super) writes: Vec<&'a str>,
    what: &'a str,
}

/// What kept a delivery from its end, or its end from the broker.
pub(super) struct CutShort {
    /// Where among the events.
    pub(super) event: usize,
    /// `p0 crashed`.
    pub(super) text: String,
    /// The point that a crash struck, or the step that failed.
    pub(super) at: Option<Coordinate>,
    pub(super) is_crash: bool,
}

impl<'a> Told<'a> {
    pub(super) fn new(history: &'a History, replay: &'a Replay) -> Self {
        let step = |(event, happened): (usize, &'a Event)| match happened {
            Event::Step { at, facts, words, .. } => Some(Step {
                event,
                at: *at,
                facts,
                reads: words.as_ref().map_or(&[], |words| &words.reads),
                writes: words.iter().flat_map(|words| &words.writes).map(String::as_str).collect(),
                what: words.as_ref().map_or("", |words| &words.what),
            }),
            _ => None,
        };
        let mut steps: Vec<Step<'a>> = replay.events.iter().enumerate().filter_map(step).collect();
        for at in 0..steps.len() {
            if steps[at].is_commit() && steps[at].writes.is_empty() {
                steps[at].writes = uncommitted(&steps[..at], steps[at].at.task);
            }
        }
        Self { history, replay, steps }
    }

    /// The steps of one delivery, or of one round.
    pub(super) fn of(&self, task: impl Into<TaskName>) -> impl DoubleEndedIterator<Item = &Step<'a>> {
        let task = task.into();
        self.steps.iter().filter(move |step| step.at.task == task)
    }

    /// The steps on behalf of a message that changed what is observed, and if none of its deliveries' did, those of
    /// background work.
    pub(super) fn effects(&self, message: usize) -> impl DoubleEndedIterator<Item = &Step<'a>> {
        let its_own = |step: &&Step<'a>| step.at.message() == Some(message) && step.is_effect();
        let whose = self.steps.iter().any(|step| its_own(&step)).then_some(message);
        self.steps.iter().filter(move |step| step.at.message() == whose && step.is_effect())
    }

    /// The step by which a delivery wrote a thing so that others could see it, and the event from which they could.
    pub(super) fn wrote(&self, task: impl Into<TaskName>, thing: &str) -> Option<(&Step<'a>, usize)> {
        let task = task.into();
        let written = self.of(task).find(|step| step.took_effect() && step.writes(thing))?;
        if written.facts.changes {
            return Some((written, written.event));
        }
        // In a transaction nobody sees it until that is committed.
        let commits = |step: &&Step<'a>| step.event > written.event && step.facts.changes && step.writes(thing);
        self.of(task).find(commits).map(|commit| (written, commit.event))
    }

    /// The deliveries of a message that began, in their order, with why.
    pub(super) fn deliveries(&self, message: usize) -> impl Iterator<Item = (DeliveryName, Origin)> {
        self.replay.events.iter().filter_map(move |event| match event {
            Event::Delivered { delivery, origin, .. } if delivery.message == message => Some((*delivery, *origin)),
            _ => None,
        })
    }

    /// What the deliveries of a message answered, in order.
    pub(super) fn answers(&self, message: usize) -> impl Iterator<Item = &'a Answer> {
        self.replay.events.iter().filter_map(move |event| match event {
            Event::Returned { delivery, answer, .. } if delivery.message == message => Some(answer),
            _ => None,
        })
    }

    /// Where a delivery said done.
    pub(super) fn done(&self, of: DeliveryName) -> Option<usize> {
        self.replay.events.iter().position(
            |event| matches!(event, Event::Returned { delivery, answer: Answer::Done(_), .. } if *delivery == of),
        )
    }

    /// What kept a delivery from being done and acked, if something did: a crash before an error, an error before the
    /// answer that came of it.
    pub(super) fn cut_short(&self, of: impl Into<TaskName>) -> Option<CutShort> {
        let of = of.into();
        self.crash(of).or_else(|| self.failure(of)).or_else(|| self.answer(of))
    }

    fn crash(&self, of: TaskName) -> Option<CutShort> {
        self.replay.events.iter().enumerate().find_map(|(event, happened)| match happened {
            Event::Crashed { process, lost } if lost.contains(&of) => {
                let acted = self.replay.acted.iter().filter(|acted| acted.position == event);
                let at = acted.filter_map(|acted| self.history.faults.get(acted.fault)).find_map(|fault| match fault {
                    Fault::Crash { at } => Some(*at),
                    _ => None,
                });
                let at = at.filter(|at| at.task == of);
                Some(CutShort { event, text: format!("p{} crashed", process.index()), at, is_crash: true })
            }
            Event::Cancelled { task, .. } if *task == of => {
                let at = self.replay.acted.iter().find(|acted| acted.position == event);
                let at = at.and_then(|acted| self.history.faults.get(acted.fault)).and_then(Fault::coordinate);
                Some(CutShort { event, text: format!("{of} was cancelled"), at, is_crash: true })
            }
            _ => None,
        })
    }

    /// The last step of a delivery that was made to fail, gave up or was refused.
    pub(super) fn failure(&self, of: impl Into<TaskName>) -> Option<CutShort> {
        let failed = |step: &&Step<'a>| step.facts.went_wrong();
        let step = self.of(of).rfind(failed)?;
        let text = match step.facts.suffered {
            Some(Injected::Fail) => format!("{} failed", step.at),
            Some(Injected::LoseReply) => format!("the reply of {} was lost", step.at),
            None if step.facts.refused => format!("{} was refused", step.at),
            None => format!("{} gave up waiting for a lock", step.at),
        };
        Some(CutShort { event: step.event, text, at: Some(step.at), is_crash: false })
    }

    fn answer(&self, of: TaskName) -> Option<CutShort> {
        let of = of.delivery()?;
        self.replay.events.iter().enumerate().find_map(|(event, happened)| {
            let text = match happened {
                Event::Returned { delivery, answer, .. } if *delivery == of => match answer {
                    Answer::Done(_) => return None,
                    Answer::Retry(_) => format!("{of} asked for it again"),
                    Answer::Reject(_) => format!("{of} rejected it"),
                    Answer::Panicked(_) => format!("{of} panicked"),
                },
                Event::Settled { delivery, how: Settlement::AckLost, .. } if *delivery == of => {
                    format!("the {} of {of} was lost", self.history.model.rules().terms().ack)
                }
                _ => return None,
            };
            Some(CutShort { event, text, at: None, is_crash: false })
        })
    }
}

/// What a delivery had written in the transaction that comes last among these steps.
fn uncommitted<'a>(steps: &[Step<'a>], task: TaskName) -> Vec<&'a str> {
    let of = steps.iter().rev().filter(|step| step.at.task == task);
    let open: Vec<&Step<'a>> = of.take_while(|step| !step.facts.changes && !step.is_rollback()).collect();
    let mut written = Vec::new();
    for name in open.iter().rev().flat_map(|step| &step.writes) {
        if !written.contains(name) {
            written.push(*name);
        }
    }
    written
}

impl Step<'_> {
    /// Whether it changed what is observed.
    pub(super) fn is_effect(&self) -> bool {
        self.facts.observed_change
    }

    /// Whether it did anything: an operation that failed, gave up or was refused did not.
    pub(super) fn took_effect(&self) -> bool {
        self.facts.suffered != Some(Injected::Fail) && !self.facts.gave_up && !self.facts.refused
    }

    /// Whether it read a thing and wrote none: a check.
    pub(super) fn only_reads(&self, thing: &str) -> bool {
        self.writes.is_empty() && self.reads.iter().any(|other| other == thing)
    }

    /// `changed account`, or `took effect` where its store does not tell what it wrote.
    pub(super) fn changed(&self) -> String {
        match self.writes[..] {
            [] => "took effect".to_owned(),
            [_] | [_, _] => {
                format!("changed {}", list(&self.writes.iter().map(|name| thing(name)).collect::<Vec<_>>()))
            }
            [first, ..] => format!("changed {} and more", thing(first)),
        }
    }

    /// Whether it wrote a thing.
    pub(super) fn writes(&self, thing: &str) -> bool {
        self.writes.contains(&thing)
    }

    fn is_commit(&self) -> bool {
        self.begins_with("commit")
    }

    fn is_rollback(&self) -> bool {
        self.begins_with("rollback")
    }

    fn begins_with(&self, word: &str) -> bool {
        self.what.trim_start().get(..word.len()).is_some_and(|first| first.eq_ignore_ascii_case(word))
    }
}

/// The name of a table or key, fit for a sentence.
pub(super) fn thing(name: &str) -> String {
    shorten(&escape(name), NAME)
}
