//! A whole system as one value that can be cloned: the stores, the broker, the deliveries in progress, the clock.
//!
//! Here is what each single thing does to it, by the design's words for the two delivery models and for the faults; the
//! stores are `bank`'s.
//! Which thing comes next is `schedule`; which are tried is `enumerate`.

use std::{collections::BTreeSet, fmt};

use super::{
    bank::{Bank, LEASE, Who},
    program::{Answer, Cursor, Instruction, Next, Program, Reply},
};

/// There are so many processes.
pub const PROCESSES: usize = 2;
/// How long an operation waits for a lock, and how long who sleeps or gives an operation time, in milliseconds.
const LOCK_WAIT: u64 = 5_000;
pub const SECOND: u64 = 1_000;

/// Who delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A broker, which gives a message again to the process that had it last.
    AtLeastOnce,
    /// Clients that send a request again to the next process, and compare the answers that they heard.
    RequestReply,
}

/// Which delivery in progress, in the order in which they began.
pub type TaskId = usize;

/// Everything.
#[derive(Clone, Debug)]
pub struct System<'a> {
    pub model: Model,
    pub program: &'a Program,
    amounts: &'a [i64],
    pub bank: Bank,
    pub copies: Vec<Copy>,
    pub tasks: Vec<Task>,
    pub messages: Vec<Fate>,
    /// How many deliveries, and tasks that they spawned, have begun.
    begun: u64,
    /// The task that took the last step.
    pub last: Option<TaskId>,
    /// Virtual time, in milliseconds, and when the last fault was.
    pub now: u64,
    pub last_fault: u64,
    /// Counts steps, for who waited longest.
    pub step: u64,
    /// Which delivery is put off past which message.
    pub deferred: Vec<(Delivery, usize)>,
    /// What was so until a handler asked for that message again.
    pub lifted: Vec<(Delivery, usize)>,
    /// A fault so far changed nothing.
    pub idle: bool,
    /// A handler has waited for a timer, or looked at the clock.
    pub looked: bool,
    /// When what was written ends by itself.
    pub deadlines: BTreeSet<u64>,
    /// The final answers that arrived, to which messages.
    pub heard: Vec<(usize, Answer)>,
}

/// One copy of a message that the broker holds.
#[derive(Clone, Debug)]
pub struct Copy {
    pub message: usize,
    pub due: Option<u64>,
    pub settled: bool,
    /// It has been handed out so often, and so many of those deliveries have not ended.
    attempts: u32,
    in_flight: u32,
}

/// What has become of a message.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// At which steps it was first delivered and handled.
    pub delivered: Option<u64>,
    pub handled: Option<u64>,
    /// It was rejected before that, and the broker heard of it.
    pub rejected: bool,
    /// How many deliveries there were, and the process that had the last.
    pub deliveries: u32,
    home: usize,
}

/// One delivery in progress.
#[derive(Clone, Debug)]
pub struct Task {
    pub delivery: Delivery,
    pub process: usize,
    copy: usize,
    cursor: Cursor,
    pub place: Place,
    /// It stands before the operation of a task that it spawned, on a connection of that one's own.
    pub spawned: bool,
    /// Its handler is gone: it is what that had spawned, and does one thing more.
    pub orphan: bool,
    /// Of those who could run from one moment on, who goes first.
    pub rank: u64,
    handler_rank: u64,
    /// How many operations it has asked for, the one that it stands before included.
    operations: u32,
    /// Faults at one point act in this order: those up to here are over.
    pub faults_past: u8,
    pub hold: Option<Hold>,
    /// It waits for a lock.
    pub parked: bool,
    /// When that wait ends, and whether it has.
    pub patience: Option<u64>,
    pub gives_up: bool,
    /// When it gives up an operation that has not acted.
    pub expires: Option<u64>,
    /// The step since which it could run.
    pub since: u64,
    /// What the clock showed while its handler ran.
    pub times: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The handler has not been called, or what it spawned has come to its end: it goes on in its turn.
    Fresh,
    /// It waits until then, at no point.
    Asleep(u64),
    Operation(Instruction),
    /// It has answered done or reject, of which nobody has heard.
    Ack(Answer),
    Over,
}

/// Why a delivery stands though it could go on, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    pub since: u64,
    /// The delivery for which it stands; without one, until nothing else can run.
    pub meets: Option<TaskId>,
}

/// `m0#1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    pub message: usize,
    pub number: u32,
}

/// What an operation is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    Fail,
    LoseReply,
}

impl<'a> System<'a> {
    /// Before anything was delivered: a message for each of these amounts.
    pub fn new(model: Model, program: &'a Program, amounts: &'a [i64]) -> Self {
        let mut system = Self {
            model,
            program,
            amounts,
            bank: Bank::default(),
            copies: Vec::new(),
            tasks: Vec::new(),
            messages: vec![Fate::default(); amounts.len()],
            begun: 0,
            last: None,
            now: 0,
            last_fault: 0,
            step: 0,
            deferred: Vec::new(),
            lifted: Vec::new(),
            idle: false,
            looked: false,
            deadlines: BTreeSet::new(),
            heard: Vec::new(),
        };
        for message in 0..amounts.len() {
            system.hold_copy(message);
        }
        system
    }

    /// The broker has one more copy of this message, due now.
    pub fn hold_copy(&mut self, message: usize) -> usize {
        self.copies.push(Copy { message, due: Some(self.now), settled: false, attempts: 0, in_flight: 0 });
        self.copies.len() - 1
    }

    /// The process that a delivery of this copy goes to when it is due: `p0` at first, then where the message was last or,
    /// of a client, the one after.
    pub fn goes_to(&self, copy: usize) -> usize {
        let home = self.messages[self.copies[copy].message].home;
        match (self.copies[copy].attempts, self.model) {
            (0, _) => 0,
            (_, Model::AtLeastOnce) => home,
            (_, Model::RequestReply) => (home + 1) % PROCESSES,
        }
    }

    /// Hands out a copy. The new delivery.
    pub fn deliver(&mut self, copy: usize, process: usize) -> TaskId {
        let held = &mut self.copies[copy];
        held.due = None;
        held.attempts += 1;
        held.in_flight += 1;
        let message = held.message;
        let fate = &mut self.messages[message];
        fate.deliveries += 1;
        fate.home = process;
        fate.delivered.get_or_insert(self.step);
        self.tasks.push(Task {
            delivery: Delivery { message, number: fate.deliveries },
            process,
            copy,
            cursor: Cursor::default(),
            place: Place::Fresh,
            spawned: false,
            orphan: false,
            rank: 0,
            handler_rank: 0,
            operations: 0,
            faults_past: 0,
            hold: None,
            parked: false,
            patience: None,
            gives_up: false,
            expires: None,
            since: self.step,
            times: vec![self.now],
        });
        self.in_line(self.tasks.len() - 1);
        self.tasks.len() - 1
    }

    /// Of those who can run from now on, this one comes after all that have begun.
    fn in_line(&mut self, at: TaskId) {
        self.begun += 1;
        self.tasks[at].rank = self.begun;
    }

    /// The delivery goes on to its next point, or ends there.
    pub fn arrive(&mut self, at: TaskId) {
        let task = &mut self.tasks[at];
        task.faults_past = 0;
        task.patience = None;
        task.expires = None;
        match task.cursor.next(self.program) {
            Next::Sleep => {
                task.cursor.awakes();
                task.place = Place::Asleep(self.now + SECOND);
                self.looked = true;
                self.release_holds(at);
            }
            Next::Operation(Instruction::Spawn(job)) => {
                task.operations += 1;
                task.place = Place::Operation(job.instruction());
                self.begins_task(at);
            }
            Next::Operation(instruction) => {
                task.operations += 1;
                task.place = Place::Operation(instruction);
                if self.program.impatient {
                    task.expires = Some(self.now + SECOND);
                    self.looked = true;
                }
            }
            Next::Answered(answer @ Answer::Done(_)) => {
                task.place = Place::Ack(answer);
                let message = task.delivery.message;
                self.messages[message].handled.get_or_insert(self.step);
            }
            Next::Answered(answer @ Answer::Reject) => task.place = Place::Ack(answer),
            // The broker hears at once of what is to be delivered again.
            Next::Answered(Answer::Retry) => {
                let message = task.delivery.message;
                self.lifted.extend(self.deferred.extract_if(.., |(_, past)| *past == message));
                self.end(at, false);
            }
        }
    }

    /// It waits for the task that it spawned just now, which can run from now on and is another one.
    fn begins_task(&mut self, at: TaskId) {
        self.looked = true;
        self.last = None;
        let own_rank = self.tasks[at].rank;
        self.in_line(at);
        let task = &mut self.tasks[at];
        task.spawned = true;
        task.since = self.step;
        task.handler_rank = own_rank;
    }

    /// That task has ended: the handler can run again.
    fn ends_task(&mut self, at: TaskId) {
        self.last = None;
        let task = &mut self.tasks[at];
        task.spawned = false;
        task.rank = task.handler_rank;
        task.since = self.step;
        task.place = if task.orphan { Place::Over } else { Place::Fresh };
    }

    /// Whose connection its operation is on.
    fn connection(&self, at: TaskId) -> TaskId {
        if self.tasks[at].spawned { TaskId::MAX - at } else { at }
    }

    /// Whether the operation before which this delivery stands finds the lock taken. Once it has waited long enough it
    /// does not wait again.
    pub fn must_wait(&self, at: TaskId) -> bool {
        let task = &self.tasks[at];
        matches!(task.place, Place::Operation(next) if !task.gives_up && self.bank.must_wait(self.connection(at), next))
    }

    /// It waits for the lock; whoever stood for it goes on.
    pub fn park(&mut self, at: TaskId) {
        let now = self.now;
        let task = &mut self.tasks[at];
        task.parked = true;
        task.faults_past = u8::MAX;
        task.patience.get_or_insert(now + LOCK_WAIT);
        self.release_holds(at);
    }

    /// It stops until nothing else can run. Whoever stands for it can: were it not so, a pause of the newer of two
    /// deliveries would let nobody run.
    pub fn pause(&mut self, at: TaskId) {
        self.tasks[at].hold = Some(Hold { since: self.step, meets: None });
        self.release_holds(at);
    }

    /// The operation acts and the delivery goes on.
    pub fn act(&mut self, at: TaskId, injected: Option<Injected>) {
        let Place::Operation(instruction) = self.tasks[at].place else { unreachable!("there is no operation") };
        let gives_up = std::mem::take(&mut self.tasks[at].gives_up);
        let held = self.bank.is_owner(at);
        let reply = match injected {
            _ if gives_up => Reply::Failed,
            None => self.perform(at, instruction),
            Some(Injected::LoseReply) => {
                self.perform(at, instruction);
                Reply::Failed
            }
            Some(Injected::Fail) => {
                self.bank.fail(self.connection(at), instruction);
                Reply::Failed
            }
        };
        if held && !self.bank.is_owner(at) {
            self.unlocked();
        }
        self.tasks[at].cursor.answered(self.program, reply);
        if self.tasks[at].spawned { self.ends_task(at) } else { self.arrive(at) }
    }

    fn perform(&mut self, at: TaskId, instruction: Instruction) -> Reply {
        self.looked |= self.bank.looks_at_clock(self.connection(at), instruction);
        let reply = self.bank.perform(self.who(at), instruction);
        if (instruction, reply) == (Instruction::Lease, Reply::Fine) {
            self.deadlines.insert(self.now + LEASE);
        }
        reply
    }

    /// The operation before which this delivery stands has not acted in time, and never will.
    pub fn expire(&mut self, at: TaskId) {
        let Place::Operation(instruction) = self.tasks[at].place else { unreachable!("there is no operation") };
        self.tasks[at].gives_up = false;
        self.tasks[at].parked = false;
        // Whoever commits or rolls back gives the transaction away, and what is given up is rolled back.
        if matches!(instruction, Instruction::Commit | Instruction::Rollback) && self.bank.close(at, false) {
            self.unlocked();
        }
        self.tasks[at].cursor.answered(self.program, Reply::Failed);
        self.arrive(at);
    }

    fn who(&self, at: TaskId) -> Who {
        let message = self.tasks[at].delivery.message;
        let said = self.tasks[at].cursor.would_say(self.program);
        Who { task: self.connection(at), now: self.now, message, amount: self.amounts[message], said }
    }

    /// The lock is free: whoever waits for it may try again.
    fn unlocked(&mut self) {
        for task in self.tasks.iter_mut().filter(|task| task.parked) {
            task.parked = false;
            task.since = self.step;
        }
    }

    /// The final answer of this delivery arrives.
    pub fn hear(&mut self, at: TaskId) {
        let Task { place: Place::Ack(answer), delivery, .. } = self.tasks[at] else { unreachable!("it has no answer") };
        self.heard.push((delivery.message, answer));
        let fate = &mut self.messages[delivery.message];
        fate.rejected |= answer == Answer::Reject && fate.handled.is_none();
        self.end(at, true);
    }

    /// Whether nothing more is to come of this message: it was handled, or rejected for good.
    pub fn is_over(&self, message: usize) -> bool {
        self.messages[message].handled.is_some() || self.messages[message].rejected
    }

    /// Whether this message is not over when all else is; or a client was never answered.
    pub fn is_stuck(&self, message: usize) -> bool {
        let waits = |copy: &Copy| copy.message == message && copy.attempts > 0 && !copy.settled;
        !self.is_over(message) || self.model == Model::RequestReply && self.copies.iter().any(waits)
    }

    /// The handler is dropped where it stands. What it spawned goes on.
    pub fn cancel(&mut self, at: TaskId) {
        if self.tasks[at].spawned {
            let orphan = Task { orphan: true, faults_past: u8::MAX, ..self.tasks[at].clone() };
            self.tasks.push(orphan);
            self.last = Some(self.tasks.len() - 1);
        }
        self.end(at, false);
    }

    /// A delivery ends, and the broker knows it as acknowledged or not.
    pub fn end(&mut self, at: TaskId, acked: bool) {
        if self.tasks[at].orphan {
            self.tasks[at].place = Place::Over;
            return;
        }
        if self.bank.close(at, false) {
            self.unlocked();
        }
        let task = &mut self.tasks[at];
        task.place = Place::Over;
        task.hold = None;
        task.parked = false;
        let copy = &mut self.copies[task.copy];
        copy.in_flight -= 1;
        if acked {
            copy.settled = true;
            copy.due = None;
        } else if copy.in_flight == 0 && !copy.settled {
            copy.due = Some(self.now + (SECOND << (copy.attempts - 1)));
        }
        self.release_holds(at);
    }

    fn release_holds(&mut self, met: TaskId) {
        for task in &mut self.tasks {
            if task.hold.is_some_and(|hold| hold.meets == Some(met)) {
                task.hold = None;
                task.since = self.step;
            }
        }
    }

    /// The process dies, with every delivery that it had.
    pub fn crash(&mut self, process: usize) {
        for at in 0..self.tasks.len() {
            if self.tasks[at].process == process && self.tasks[at].place != Place::Over {
                self.end(at, false);
            }
        }
    }

    /// Delivers the same message once more beside this delivery, which stands until the new one ends or waits for a lock:
    /// the same copy to the other process, or another copy to `p0`.
    pub fn beside(&mut self, at: TaskId, same_copy: bool) {
        let Task { copy, process, delivery, .. } = self.tasks[at];
        let other = if same_copy {
            self.deliver(copy, (process + 1) % PROCESSES)
        } else {
            let copy = self.hold_copy(delivery.message);
            self.deliver(copy, 0)
        };
        self.tasks[at].hold = Some(Hold { since: self.step, meets: Some(other) });
    }

    /// The clock shows this: whoever waited for it can run, or gives up waiting for a lock.
    pub fn jump(&mut self, to: u64) {
        self.set_clock(to);
        for task in self.tasks.iter_mut().filter(|task| task.parked && task.patience.is_some_and(|until| until <= to)) {
            (task.parked, task.gives_up, task.since) = (false, true, self.step);
        }
    }

    /// The same, but for those who wait for a lock.
    pub fn set_clock(&mut self, to: u64) {
        let before = std::mem::replace(&mut self.now, to);
        for task in &mut self.tasks {
            if to > before && !matches!(task.place, Place::Ack(_) | Place::Over) {
                task.times.push(to);
            }
            let woken = (before + 1..=to).contains(&task.wakes().unwrap_or(before));
            if woken {
                task.since = self.step;
            }
        }
    }

    /// Whether the broker could deliver the copy that this delivery has once more.
    pub fn is_unsettled(&self, at: TaskId) -> bool {
        !self.copies[self.tasks[at].copy].settled
    }

    /// Whether the operation before which this delivery stands can return an error without effect: all but a roll back.
    pub fn can_fail(&self, at: TaskId) -> bool {
        matches!(self.tasks[at].place, Place::Operation(instruction) if instruction != Instruction::Rollback)
    }

    /// Whether it can take effect and return an error.
    pub fn can_lose_reply(&self, at: TaskId) -> bool {
        matches!(self.tasks[at].place, Place::Operation(next) if self.bank.can_lose_reply(self.who(at), next))
    }
}

impl Task {
    /// When the clock wakes it.
    pub fn wakes(&self) -> Option<u64> {
        match self.place {
            Place::Asleep(until) => Some(until),
            Place::Operation(_) => self.expires,
            _ => None,
        }
    }

    /// Its operation was given up.
    pub fn has_expired(&self, now: u64) -> bool {
        matches!(self.place, Place::Operation(_)) && self.expires.is_some_and(|expires| expires <= now)
    }

    /// The point before which it stands, as histories write it.
    pub fn point(&self) -> String {
        match self.place {
            Place::Operation(_) => format!("{}.{}", self.delivery, self.operations),
            Place::Fresh | Place::Asleep(_) => unreachable!("it stands at no point"),
            Place::Ack(_) | Place::Over => format!("{}.ack", self.delivery),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}#{}", self.message, self.number)
    }
}
