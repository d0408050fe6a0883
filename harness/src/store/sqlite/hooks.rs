//! What SQLite tells us of a connection, and what we make it do: its hooks.
//!
//! The hooks hold nothing of a connection or a replay: they turn to the thread that runs the statement, so a connection
//! that a user's own pool opened is stepped like one of ours. On a thread that the harness does not know they do nothing.

mod run;
mod told;

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use rusqlite::{
    Connection, ErrorCode, ffi,
    trace::{StmtRef, TraceEvent, TraceEventCodes},
};

use self::run::Stepping;
#[cfg(debug_assertions)]
pub(super) use self::told::watch_changes;
use super::{footprint::Footing, words::Shape};
use crate::machine::{
    baton::{self, Go},
    trace::{Facts, Injected},
};

/// Pages in the write-ahead log after which SQLite writes it back: a small log is a fast one.
pub(super) const CHECKPOINT: i32 = 50;

/// After so many instructions of SQLite's machine the progress handler is asked. With 1 it is asked before any statement
/// has an effect; with 3 a `COMMIT` would be over.
const INSTRUCTIONS: i32 = 1;

/// What is to become of the statement that runs, and what became of it. One for each thread that runs statements.
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// It is to fail without effect.
    fail: AtomicBool,
    /// But not at its next so many instructions: there it may find the lock taken, and fail as in life.
    grace: AtomicU8,
    /// It is to take effect and return an error.
    lose_reply: AtomicBool,
    /// The machine holds the lock while it runs.
    held: AtomicBool,
    /// No wait for a lock, but the error at once.
    no_wait: AtomicBool,
    /// The process is dead: nothing is committed any more.
    dead: AtomicBool,
    /// A commit went through since the statement began.
    committed: AtomicBool,
    /// And before it returned, so that what it returns can be lost.
    in_time: AtomicBool,
    /// The fault was suffered.
    suffered: AtomicBool,
    /// A lock was found taken.
    busy: AtomicBool,
    /// It was refused a lock.
    refused: AtomicBool,
    /// A transaction was rolled back since the statement began.
    rolled_back: AtomicBool,
    /// Somebody wants to know what statements touch.
    asked: AtomicBool,
    /// The statement that runs, and what those before it were since anybody asked.
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    running: Option<(Shape, Option<Injected>)>,
    done: Vec<Facts>,
    /// What they may have touched.
    footings: Vec<Footing>,
    /// A transaction ended.
    released: bool,
    /// What SQLite told of last.
    stepping: Option<Stepping>,
    /// It stopped at the lock.
    short: bool,
    /// It was to fail, and ended before it could.
    unspent: bool,
    /// So many statements have begun, and have rows left to give.
    unfinished: u32,
    /// The one that runs began while another one had.
    beside: bool,
    /// In which tables the update hook saw rows change.
    #[cfg(debug_assertions)]
    changed: Vec<String>,
}

thread_local! {
    static FLAGS: RefCell<Option<Arc<Flags>>> = const { RefCell::new(None) };
}

impl Flags {
    /// The flags of this thread.
    pub(super) fn of_this_thread() -> Arc<Self> {
        FLAGS.with_borrow_mut(|flags| Arc::clone(flags.get_or_insert_default()))
    }

    /// Makes these the flags of this thread.
    pub(super) fn install(self: Arc<Self>) {
        FLAGS.set(Some(self));
    }

    /// Before a statement: nothing happened yet, and this fault is to happen.
    pub(super) fn arm(&self, fault: Option<Injected>, no_wait: bool) {
        self.fail.store(fault == Some(Injected::Fail), Ordering::Relaxed);
        self.lose_reply.store(fault == Some(Injected::LoseReply), Ordering::Relaxed);
        // A statement that is to fail does not wait for a lock first: that would be two things.
        self.no_wait.store(no_wait || fault == Some(Injected::Fail), Ordering::Relaxed);
        self.grace.store(0, Ordering::Relaxed);
        let happened = [&self.committed, &self.in_time, &self.suffered, &self.busy, &self.refused, &self.rolled_back];
        for happened in happened {
            happened.store(false, Ordering::Relaxed);
        }
    }

    /// From now on nothing may have an effect, until other code begins.
    fn doom(&self) {
        self.arm(Some(Injected::Fail), true);
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Code begins; `asked` if somebody wants to know what it touches.
    pub(super) fn begin(&self, asked: bool) {
        self.arm(None, false);
        self.asked.store(asked, Ordering::Relaxed);
        self.dead.store(false, Ordering::Relaxed);
        *self.log() = Log::default();
    }

    /// A statement begins that is to suffer this fault.
    fn begins(&self, shape: Shape, fault: Option<Injected>) {
        self.arm(fault.filter(|fault| shape.suffers(*fault)), false);
        if fault == Some(Injected::Fail) {
            self.grace.store(shape.to_the_lock(), Ordering::Relaxed);
        }
        let mut log = self.log();
        log.running = Some((shape, fault));
        (log.short, log.unspent) = (false, false);
    }

    /// The statement that ran, if one did, is over: what it was is written down.
    pub(super) fn ends(&self) {
        let mut log = self.log();
        if let Some((shape, fault)) = log.running.take() {
            let refused = log.unspent || log.short && shape == Shape::Write && !self.suffered();
            self.refused.store(refused, Ordering::Relaxed);
            if log.unspent {
                self.suffered.store(true, Ordering::Relaxed);
            }
            log.done.push(shape.facts(self, fault));
            if self.asked.load(Ordering::Relaxed) {
                let footing = self.stepped(shape, &mut log);
                log.footings.push(footing);
            }
            log.released |= shape.ends_transaction(self);
        }
    }

    /// What the statements were that ended since this was last asked, and whether a transaction ended with them.
    pub(super) fn take_done(&self) -> (Vec<Facts>, bool) {
        let mut log = self.log();
        (std::mem::take(&mut log.done), std::mem::take(&mut log.released))
    }

    /// What the first of the statements was that ended since this was last asked.
    pub(super) fn take_first(&self) -> Option<Facts> {
        let mut log = self.log();
        (!log.done.is_empty()).then(|| log.done.remove(0))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_flags<T>(with: impl FnOnce(&Flags) -> T) -> Option<T> {
    FLAGS.with_borrow(|flags| flags.as_deref().map(with))
}

/// The hooks that every connection of ours has: locks and commits.
pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<()> {
    wait(connection)?;
    // Like the others it holds nothing: SQLite rolls back while it closes, when rusqlite has let go of the hooks.
    connection.rollback_hook(Some(|| {
        with_flags(|flags| flags.rolled_back.store(true, Ordering::Relaxed));
    }))?;
    connection.commit_hook(Some(forbids_commit))
}

/// The hook that waits for locks.
pub(super) fn wait(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(|_tried| wait_for_lock()))
}

/// Makes a connection that your own pool opened stepwise, as [`Sqlite::call`](super::Sqlite::call) makes its own: a point
/// before each of its statements, wherever it is used on a stepped thread. Elsewhere it works as before.
///
/// It takes the connection's trace, busy, commit, rollback and progress hooks. In r2d2, call it from the connection
/// manager (`with_init`).
///
/// # Errors
/// What SQLite says if a hook cannot be set.
pub fn instrument(connection: &mut Connection) -> rusqlite::Result<()> {
    watch(connection)?;
    step(connection)
}

/// The hooks that make a connection stop before each statement.
pub(super) fn step(connection: &mut Connection) -> rusqlite::Result<()> {
    let events = TraceEventCodes::SQLITE_TRACE_STMT | TraceEventCodes::SQLITE_TRACE_PROFILE;
    connection.trace_v2(events, Some(traced))?;
    connection.progress_handler(INSTRUCTIONS, Some(fails_now))
}

fn traced(event: TraceEvent<'_>) {
    if !baton::is_stepped() {
        return;
    }
    match event {
        TraceEvent::Stmt(statement, text) => before_statement(&statement, text),
        TraceEvent::Profile(statement, _) if with_flags(|flags| flags.stops(&statement)) == Some(true) => {
            // What the code does next is not to find the lock taken: it was for this statement.
            baton::locked();
        }
        _ => {}
    }
}

fn before_statement(statement: &StmtRef<'_>, text: &str) {
    // The program of a trigger comes with a text of its own; that of a foreign key's action comes with the statement's, in
    // the middle of it. Both are part of the statement that set them off.
    if text != statement.sql() {
        return;
    }
    if with_flags(|flags| flags.is_new(statement, text)) == Some(false) {
        return;
    }
    let go = baton::stop(|| statement.expanded_sql().unwrap_or_else(|| text.to_owned()).trim().to_owned());
    let shape = Shape::of(text);
    match go {
        Some(Go::On(fault)) => with_flags(|flags| flags.begins(shape, fault)),
        Some(Go::Through(_)) => with_flags(|flags| flags.begins(shape, None)),
        Some(Go::Die | Go::GiveUp) | None => with_flags(Flags::doom),
    };
}

/// Whether the statement that runs is to stop here with an error. Asked before it has an effect, and again after a commit.
fn fails_now() -> bool {
    with_flags(|flags| {
        let fails = flags.fail.load(Ordering::Relaxed) && flags.fails()
            || flags.committed() && flags.lose_reply.swap(false, Ordering::Relaxed);
        if fails {
            flags.suffered.store(true, Ordering::Relaxed);
        }
        fails
    })
    .unwrap_or(false)
}

/// Whether to try the lock again.
fn wait_for_lock() -> bool {
    let no_wait = with_flags(|flags| {
        flags.busy.store(true, Ordering::Relaxed);
        flags.no_wait.load(Ordering::Relaxed)
    });
    // On the machine's own thread nobody waits: the operation tries again in its next turn.
    if no_wait != Some(false) {
        return false;
    }
    match baton::locked() {
        Some(Go::On(_) | Go::Through(_)) => true,
        Some(Go::GiveUp) | None => {
            // In memory a commit may still find a reader after this hook said that it commits.
            with_flags(|flags| flags.committed.store(false, Ordering::Relaxed));
            false
        }
        Some(Go::Die) => {
            with_flags(Flags::doom);
            false
        }
    }
}

/// Whether a transaction that is about to commit is rolled back instead: nothing of a dead process is committed.
fn forbids_commit() -> bool {
    with_flags(|flags| {
        let dead = flags.dead.load(Ordering::Relaxed);
        flags.committed.store(!dead, Ordering::Relaxed);
        let in_time = flags.is_stepping() || !baton::is_stepped();
        flags.in_time.store(!dead && in_time, Ordering::Relaxed);
        dead
    })
    .unwrap_or(false)
}

/// An error as SQLite itself would give it.
pub(super) fn broken(code: ErrorCode) -> rusqlite::Error {
    let code = match code {
        ErrorCode::DatabaseBusy => ffi::SQLITE_BUSY,
        ErrorCode::DiskFull => ffi::SQLITE_FULL,
        _ => ffi::SQLITE_IOERR,
    };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}
