//! Code that has begun and not ended: one ticket for each of its statements, and what it does with each turn.

use std::{sync::Arc, task::Waker};

use super::BUSY_TIMEOUT;
use crate::{
    machine::{
        Grant, Ticket, acted_further, allowance,
        baton::{Go, Stop},
        release_locks,
        trace::{Facts, Injected, Words},
    },
    store::sqlite::{
        footprint::{self, Standing},
        pool::{Pool, Thread},
        words::{self, Narrator, Shape},
    },
};

/// Code that has begun and not ended.
pub(super) struct Running {
    thread: Thread,
    /// The turn that it waits for, and the statement that it stands before or in, if that has a text.
    next: Option<(Ticket, String)>,
    waits: Waits,
    standing: Standing,
}

/// Where code waits for a lock, if it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Not,
    /// In its statement.
    Inside,
    /// Before it: in memory, to prepare a statement may be to read the schema, and that waits for a writer.
    Before,
}

impl Running {
    pub(super) fn new(thread: Thread) -> Self {
        Self { thread, next: None, waits: Waits::Not, standing: Standing::default() }
    }

    /// Its thread; the turn that it waited for is given up.
    pub(super) fn into_thread(self) -> Thread {
        self.thread
    }

    /// Notes where it stopped.
    pub(super) fn has_stopped(&mut self, stop: &Stop) {
        let flags = &self.thread.flags;
        self.waits = match stop {
            Stop::Locked if flags.is_stepping() => Waits::Inside,
            Stop::Locked => Waits::Before,
            _ => Waits::Not,
        };
        if self.waits == Waits::Before {
            flags.ends();
        }
    }

    /// If it is its turn: lets the code go on to its next stop, and tells what its statements were.
    pub(super) fn go_on(&mut self, pool: &Arc<Pool>, narrator: Option<&mut Narrator>, waker: &Waker) -> Option<Stop> {
        let (ticket, _) = self.next.as_ref()?;
        let Some(grant) = ticket.granted() else {
            ticket.polled_in_vain(waker);
            return None;
        };
        if self.waits == Waits::Before
            && let Some(stop) = self.come_to_statement(grant)
        {
            return Some(stop);
        }
        let (ticket, statement) = self.next.as_ref()?;
        let narrator = narrator.filter(|_| ticket.wants_words());
        let mut narration = narrator.map(|narrator| narrator.before(statement));
        if self.waits == Waits::Inside {
            self.thread.flags.begins_again(grant.fault);
        }
        // A statement that takes the lock now fails as it does in life: somebody else has it.
        let fails = grant.fault == Some(Injected::Fail);
        let locker = fails.then(|| pool.hold_lock(Shape::of(statement))).flatten();
        if locker.is_some() {
            self.thread.flags.hold_lock(true);
        }
        let mut stop = self.thread.stepped.go(match grant {
            Grant { give_up: true, .. } => Go::GiveUp,
            Grant { fault: None, .. } => Go::Through(allowance()),
            Grant { fault, .. } => Go::On(fault),
        });
        if let Some(locker) = locker {
            drop(locker);
            self.thread.flags.hold_lock(false);
            if matches!(stop, Stop::Locked) {
                // The statement is over, and waits for nothing but this.
                stop = self.thread.stepped.go(Go::On(None));
            }
        }
        self.has_stopped(&stop);
        if let Some(facts) = self.thread.flags.take_first() {
            let facts = Facts { gave_up: grant.give_up, ..facts };
            let words = narration.take().map(|narration| Box::new(narration.after(&facts, &self.thread.flags)));
            let (ticket, _) = self.next.take()?;
            self.tell_footprints(pool);
            ticket.acted(facts, words);
        }
        self.tell_further(pool);
        if self.waits == Waits::Not {
            return Some(stop);
        }
        self.wait_for_lock(pool, narration.map(|narration| Box::new(narration.waits())), waker);
        None
    }

    /// Lets code that waits for a lock before its statement come to it, in the turn that is the statement's too. Where it
    /// stops instead, if it does.
    fn come_to_statement(&mut self, grant: Grant) -> Option<Stop> {
        self.thread.flags.arm(None, false);
        let stop = self.thread.stepped.go(if grant.give_up { Go::GiveUp } else { Go::On(None) });
        self.has_stopped(&stop);
        let committed = self.thread.flags.committed();
        let (ticket, _) = self.next.take()?;
        match stop {
            // It was refused; or what waited was the rest of the statement before.
            stop if grant.give_up || committed => {
                let facts = Facts { gave_up: grant.give_up, changes: committed, locks: true, ..Facts::default() };
                let words = ticket.wants_words().then(|| Box::new(words::between_statements(!grant.give_up)));
                ticket.acted(facts, words);
                Some(stop)
            }
            Stop::At(statement) => {
                self.next = Some((ticket, statement));
                None
            }
            stop => {
                self.next = Some((ticket, String::new()));
                Some(stop)
            }
        }
    }

    /// Tells of the statements that ended beside the one whose turn it was.
    pub(super) fn tell_further(&mut self, pool: &Arc<Pool>) {
        let (done, released) = self.thread.flags.take_done();
        for facts in done {
            self.tell_footprints(pool);
            acted_further(facts);
        }
        if released {
            release_locks();
        }
    }

    /// Tells what the statements touched that ended since this was last told.
    fn tell_footprints(&mut self, pool: &Arc<Pool>) {
        footprint::of(pool, &mut self.standing, &self.thread.flags.take_footings());
    }

    /// Asks for the turn of the statement that it has come to.
    pub(super) fn stand_before(&mut self, statement: String, waker: &Waker) {
        self.next = Ticket::register().map(|ticket| (ticket, statement));
        if let Some((ticket, _)) = &self.next {
            ticket.polled_in_vain(waker);
        }
    }

    /// It waits for a lock: with its statement's ticket, or with a new one if that came by without a turn.
    pub(super) fn wait_for_lock(&mut self, pool: &Arc<Pool>, words: Option<Box<Words>>, waker: &Waker) {
        if self.next.is_none() {
            self.stand_before(String::new(), waker);
        }
        if let Some((ticket, _)) = &self.next {
            let between =
                || (self.waits == Waits::Before && ticket.wants_words()).then(words::waits_between_statements);
            footprint::of_one_that_waits(pool);
            ticket.blocked(BUSY_TIMEOUT, words.or_else(|| between().map(Box::new)));
            ticket.polled_in_vain(waker);
        }
    }
}
