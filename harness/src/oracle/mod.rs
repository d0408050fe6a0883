//! What is right: judging one replay against reference runs, and naming what is wrong.
//!
//! `judge` asks each oracle in turn: exactly once is judged in `exactly_once`, what clients hear in `replies`, progress in
//! `progress`, another payload under a used id in `mismatch`, equal payloads in `separation`, how much is kept in `bounded`, what a contract says of answers in `answers`,
//! what can be judged at all in `seen`; the user's invariants are looked at by the machine. `case` works out
//! which reference runs a replay has (`order` in which orders, `renaming` what counts as the same), `reference` makes and
//! keeps them; `caps` tells beforehand whether they are too many; `excuses` says what of the outside world may be otherwise.
//! `naming` finds the anomaly that explains a violation, `evidence` what the trace says to that, `wrongs` what may be wrong at
//! all. Which histories are judged is the search's.

mod answers;
mod bounded;
mod caps;
mod case;
mod crashes;
mod evidence;
mod exactly_once;
mod excuses;
mod judge;
mod mismatch;
mod naming;
mod order;
mod outside;
mod progress;
mod reference;
mod renaming;
mod replies;
mod seen;
mod separation;
#[cfg(test)]
mod tests;
mod wrongs;

use std::fmt;

pub(crate) use answers::Should;
pub(crate) use caps::within_caps;

use crate::{Contract, Observation, history::DeliveryName, subject::Reference};

/// Judges the replays of one check against its contract, and keeps the reference runs that it needs for that.
#[derive(Debug)]
pub(crate) struct Oracle {
    contract: Contract,
    references: reference::References,
    /// The reference run that is looked at first; kept so that nothing is allocated for each history.
    likeliest: Reference,
    /// Messages of the workload that was judged last of which one is to be refused.
    conflicts: mismatch::Conflicts,
    accepts_everything: bool,
}

impl Oracle {
    /// An oracle that holds a handler to this contract.
    pub(crate) fn new(contract: Contract) -> Self {
        let (references, likeliest, conflicts) = Default::default();
        Self { contract, references, likeliest, conflicts, accepts_everything: false }
    }

    /// A canary: nothing is wrong for it, so that no test which convicts somebody may pass with it.
    pub(crate) fn that_accepts_everything(self) -> Self {
        Self { accepts_everything: true, ..self }
    }
}

/// The named way in which an observation is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anomaly {
    /// An order that real time (or the contract's publish order) forbids explains what is seen: an older message's late
    /// write came last.
    Overwrote,
    /// One more message like it explains what is seen.
    Twice,
    /// Its absence explains what is seen.
    Lost,
    /// Neither its presence nor its absence explains what is seen.
    Partial,
    /// Another payload under the same id was not refused, or left a trace.
    Mismatch,
    /// It is never handled.
    Stuck,
    /// It took effect as it should, and who asked for it heard something else than when it is asked for once.
    Reply,
    /// It shows with no message delivered twice, no crash and no failed operation.
    NotIsolated,
    /// It was taken for another message with an equal payload.
    Merged,
    /// What is kept to know messages again has more rows than the contract allows.
    Unbounded,
    /// What the user says must always hold did not.
    Invariant,
    /// Nothing explains what is seen.
    Unexplained,
}

impl Anomaly {
    /// Its name, as `expected.tsv` and the command line write it.
    pub fn name(self) -> &'static str {
        match self {
            Anomaly::Overwrote => "overwrote",
            Anomaly::Twice => "twice",
            Anomaly::Lost => "lost",
            Anomaly::Partial => "partial",
            Anomaly::Mismatch => "mismatch",
            Anomaly::Stuck => "stuck",
            Anomaly::Reply => "answered otherwise",
            Anomaly::NotIsolated => "not isolated",
            Anomaly::Merged => "merged",
            Anomaly::Unbounded => "unbounded",
            Anomaly::Invariant => "invariant",
            Anomaly::Unexplained => "unexplained",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the oracle makes of one replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// What is seen and heard is what a reference run leaves and answers, and every message was handled.
    Agrees,
    /// It is not, or one was not.
    Violated,
    /// It cannot be judged, for this reason.
    Inconclusive(String),
}

/// What is wrong with one replay, and why.
#[derive(Clone, Debug)]
pub(crate) struct Explanation {
    /// What is wrong.
    pub(crate) anomaly: Anomaly,
    /// The message that it happened to.
    pub(crate) message: Option<usize>,
    /// What a right run leaves, and the order in which it handled the messages; the reference nearest to the truth.
    pub(crate) expected: Option<(Observation, Vec<usize>)>,
    /// What is seen instead.
    pub(crate) observed: Observation,
    /// What would have left the same.
    pub(crate) as_if: Option<AsIf>,
}

/// The wrong run that leaves what is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AsIf {
    /// These messages in this order, which real time or the contract forbids.
    Order(Vec<usize>),
    /// And one more like this one.
    OneMoreLike(usize),
    /// All but this one.
    Without(usize),
    /// All of these together.
    Several(Vec<AsIf>),
    /// None: all that is wrong is what this delivery heard, and should not have.
    Answered(DeliveryName, Should),
}
