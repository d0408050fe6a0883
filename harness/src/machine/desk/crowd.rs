//! Which of tokio's tasks belongs to which of ours.
//!
//! A spawned task asks for its turn while tokio polls it, and all that is known of it then is tokio's number for it. These
//! numbers rise: whatever was spawned between two marks was spawned by the task that the later one was made for.

use tokio::task::Id;

use super::TaskId;

/// The spawned tasks of a replay.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    members: Vec<Member>,
    /// Up to this number, and beyond the mark before, it was this task that spawned.
    marks: Vec<(u64, TaskId)>,
    /// The tasks that died with their process, and all that they spawned.
    dead: Vec<TaskId>,
    /// While tokio's tasks are polled: on whose behalf, and how many operations each task has registered.
    turn: Option<SettleTurn>,
}

#[derive(Debug)]
struct Member {
    number: u64,
    /// Its own place among the tasks of the machine.
    task: TaskId,
    /// Whose operations it does.
    by: TaskId,
}

/// One turn of the runtime.
#[derive(Debug)]
pub(crate) struct SettleTurn {
    /// Whoever was polled last is taken for the spawner of whatever no mark tells of.
    pub(crate) spawner: TaskId,
    /// For each task of the machine how many operations it has registered; what is spawned counts with its spawner.
    pub(crate) operations: Vec<u32>,
    /// The spawned tasks that were met for the first time: each is the next task of the machine, spawned by this one.
    pub(crate) new: Vec<TaskId>,
}

/// Who asks for a turn.
pub(super) enum Asks {
    /// This task, for its operation of this number.
    Task(TaskId, u32),
    /// What a process spawned that has died since.
    Dead,
    /// None of ours.
    Nobody,
}

impl Crowd {
    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.marks.clear();
        self.dead.clear();
        self.turn = None;
    }

    /// Whatever was spawned since the mark before was spawned by this task.
    pub(super) fn mark(&mut self, id: Id, spawner: TaskId) {
        self.marks.push((number(id), spawner));
    }

    pub(super) fn begin(&mut self, turn: SettleTurn) {
        self.turn = Some(turn);
    }

    pub(super) fn end(&mut self) -> Option<SettleTurn> {
        self.turn.take()
    }

    pub(super) fn dies(&mut self, task: TaskId) {
        self.dead.push(task);
    }

    /// The task of the machine that tokio polls, with one operation more.
    pub(super) fn asks(&mut self) -> Asks {
        let (Some(turn), Some(id)) = (&mut self.turn, tokio::task::try_id()) else { return Asks::Nobody };
        let number = number(id);
        let known = self.members.iter().find(|member| member.number == number);
        let (task, by) = match known {
            Some(member) => (member.task, member.by),
            None => {
                let mark = self.marks.iter().find(|(upto, _)| number <= *upto);
                let by = mark.map_or(turn.spawner, |(_, spawner)| *spawner);
                if self.dead.contains(&by) {
                    return Asks::Dead;
                }
                let task = turn.operations.len();
                turn.operations.push(0);
                turn.new.push(by);
                self.members.push(Member { number, task, by });
                (task, by)
            }
        };
        if self.dead.contains(&by) {
            return Asks::Dead;
        }
        turn.operations[by] += 1;
        Asks::Task(task, turn.operations[by])
    }
}

/// Tokio's ids are numbers that it does not let out otherwise.
fn number(id: Id) -> u64 {
    id.to_string().parse().unwrap_or(u64::MAX)
}
