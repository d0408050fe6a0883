//! The connections of one database and the threads that step them, both kept between replays.
//!
//! An operation checks a connection out and gives it back. One that comes back with an open transaction is rolled back, as
//! pools do. Which process used it does not matter afterwards: what stays on the connection, `left` takes away.

use std::{
    cell::RefCell,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, OpenFlags, TransactionState};

use super::{
    footprint::{self, Book, Standing},
    hooks::{self, Flags},
    left::{Left, Settings},
    reset::Written,
    words::Shape,
};
use crate::machine::{baton::Stepped, release_locks};

/// Opens a file that no other process has. SQLite has a way of its own to these: connections lock each other as ever, in
/// memory; what it leaves out is to tell the operating system of each lock, which was half of a small statement.
#[cfg(unix)]
fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags_and_vfs(path, OpenFlags::default(), "unix-excl")
}

#[cfg(not(unix))]
fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open(path)
}

/// The connections of one database.
pub(super) struct Pool {
    place: Place,
    /// What the user calls the database.
    label: Option<Arc<str>>,
    written: Written,
    /// What a fresh connection is set to.
    fresh: Settings,
    book: Book,
    idle: Mutex<Vec<Opened>>,
    idle_threads: Arc<Threads>,
    /// A thread did not come back: it may hold a lock for ever.
    abandoned: AtomicBool,
    /// And it was waited for.
    waited: AtomicBool,
}

/// Threads without work. The databases of one machine's thread share them, so that what a handler does with one database after
/// the other runs where it ran before, and no thread more waits for work than code was ever under way at once.
type Threads = Mutex<Vec<Thread>>;

thread_local! {
    /// Those of the databases that are open on this thread: they end with the last of them.
    static THREADS: RefCell<Weak<Threads>> = const { RefCell::new(Weak::new()) };
}

fn threads() -> Arc<Threads> {
    THREADS.with_borrow_mut(|threads| {
        threads.upgrade().unwrap_or_else(|| {
            let new = Arc::default();
            *threads = Arc::downgrade(&new);
            new
        })
    })
}

/// The lock that writers need, held by nobody's code. Dropped, it is free again.
pub(super) struct Held(Pooled);

impl Drop for Held {
    fn drop(&mut self) {
        // Where this fails, giving the connection back rolls back.
        let _ = self.0.connection().execute_batch("ROLLBACK");
    }
}

/// Where a database is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In a file, with a write-ahead log.
    File(std::path::PathBuf),
    /// In this process's memory, under this name.
    Memory(String),
}

/// A connection that is checked out. Dropped, it goes back.
pub(super) struct Pooled {
    opened: Option<Opened>,
    pool: Arc<Pool>,
    /// What operations were in the middle of on it; code on a stepped thread keeps that for itself.
    pub(super) standing: Standing,
}

/// An open connection.
struct Opened {
    connection: Connection,
    /// It stops before each statement.
    stepped: bool,
    left: Left,
}

/// A stepped thread and the flags of the statements that it runs.
pub(super) struct Thread {
    pub(super) stepped: Stepped,
    pub(super) flags: Arc<Flags>,
}

impl Pool {
    pub(super) fn new(
        place: Place,
        label: Option<Arc<str>>,
        written: Written,
        fresh: Settings,
        book: Book,
    ) -> Arc<Self> {
        Arc::new(Self {
            place,
            label,
            written,
            fresh,
            book,
            idle: Mutex::default(),
            idle_threads: threads(),
            abandoned: AtomicBool::new(false),
            waited: AtomicBool::new(false),
        })
    }

    /// What the user calls the database, if anything.
    pub(super) fn label(&self) -> Option<Arc<str>> {
        self.label.clone()
    }

    /// A replay begins: no connection is in use. What was inserted last on one of them is forgotten.
    ///
    /// In memory some are kept that know the schema: one that does not waits for a writer to read it, which would be another
    /// history in the first replay than in those after it.
    pub(super) fn begin_replay(&self) -> rusqlite::Result<()> {
        const SPARE: usize = 4;
        self.book.begin_replay();
        let mut idle = lock(&self.idle);
        idle.retain(|opened| opened.left.forget_inserts(&opened.connection).is_ok());
        while matches!(self.place, Place::Memory(_)) && idle.len() < SPARE {
            let opened = self.open()?;
            opened.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            idle.push(opened);
        }
        Ok(())
    }

    /// Checks a connection out.
    pub(super) fn check_out(self: &Arc<Self>) -> rusqlite::Result<Pooled> {
        let idle = lock(&self.idle).pop();
        let opened = match idle {
            Some(opened) => opened,
            None => self.open()?,
        };
        Ok(Pooled { opened: Some(opened), pool: Arc::clone(self), standing: Standing::default() })
    }

    /// Which tables its statements touch.
    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// Where its database is.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A thread that waits for work.
    pub(super) fn thread(&self) -> Thread {
        lock(&self.idle_threads).pop().unwrap_or_else(|| {
            let flags = Arc::new(Flags::default());
            let installed = Arc::clone(&flags);
            Thread { stepped: Stepped::start(move || installed.install()), flags }
        })
    }

    /// Takes a thread back that has ended its work.
    pub(super) fn put_back(&self, thread: Thread) {
        lock(&self.idle_threads).push(thread);
    }

    /// Takes the lock that writers need, if a statement of this shape is about to take it and nobody has it.
    pub(super) fn hold_lock(self: &Arc<Self>, shape: Shape) -> Option<Held> {
        if !matches!(shape, Shape::Write | Shape::Begin(true)) {
            return None;
        }
        let mut pooled = self.check_out().ok()?;
        // On the machine's own thread nobody waits.
        Flags::of_this_thread().arm(None, true);
        pooled.connection().execute_batch("BEGIN IMMEDIATE").ok()?;
        Some(Held(pooled))
    }

    /// A thread did not come back.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// The same, of one that was waited for as long as code may run without a statement.
    pub(super) fn abandon_after_waiting(&self) {
        self.waited.store(true, Ordering::Relaxed);
        self.abandon();
    }

    /// Whether one was waited for.
    pub(super) fn has_waited(&self) -> bool {
        self.waited.load(Ordering::Relaxed)
    }

    /// Whether a thread did not come back.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    fn open(&self) -> rusqlite::Result<Opened> {
        let mut connection = self.place.open()?;
        hooks::watch(&mut connection)?;
        #[cfg(debug_assertions)]
        hooks::watch_changes(&mut connection)?;
        let left = Left::default();
        self.written.watch(&mut connection, &left)?;
        Ok(Opened { connection, stepped: false, left })
    }
}

impl Place {
    /// The file, if it is one.
    pub(super) fn path(&self) -> Option<&std::path::Path> {
        match self {
            Place::File(path) => Some(path),
            Place::Memory(_) => None,
        }
    }

    /// Opens a connection as production would, but for the disk: nothing here outlives the machine.
    pub(super) fn open(&self) -> rusqlite::Result<Connection> {
        let connection = match self {
            Place::File(path) => open_alone(path)?,
            Place::Memory(name) => {
                let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(format!("file:/{name}?vfs=memdb"), flags)?
            }
        };
        connection.set_prepared_statement_cache_capacity(64);
        // Nobody waits for a lock in real time.
        connection.busy_timeout(std::time::Duration::ZERO)?;
        if let Place::Memory(_) = self {
            // A database in memory has neither, and to set them would read its schema: refused while somebody writes.
            return Ok(connection);
        }
        let checkpoint = hooks::CHECKPOINT;
        connection.execute_batch(&format!("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = {checkpoint};"))?;
        Ok(connection)
    }
}

impl Pooled {
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.opened.as_mut().expect("it is given back only when dropped").connection
    }

    /// Where it goes back to.
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }

    /// Makes it stop before each statement.
    pub(super) fn step(&mut self) -> rusqlite::Result<()> {
        let opened = self.opened.as_mut().expect("it is given back only when dropped");
        if !opened.stepped {
            hooks::step(&mut opened.connection)?;
            opened.stepped = true;
        }
        Ok(())
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut opened) = self.opened.take() else { return };
        if !opened.connection.is_autocommit() {
            let state = opened.connection.transaction_state(None::<&str>);
            let locked = state.ok().map(|state| state == TransactionState::Write);
            // Where this fails the connection is broken, and closing it rolls back.
            if opened.connection.execute_batch("ROLLBACK").is_err() {
                return;
            }
            footprint::of_what_was_left(&self.pool, locked);
            release_locks();
        }
        // Code that set a busy timeout of its own took this hook away.
        let waits = !opened.stepped || hooks::wait(&mut opened.connection).is_ok();
        // What cannot be put back goes with the connection.
        if waits && opened.left.put_back(&mut opened.connection, &self.pool.fresh) {
            lock(&self.pool.idle).push(opened);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
