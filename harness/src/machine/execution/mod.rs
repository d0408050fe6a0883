//! From an execution to the history whose replay it is.
//!
//! An execution is what happened: the events of a trace. The scheduling order is followed along them (`follow`, `broker`);
//! where it would let somebody else go next, or the broker do something else, a fault is added that makes it do what happened
//! (`depart`, `ways`). What each delivery does next, and when, is read ahead (`record`), so that a pause ends where the delivery went
//! on. Nothing is known here of the faults that made the execution, and no handler runs.
//!
//! Mostly one way to go on is the only one, or the likely one is right. Where following leads to what did not happen, it
//! begins again and goes another way at one of its choices (`choices`), then at two.
//!
//! # What no history is made of
//!
//! Of every replay of a history, one can be made, but for what its events do not tell:
//!
//! - An execution that was given up.
//! - A delivery that does several things at once, while one of them waits for a lock: whether another one of them can act
//!   meanwhile, and at which operation it stands when its process dies.
//! - One that waits for something in the memory of its process: it is taken to be able to run. Mostly this adds no more than a
//!   pause that finds its end come already and does not act.
//!
//! In these two cases the history may replay to something else; [`difference`] tells. Of executions that are no replays of any
//! history (of a search that schedules freely) there are those that the scheduling order cannot come to, whatever faults
//! there are:
//!
//! - The broker hands something out by itself while a delivery waits for a lock that is free; or before a copy that is due and
//!   would come first, unless that comes only once a message is handled, or when there is nothing else left.
//! - Once a lock is released, who waits for it goes after somebody who could not run before that. It cannot stand there:
//!   a pause acts before an operation first tries.

mod broker;
mod choices;
mod depart;
mod follow;
mod record;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_pinned;
#[cfg(test)]
mod tests_record;
mod ways;

use std::collections::VecDeque;

use self::{follow::Follow, record::Record};
use super::trace::{End, Event, Replay, Settlement};
use crate::{
    History,
    delivery::DeliveryModel,
    history::{Fault, Published},
};

/// So often it is tried to follow an execution.
const MOST_TRIES: usize = 2_000;

/// Why no history was made from an execution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Inexpressible {
    /// The execution has no end that a replay could come to again.
    #[error("it was given up: {0}")]
    GivenUp(String),
    /// It has something in it that only replays have: background work, a handler that acknowledged early, timers, partitions.
    #[error("nothing is known of executions with {0}")]
    Unknown(&'static str),
    /// No faults were found that bring the scheduling order past this event.
    #[error("no faults were found that lead to event {event}: {what}")]
    NoFaults {
        /// Its place among the events.
        event: usize,
        /// What it is.
        what: String,
    },
}

/// One attempt to follow an execution.
#[derive(Clone, Debug, Default)]
struct Try {
    /// At which of its choices it goes another way than the likeliest, and which.
    otherwise: Vec<(usize, usize)>,
    /// Before these events it stands where nobody else can run: a fault that changes nothing, but from which on the horizon
    /// is counted.
    linger: Vec<usize>,
    /// Somebody may try in vain to get a lock though nobody was seen to take it: a store may have more than one.
    lenient: bool,
}

impl Try {
    /// The same, but for one choice more; there were so many ways at each. What was chosen last is the likeliest to have led
    /// astray.
    fn others<'a>(&'a self, met: &'a [usize]) -> impl Iterator<Item = Self> + 'a {
        let first = self.otherwise.last().map_or(0, |(choice, _)| choice + 1);
        let choices = (first..met.len()).rev().flat_map(|choice| (1..met[choice]).map(move |way| (choice, way)));
        choices.map(move |other| Self {
            otherwise: self.otherwise.iter().copied().chain([other]).collect(),
            ..self.clone()
        })
    }
}

/// What was followed led to something that did not happen.
#[derive(Clone, Copy, Debug)]
struct Departs;

/// The history of these messages whose replay is this execution.
///
/// # Errors
/// [`Inexpressible`], where no faults are known that make it so.
pub(crate) fn history_of(
    execution: &Replay,
    model: DeliveryModel,
    processes: usize,
    messages: &[Published],
) -> Result<History, Inexpressible> {
    if let End::Inconclusive(why) = &execution.end {
        return Err(Inexpressible::GivenUp(why.clone()));
    }
    if execution.waited_elsewhere {
        return Err(Inexpressible::Unknown("timers, or tasks that handlers spawn"));
    }
    if model.rules().orders_by_key() {
        return Err(Inexpressible::Unknown("partitions, whose keys the events do not tell"));
    }
    if let Some(what) = execution.events.iter().find_map(unknown) {
        return Err(Inexpressible::Unknown(what));
    }
    let faults = faults_of(&execution.events, model, processes, messages.len())?;
    Ok(History { model, processes, messages: messages.to_vec(), faults })
}

/// What an event is that cannot be followed, if it cannot.
fn unknown(event: &Event) -> Option<&'static str> {
    match event {
        Event::RoundBegan { .. } | Event::RoundEnded { .. } => Some("background work"),
        Event::Cancelled { task, .. } if task.delivery().is_none() => Some("background work"),
        Event::Skewed { .. } => Some("a clock that is skewed"),
        Event::Forgot { .. } => Some("a store that lost something"),
        Event::Settled { how: Settlement::AckedEarly, .. } => Some("a handler that acknowledges by itself"),
        _ => None,
    }
}

fn faults_of(
    events: &[Event],
    model: DeliveryModel,
    processes: usize,
    messages: usize,
) -> Result<Vec<Fault>, Inexpressible> {
    let record = Record::new(events);
    let mut furthest = 0;
    // Of locks only some turns tell, so what needs none that nobody was seen to take comes first.
    for lenient in [false, true] {
        let mut tries = VecDeque::from([Try { lenient, ..Try::default() }]);
        let mut tried = 0;
        while let Some(this) = tries.pop_front() {
            tried += 1;
            let mut follow = Follow::new(&record, &this, model.rules(), processes, messages);
            if follow.go_to_the_end().is_ok() {
                return Ok(follow.faults);
            }
            furthest = furthest.max(follow.next);
            let room = MOST_TRIES.saturating_sub(tried + tries.len());
            // Later, if nothing else is amiss: its faults were over too soon.
            for at in follow.lingers().into_iter().rev().take(room) {
                tries.push_front(Try { linger: this.linger.iter().copied().chain([at]).collect(), ..this.clone() });
            }
            tries.extend(this.others(&follow.choices.met).take(room));
        }
    }
    let what = events.get(furthest).map_or_else(|| "its end".to_owned(), |event| format!("{event:?}"));
    Err(Inexpressible::NoFaults { event: furthest, what })
}

/// In what two replays differ first, if they do: an event, what is seen, how they ended, or a fault that did not act.
pub(crate) fn difference(first: &Replay, second: &Replay) -> Option<String> {
    let events = first.events.iter().zip(&second.events);
    let at = events.take_while(|(first, second)| first == second).count();
    if first.events.len() != at || second.events.len() != at {
        let said = |replay: &Replay| replay.events.get(at).map_or("nothing".to_owned(), |event| format!("{event:?}"));
        return Some(format!("event {at} was {}, and then {}", said(first), said(second)));
    }
    if first.observation != second.observation || first.end != second.end {
        let said = |replay: &Replay| format!("{:?}, {:?}", replay.observation, replay.end);
        return Some(format!("in the end there was {}, and then {}", said(first), said(second)));
    }
    second.unused.first().map(|unused| format!("fault {} did not act: {}", unused.fault, unused.why))
}
