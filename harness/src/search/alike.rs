//! Workloads that need no search of their own, since they differ from an earlier one only in what nobody looked at.
//!
//! A handler that never asks for an ordering key does the same with messages that have one: each history of the one workload
//! is a history of the other, with the same trace and the same end. The first time that a key is asked for this ends, and
//! the workload is taken up where the other one stands. Its plain run is made all the same. (A contract that speaks of keys
//! asks for them too.)

use super::{Options, by_fault_count::Reached};
use crate::{history::Published, subject::Workload};

/// Which workloads are left out, and for which other ones.
pub(super) struct Alike {
    /// For each workload an earlier one that differs in ordering keys alone.
    earlier: Vec<Option<usize>>,
    /// The workloads that are left out as yet.
    left_out: Vec<usize>,
}

impl Alike {
    pub(super) fn of(workloads: &[Workload], options: &Options) -> Self {
        let may = options.skips && !options.keys_matter;
        let same =
            |one: &Workload, other: &Workload| one.messages.iter().map(keyless).eq(other.messages.iter().map(keyless));
        let earlier = |at: usize| workloads[..at].iter().position(|earlier| may && same(earlier, &workloads[at]));
        Self { earlier: (0..workloads.len()).map(earlier).collect(), left_out: Vec::new() }
    }

    /// Leaves a workload out, if there is one like it. Whether there is.
    pub(super) fn leaves_out(&mut self, workload: usize) -> bool {
        let is_alike = self.earlier[workload].is_some();
        self.left_out.extend(is_alike.then_some(workload));
        is_alike
    }

    /// Nothing is left out any more: where those that were stand now, which is where the ones like them stood before a key
    /// was asked for.
    pub(super) fn no_longer(&mut self, frontier: &[Reached]) -> Vec<Reached> {
        let mut reached = Vec::new();
        for workload in self.left_out.drain(..) {
            let like = frontier.iter().filter(|reached| Some(reached.workload) == self.earlier[workload]);
            reached.extend(like.map(|reached| Reached { workload, ..reached.clone() }));
        }
        reached
    }
}

fn keyless(published: &Published) -> Published {
    Published { ordering_key: None, ..published.clone() }
}
