//! What the machine knows beside what has happened: who stands and for what, who waited longer, what the broker holds, which
//! deferrals hold on.
//!
//! It is hashed when the last fault has acted, so that the search can tell two histories apart that came to the same events
//! and would differ under one fault more.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::{
    replay::{FaultState, Run},
    task::{State, Until},
};
use crate::history::Fault;

impl Run<'_> {
    /// Hashes it if every fault has acted by now, and not again.
    pub(super) fn note_standing(&mut self) {
        if self.standing.is_none() && self.acted.len() == self.plan.faults.len() && self.plan.turns.is_none() {
            self.standing = Some(self.standing());
        }
    }

    fn standing(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.events.len().hash(&mut hasher);
        self.last.hash(&mut hasher);
        self.tasks_stand(&mut hasher);
        self.desk.remember(&mut hasher);
        self.queue.remember(&mut hasher);
        self.deferrals_hold(&mut hasher);
        self.rounds_stand(&mut hasher);
        if self.touched {
            // What tokio knows nobody can tell: only the same faults lead to the same.
            self.plan.faults.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Hashes which deferrals hold on.
    pub(super) fn deferrals_hold(&self, hasher: &mut FxHasher) {
        self.deferrals_over.hash(hasher);
        for (fault, state) in self.plan.faults.iter().zip(&self.faults) {
            if let (Fault::Defer { past, .. }, FaultState::Waiting | FaultState::Acted) = (fault, state)
                && self.fates.get(*past).is_some_and(|fate| fate.handled.is_none() && !fate.dead_lettered)
            {
                fault.hash(hasher);
            }
        }
    }

    /// Turns are counted differently in two replays that come to the same, so what is hashed is their order, and whether one
    /// is this very turn.
    fn tasks_stand(&self, hasher: &mut FxHasher) {
        let mut open: Vec<usize> = (0..self.tasks.len()).filter(|at| self.tasks[*at].state != State::Ended).collect();
        open.sort_by_key(|at| (self.tasks[*at].waiting_since, *at));
        for at in &open {
            let task = &self.tasks[*at];
            (*at, task.waiting_since == self.turn, task.given.woken.is_set()).hash(hasher);
        }
        open.retain(|at| self.tasks[*at].hold.is_some());
        open.sort_by_key(|at| (self.tasks[*at].hold.map(|hold| hold.since), *at));
        for at in open {
            let Some(hold) = self.tasks[at].hold else { continue };
            (at, hold.since == self.turn).hash(hasher);
            match hold.until {
                Until::NothingElse => 0_u8.hash(hasher),
                Until::Point(point) => (1_u8, point).hash(hasher),
                Until::Task(task) => (2_u8, task).hash(hasher),
            }
        }
    }
}
