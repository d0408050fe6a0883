//! What each statement touches: the database as a whole, and the lock that writers need.
//!
//! A statement that reads may read any table, and in a transaction it may take the snapshot that all later ones read. What was
//! written is written by what commits it, which the commit hook tells; until then nobody else sees it. Whoever writes, or ends
//! what has written, may have to wait for every other one that does. In memory there are no snapshots: a reader may be
//! refused by a writer and the other way around, so there every statement conflicts with every other.

use std::sync::Arc;

use super::{
    pool::{Place, Pool},
    words::Shape,
};
use crate::machine::{footprint::Access, touches};

/// The lock that writers need.
const WRITER: u64 = 0;

/// What is known of a statement that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footing {
    pub(super) shape: Shape,
    /// A commit went through.
    pub(super) committed: bool,
    /// A transaction was rolled back.
    pub(super) rolled_back: bool,
}

/// Tells what statements that are over touched.
pub(super) fn of(pool: &Arc<Pool>, done: &[Footing]) {
    touches(|| done.iter().flat_map(|footing| footing.accesses(pool)).collect::<Vec<_>>());
}

/// A statement found the lock taken, or the database: it would have read, and written.
pub(super) fn of_one_that_waits(pool: &Arc<Pool>) {
    let store = number(pool);
    touches(|| [Access::contend(store, WRITER), Access::write_all(store)]);
}

/// What a connection left open was rolled back as it went to the pool.
pub(super) fn of_what_was_left(pool: &Arc<Pool>) {
    touches(|| [Access::contend(number(pool), WRITER)]);
}

/// The number of a database among the stores of a replay: its place in memory, which is only compared.
fn number(pool: &Arc<Pool>) -> usize {
    Arc::as_ptr(pool).addr()
}

impl Footing {
    fn accesses(self, pool: &Arc<Pool>) -> impl Iterator<Item = Access> {
        let store = number(pool);
        let in_memory = matches!(pool.place(), Place::Memory(_));
        let (reads, locks) = match self.shape {
            Shape::Read => (true, false),
            Shape::Write | Shape::Other | Shape::Begin(true) => (true, true),
            Shape::Begin(false) => (false, false),
            // One that committed nothing held no lock.
            Shape::Commit => (false, self.committed),
            Shape::Rollback | Shape::Savepoint => (false, true),
        };
        let writes = in_memory || self.committed || self.shape == Shape::Other;
        let reads = (reads && !writes).then(|| Access::read_all(store));
        let writes = writes.then(|| Access::write_all(store));
        let locks = (locks || in_memory || self.rolled_back || self.committed).then(|| Access::contend(store, WRITER));
        [reads, writes, locks].into_iter().flatten()
    }
}
