//! One run of a statement: whether what SQLite tells of is a new one, a part of the one that runs, or that one from its
//! beginning again; and what became of it.
//!
//! SQLite tells of a program that begins, and a statement can be several: a foreign key's action has one of its own, and a
//! statement that finds another schema than it was prepared for is prepared again and begins anew. What tells them apart
//! is what SQLite counts for each statement. The counts go with it when it is prepared again.

use std::sync::atomic::Ordering;

use rusqlite::{StatementStatus, trace::StmtRef};

use super::Flags;
use crate::{machine::trace::Injected, store::sqlite::words::Shape};

/// Instructions up to the first lock, which is the database's own: a statement that came no further was refused it, or
/// found another schema.
const TO_THE_LOCK: i32 = 2;

/// One run of a statement.
#[derive(Debug)]
pub(super) struct Stepping {
    text: String,
    /// What it had counted when it began: runs of programs, and instructions.
    runs: i32,
    steps: i32,
    prepared_again: i32,
    /// Instructions of its last run.
    took: i32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Runs,
    /// Over, at the lock.
    StoppedShort,
    Over,
}

/// What a program that begins is to the statement that SQLite told of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// Another statement, or another run of it.
    Another,
    /// A part of it.
    Part,
    /// The same run of it, from its beginning.
    Again,
}

impl Stepping {
    pub(super) fn of(statement: &StmtRef<'_>, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            runs: statement.get_status(StatementStatus::Run),
            steps: statement.get_status(StatementStatus::VmStep),
            prepared_again: statement.get_status(StatementStatus::RePrepare),
            took: 0,
            state: State::Runs,
        }
    }

    /// A program of this statement begins.
    pub(super) fn begins(&mut self, statement: &StmtRef<'_>, text: &str) -> Begins {
        let count = |status| statement.get_status(status);
        // Instructions are counted when a statement comes back, so these are the same while it runs.
        let is_same = self.text == text
            && count(StatementStatus::Run) > self.runs
            && count(StatementStatus::VmStep) == self.steps;
        match self.state {
            State::Runs if is_same => Begins::Part,
            State::StoppedShort if is_same && count(StatementStatus::RePrepare) > self.prepared_again => {
                *self = Self::of(statement, text);
                Begins::Again
            }
            _ => Begins::Another,
        }
    }

    /// A run of this statement is over, for now. Whether it was this one, and then whether it stopped short.
    pub(super) fn ends(&mut self, statement: &StmtRef<'_>) -> Option<bool> {
        if self.state != State::Runs || statement.sql() != self.text {
            return None;
        }
        let steps = statement.get_status(StatementStatus::VmStep);
        self.took = steps - self.steps;
        let short = self.took <= TO_THE_LOCK;
        self.steps = steps;
        self.state = if short { State::StoppedShort } else { State::Over };
        Some(short)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it came further than where a statement of this shape asks for its lock.
    pub(super) fn is_past_lock(&self, shape: Shape) -> bool {
        self.runs() || self.took > i32::from(shape.to_the_lock()).max(TO_THE_LOCK)
    }

    pub(super) fn runs(&self) -> bool {
        self.state == State::Runs
    }
}

impl Flags {
    /// The statement that runs is to suffer this fault from where it is.
    pub(in crate::store::sqlite) fn begins_again(&self, fault: Option<Injected>) {
        let running = self.log().running;
        if let Some((shape, _)) = running {
            self.begins(shape, fault);
        }
    }

    /// Whether a program that begins is that of a new statement: then the one before it is over.
    pub(super) fn is_new(&self, statement: &StmtRef<'_>, text: &str) -> bool {
        let mut log = self.log();
        let begins = log.stepping.as_mut().map_or(Begins::Another, |of| of.begins(statement, text));
        if begins == Begins::Another {
            drop(log);
            self.ends();
            log = self.log();
            log.stepping = Some(Stepping::of(statement, text));
            log.beside = log.unfinished > 0;
        }
        log.unfinished += u32::from(begins != Begins::Part);
        let running = log.running;
        drop(log);
        if let (Begins::Again, Some((shape, fault))) = (begins, running) {
            self.begins(shape, fault);
        }
        begins == Begins::Another
    }

    /// Whether the machine holds the lock that writers need, as long as the next statement runs.
    pub(in crate::store::sqlite) fn hold_lock(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// A run of this statement is over: what it was to suffer, nothing after it suffers. Whether the machine is to let go of
    /// the lock.
    pub(super) fn stops(&self, statement: &StmtRef<'_>) -> bool {
        let mut log = self.log();
        log.unfinished = log.unfinished.saturating_sub(1);
        if let Some(short) = log.stepping.as_mut().and_then(|of| of.ends(statement)) {
            log.short = short;
            log.unspent = self.fail.swap(false, Ordering::Relaxed);
            self.lose_reply.store(false, Ordering::Relaxed);
            self.no_wait.store(self.dead.load(Ordering::Relaxed), Ordering::Relaxed);
            return self.held.swap(false, Ordering::Relaxed);
        }
        false
    }

    /// Whether a statement is in the middle of its run.
    pub(in crate::store::sqlite) fn is_stepping(&self) -> bool {
        self.log().stepping.as_ref().is_some_and(Stepping::runs)
    }

    pub(in crate::store::sqlite) fn committed(&self) -> bool {
        self.committed.load(Ordering::Relaxed)
    }

    /// Whether what the statement returned after its commit could be lost.
    pub(in crate::store::sqlite) fn committed_in_time(&self) -> bool {
        self.in_time.load(Ordering::Relaxed)
    }

    /// Whether the fault was suffered: an error where there is none without it.
    pub(in crate::store::sqlite) fn suffered(&self) -> bool {
        self.suffered.load(Ordering::Relaxed)
    }

    /// Whether a lock was found taken by a statement that could have waited for it.
    pub(in crate::store::sqlite) fn busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether the statement that ended was refused a lock.
    pub(in crate::store::sqlite) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether a transaction was rolled back since the statement began.
    pub(in crate::store::sqlite) fn rolled_back(&self) -> bool {
        self.rolled_back.load(Ordering::Relaxed)
    }

    /// Whether what is to fail fails here.
    pub(super) fn fails(&self) -> bool {
        let grace = self.grace.load(Ordering::Relaxed);
        self.grace.store(grace.saturating_sub(1), Ordering::Relaxed);
        grace == 0 && self.fail.swap(false, Ordering::Relaxed)
    }
}
