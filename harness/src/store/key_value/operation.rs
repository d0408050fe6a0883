//! The steps of a key-value store: when a command acts, when it waits for a lock, and what can go wrong with it.
//!
//! A step can lose its connection before it acts (`fail`). One that changed what is durable can lose it afterwards
//! (`lose-reply`). What a transaction wrote is not durable before it commits; a connection that is lost within a
//! transaction takes the transaction with it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Isolation,
    command::Command,
    footprint,
    state::{State, TransactionId},
    view::View,
};
use crate::{
    Error,
    machine::{Act, Operation, OperationTurn as Turn, release_locks, trace::Injected},
    store::Process,
};

/// How long one waits for a transaction that is open.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the store says when a connection breaks.
const RESET: Error = Error::Injected { cause: "connection reset" };

/// What it says of a transaction that ended with an error before.
const ENDED: Error = Error::Injected { cause: "the transaction was rolled back by an earlier error" };

/// What it says to a writer that waited too long.
const LOCKED: Error = Error::Conflict { cause: "locked by another transaction" };

/// What it says to one that cannot commit.
const OVERTAKEN: Error =
    Error::Conflict { cause: "a key that it wrote was written by another transaction since it began" };

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command outside any transaction.
pub(super) struct Autocommit<'a, C> {
    pub(super) state: &'a Mutex<State>,
    pub(super) command: C,
}

/// A command in a transaction.
pub(super) struct Within<'a, C> {
    pub(super) state: &'a Mutex<State>,
    pub(super) transaction: TransactionId,
    pub(super) command: C,
}

/// The beginning of a transaction.
pub(super) struct Begin<'a> {
    pub(super) state: &'a Mutex<State>,
    pub(super) process: Process,
}

/// The end of a transaction that is to stand.
pub(super) struct Commit<'a> {
    pub(super) state: &'a Mutex<State>,
    pub(super) transaction: TransactionId,
}

/// The end of a transaction that is to leave nothing.
pub(super) struct RollBack<'a> {
    pub(super) state: &'a Mutex<State>,
    pub(super) transaction: TransactionId,
}

impl<C: Command> Operation for Autocommit<'_, C> {
    type Output = Result<C::Reply, Error>;

    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output> {
        let command = &self.command;
        let state = &mut *lock(self.state);
        of_store(turn, state);
        footprint::of_a_command(state, command);
        state.saw(turn.now());
        turn.facts.can_fail = true;
        if turn.suffers(Injected::Fail) {
            return failed(turn, || command.what(), RESET);
        }
        if C::WRITES && (state.forbids_to_write(command.key(), None) || turn.must_give_up()) {
            return wait(turn, || command.what());
        }
        let mut view = View::new(state, turn.now(), None);
        let reply = command.run(&mut view);
        turn.facts.reads_clock = view.read_clock;
        turn.facts.deadline = view.deadline;
        turn.facts.changes = view.changed;
        turn.facts.locks = view.locks;
        turn.facts.can_lose_reply = view.changed;
        let lost = view.changed && turn.suffers(Injected::LoseReply);
        tell(turn, command, &reply, lost);
        Act::Done(if lost { Err(RESET) } else { reply })
    }

    fn outside(&mut self) -> Self::Output {
        Err(Error::OutsideReplay { operation: "a key-value operation" })
    }
}

impl<C: Command> Operation for Within<'_, C> {
    type Output = Result<C::Reply, Error>;

    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output> {
        let command = &self.command;
        let state = &mut *lock(self.state);
        of_store(turn, state);
        state.saw(turn.now());
        let Some(at) = state.place(self.transaction) else {
            footprint::of_nothing(state);
            return failed(turn, || command.what(), ENDED);
        };
        footprint::of_a_command_within(state, at, command);
        turn.facts.can_fail = true;
        if turn.suffers(Injected::Fail) {
            end(turn, state, at);
            return failed(turn, || command.what(), RESET);
        }
        if turn.must_give_up() {
            footprint::of_a_lock_not_taken(state, None, command);
            end(turn, state, at);
            return wait(turn, || command.what());
        }
        if C::WRITES && state.forbids_to_write(command.key(), Some(at)) {
            return wait(turn, || command.what());
        }
        let mut view = View::new(state, turn.now(), Some(at));
        let reply = command.run(&mut view);
        turn.facts.locks = view.locks;
        turn.facts.reads_clock = view.read_clock;
        turn.facts.deadline = view.deadline;
        footprint::of_a_lock_not_taken(state, Some(at), command);
        tell(turn, command, &reply, false);
        Act::Done(reply)
    }

    fn outside(&mut self) -> Self::Output {
        Err(Error::OutsideReplay { operation: "an operation of a key-value transaction" })
    }
}

impl Operation for Begin<'_> {
    type Output = Result<TransactionId, Error>;

    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output> {
        let what = || "begin".to_owned();
        let state = &mut *lock(self.state);
        of_store(turn, state);
        footprint::of_a_begin(state);
        state.saw(turn.now());
        turn.facts.can_fail = true;
        if turn.suffers(Injected::Fail) {
            return failed(turn, what, RESET);
        }
        if state.forbids_to_begin() || turn.must_give_up() {
            return wait(turn, what);
        }
        turn.facts.locks = state.isolation == Isolation::Serializable;
        say(turn, what, || "ok".to_owned());
        Act::Done(Ok(state.begin(self.process.clone())))
    }

    fn outside(&mut self) -> Self::Output {
        Err(Error::OutsideReplay { operation: "begin" })
    }
}

impl Operation for Commit<'_> {
    type Output = Result<(), Error>;

    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output> {
        let what = || "commit".to_owned();
        let state = &mut *lock(self.state);
        of_store(turn, state);
        state.saw(turn.now());
        footprint::of_nothing(state);
        let Some(at) = state.place(self.transaction) else { return failed(turn, what, ENDED) };
        footprint::of_a_commit(state, at);
        let (writes, overtaken) = (state.has_pending(at), state.is_overtaken(at));
        turn.facts.can_fail = true;
        turn.facts.can_lose_reply = writes && !overtaken;
        if turn.suffers(Injected::Fail) {
            end(turn, state, at);
            return failed(turn, what, RESET);
        }
        if overtaken {
            turn.facts.refused = true;
            end(turn, state, at);
            return failed(turn, what, OVERTAKEN);
        }
        let lost = writes && turn.suffers(Injected::LoseReply);
        turn.words(|words| words.writes = state.pending_keys(at));
        if state.holds_locks(at) {
            release_locks();
        }
        // At `Snapshot` nobody waited, but who wrote the same cannot commit any more.
        turn.facts.locks = writes || state.holds_locks(at);
        turn.facts.changes = state.commit(at);
        say(turn, what, || answer("ok".to_owned(), lost));
        Act::Done(if lost { Err(RESET) } else { Ok(()) })
    }

    fn outside(&mut self) -> Self::Output {
        Err(Error::OutsideReplay { operation: "commit" })
    }
}

impl Operation for RollBack<'_> {
    type Output = Result<(), Error>;

    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output> {
        let what = || "rollback".to_owned();
        let state = &mut *lock(self.state);
        of_store(turn, state);
        state.saw(turn.now());
        footprint::of_nothing(state);
        let Some(at) = state.place(self.transaction) else { return failed(turn, what, ENDED) };
        end(turn, state, at);
        say(turn, what, || "ok".to_owned());
        Act::Done(Ok(()))
    }

    fn outside(&mut self) -> Self::Output {
        Err(Error::OutsideReplay { operation: "rollback" })
    }
}

/// Ends the open transaction at this place with nothing.
fn end(turn: &mut Turn, state: &mut State, at: usize) {
    footprint::of_an_end(state, at);
    if state.holds_locks(at) {
        turn.facts.locks = true;
        release_locks();
    }
    state.roll_back(at);
}

/// Says whose operation it is.
fn of_store(turn: &mut Turn, state: &State) {
    turn.words(|words| words.store = Some(state.name()));
}

/// A lock is taken: waits, or gives up.
fn wait<T>(turn: &mut Turn, what: impl FnOnce() -> String) -> Act<Result<T, Error>> {
    if turn.must_give_up() {
        say(turn, what, || "conflict".to_owned());
        return Act::Done(Err(LOCKED));
    }
    say(turn, what, || "waits for a lock".to_owned());
    Act::Blocked(PATIENCE)
}

fn failed<T>(turn: &mut Turn, what: impl FnOnce() -> String, error: Error) -> Act<Result<T, Error>> {
    say(turn, what, || error.to_string());
    Act::Done(Err(error))
}

fn say(turn: &mut Turn, what: impl FnOnce() -> String, result: impl FnOnce() -> String) {
    turn.words(|words| {
        words.what = what();
        words.result = result();
    });
}

/// The words of a command that ran.
fn tell<C: Command>(turn: &mut Turn, command: &C, reply: &Result<C::Reply, Error>, lost: bool) {
    let changes = turn.facts.changes;
    turn.words(|words| {
        words.what = command.what();
        words.result = answer(reply.as_ref().map_or_else(Error::to_string, |reply| command.answer(reply)), lost);
        if C::READS {
            words.reads.push(command.key().to_owned());
        }
        if changes {
            words.writes.push(command.key().to_owned());
        }
    });
}

/// An answer that arrives, or is lost on its way.
fn answer(answer: String, lost: bool) -> String {
    if lost { format!("{answer}, then connection reset") } else { answer }
}
