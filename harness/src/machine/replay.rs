//! One replay: the machine's state, and how it begins and ends.
//!
//! In which order things happen is `schedule`; what each thing does is `act`; what faults do is `faults`.

use std::{cell::Cell, mem, panic, time::Duration};

use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

use super::{
    aims::Aims,
    desk::{Desk, TaskId},
    plan::{Handlers, Plan},
    quiet,
    room::Room,
    rounds::Round,
    stores::tell_stores_apart,
    task::{Given, Kind, State, Task, Until},
    tokio::Runtime,
    trace::{Acted, Answer, Broken, Detail, End, Event, Fate, Lull, Replay, Supplied, Unused},
};
use crate::{
    Error,
    delivery::{CopyId, Queue},
    history::{DeliveryName, Fault},
    store::Observation,
};

/// A replay that takes more steps than this is given up: a handler that never ends.
pub(super) const MOST_STEPS: u32 = 10_000;

/// The machine: what outlives one replay.
pub(crate) struct Machine {
    desk: &'static Desk,
    room: Cell<Room>,
    /// Used again by the next replay where nothing is left in it.
    runtime: Cell<Option<Runtime>>,
}

/// The state of one replay.
pub(super) struct Run<'a> {
    pub(super) desk: &'a Desk,
    pub(super) plan: &'a Plan<'a>,
    pub(super) handlers: &'a mut dyn Handlers,
    pub(super) detail: Detail,
    pub(super) queue: Box<dyn Queue>,
    pub(super) tasks: Vec<Task>,
    /// The task that took the last step.
    pub(super) last: Option<TaskId>,
    /// And it can take the next one too.
    pub(super) runs_on: bool,
    /// Counts turns; the order of waiting and standing.
    pub(super) turn: u64,
    /// What the faults are aimed at.
    pub(super) aims: Aims,
    /// For each fault, how it stands.
    pub(super) faults: Vec<FaultState>,
    /// The virtual time at which the last fault acted.
    pub(super) last_fault: Duration,
    /// Deferrals hold nothing back any more, since what they wait for never comes.
    pub(super) deferrals_over: bool,
    pub(super) steps: u32,
    pub(super) room: Room,
    pub(super) events: Vec<Event>,
    pub(super) acted: Vec<Acted>,
    pub(super) fates: Vec<Fate>,
    /// How many deliveries of each message began.
    pub(super) numbers: Vec<u32>,
    /// The process that had each message last.
    pub(super) homes: Vec<usize>,
    pub(super) seen_before: Option<Observation>,
    /// A hash of what is not in the events, taken when the last fault had acted.
    pub(super) standing: Option<u64>,
    pub(super) lulls: Vec<Lull>,
    /// What processes do beside handling messages.
    pub(super) rounds: Vec<Round>,
    /// How often something durable changed.
    pub(super) changes: u64,
    pub(super) runtime: &'a Runtime,
    /// How many of tokio's tasks had not ended when it last came to rest.
    pub(super) spawned: usize,
    /// A handler spawned something, or waits for something that is not ours.
    pub(super) touched: bool,
    /// Handlers look at a clock where nobody sees it: each step is taken for a look.
    pub(super) looks_unseen: bool,
    /// There are invariants, and this is no reference run.
    pub(super) has_invariants: bool,
    /// How many events there were when they were looked at.
    pub(super) looked_at: usize,
    pub(super) broken: Option<Broken>,
    /// Where somebody else chooses: the copies that were handed out to who then found a lock taken.
    pub(super) begun_in_vain: Vec<CopyId>,
}

/// How a fault stands in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultState {
    /// Its coordinate was not reached.
    Waiting,
    /// It acted.
    Acted,
    /// It was a deferral that acted, and is over: the message that it waits for was asked for again.
    Lifted,
    /// Its coordinate was reached, and it could not act there.
    Refused(&'static str),
}

impl Machine {
    /// Uses this thread's machine: one is made for a thread and used for all of its replays.
    pub(crate) fn on_this_thread<T>(with: impl FnOnce(&Machine) -> T) -> T {
        thread_local!(static MACHINE: Machine = Machine { desk: Desk::new(), room: Cell::default(), runtime: Cell::default() });
        MACHINE.with(with)
    }

    /// Replays a history, or makes a reference run.
    ///
    /// # Errors
    /// What a store met while it was reset, opened or observed; a panic anywhere but in a handler; a replay within a
    /// handler of another one, or within a tokio runtime.
    pub(crate) fn replay(&self, plan: &Plan<'_>, handlers: &mut dyn Handlers, detail: Detail) -> Result<Replay, Error> {
        let Some(_desk) = self.desk.enter() else {
            return Err(Error::other("a replay within a replay: a check cannot be made by a handler"));
        };
        if ::tokio::runtime::Handle::try_current().is_ok() {
            return Err(Error::other("a check within a tokio runtime: use `#[test]`, not `#[tokio::test]`"));
        }
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => Runtime::new().map_err(Error::other)?,
        };
        let _quiet = quiet::begin();
        self.desk.begin(plan.processes, detail);
        self.desk.watch(plan.chooser.is_some());
        // Panics of this thread are not printed meanwhile, so one must not go by without its words.
        let replayed = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            handlers.reset()?;
            let _entered = runtime.enter();
            runtime.set_zero(Duration::ZERO);
            let mut run = Run::new(self.desk, plan, handlers, detail, self.room.take(), &runtime);
            let ended = run.start().and_then(|()| run.run_on());
            let replay = ended.and_then(|end| run.finish(end));
            // Whatever is left is dropped by dead processes: nothing that it does in dropping reaches a store.
            run.drop_everything();
            self.room.set(run.clear());
            replay
        }));
        // What is left of spawned tasks is dropped with it, by dead processes too.
        if replayed.is_ok() && runtime.alive() == 0 && !runtime.uses_threads() {
            self.runtime.set(Some(runtime));
        } else {
            quiet::swallow(|| runtime.shut_down());
        }
        replayed.unwrap_or_else(|panic| Err(Error::Other(quiet::message(panic.as_ref()))))
    }
}

impl<'a> Run<'a> {
    fn new(
        desk: &'a Desk,
        plan: &'a Plan<'a>,
        handlers: &'a mut dyn Handlers,
        detail: Detail,
        mut room: Room,
        runtime: &'a Runtime,
    ) -> Self {
        Self {
            looks_unseen: handlers.look_unseen(),
            has_invariants: plan.turns.is_none() && handlers.has_invariants(),
            looked_at: 0,
            broken: None,
            begun_in_vain: Vec::new(),
            desk,
            plan,
            handlers,
            detail,
            queue: room.take_queue(plan),
            tasks: mem::take(&mut room.tasks),
            last: None,
            runs_on: false,
            turn: 0,
            aims: Aims::of(plan.faults),
            faults: filled(mem::take(&mut room.faults), FaultState::Waiting, plan.faults.len()),
            last_fault: Duration::ZERO,
            deferrals_over: false,
            steps: 0,
            events: Vec::with_capacity(room.events),
            acted: Vec::new(),
            fates: vec![Fate::default(); plan.messages],
            numbers: filled(mem::take(&mut room.numbers), 0, plan.messages),
            homes: filled(mem::take(&mut room.homes), 0, plan.messages),
            seen_before: None,
            standing: None,
            lulls: Vec::new(),
            rounds: Vec::new(),
            changes: 0,
            runtime,
            spawned: 0,
            touched: false,
            room,
        }
    }

    /// Leaves its room to the next replay.
    fn clear(self) -> Room {
        let Run { mut room, mut tasks, faults, numbers, homes, queue, plan, .. } = self;
        room.given.extend(tasks.drain(..).map(|task| task.given));
        let queue = if plan.turns.is_none() { Some((plan.rules.name(), queue)) } else { room.queue.take() };
        Room { tasks, faults, numbers, homes, queue, ..room }
    }

    fn start(&mut self) -> Result<(), Error> {
        if self.detail == Detail::Watched {
            self.seen_before = Some(self.handlers.observe()?);
        }
        self.refuse_deferrals();
        self.begin_rounds();
        Ok(())
    }

    fn run_on(&mut self) -> Result<End, Error> {
        self.take_notes()?;
        while self.move_on()? {
            self.turn += 1;
            self.take_notes()?;
            if let Some(trouble) = self.trouble() {
                return Ok(End::Inconclusive(trouble));
            }
            if self.steps > MOST_STEPS {
                return Ok(End::Inconclusive(self.never_ends()));
            }
        }
        // What handlers left behind may have come to something in the end.
        Ok(self.trouble().map_or_else(|| self.how_it_ended(), End::Inconclusive))
    }

    /// Notes between two turns what anybody asked for.
    #[inline]
    fn take_notes(&mut self) -> Result<(), Error> {
        if self.standing.is_none() {
            self.note_standing();
        }
        if self.has_invariants {
            self.note_broken()?;
        }
        if self.detail == Detail::Lulls {
            self.note_lull()?;
        }
        Ok(())
    }

    /// Why the replay cannot go on, if it cannot.
    #[inline]
    fn trouble(&self) -> Option<String> {
        self.desk.take_trouble().or_else(|| self.beyond_control()).or_else(|| self.beyond_choice())
    }

    /// What a task is given for a delivery with this seed: what an earlier one left, if nobody holds on to it.
    pub(super) fn given(&mut self, seed: u64, ahead: Duration) -> Given {
        let again = self.room.given.pop().and_then(|given| given.again(seed, ahead));
        again.unwrap_or_else(|| Given::new(self.desk.clock(), seed, ahead))
    }

    fn never_ends(&self) -> String {
        let who = self.last.map(|task| self.tasks[task].name.to_string()).unwrap_or_default();
        format!(
            "{who} made {MOST_STEPS} steps without an end: a loop that waits for what only another delivery can do?"
        )
    }

    fn how_it_ended(&self) -> End {
        let ends = |task: &&Task| task.state == State::Ended || matches!(task.kind, Kind::Spawned { .. });
        if let Some(task) = self.tasks.iter().find(|task| !ends(task)) {
            return End::Inconclusive(format!(
                "{} waits for something that the harness does not run: put real I/O behind `step`, and let nothing wait \
                 for another thread",
                task.name
            ));
        }
        let stuck: Vec<usize> = (0..self.fates.len()).filter(|message| self.is_stuck(*message)).collect();
        if stuck.is_empty() { End::Drained } else { End::Stuck(stuck) }
    }

    /// Whether a message was not handled, and should have been; or, where somebody waits for a reply, not answered. Where
    /// nobody hears how a delivery ended, one that began was all that there could be.
    fn is_stuck(&self, message: usize) -> bool {
        let fate = &self.fates[message];
        let over = fate.dead_lettered
            || fate.acknowledged
            || fate.first_delivered.is_some() && !self.plan.rules.hears_of_ends();
        let waits = |task: &Task| match task.delivery() {
            Some((delivery, copy)) => delivery.message == message && !self.queue.copy(copy).settled,
            None => false,
        };
        let unanswered = || self.plan.rules.compares_replies() && self.tasks.iter().any(waits);
        fate.handled.is_none() && !over || unanswered()
    }

    fn finish(&mut self, end: End) -> Result<Replay, Error> {
        if self.plan.turns.is_some() {
            self.desk.clock().set(self.desk.clock().now().max(self.plan.until));
        }
        // One that was left in the middle has come to nothing yet, and may be holding what an observer would wait for.
        let left = self.plan.chooser.is_some() && matches!(end, End::Inconclusive(_));
        let observation = if left { Observation::default() } else { self.handlers.observe()? };
        if self.detail == Detail::Watched {
            tell_stores_apart(&mut self.events);
        }
        let mut hasher = FxHasher::default();
        self.events.hash(&mut hasher);
        let unused = self.unused();
        self.room.events = self.events.len();
        Ok(Replay {
            events: mem::take(&mut self.events),
            acted: mem::take(&mut self.acted),
            unused,
            fates: mem::take(&mut self.fates),
            observation,
            end,
            key: hasher.finish(),
            standing: self.standing.unwrap_or_default(),
            waited_elsewhere: self.touched,
            periods: self.plan.works.iter().map(|work| work.period).collect(),
            lulls: mem::take(&mut self.lulls),
            losses: self.handlers.losses(),
            state: Observation::default(),
            broken: self.broken.take(),
        })
    }

    fn unused(&self) -> Vec<Unused> {
        let why = |state: &FaultState| match state {
            FaultState::Acted | FaultState::Lifted => None,
            FaultState::Waiting => Some("nothing reached the place that it names"),
            FaultState::Refused(why) => Some(*why),
        };
        let states = self.faults.iter().enumerate();
        states.filter_map(|(fault, state)| Some(Unused { fault, why: why(state)? })).collect()
    }

    fn drop_everything(&mut self) {
        for process in 0..self.plan.processes {
            self.desk.kill(process);
        }
        for task in 0..self.tasks.len() {
            self.drop_work(task);
        }
        let handlers = &mut *self.handlers;
        // A panic of a drop guard is swallowed, as a process that dies swallows it.
        let _ = panic::catch_unwind(panic::AssertUnwindSafe(|| handlers.finish()));
    }

    /// Drops what is left of a handler. A panic of a drop guard is swallowed.
    pub(super) fn drop_work(&mut self, task: TaskId) {
        let Some(work) = self.tasks[task].work.take() else { return };
        let _ = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(work)));
        self.desk.forget(task);
    }

    /// Marks a fault as having acted here and now.
    pub(super) fn acts(&mut self, fault: usize) {
        self.faults[fault] = FaultState::Acted;
        self.acted.push(Acted { fault, position: self.events.len() });
        self.last_fault = self.desk.clock().now();
    }

    pub(super) fn refuse(&mut self, fault: usize, why: &'static str) {
        self.faults[fault] = FaultState::Refused(why);
    }

    /// The faults that have not acted yet.
    pub(super) fn waiting_faults(&self) -> impl Iterator<Item = (usize, &'a Fault)> + '_ {
        let states = self.faults.iter().zip(self.plan.faults).enumerate();
        states.filter(|(_, (state, _))| **state == FaultState::Waiting).map(|(at, (_, fault))| (at, fault))
    }

    /// What a delivery was supplied with.
    pub(super) fn supplied(&mut self, delivery: DeliveryName) -> &mut Supplied {
        &mut self.fates[delivery.message].supplied[delivery.number as usize - 1]
    }

    /// A delivery is over: whoever stood for it may go on.
    pub(super) fn ended(&mut self, task: TaskId) {
        self.drop_work(task);
        self.tasks[task].state = State::Ended;
        if let Kind::Round(round) = self.tasks[task].kind {
            self.rest_round(round);
        }
        let name = self.tasks[task].name;
        self.lift_holds(|until| match until {
            Until::Task(other) => other == task,
            // Even if what it spawned may still come to that point: who waits for a delivery waits for its handler.
            Until::Point(point) => point.task == name,
            Until::NothingElse => false,
        });
    }

    /// Lets go on who stands for something that has come.
    pub(super) fn lift_holds(&mut self, mut came: impl FnMut(Until) -> bool) {
        let turn = self.turn;
        for task in &mut self.tasks {
            if task.hold.is_some_and(|hold| came(hold.until)) {
                task.hold = None;
                task.waiting_since = turn;
            }
        }
    }

    /// The answer of a handler that panicked, or how it answered.
    pub(super) fn panicked(payload: Box<dyn std::any::Any + Send>) -> Answer {
        Answer::Panicked(quiet::message(payload.as_ref()))
    }
}

/// So many of the same, in a vector that was used before.
fn filled<T: Clone>(mut room: Vec<T>, with: T, length: usize) -> Vec<T> {
    room.clear();
    room.resize(length, with);
    room
}
