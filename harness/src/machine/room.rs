//! What a replay leaves behind for the next one on its thread: room, not contents.
//!
//! A search replays hundreds of thousands of histories, and most of what a replay needs has the same size as in the one
//! before. Nothing in here can be seen by a replay.

use super::{
    plan::{Once, Plan},
    replay::FaultState,
    task::{Given, Task},
};
use crate::delivery::Queue;

#[derive(Default)]
pub(super) struct Room {
    pub(super) tasks: Vec<Task>,
    pub(super) faults: Vec<FaultState>,
    pub(super) numbers: Vec<u32>,
    pub(super) homes: Vec<usize>,
    /// What the tasks were given, unless somebody holds on to it.
    pub(super) given: Vec<Given>,
    /// How many events there were.
    pub(super) events: usize,
    /// The broker of the model of this name.
    pub(super) queue: Option<(&'static str, Box<dyn Queue>)>,
}

impl Room {
    /// The broker that a plan asks for, with its messages published.
    pub(super) fn take_queue(&mut self, plan: &Plan<'_>) -> Box<dyn Queue> {
        let mut queue = match (plan.turns, self.queue.take()) {
            (Some(turns), kept) => {
                self.queue = kept;
                Box::new(Once::new(turns))
            }
            (None, Some((model, queue))) if model == plan.rules.name() => queue,
            (None, _) => plan.rules.queue(),
        };
        queue.deal(plan.processes);
        queue.publish(plan.messages, plan.keys);
        queue
    }
}
