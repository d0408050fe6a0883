//! The scheduling order, followed along an execution: who would go next if nothing were done about it.
//!
//! This mirrors `schedule` without a handler: where a delivery stands and what comes of its turn is read off the execution.
//! What is done about it where another one goes next is in `depart`.

use std::time::Duration;

use super::{
    Departs, Try,
    choices::Choices,
    record::{Record, frees},
};
use crate::{
    delivery::{CopyId, Queue, Rules, Term},
    history::{Coordinate, DeliveryName, Fault},
    machine::{
        desk::TaskId,
        task::{Hold, Until},
        trace::Event,
    },
};

/// At so many times it is tried to stand without need.
const MOST_LINGERS: usize = 8;

/// One delivery in progress.
pub(super) struct Task {
    pub(super) delivery: DeliveryName,
    pub(super) copy: CopyId,
    pub(super) term: Term,
    pub(super) process: usize,
    pub(super) stage: Stage,
    pub(super) hold: Option<Hold>,
    /// Since which turn it has been able to run.
    pub(super) waiting_since: u64,
    /// Its operations that found a lock taken.
    pub(super) blocked: Vec<Blocked>,
}

/// An operation that found a lock taken.
pub(super) struct Blocked {
    pub(super) at: Coordinate,
    pub(super) waits: Waits,
    /// When it gives up.
    pub(super) until: Duration,
    /// In which turn it did: of two that give up at the same time the first goes first.
    pub(super) since: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The handler has not been called.
    Fresh,
    Running,
    /// It returned, and the broker is about to hear of it.
    AtAck,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// For the lock.
    Lock,
    /// For its turn, to try again.
    Turn,
    /// For its turn, in which it gives up.
    Conflict,
}

/// How far an execution was followed, and what the scheduler would know by then.
pub(super) struct Follow<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) choices: Choices<'a>,
    pub(super) rules: &'static dyn Rules,
    pub(super) processes: usize,
    pub(super) messages: usize,
    pub(super) queue: Box<dyn Queue>,
    pub(super) tasks: Vec<Task>,
    pub(super) last: Option<TaskId>,
    pub(super) turn: u64,
    pub(super) now: Duration,
    pub(super) last_fault: Duration,
    /// What was done about it so far, in the order in which it acts.
    pub(super) faults: Vec<Fault>,
    /// The deferrals among them that have held something back.
    pub(super) deferred: Vec<usize>,
    /// Those of them after which the message that they wait for was asked for again.
    pub(super) lifted: Vec<usize>,
    pub(super) deferrals_over: bool,
    pub(super) numbers: Vec<u32>,
    pub(super) homes: Vec<usize>,
    /// Whether each message was handled or put aside for good.
    pub(super) over: Vec<bool>,
    pub(super) handled: Vec<bool>,
    /// The next event of the execution.
    pub(super) next: usize,
    /// A lock was released in this turn.
    pub(super) freed: bool,
    /// Since a lock was last released, somebody may have taken it again.
    pub(super) taken: bool,
    /// The events before which it stands though nobody else can run.
    pub(super) linger: &'a [usize],
    /// Somebody may try in vain to get a lock though nobody was seen to take it.
    pub(super) lenient: bool,
    /// The clock moved beyond the horizon, which no fault had put off.
    pub(super) beyond: bool,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        record: &'a Record<'a>,
        this: &'a Try,
        rules: &'static dyn Rules,
        processes: usize,
        messages: usize,
    ) -> Self {
        let mut queue = rules.queue();
        queue.deal(processes);
        queue.publish(messages, &[]);
        Self {
            record,
            choices: Choices::new(&this.otherwise),
            rules,
            processes,
            messages,
            queue,
            tasks: Vec::new(),
            last: None,
            turn: 0,
            now: Duration::ZERO,
            last_fault: Duration::ZERO,
            faults: Vec::new(),
            deferred: Vec::new(),
            lifted: Vec::new(),
            deferrals_over: false,
            numbers: vec![0; messages],
            homes: vec![0; messages],
            over: vec![false; messages],
            handled: vec![false; messages],
            next: 0,
            freed: false,
            taken: false,
            linger: &this.linger,
            lenient: this.lenient,
            beyond: false,
        }
    }

    /// Follows it to its end.
    pub(super) fn go_to_the_end(&mut self) -> Result<(), Departs> {
        while self.move_on()? {
            self.turn += 1;
        }
        if self.next == self.record.len() { Ok(()) } else { Err(Departs) }
    }

    /// Where it could have stood without need, if the horizon is all that kept it from going on.
    pub(super) fn lingers(&self) -> Vec<usize> {
        if !self.beyond {
            return Vec::new();
        }
        self.record.last_points(self.next).filter(|at| !self.linger.contains(at)).take(MOST_LINGERS).collect()
    }

    pub(super) fn event(&self) -> Option<&'a Event> {
        self.record.event(self.next)
    }

    fn move_on(&mut self) -> Result<bool, Departs> {
        let moved = self.next_thing()?;
        if std::mem::take(&mut self.freed) {
            let turn = self.turn;
            for task in &mut self.tasks {
                for blocked in task.blocked.iter_mut().filter(|blocked| blocked.waits == Waits::Lock) {
                    blocked.waits = Waits::Turn;
                    task.waiting_since = turn;
                }
            }
        }
        Ok(moved)
    }

    fn next_thing(&mut self) -> Result<bool, Departs> {
        if let Some(task) = self.choose() {
            self.last = Some(task);
            self.take_turn(task)?;
            if !self.can_run(task) && !matches!(self.tasks[task].hold, Some(Hold { until: Until::Task(_), .. })) {
                self.lift_holds(|until| until == Until::Task(task));
            }
            return Ok(true);
        }
        if let Some(copy) = self.due_copy()? {
            let (origin, process) = self.handed_out(self.queue.copy(copy), copy);
            self.deliver(copy, origin, process)?;
            return Ok(true);
        }
        Ok(self.resume(|until| !matches!(until, Until::Point(_)))
            || self.next_deadline()?
            || self.resume(|_| true)
            || self.give_up_deferrals())
    }

    fn choose(&self) -> Option<TaskId> {
        let able = || (0..self.tasks.len()).filter(|task| self.can_run(*task));
        let last = self.last.filter(|last| self.can_run(*last));
        last.or_else(|| able().min_by_key(|task| self.tasks[*task].waiting_since))
    }

    fn can_run(&self, at: TaskId) -> bool {
        let task = &self.tasks[at];
        if task.hold.is_some() {
            return false;
        }
        match task.stage {
            Stage::Fresh | Stage::AtAck => true,
            Stage::Ended => false,
            Stage::Running => self.is_ready(task),
        }
    }

    /// Whether a handler that runs has something to do: not if it waits for a lock, or for something in memory.
    fn is_ready(&self, task: &Task) -> bool {
        let next = self.record.next_of(task.delivery, self.next);
        let free = |blocked: &Blocked| blocked.waits != Waits::Lock;
        match next.and_then(|at| Some((at, self.record.event(at)?))) {
            Some((_, Event::Step { at, .. })) if task.blocked.iter().any(|blocked| blocked.at == *at) => {
                task.blocked.iter().any(free)
            }
            Some((_, Event::Step { .. } | Event::Blocked { .. })) => true,
            Some((at, Event::Returned { .. })) => at == self.next,
            Some(_) => task.blocked.is_empty() || task.blocked.iter().any(free),
            None => false,
        }
    }

    fn resume(&mut self, which: impl Fn(Until) -> bool) -> bool {
        let stands = |task: &Task| task.hold.filter(|hold| which(hold.until)).map(|hold| hold.since);
        let longest = (0..self.tasks.len()).filter_map(|task| Some((stands(&self.tasks[task])?, task))).min();
        if let Some((_, task)) = longest {
            self.tasks[task].hold = None;
            self.tasks[task].waiting_since = self.turn;
        }
        longest.is_some()
    }

    pub(super) fn stand(&mut self, task: TaskId, until: Until) {
        self.tasks[task].hold = Some(Hold { until, since: self.turn });
    }

    pub(super) fn lift_holds(&mut self, came: impl Fn(Until) -> bool) {
        let turn = self.turn;
        for task in self.tasks.iter_mut().filter(|task| task.hold.is_some_and(|hold| came(hold.until))) {
            task.hold = None;
            task.waiting_since = turn;
        }
    }

    /// A delivery is over.
    pub(super) fn ended(&mut self, task: TaskId) {
        let delivery = self.tasks[task].delivery;
        self.tasks[task].stage = Stage::Ended;
        self.tasks[task].blocked.clear();
        self.lift_holds(|until| match until {
            Until::Task(other) => other == task,
            Until::Point(point) => point.delivery() == Some(delivery),
            Until::NothingElse => false,
        });
    }

    /// A fault acts now.
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
        self.last_fault = self.now;
    }

    /// The next event has happened.
    pub(super) fn pass(&mut self) {
        let frees = self.event().is_some_and(frees);
        self.freed |= frees;
        self.taken = !frees && (self.taken || matches!(self.event(), Some(Event::Step { facts, .. }) if facts.locks));
        self.next += 1;
    }
}
