//! What a delivery does in its turns: it comes to an operation, acts, waits for a lock, spawns, comes to its end.

use super::{
    bank::{LEASE, Who},
    cursor::{Answer, Next, Reply},
    program::Instruction,
    system::{Hold, Injected, Patience, Place, SECOND, System, TaskId},
};

/// How long an operation waits for a lock, in milliseconds.
const LOCK_WAIT: u64 = 5_000;

impl System<'_> {
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
                (self.looked, self.timed) = (true, true);
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
                    (self.looked, self.timed) = (true, true);
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
    pub fn begins_task(&mut self, at: TaskId) {
        (self.looked, self.timed) = (true, true);
        self.last = None;
        let own_rank = self.tasks[at].rank;
        self.in_line(at);
        let task = &mut self.tasks[at];
        task.spawned = true;
        task.since = self.step;
        task.handler_rank = own_rank;
    }

    /// That task has ended: the handler can run again.
    pub fn ends_task(&mut self, at: TaskId) {
        self.last = None;
        let task = &mut self.tasks[at];
        task.spawned = false;
        task.rank = task.handler_rank;
        task.since = self.step;
        task.place = if task.orphan { Place::Over } else { Place::Fresh };
    }

    /// Whose connection its operation is on.
    pub fn connection(&self, at: TaskId) -> TaskId {
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
        let patience = Patience { ends: self.now + LOCK_WAIT, since: self.step };
        let task = &mut self.tasks[at];
        task.parked = true;
        task.faults_past = u8::MAX;
        task.patience.get_or_insert(patience);
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

    pub fn perform(&mut self, at: TaskId, instruction: Instruction) -> Reply {
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

    pub fn who(&self, at: TaskId) -> Who {
        let message = self.tasks[at].delivery.message;
        let said = self.tasks[at].cursor.would_say(self.program);
        Who { task: self.connection(at), now: self.now, message, amount: self.amounts[message], said }
    }

    /// The lock is free: whoever waits for it may try again.
    pub fn unlocked(&mut self) {
        for task in self.tasks.iter_mut().filter(|task| task.parked) {
            task.parked = false;
            task.since = self.step;
        }
    }
}
