//! What each step of a key-value store touches: keys as rows, and the locks that others wait for.
//!
//! What an operation may write counts as written, whether or not it then does: that follows from what it reads, so it is no
//! less sound, and the same operation has the same footprint in every execution. What a transaction writes is written by its
//! commit; what it reads, at `Snapshot`, by its beginning. That a key expires is the clock's doing, which nothing commutes with.

use super::{
    Isolation,
    command::Command,
    state::{Open, State},
};
use crate::{
    machine::{
        footprint::{Access, row},
        touches,
    },
    store::Process,
};

/// The lock of the whole store, at `Serializable`.
const WRITER: u64 = 0;

/// The number of a store among those of a replay: its place in memory, which is only compared.
pub(super) fn number(state: &State) -> usize {
    std::ptr::from_ref(state).addr()
}

/// Tells that the operation that acts touches this too.
fn tell<T: IntoIterator<Item = Access>>(state: &State, what: impl Fn() -> T) {
    #[cfg(debug_assertions)]
    state.told.add(&what().into_iter().collect::<Vec<_>>());
    #[cfg(not(debug_assertions))]
    let _ = state;
    touches(what);
}

/// It is over already, or touches only what is its transaction's own; or what it touches is told next.
pub(super) fn of_nothing(state: &State) {
    #[cfg(debug_assertions)]
    state.told.anew();
    #[cfg(not(debug_assertions))]
    let _ = state;
    touches(|| []);
}

/// A command outside any transaction.
pub(super) fn of_a_command<C: Command>(state: &State, command: &C) {
    of_nothing(state);
    let store = number(state);
    tell(state, || {
        let key = row(command.key());
        let own = if C::WRITES { Access::write(store, key) } else { Access::read(store, key) };
        let waits = match state.isolation {
            _ if !C::WRITES => None,
            Isolation::Serializable => Some(Access::pass(store, WRITER)),
            Isolation::ReadCommitted => Some(Access::pass(store, key)),
            Isolation::Snapshot => None,
        };
        [Some(own), waits].into_iter().flatten()
    });
}

/// A command in an open transaction. At `Serializable` nobody writes beside it; at `Snapshot` it sees what its beginning saw.
pub(super) fn of_a_command_within<C: Command>(state: &State, at: usize, command: &C) {
    of_nothing(state);
    let store = number(state);
    let taken = || state.open[at].pending.iter().any(|(written, _)| written == command.key());
    tell(state, || {
        let key = row(command.key());
        let read_committed = state.isolation == Isolation::ReadCommitted;
        let reads = read_committed.then(|| Access::read(store, key));
        let takes = (read_committed && C::WRITES && !taken()).then(|| Access::acquire(store, key));
        [reads, takes].into_iter().flatten()
    });
}

/// A command in an open transaction, which may be gone by now, that wrote nothing under its key so far: whatever it waited
/// for, it has not taken it.
pub(super) fn of_a_lock_not_taken<C: Command>(state: &State, at: Option<usize>, command: &C) {
    if C::WRITES && state.isolation == Isolation::ReadCommitted {
        let wrote = at.is_some_and(|at| state.open[at].pending.iter().any(|(written, _)| written == command.key()));
        tell(state, || (!wrote).then(|| Access::release(number(state), row(command.key()))));
    }
}

/// The beginning of a transaction.
pub(super) fn of_a_begin(state: &State) {
    of_nothing(state);
    let store = number(state);
    tell(state, || match state.isolation {
        Isolation::Serializable => Some(Access::acquire(store, WRITER)),
        Isolation::ReadCommitted => None,
        Isolation::Snapshot => Some(Access::read_all(store)),
    });
}

/// The end of a transaction that is to stand. At `Snapshot` it looks whether others wrote the same.
pub(super) fn of_a_commit(state: &State, at: usize) {
    let store = number(state);
    let keys = || state.open[at].pending.iter().map(|(key, _)| row(key.as_str()));
    tell(state, || keys().map(|key| Access::write(store, key)).collect::<Vec<_>>());
    of_an_end(state, at);
}

/// The end of a transaction, which frees what it has locked.
pub(super) fn of_an_end(state: &State, at: usize) {
    let store = number(state);
    let open = &state.open[at];
    tell(state, || freed(state.isolation, open).map(|lock| Access::release(store, lock)).collect::<Vec<_>>());
}

/// The process died, and its transactions with it.
pub(super) fn of_a_crash(state: &State, process: &Process) {
    for at in 0..state.open.len() {
        if state.open[at].process == *process {
            of_an_end(state, at);
        }
    }
}

fn freed(isolation: Isolation, open: &Open) -> impl Iterator<Item = u64> {
    let all = (isolation == Isolation::Serializable).then_some(WRITER);
    let keys = open.pending.iter().filter(move |_| isolation == Isolation::ReadCommitted);
    all.into_iter().chain(keys.map(|(key, _)| row(key.as_str())))
}
