//! What SQLite tells us of a connection, and what we make it do: its hooks.
//!
//! The hooks hold nothing of a connection or a replay: they turn to the thread that runs the statement, so a connection
//! that a user's own pool opened is stepped like one of ours. On a thread that the harness does not know they do nothing.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{
    Connection, ErrorCode, ffi,
    trace::{TraceEvent, TraceEventCodes},
};

use super::words::Shape;
use crate::machine::{
    baton::{self, Go},
    trace::{Facts, Injected},
};

/// Pages in the write-ahead log after which it is written back, as `wal_autocheckpoint` would: a small log is a fast one.
pub(super) const CHECKPOINT: i32 = 50;

/// After so many instructions of SQLite's machine the progress handler is asked. A statement that touches a table asks it
/// before it reads or writes a row.
const INSTRUCTIONS: i32 = 2;

/// What is to become of the statement that runs, and what became of it. One for each thread that runs statements.
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// It is to fail without effect.
    fail: AtomicBool,
    /// It is to take effect and return an error.
    lose_reply: AtomicBool,
    /// No wait for a lock, but the error at once.
    no_wait: AtomicBool,
    /// A commit that wrote something went through.
    committed: AtomicBool,
    /// The fault was suffered.
    suffered: AtomicBool,
    /// A lock was found taken.
    busy: AtomicBool,
    /// The statement that runs, and what those before it were since anybody asked.
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    running: Option<(Shape, Option<Injected>)>,
    done: Vec<Facts>,
    /// A transaction ended.
    released: bool,
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
        self.no_wait.store(no_wait, Ordering::Relaxed);
        for happened in [&self.committed, &self.suffered, &self.busy] {
            happened.store(false, Ordering::Relaxed);
        }
    }

    /// From now on nothing may have an effect.
    fn doom(&self) {
        self.arm(Some(Injected::Fail), true);
    }

    /// A statement begins that is to suffer this fault.
    fn begins(&self, shape: Shape, fault: Option<Injected>) {
        self.arm(fault, false);
        self.log().running = Some((shape, fault));
    }

    /// The statement that ran, if one did, is over: what it was is written down.
    pub(super) fn ends(&self) {
        let mut log = self.log();
        if let Some((shape, fault)) = log.running.take() {
            log.done.push(shape.facts(self, fault));
            log.released |= shape.ends_transaction(self);
        }
    }

    /// What the statements were that ended since this was last asked, and whether a transaction ended with them.
    pub(super) fn take_done(&self) -> (Vec<Facts>, bool) {
        let mut log = self.log();
        (std::mem::take(&mut log.done), std::mem::take(&mut log.released))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn committed(&self) -> bool {
        self.committed.load(Ordering::Relaxed)
    }

    pub(super) fn suffered(&self) -> bool {
        self.suffered.load(Ordering::Relaxed)
    }

    /// Whether a lock was found taken by a statement that could have waited for it.
    pub(super) fn busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }
}

fn with_flags<T>(with: impl FnOnce(&Flags) -> T) -> Option<T> {
    FLAGS.with_borrow(|flags| flags.as_deref().map(with))
}

/// The hooks that every connection of ours has: locks and commits.
pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<()> {
    wait(connection)?;
    connection.commit_hook(Some(forbids_commit))
}

/// The hook that waits for locks.
pub(super) fn wait(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(|_tried| wait_for_lock()))
}

/// Makes a connection that your own pool opened stepwise, as [`Sqlite::call`](super::Sqlite::call) makes its own: a point
/// before each of its statements, wherever it is used on a stepped thread. Elsewhere it works as before.
///
/// It takes the connection's trace, busy, commit, progress and write-ahead-log hooks. In r2d2, call it from the connection
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
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(before_statement))?;
    connection.progress_handler(INSTRUCTIONS, Some(fails_now))?;
    connection.wal_hook(Some(|log: &mut rusqlite::hooks::Wal, pages: i32| {
        if pages >= CHECKPOINT {
            // A log that cannot be written back now, because somebody reads it, is next time.
            let _ = log.checkpoint();
        }
        reply()
    }))
}

fn before_statement(event: TraceEvent<'_>) {
    // A text that begins so is a trigger's program: part of the statement that set it off.
    let TraceEvent::Stmt(statement, text) = event else { return };
    if text.starts_with("--") {
        return;
    }
    if !baton::is_stepped() {
        return;
    }
    with_flags(Flags::ends);
    let go = baton::stop(|| statement.expanded_sql().unwrap_or_else(|| text.to_owned()));
    let shape = Shape::of(text);
    match go {
        Some(Go::On(fault)) => with_flags(|flags| flags.begins(shape, fault)),
        Some(Go::Through(_)) => with_flags(|flags| flags.begins(shape, None)),
        Some(Go::Die | Go::GiveUp) | None => with_flags(Flags::doom),
    };
}

/// Whether the statement that runs is to stop here with an error. Asked before it reads or writes a row.
fn fails_now() -> bool {
    with_flags(|flags| {
        let fails = flags.fail.swap(false, Ordering::Relaxed);
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
        Some(Go::GiveUp) | None => false,
        Some(Go::Die) => {
            with_flags(Flags::doom);
            false
        }
    }
}

/// Whether a transaction that is about to commit is rolled back instead.
fn forbids_commit() -> bool {
    with_flags(|flags| {
        let forbids = flags.fail.load(Ordering::Relaxed);
        flags.suffered.fetch_or(forbids, Ordering::Relaxed);
        flags.committed.store(!forbids, Ordering::Relaxed);
        forbids
    })
    .unwrap_or(false)
}

/// What a commit that went through answers.
fn reply() -> rusqlite::Result<()> {
    let lost = with_flags(|flags| {
        let lost = flags.lose_reply.swap(false, Ordering::Relaxed);
        flags.suffered.fetch_or(lost, Ordering::Relaxed);
        lost
    });
    if lost == Some(true) { Err(broken(ErrorCode::SystemIoFailure)) } else { Ok(()) }
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
