//! How a harness learns of points and steps: it installs a [`Host`] on the thread on which it polls handlers.
//!
//! Not for users: this may change with any version.

use std::{cell::Cell, task::Waker};

thread_local! {
    static HOST: Cell<Option<&'static dyn Host>> = const { Cell::new(None) };
}

/// Whoever decides when an operation acts.
pub trait Host: Sync {
    /// An operation asks for its turn. It is polled with this waker.
    fn register(&self, waker: &Waker) -> Registered;

    /// An operation is about to be polled to its end, or was: nothing else may ask for a turn meanwhile.
    fn stepping(&self, begins: bool);
}

/// What became of an operation that asked for its turn.
pub enum Registered {
    /// It waits.
    Waits(Box<dyn Turn>),
    /// It never gets one: it was spawned by what died since, and waits for ever.
    Dead,
    /// There is no turn for it: whoever polls it is none of the harness's tasks, or is being dropped by a crash.
    Never,
}

/// An operation that waits for its turn. Dropped, it does not wait any more.
pub trait Turn: Send {
    /// Whether it may act now, and what it is to suffer if it can. It is polled with this waker.
    fn granted(&self, waker: &Waker) -> Option<Granted>;

    /// It acted.
    fn acted(self: Box<Self>, acted: Acted<'_>);
}

/// On which terms an operation acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What it is to suffer.
    pub fault: Option<Fault>,
}

/// What an operation can suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has no effect and returns an error.
    Fail,
    /// It takes effect and returns an error.
    LoseReply,
}

/// What an operation did with its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acted<'a> {
    /// What it was.
    pub label: &'a str,
    /// What came of it, in a word.
    pub result: &'static str,
    /// It can fail and lose its reply.
    pub can_fail: bool,
    /// It may have changed something.
    pub changes: bool,
    /// What it suffered.
    pub suffered: Option<Fault>,
}

/// Makes this the thread's host, or none. The one before.
pub fn install(host: Option<&'static dyn Host>) -> Option<&'static dyn Host> {
    HOST.replace(host)
}

/// The thread's host.
pub(crate) fn current() -> Option<&'static dyn Host> {
    HOST.get()
}
