//! Which histories are tried, and what is done with one that fails.
//!
//! `by_fault_count` tries every history with no fault, then with one, then with two; `candidates` says which one fault can
//! be added to a history, `ladder` by how much a clock can jump, and `skip` which of those cannot differ. `random` tries
//! larger ones, drawn. `shrink` makes a
//! counterexample 1-minimal: `edit` takes something away, and `aim` finds a fault's place again after that. `confirm`
//! replays it elsewhere before anybody is told of it; `regressions` keeps it for the next time. What is wrong with a history
//! is the oracle's, and the order in which these are called is `check`'s.

mod aim;
mod alike;
mod by_fault_count;
mod candidates;
pub(crate) mod complete;
mod confirm;
mod edit;
mod ladder;
mod random;
mod regressions;
mod shrink;
mod skip;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use by_fault_count::by_fault_count;
pub(crate) use confirm::confirm;
pub(crate) use random::{Cases, Drawer, FromBytes, Replayed, random};
pub(crate) use regressions::{Again, Regressions, replay_again};
pub(crate) use shrink::{Part, shrink, without};

use crate::{DeliveryModel, Error, History, machine::trace::Replay, oracle::Judgement, subject::Subject};

/// Who says whether a replay is right.
pub(crate) trait Judge {
    /// Judges one replay of a history. Reference runs are made with `subject`.
    ///
    /// # Errors
    /// What a store met.
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error>;
}

/// Where a search looks.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Which deliveries the broker may make.
    pub(crate) model: DeliveryModel,
    /// How many processes there are.
    pub(crate) processes: usize,
    /// The most faults at once.
    pub(crate) faults: usize,
    /// The most messages at once.
    pub(crate) messages: usize,
    /// Only faults of these kinds, by their words; of every kind where none is named.
    pub(crate) only: &'static [&'static str],
    /// Whether histories that cannot differ from one that was searched are left out.
    pub(crate) skips: bool,
    /// What is right depends on ordering keys, whether or not the handler looks at them.
    pub(crate) keys_matter: bool,
    /// Times to live, leases and windows that are known: the clock jumps to one tick before and past each.
    pub(crate) periods: Vec<Duration>,
    /// The clock of a process is skewed by so much, either way.
    pub(crate) skews: Vec<Duration>,
}
