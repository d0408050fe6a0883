//! Footprints: what an operation reads and writes, so that a search can tell which operations commute.
//!
//! A footprint is sound or absent. An operation that does not say what it touches conflicts with everything; one that says
//! too much costs executions, and one that says too little hides them. They are only kept where a [`chooser`](super::chooser)
//! asks for them.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

/// One thing that an operation touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Access {
    /// Which store: any number that no other store of the replay has.
    store: usize,
    object: Object,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Object {
    /// Everything that can be read of a store.
    Whole,
    /// A row, a key or a table, by a hash of its name: two that share one conflict, which is no harm.
    Row(u64),
    /// A lock that operations wait for, by such a hash.
    Lock(u64),
    /// Everything that there is.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Mode {
    Read,
    Write,
    /// Takes a lock, or waits for it.
    Acquire,
    /// Takes a lock, and may be refused where it is not free instead of waiting for it.
    Seize,
    Release,
    /// Waits until a lock is free, and does not take it.
    Pass,
    /// Takes, releases or waits for a lock: nobody knows which.
    Contend,
    /// A delivery of a message begins.
    Begins,
    /// A message was handled.
    Handled,
}

/// The store of what is no store's: numbers beyond any address.
const NOWHERE: usize = usize::MAX;
/// Clients of the user's own, behind `point` and `step`.
const ELSEWHERE: usize = usize::MAX - 1;
/// What is seen of everything durable, by an invariant.
const SEEN: usize = usize::MAX - 2;
/// Real time, as the oracle reads it.
const TIME: usize = usize::MAX - 3;

/// A name as a number.
pub(crate) fn row(name: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    name.hash(&mut hasher);
    hasher.finish()
}

impl Access {
    /// Nobody knows what: it conflicts with everything.
    pub(crate) const UNKNOWN: Self = Self { store: NOWHERE, object: Object::All, mode: Mode::Write };

    /// Something is done with a client that the harness knows nothing of.
    pub(crate) const ELSEWHERE: Self = Self { store: ELSEWHERE, object: Object::Whole, mode: Mode::Write };

    /// Something changed that an invariant looks at.
    pub(super) const SEEN: Self = Self { store: SEEN, object: Object::Whole, mode: Mode::Write };

    pub(crate) fn read(store: usize, row: u64) -> Self {
        Self { store, object: Object::Row(row), mode: Mode::Read }
    }

    pub(crate) fn write(store: usize, row: u64) -> Self {
        Self { store, object: Object::Row(row), mode: Mode::Write }
    }

    /// It reads all of a store, as who takes a snapshot does.
    pub(crate) fn read_all(store: usize) -> Self {
        Self { store, object: Object::Whole, mode: Mode::Read }
    }

    pub(crate) fn write_all(store: usize) -> Self {
        Self { store, object: Object::Whole, mode: Mode::Write }
    }

    pub(crate) fn acquire(store: usize, lock: u64) -> Self {
        Self { store, object: Object::Lock(lock), mode: Mode::Acquire }
    }

    /// It takes a lock that was free; where it is not, whoever wants it may not wait for it.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite refuses a lock"))]
    pub(crate) fn seize(store: usize, lock: u64) -> Self {
        Self { store, object: Object::Lock(lock), mode: Mode::Seize }
    }

    pub(crate) fn release(store: usize, lock: u64) -> Self {
        Self { store, object: Object::Lock(lock), mode: Mode::Release }
    }

    /// It takes a lock, releases it or waits for it, if it has anything to do with it.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite does not say which"))]
    pub(crate) fn contend(store: usize, lock: u64) -> Self {
        Self { store, object: Object::Lock(lock), mode: Mode::Contend }
    }

    /// It waits until a lock is free without taking it.
    pub(crate) fn pass(store: usize, lock: u64) -> Self {
        Self { store, object: Object::Lock(lock), mode: Mode::Pass }
    }

    pub(super) fn begins(message: usize) -> Self {
        Self { store: TIME, object: Object::Row(message as u64), mode: Mode::Begins }
    }

    pub(super) fn handled(message: usize) -> Self {
        Self { store: TIME, object: Object::Row(message as u64), mode: Mode::Handled }
    }

    /// It says in which order messages were handled and begun, which nothing durable shows.
    pub(crate) fn is_of_time(self) -> bool {
        self.store == TIME
    }

    /// Whether it matters which of the two comes first.
    pub(crate) fn conflicts(self, other: Self) -> bool {
        use Mode::{Begins, Handled, Pass, Read};
        if self.object == Object::All || other.object == Object::All {
            return true;
        }
        if self.store != other.store {
            return false;
        }
        match (self.object, other.object) {
            _ if self.store == TIME => {
                self.object != other.object && matches!((self.mode, other.mode), (Begins, Handled) | (Handled, Begins))
            }
            (Object::Lock(one), Object::Lock(two)) => one == two && !(self.mode == Pass && other.mode == Pass),
            (Object::Lock(_), _) | (_, Object::Lock(_)) => false,
            (Object::Row(one), Object::Row(two)) if one != two => false,
            _ => !(self.mode == Read && other.mode == Read),
        }
    }

    /// Whether whoever tells this has told that too.
    #[cfg(debug_assertions)]
    pub(crate) fn covers(self, other: Self) -> bool {
        let object = self.object == Object::Whole && other.locks().is_none() || self.object == other.object;
        self.store == other.store && object && (self.mode == other.mode || self.mode == Mode::Write)
    }

    /// Whether both want a lock that one of them takes: either can be first, and the other one then waits for its release.
    pub(crate) fn contends(self, other: Self) -> bool {
        let wants = |mode| matches!(mode, Mode::Acquire | Mode::Seize | Mode::Pass | Mode::Contend);
        self.locks().is_some() && self.conflicts(other) && wants(self.mode) && wants(other.mode)
    }

    /// The lock that it takes, releases or waits for.
    pub(crate) fn locks(self) -> Option<(usize, u64)> {
        match self.object {
            Object::Lock(lock) => Some((self.store, lock)),
            _ => None,
        }
    }

    pub(crate) fn acquires(self) -> bool {
        matches!(self.mode, Mode::Acquire | Mode::Seize)
    }

    /// It cannot happen before its lock is free.
    pub(crate) fn waits(self) -> bool {
        matches!(self.mode, Mode::Acquire | Mode::Pass)
    }

    pub(crate) fn releases(self) -> bool {
        self.mode == Mode::Release
    }
}

/// Whether two footprints conflict.
pub(crate) fn conflict(one: &[Access], other: &[Access]) -> bool {
    one.iter().any(|access| other.iter().any(|other| access.conflicts(*other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reads_commute_and_a_write_conflicts_with_what_it_writes() {
        let (read, write, other) = (Access::read(1, 7), Access::write(1, 7), Access::write(1, 8));
        assert!(!read.conflicts(read) && read.conflicts(write) && write.conflicts(write));
        assert!(!write.conflicts(other) && !write.conflicts(Access::write(2, 7)));
        assert!(Access::read_all(1).conflicts(write) && !Access::read_all(1).conflicts(read));
        assert!(!Access::read_all(2).conflicts(write));
    }

    #[test]
    fn who_waits_for_a_lock_conflicts_with_who_takes_it_and_not_with_another_who_waits() {
        let (take, free, wait) = (Access::acquire(1, 0), Access::release(1, 0), Access::pass(1, 0));
        assert!(take.conflicts(take) && take.conflicts(free) && take.conflicts(wait) && free.conflicts(wait));
        assert!(
            !wait.conflicts(wait) && !take.conflicts(Access::acquire(1, 1)) && !take.conflicts(Access::write_all(1))
        );
        let seize = Access::seize(1, 0);
        assert!(seize.acquires() && seize.contends(take) && take.waits() && wait.waits() && !seize.waits());
        let any = Access::contend(1, 0);
        assert!(!any.waits() && !any.acquires());
        assert!(any.contends(any) && any.contends(take) && any.conflicts(free) && any.conflicts(wait));
        assert!(take.contends(take) && take.contends(wait) && !take.contends(free) && !wait.contends(wait));
    }

    #[test]
    fn what_nobody_knows_conflicts_with_everything() {
        for access in [Access::UNKNOWN, Access::read(1, 7), Access::pass(1, 0), Access::handled(0)] {
            assert!(access.conflicts(Access::UNKNOWN) && Access::UNKNOWN.conflicts(access));
        }
    }

    #[test]
    fn real_time_is_between_the_end_of_one_message_and_the_beginning_of_another() {
        assert!(Access::handled(0).conflicts(Access::begins(1)) && Access::begins(1).conflicts(Access::handled(0)));
        assert!(!Access::handled(0).conflicts(Access::begins(0)) && !Access::handled(0).conflicts(Access::handled(1)));
    }
}
