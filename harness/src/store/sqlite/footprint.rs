//! What each statement touches: tables, a snapshot of all of them, and the lock that writers need.
//!
//! A statement outside a transaction touches its tables (`tables` says which). The first statement that reads in a transaction
//! takes a snapshot: it reads the whole database, and what is read after it is read in the snapshot, which nobody writes.
//! What was written is written by what commits it, which the commit hook tells; until then nobody else sees it. Whoever writes
//! takes the lock, or is in doubt; a transaction that has it touches nothing of others until it ends. One that is to write after
//! it has read is refused if anybody has committed since, whatever that was: it reads the whole database once more.
//!
//! What goes on is told by the words of statements and by hooks, never by results, so each rule asks for no more than is
//! certain, and takes all tables and any use of the lock for the rest. In memory there are no snapshots: a reader may be
//! refused by a writer and the other way around, so there every statement conflicts with every other; and so it is once
//! tables were altered, for the rest of a replay. Where a user's own connections may be in use, nobody knows which connection
//! a statement ran on, nor what is `TEMP` there: all statements touch all tables.

mod tables;

use std::{collections::BTreeSet, sync::Arc};

pub(super) use self::tables::Book;
use self::tables::Tables;
use super::{
    pool::{Place, Pool},
    words::Shape,
};
#[cfg(debug_assertions)]
use crate::machine::give_up;
use crate::machine::{
    footprint::{Access, row},
    touches,
};

/// The lock that writers need.
const WRITER: u64 = 0;

/// What is known of a statement that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Footing {
    pub(super) shape: Shape,
    pub(super) text: String,
    /// A commit went through.
    pub(super) committed: bool,
    /// A transaction was rolled back.
    pub(super) rolled_back: bool,
    /// It did not stop where it asks for its lock.
    pub(super) past_lock: bool,
    /// It would have waited for it: code may say that it does not, past SQL.
    pub(super) waits: bool,
    /// It, or one before it on its connection, has rows left to give, and so what it reads is as old as that one.
    pub(super) midway: bool,
    /// The tables in which the update hook saw it change rows.
    #[cfg(debug_assertions)]
    pub(super) changed: Vec<String>,
}

/// What a connection is in the middle of.
#[derive(Debug, Default)]
pub(super) struct Standing {
    transaction: Transaction,
    /// What was written since the last commit, as far as that is known.
    written: BTreeSet<String>,
    /// Something else may have been.
    written_beyond: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Transaction {
    /// There is none.
    #[default]
    None,
    /// It has begun, and not read.
    Begun,
    /// It has read.
    Snapshot,
    /// It has the lock.
    Lock,
    /// There may be one.
    Unclear,
}

/// How a statement of a database is told.
struct Told<'a> {
    store: usize,
    standing: &'a mut Standing,
    accesses: Vec<Access>,
}

/// Tells what statements of one connection that are over touched.
pub(super) fn of(pool: &Arc<Pool>, standing: &mut Standing, done: &[Footing]) {
    touches(|| {
        let mut told = Told { store: number(pool), standing, accesses: Vec::new() };
        done.iter().for_each(|footing| told.tell(pool, footing));
        told.accesses
    });
}

/// A statement found the lock taken, or the database: it would have read, and written.
pub(super) fn of_one_that_waits(pool: &Arc<Pool>) {
    let store = number(pool);
    touches(|| [Access::contend(store, WRITER), Access::write_all(store)]);
}

/// What a connection left open was rolled back as it went to the pool; `locked` if it had the lock, where that is known.
pub(super) fn of_what_was_left(pool: &Arc<Pool>, locked: Option<bool>) {
    let store = number(pool);
    touches(|| match locked.filter(|_| has_snapshots(pool)) {
        Some(locked) => locked.then(|| Access::release(store, WRITER)),
        None => Some(Access::contend(store, WRITER)),
    });
}

/// The number of a database among the stores of a replay: its place in memory, which is only compared.
fn number(pool: &Arc<Pool>) -> usize {
    Arc::as_ptr(pool).addr()
}

fn has_snapshots(pool: &Pool) -> bool {
    !matches!(pool.place(), Place::Memory(_)) && !pool.book().is_altered()
}

impl Told<'_> {
    fn tell(&mut self, pool: &Pool, footing: &Footing) {
        let book = pool.book();
        if !has_snapshots(pool) {
            return self.everything();
        }
        let tables = book.tables(&footing.text);
        if *tables == Tables::Alters {
            book.alter();
            return self.everything();
        }
        if book.is_shared() {
            return self.any_connection(footing);
        }
        #[cfg(debug_assertions)]
        if let Some(changed) = not_told(&tables, &footing.changed) {
            let text = &footing.text;
            give_up(&format!("`{text}` changes {changed}, which it was not told to touch: a fault of redeliver"));
        }
        match &*tables {
            Tables::Known { reads, writes } => self.acts(footing, Some((reads, writes))),
            Tables::Any | Tables::Alters => self.acts(footing, None),
            Tables::Own => {}
        }
        self.ends(footing);
    }

    /// What a statement does itself; `tables` are those that it reads and writes, where that is known.
    fn acts(&mut self, footing: &Footing, tables: Option<(&[String], &[String])>) {
        let reads_only = matches!(tables, Some((_, []))) && footing.shape == Shape::Write;
        match if reads_only { Shape::Read } else { footing.shape } {
            Shape::Begin(locks) => self.begins(footing, locks),
            Shape::Read => self.reads(footing, tables),
            Shape::Write => self.writes(footing, tables),
            Shape::Other => {
                self.standing.written_beyond |= self.standing.transaction != Transaction::None;
                self.add([Access::write_all(self.store), Access::contend(self.store, WRITER)]);
            }
            // What sets a savepoint may begin a transaction, what lets it go may end one.
            Shape::Savepoint => {
                if matches!(self.standing.transaction, Transaction::None | Transaction::Unclear) {
                    self.standing.transaction = Transaction::Unclear;
                    self.add([Access::contend(self.store, WRITER)]);
                }
            }
            Shape::Commit | Shape::Rollback => {}
        }
    }

    fn begins(&mut self, footing: &Footing, locks: bool) {
        if !locks {
            self.standing.transaction = Transaction::Begun;
            return;
        }
        self.add([Access::read_all(self.store)]);
        self.takes_lock(footing.past_lock, footing.waits);
    }

    fn reads(&mut self, footing: &Footing, tables: Option<(&[String], &[String])>) {
        match (self.standing.transaction, tables) {
            (Transaction::Snapshot | Transaction::Lock, Some(_)) => {}
            (Transaction::None, Some((reads, writes))) if !footing.midway => self.read(reads.iter().chain(writes)),
            (transaction, tables) => {
                self.add([Access::read_all(self.store)]);
                // One that asks for nothing of the database takes no snapshot of it.
                let asks = tables.is_some_and(|(reads, _)| !reads.is_empty());
                if transaction == Transaction::Begun && asks && footing.past_lock {
                    self.standing.transaction = Transaction::Snapshot;
                }
            }
        }
    }

    fn writes(&mut self, footing: &Footing, tables: Option<(&[String], &[String])>) {
        match tables {
            Some((_, writes)) => self.standing.written.extend(writes.iter().cloned()),
            None => self.standing.written_beyond = true,
        }
        match (self.standing.transaction, tables) {
            (Transaction::Lock, Some(_)) => {}
            (Transaction::None, Some((reads, writes))) if !footing.midway => {
                self.read(reads.iter().chain(writes));
                self.add([Access::contend(self.store, WRITER)]);
            }
            (Transaction::Begun | Transaction::Snapshot, Some(_)) if footing.past_lock => {
                // Nobody waits who has read: that would be in vain if whoever has the lock writes.
                let waits = footing.waits && self.standing.transaction == Transaction::Begun;
                self.add([Access::read_all(self.store)]);
                self.takes_lock(true, waits);
            }
            _ => self.add([Access::read_all(self.store), Access::contend(self.store, WRITER)]),
        }
    }

    /// A transaction takes the lock, if that is certain.
    fn takes_lock(&mut self, is_certain: bool, waits: bool) {
        let (stands, access) = match (is_certain, waits) {
            (true, true) => (Transaction::Lock, Access::acquire(self.store, WRITER)),
            (true, false) => (Transaction::Lock, Access::seize(self.store, WRITER)),
            (false, _) => (Transaction::Unclear, Access::contend(self.store, WRITER)),
        };
        self.standing.transaction = stands;
        self.add([access]);
    }

    /// What ends with a statement: a transaction, its own included.
    fn ends(&mut self, footing: &Footing) {
        let is_over = footing.committed
            || matches!(footing.shape, Shape::Commit | Shape::Rollback)
            || footing.rolled_back && footing.shape != Shape::Savepoint;
        if !is_over {
            return;
        }
        let store = self.store;
        // A commit that is refused leaves its transaction open.
        let stays = self.standing.transaction == Transaction::Lock && !footing.committed && !footing.rolled_back;
        if stays && footing.shape == Shape::Commit {
            return;
        }
        match std::mem::take(&mut self.standing.transaction) {
            Transaction::Lock => self.add([Access::release(store, WRITER)]),
            Transaction::Begun | Transaction::Snapshot if !footing.committed => {}
            // One that committed nothing had no lock.
            Transaction::None | Transaction::Unclear if footing.shape == Shape::Commit && !footing.committed => {}
            _ => self.add([Access::contend(store, WRITER)]),
        }
        if footing.rolled_back && !footing.committed {
            self.standing.written.clear();
            self.standing.written_beyond = false;
        }
        if footing.committed {
            let written = std::mem::take(&mut self.standing.written);
            if std::mem::take(&mut self.standing.written_beyond) {
                self.add([Access::write_all(store)]);
            } else {
                self.accesses.extend(written.iter().map(|table| Access::write(store, row(table))));
            }
        }
    }

    /// On a connection that nobody knows: any tables.
    fn any_connection(&mut self, footing: &Footing) {
        let store = self.store;
        let (reads, locks) = match footing.shape {
            Shape::Read => (true, false),
            Shape::Write | Shape::Other | Shape::Begin(true) => (true, true),
            Shape::Begin(false) => (false, false),
            // One that committed nothing held no lock.
            Shape::Commit => (false, footing.committed),
            Shape::Rollback | Shape::Savepoint => (false, true),
        };
        let writes = footing.committed || footing.shape == Shape::Other;
        self.accesses.extend((reads && !writes).then(|| Access::read_all(store)));
        self.accesses.extend(writes.then(|| Access::write_all(store)));
        let locks = locks || footing.rolled_back || footing.committed;
        self.accesses.extend(locks.then(|| Access::contend(store, WRITER)));
    }

    /// It conflicts with every other.
    fn everything(&mut self) {
        self.add([Access::write_all(self.store), Access::contend(self.store, WRITER)]);
    }

    fn read<'a>(&mut self, tables: impl Iterator<Item = &'a String>) {
        let store = self.store;
        self.accesses.extend(tables.map(|table| Access::read(store, row(table))));
    }

    fn add<const N: usize>(&mut self, accesses: [Access; N]) {
        self.accesses.extend(accesses);
    }
}

/// A table that the update hook saw change, and that a statement was not told to write: a search would take steps to commute
/// that do not.
#[cfg(debug_assertions)]
fn not_told<'a>(tables: &Tables, changed: &'a [String]) -> Option<&'a str> {
    let Tables::Known { writes, .. } = tables else { return None };
    changed.iter().find(|table| !writes.contains(&table.to_ascii_lowercase())).map(String::as_str)
}

#[cfg(test)]
mod tests;
