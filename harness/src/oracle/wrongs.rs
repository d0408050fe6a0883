//! What may have gone wrong, and what an explanation has to account for.
//!
//! The words in which `naming` thinks; what the trace says to them is in `evidence`.

use super::{Anomaly, AsIf, case::Case};
use crate::Observation;

/// One thing that may have gone wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It took effect so often.
    Times(usize, usize),
    /// It had none.
    Lost(usize),
}

/// What an explanation has to account for.
pub(super) enum Compared {
    /// All that is seen.
    All,
    /// These parts of what is seen: those that differ from what is right.
    Parts(Vec<usize>),
}

impl Compared {
    /// Whether this accounts for what is seen.
    pub(super) fn accounts(&self, case: &mut Case<'_>, left: &Observation) -> bool {
        match self {
            Compared::All => case.leaves_the_same(left),
            Compared::Parts(parts) => parts.iter().all(|at| case.leaves_the_same_at(*at, left)),
        }
    }
}

impl Wrong {
    pub(super) fn message(&self) -> usize {
        match self {
            Wrong::Times(message, _) | Wrong::Lost(message) => *message,
        }
    }

    /// The message, if it is that it had no effect.
    pub(super) fn lost(&self) -> Option<usize> {
        if let Wrong::Lost(message) = self { Some(*message) } else { None }
    }

    /// The message and how often more than once it took effect, if it is that.
    pub(super) fn repeated(&self) -> Option<(usize, usize)> {
        if let Wrong::Times(message, times) = self { Some((*message, times - 1)) } else { None }
    }

    pub(super) fn anomaly(&self) -> Anomaly {
        match self {
            Wrong::Times(..) => Anomaly::Twice,
            Wrong::Lost(_) => Anomaly::Lost,
        }
    }

    pub(super) fn as_if(&self) -> AsIf {
        match self {
            Wrong::Times(message, 2) => AsIf::OneMoreLike(*message),
            Wrong::Times(message, times) => AsIf::Several(vec![AsIf::OneMoreLike(*message); times - 1]),
            Wrong::Lost(message) => AsIf::Without(*message),
        }
    }
}

/// Every way to choose so many of these for different messages, in their order.
pub(super) fn choose(wrongs: &[Wrong], how_many: usize) -> Vec<Vec<Wrong>> {
    if how_many == 0 {
        return vec![Vec::new()];
    }
    let mut ways = Vec::new();
    for (at, first) in wrongs.iter().enumerate() {
        for rest in choose(&wrongs[at + 1..], how_many - 1) {
            if rest.iter().all(|other| other.message() != first.message()) {
                let mut way = vec![*first];
                way.extend(rest);
                ways.push(way);
            }
        }
    }
    ways
}
