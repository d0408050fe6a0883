//! What a check comes to: a verdict, how far it searched, a counterexample.

use std::fmt;

use crate::{History, oracle::Anomaly};

/// What a check comes to. Incomplete is never a pass.
#[derive(Debug)]
#[must_use = "a verdict that nobody looks at checks nothing"]
pub enum Verdict {
    /// No history that was searched breaks the handler.
    Holds(Searched),
    /// This one does.
    Violated(Box<Counterexample>),
    /// It cannot be said, for this reason.
    Inconclusive(Inconclusive),
}

/// How far a search went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Every history with up to so many faults was searched.
    pub faults: usize,
    /// How many histories were replayed with no fault, with one, with two, ….
    pub histories: Vec<u64>,
    /// The workloads that they were replayed over, as a person reads them.
    pub workloads: Vec<String>,
    /// How often each kind of fault acted, by its word, in alphabetical order.
    pub acted: Vec<(&'static str, u64)>,
    /// Messages whose loss could not have been seen, as a person reads them.
    pub unseen: Vec<String>,
}

/// The smallest history that was found to break the handler, and everything that is known of it.
#[derive(Debug)]
pub struct Counterexample {
    pub(crate) history: History,
    pub(crate) anomaly: Anomaly,
    pub(crate) message: Option<usize>,
    pub(crate) report: String,
    pub(crate) searched: Searched,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconclusive {
    /// The reason, in words.
    pub reason: String,
    /// How far the search had gone.
    pub searched: Searched,
}

impl Counterexample {
    /// The history that breaks the handler.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What it breaks.
    pub fn anomaly(&self) -> Anomaly {
        self.anomaly
    }

    /// The message that it happens to, by its place, if it happens to one.
    pub fn message(&self) -> Option<usize> {
        self.message
    }

    /// How far the search went before it was found.
    pub fn searched(&self) -> &Searched {
        &self.searched
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl Verdict {
    /// The name of the anomaly, if the handler is violated: `twice`.
    pub fn anomaly(&self) -> Option<Anomaly> {
        match self {
            Verdict::Violated(counterexample) => Some(counterexample.anomaly),
            Verdict::Holds(_) | Verdict::Inconclusive(_) => None,
        }
    }
}
