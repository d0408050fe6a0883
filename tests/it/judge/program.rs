//! A handler as data: a list of instructions over an abstract store.
//!
//! What the store and the broker do is not here, and how an execution goes on is `cursor`.

use std::fmt;

/// A handler: its instructions in order.
///
/// It answers done at its end, and asks for a retry when an operation returns an error. What it read last is its reply.
/// Whenever it leaves with a
/// transaction open, it rolls that back first, as an operation of its own. A `begin` within a transaction, and a `commit` or
/// a `roll back` outside one, do nothing: so every list of instructions is a handler, mutants too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    /// What it does.
    pub body: Vec<Instruction>,
    /// When a commit returns an error, the body runs again from its start, once.
    pub again: bool,
    /// It gives each operation a second of virtual time, and takes one that has not acted by then for one that failed.
    pub impatient: bool,
    /// Where it read nothing it replies whether it found its message handled.
    pub speaks: bool,
    /// It rejects a message that it finds handled, instead of answering done.
    pub refuses: bool,
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instruction {
    /// Reads whether this message's mark is there. Where it is: answers done, or goes on all the same.
    Check { leaves: bool },
    /// Inserts this message's mark.
    Mark(Insert),
    /// Adds the message's amount to the balance.
    Apply,
    /// Sets the value to the message's amount, whatever it was.
    Set,
    /// Opens a transaction, which takes the store's only lock.
    Begin,
    /// Commits it.
    Commit,
    /// Undoes it.
    Rollback,
    /// Adds the message's amount to the ledger of another store, outside any transaction.
    Emit,
    /// Waits for a second of virtual time: no operation, and so no point.
    Sleep,
    /// Reads the balance, to reply with it.
    Read,
    /// Keeps the reply that it would give now, for this message.
    Keep,
    /// Spawns a task that does one thing outside any transaction, and waits for its end.
    Spawn(Job),
    /// Takes the lease, which is one for all messages and ends by itself after half a minute. Where somebody has it: asks for
    /// a retry.
    Lease,
    /// Gives the lease back, if this delivery has it still.
    Release,
    /// Looks for the reply that was kept for this message. Where there is one: answers done with that.
    Recall,
}

/// What a spawned task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    Apply,
    Emit,
}

impl Job {
    /// The same as an instruction.
    pub fn instruction(self) -> Instruction {
        match self {
            Self::Apply => Instruction::Apply,
            Self::Emit => Instruction::Emit,
        }
    }
}

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Fresh,
    Duplicate,
    Balance(i64),
}

/// How a mark is inserted where there is one already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Insert {
    /// It fails, as a unique constraint makes it.
    Unique,
    /// Nothing is inserted, and the handler answers done.
    IfAbsent,
    /// It is inserted all the same.
    Plain,
}

impl Program {
    /// The program of this body, which asks for a retry when a commit fails.
    pub fn new(body: impl IntoIterator<Item = Instruction>) -> Self {
        Self { body: body.into_iter().collect(), again: false, impatient: false, speaks: false, refuses: false }
    }

    /// Every program that is this one without one of its instructions, or without one of its ways.
    pub fn smaller(&self) -> Vec<Self> {
        let without = |at: usize| {
            let mut body = self.body.clone();
            body.remove(at);
            Self { body, ..*self }
        };
        let body = || self.body.clone();
        let calmer = self.again.then(|| Self { body: body(), again: false, ..*self });
        let patient = self.impatient.then(|| Self { body: body(), impatient: false, ..*self });
        let silent = self.speaks.then(|| Self { body: body(), speaks: false, ..*self });
        let kind = self.refuses.then(|| Self { body: body(), refuses: false, ..*self });
        (0..self.body.len()).map(without).chain(calmer).chain(patient).chain(silent).chain(kind).collect()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Fresh => f.write_str("fresh"),
            Said::Duplicate => f.write_str("duplicate"),
            Said::Balance(balance) => balance.fmt(f),
        }
    }
}

impl Said {
    /// A reply that was kept as text; nothing where nothing was said.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "fresh" => Some(Self::Fresh),
            "duplicate" => Some(Self::Duplicate),
            _ => text.parse().ok().map(Self::Balance),
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Instruction::Check { leaves: true } => "if marked { return done }",
            Instruction::Check { leaves: false } => "if marked {}",
            Instruction::Mark(Insert::Unique) => "insert mark, or fail",
            Instruction::Mark(Insert::IfAbsent) => "insert mark, or return done",
            Instruction::Mark(Insert::Plain) => "insert mark",
            Instruction::Apply => "balance += amount",
            Instruction::Set => "value = amount",
            Instruction::Begin => "begin",
            Instruction::Commit => "commit",
            Instruction::Rollback => "roll back",
            Instruction::Emit => "ledger += amount",
            Instruction::Sleep => "sleep 1 s",
            Instruction::Spawn(Job::Apply) => "spawn { balance += amount }, and wait for it",
            Instruction::Spawn(Job::Emit) => "spawn { ledger += amount }, and wait for it",
            Instruction::Lease => "lease for 30 s, or fail",
            Instruction::Release => "give the lease back",
            Instruction::Read => "reply = balance",
            Instruction::Keep => "keep reply",
            Instruction::Recall => "if kept { return kept }",
        })
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = if self.again { ", again if the commit fails" } else { "" };
        let impatient = if self.impatient { ", 1 s for each operation" } else { "" };
        let speaks = if self.speaks { ", replies fresh or duplicate" } else { "" };
        let refuses = if self.refuses { ", rejects what is marked" } else { "" };
        writeln!(f, "handle{again}{impatient}{speaks}{refuses} {{")?;
        for instruction in &self.body {
            writeln!(f, "    {instruction};")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Instruction::{Apply, Begin, Commit},
        Program,
    };

    #[test]
    fn a_program_reads_like_code() {
        let program = Program::new([Begin, Apply, Commit]);
        assert_eq!(format!("{program:?}"), "handle {\n    begin;\n    balance += amount;\n    commit;\n}");
    }
}
