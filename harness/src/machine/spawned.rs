//! What handlers spawn, and the time of tokio.
//!
//! Tokio polls a spawned task. It becomes one of the machine's with its first operation, which waits for its turn as every
//! other does, so the machine decides when it acts; between its operations it runs freely. Who spawned it gives its
//! operations their names.

use std::{sync::Arc, time::Duration};

use super::{
    desk::{Grant, Ready, SettleTurn, TaskId},
    quiet,
    replay::Run,
    task::{Kind, State, Task},
    tokio::Runtime,
};
use crate::Error;

/// So often tokio's clock moves with nothing of ours to follow, where nothing else is to come.
const MOST_JUMPS_AT_THE_END: u32 = 100;
/// And where a delivery, or a round, still waits.
const MOST_JUMPS: u32 = 20_000;

impl Run<'_> {
    /// A task was polled. Lets run whatever it spawned or woke, as far as that comes without an operation.
    pub(super) fn after_poll(&mut self, task: TaskId) {
        // The machine holds `woken` itself and by the waker. Whoever else does will wake it: a timer, a channel.
        if Arc::strong_count(&self.tasks[task].given.woken) > 2 {
            self.touch();
        }
        let alive = self.runtime.alive();
        if alive > self.spawned {
            self.touch();
            self.mark(self.spawner(task));
        }
        if self.touched {
            self.settle_tokio(task);
        }
    }

    /// A process died, and its drop guards may have spawned: what they did belongs to whom it died with.
    pub(super) fn after_crash(&mut self, dead: TaskId) {
        if self.runtime.alive() > self.spawned {
            self.mark(dead);
        }
    }

    /// Whatever was spawned and is not marked yet was spawned by this task.
    fn mark(&mut self, spawner: TaskId) {
        self.desk.mark(self.runtime.spawn_nothing(), spawner);
        self.spawned = self.runtime.alive();
    }

    fn touch(&mut self) {
        self.touched = true;
        self.plan.habits.waits_elsewhere.set(true);
    }

    /// Whose operations a task does: its own, or those of who spawned it.
    pub(super) fn spawner(&self, task: TaskId) -> TaskId {
        match self.tasks[task].kind {
            Kind::Spawned { by } => by,
            _ => task,
        }
    }

    /// Lets tokio's tasks run. New ones that ask for a turn are tasks of the machine from now on.
    fn settle_tokio(&mut self, task: TaskId) {
        self.with_tokio(self.spawner(task), Runtime::settle);
    }

    /// Lets tokio do this, and notes what came of it.
    fn with_tokio(&mut self, spawner: TaskId, turn: impl FnOnce(&Runtime)) {
        let operations = self.tasks.iter().map(|task| task.operations).collect();
        self.desk.begin_settling(SettleTurn { spawner, operations, new: Vec::new() });
        let waited: Vec<TaskId> = self.strands().filter(|task| self.desk.first_ready(*task).is_none()).collect();
        turn(self.runtime);
        for task in waited {
            // It came to an operation just now.
            if self.desk.first_ready(task).is_some() {
                self.tasks[task].waiting_since = self.turn;
            }
        }
        if let Some(turn) = self.desk.end_settling() {
            for (task, operations) in self.tasks.iter_mut().zip(&turn.operations) {
                task.operations = *operations;
            }
            for by in turn.new {
                self.admit(by);
            }
        }
        self.spawned = self.runtime.alive();
        // One may have ended that spawned another, so their number says nothing of whether there are new ones.
        if self.spawned > 0 {
            self.mark(spawner);
        }
    }

    /// What was spawned and may still act.
    fn strands(&self) -> impl Iterator<Item = TaskId> + '_ {
        let is_strand = |task: &Task| matches!(task.kind, Kind::Spawned { .. }) && task.state != State::Ended;
        (0..self.tasks.len()).filter(move |task| is_strand(&self.tasks[*task]))
    }

    fn admit(&mut self, by: TaskId) {
        let (name, process) = (self.tasks[by].name, self.tasks[by].process.clone());
        let given = self.given(0, Duration::ZERO);
        self.tasks.push(Task::new(name, Kind::Spawned { by }, process, None, given, self.turn));
    }

    /// Lets a spawned task act.
    pub(super) fn poll_spawned(&mut self, task: TaskId, ready: Ready, grant: Grant) -> Result<(), Error> {
        self.desk.acts_for(self.tasks[task].name);
        self.desk.grant(ready.id, grant);
        self.settle_tokio(task);
        self.desk.take_back_grant();
        while let Some(report) = self.desk.next_report() {
            self.record(task, report)?;
        }
        self.note_supply(self.spawner(task), &super::uses::Uses::default());
        self.note_woken();
        Ok(())
    }

    /// Moves the clock to the next of tokio's timers after which somebody can run, but not beyond this time. Whether there
    /// was one.
    pub(super) fn jump_to_timer(&mut self, limit: Duration) -> bool {
        let waits = self.tasks.iter().any(Task::is_in_progress);
        if !self.touched || !waits && self.spawned == 0 {
            return false;
        }
        let spawner = self.last_spawner();
        self.with_tokio(spawner, Runtime::settle_long);
        let most = if waits { MOST_JUMPS } else { MOST_JUMPS_AT_THE_END };
        for _ in 0..most {
            self.note_woken();
            if self.choose().is_some() {
                self.clock_shows(self.runtime.now());
                return true;
            }
            if self.runtime.now() >= limit || self.spawned == 0 && !waits {
                return false;
            }
            self.with_tokio(spawner, |runtime| runtime.jump(limit));
        }
        false
    }

    /// On whose behalf tokio runs where the machine polled nobody: of who ran last.
    fn last_spawner(&self) -> TaskId {
        self.last.map_or(0, |last| self.spawner(last))
    }

    /// Our clock moved, and tokio's with it: whoever waited for that can run.
    pub(super) fn tokio_follows(&mut self, to: Duration) {
        self.runtime.set_clock(to);
        if self.touched {
            self.with_tokio(self.last_spawner(), Runtime::settle);
            self.note_woken();
        }
    }

    /// Why the replay cannot go on, if something in it is beyond the machine's control.
    pub(super) fn beyond_control(&self) -> Option<String> {
        let threads = "the handler gave work to a thread (`spawn_blocking`, `tokio::fs`, a name to look up), which runs when \
                       it likes: call it directly, or put it behind `step`";
        let named = quiet::take_uncontrolled().or_else(|| self.runtime.uses_threads().then_some(threads));
        named.map(str::to_owned)
    }
}
