//! The stores that programs work on: a bank with one lock, and a ledger beside it.
//!
//! Everything in the bank is serializable by one writer at a time: a transaction takes the lock when it begins, what is
//! written outside one waits for it, and reads outside one see what was committed. The ledger is another store, and in no
//! transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cursor::Reply,
    program::{Instruction, Said},
    system::TaskId,
};

/// What is seen in the end: the balance, the value and the other store's ledger.
pub type Seen = (i64, Option<i64>, i64);

/// How long a lease lasts, in milliseconds.
pub const LEASE: u64 = 30_000;

/// Both stores.
#[derive(Clone, Debug, Default)]
pub struct Bank {
    committed: Data,
    ledger: i64,
    transaction: Option<Transaction>,
}

/// The open transaction: whose it is, what its owner sees, and whether it wrote.
#[derive(Clone, Debug)]
struct Transaction {
    owner: TaskId,
    data: Data,
    wrote: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Data {
    marks: BTreeSet<usize>,
    balance: i64,
    value: Option<i64>,
    /// The replies that were kept, which nobody sees.
    replies: BTreeMap<usize, Option<Said>>,
    /// Who has the lease, and when it ends; it stands for longer than that.
    lease: Option<(TaskId, u64)>,
}

/// Who does something, when, for which message, and what it would reply now.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    pub task: TaskId,
    pub now: u64,
    pub message: usize,
    pub amount: i64,
    pub said: Option<Said>,
}

impl Bank {
    /// What is seen now.
    pub fn seen(&self) -> Seen {
        (self.committed.balance, self.committed.value, self.ledger)
    }

    /// Whether this finds the lock taken by somebody else.
    pub fn must_wait(&self, task: TaskId, instruction: Instruction) -> bool {
        use Instruction::{Apply, Begin, Keep, Lease, Mark, Release, Set};
        let locks = matches!(instruction, Begin | Mark(_) | Apply | Set | Keep | Lease | Release);
        locks && self.transaction.as_ref().is_some_and(|open| open.owner != task)
    }

    /// Does it.
    pub fn perform(&mut self, who: Who, instruction: Instruction) -> Reply {
        match instruction {
            Instruction::Begin => {
                self.transaction = Some(Transaction { owner: who.task, data: self.committed.clone(), wrote: false });
            }
            Instruction::Commit => drop(self.close(who.task, true)),
            Instruction::Rollback => drop(self.close(who.task, false)),
            Instruction::Emit => self.ledger += who.amount,
            _ => match &mut self.transaction {
                Some(open) if open.owner == who.task => {
                    let before = open.data.clone();
                    let reply = open.data.change(who, instruction);
                    open.wrote |= open.data != before;
                    return reply;
                }
                _ => return self.committed.change(who, instruction),
            },
        }
        Reply::Fine
    }

    /// The connection breaks before it acts, and takes with it a transaction that is open on it. The ledger has one of its
    /// own.
    pub fn fail(&mut self, task: TaskId, instruction: Instruction) {
        if instruction != Instruction::Emit {
            self.close(task, false);
        }
    }

    /// The transaction of this delivery ends, if it has one. Whether it had: then the lock is free.
    pub fn close(&mut self, task: TaskId, commits: bool) -> bool {
        let Some(ended) = self.transaction.take_if(|open| open.owner == task) else { return false };
        if commits {
            self.committed = ended.data;
        }
        true
    }

    /// Whether this delivery has a transaction open.
    pub fn is_owner(&self, task: TaskId) -> bool {
        self.transaction.as_ref().is_some_and(|open| open.owner == task)
    }

    /// Whether whoever does this looks at the clock: what it meets or writes ends by itself.
    pub fn looks_at_clock(&self, task: TaskId, instruction: Instruction) -> bool {
        let own = self.transaction.as_ref().filter(|open| open.owner == task);
        let data = own.map_or(&self.committed, |open| &open.data);
        instruction == Instruction::Lease || instruction == Instruction::Release && data.lease.is_some()
    }

    /// Whether this can take effect and return an error: what changes something durable can, and so can the commit of a
    /// transaction that wrote.
    pub fn can_lose_reply(&self, who: Who, instruction: Instruction) -> bool {
        if instruction == Instruction::Commit {
            return self.transaction.as_ref().is_some_and(|open| open.owner == who.task && open.wrote);
        }
        let mut after = self.clone();
        after.perform(who, instruction);
        (&after.committed, after.ledger) != (&self.committed, self.ledger)
    }
}

impl Data {
    fn change(&mut self, who: Who, instruction: Instruction) -> Reply {
        match instruction {
            Instruction::Check { .. } if self.marks.contains(&who.message) => return Reply::Present,
            Instruction::Mark(_) if !self.marks.insert(who.message) => return Reply::Present,
            Instruction::Apply => self.balance += who.amount,
            Instruction::Set => self.value = Some(who.amount),
            Instruction::Lease if self.lease.is_some_and(|(_, until)| who.now < until) => return Reply::Present,
            Instruction::Lease => self.lease = Some((who.task, who.now + LEASE)),
            Instruction::Release => {
                self.lease.take_if(|(holder, until)| *holder == who.task && who.now < *until);
            }
            Instruction::Read => return Reply::Found(Some(Said::Balance(self.balance))),
            Instruction::Keep => drop(self.replies.insert(who.message, who.said)),
            Instruction::Recall => {
                return self.replies.get(&who.message).map_or(Reply::Fine, |kept| Reply::Found(*kept));
            }
            _ => {}
        }
        Reply::Fine
    }
}
