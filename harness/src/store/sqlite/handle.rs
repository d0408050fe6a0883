//! [`Sqlite`]: a process's side of a database.

use std::sync::Arc;

use rusqlite::{Connection, Params, Row, TransactionBehavior};

use super::{
    Database, Transaction,
    call::Call,
    operations::{Begin, Execute, QueryRow, Where},
    pool::{Place, Pool},
    reset::Written,
    words::Narrator,
};
use crate::{machine::operate, store::Process};

/// A process's side of a database: statements, each one step. Errors are rusqlite's own.
///
/// Each delivery has connections of its own, as from a pool; one that comes back with an open transaction is rolled back.
/// Unlike a pool's, each is as a fresh one: what an earlier delivery set with a `PRAGMA`, attached or made as `TEMP` is not
/// on it. What was inserted last (`last_insert_rowid`, `changes`) stays, as on a pool's, until the next replay. Two things
/// stay for good, and code that depends on them comes out as not deterministic: what it gives a connection past SQL
/// (functions, collations, limits), and what `total_changes` counts. Of the pragmas, `foreign_keys`, `recursive_triggers`,
/// `synchronous`, `cache_size`, `busy_timeout` and `journal_mode = WAL` are cheap to set in each delivery; after any other
/// the connection is closed.
#[derive(Clone)]
pub struct Sqlite {
    pool: Arc<Pool>,
    process: Process,
    place: Place,
    written: Written,
}

impl Sqlite {
    /// A database that begins with this schema, which may insert rows too.
    ///
    /// ```
    /// use redeliver_harness::sqlite::Sqlite;
    ///
    /// let bank = Sqlite::schema("CREATE TABLE account(balance); INSERT INTO account VALUES (0)")
    ///     .observe("SELECT balance FROM account");
    /// # let _ = bank;
    /// ```
    pub fn schema(sql: &str) -> Database {
        Database::new(sql)
    }

    pub(super) fn new(pool: Arc<Pool>, process: Process, place: Place, written: Written) -> Self {
        Self { pool, process, place, written }
    }

    /// Existing synchronous code, unchanged, on a connection of its own: every statement in it is a step, before which the
    /// machine may switch, fail or crash.
    ///
    /// The bounds are those of tokio-rusqlite's `call` and deadpool's `interact`. The code must come to its next statement
    /// within 10 s of real time. A statement that is told to fail returns `SQLITE_BUSY` if it was about to take the write
    /// lock, and `SQLITE_INTERRUPT` otherwise: an interrupted write has rolled its whole transaction back, as after an I/O
    /// error, and an interrupted read or `COMMIT` leaves it open. One that loses its reply stands, and returns
    /// `SQLITE_INTERRUPT`.
    ///
    /// # Errors
    /// Whatever the code returns.
    pub async fn call<T, E>(
        &self,
        code: impl FnOnce(&mut Connection) -> Result<T, E> + Send + Unpin + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let narrator = Narrator::new(self.place.clone(), self.pool.label());
        Call::new(self.process.clone(), Arc::clone(&self.pool), code, Some(narrator)).await
    }

    /// As [`call`](Sqlite::call), for code that brings connections of its own: those of a pool whose connections went
    /// through [`instrument`](super::instrument).
    ///
    /// # Errors
    /// Whatever the code returns.
    pub async fn run<T, E>(&self, code: impl FnOnce() -> Result<T, E> + Send + Unpin + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.call(move |_own| code()).await
    }

    /// Executes one statement; the number of rows that it changed.
    ///
    /// # Errors
    /// What SQLite says, or what a history makes it say: `SQLITE_IOERR` without effect, or after it.
    pub async fn execute(&self, sql: &str, params: impl Params + Clone) -> rusqlite::Result<usize> {
        operate(self.process.clone(), Execute::new(Where::Pool(&self.pool), sql, params)).await
    }

    /// Runs a query and hands its first row to `read`.
    ///
    /// # Errors
    /// As for [`execute`](Sqlite::execute); `QueryReturnedNoRows` if there is no row.
    pub async fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params + Clone,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        operate(self.process.clone(), QueryRow::new(Where::Pool(&self.pool), sql, params, read)).await
    }

    /// Begins a transaction. Dropped without a commit, it is rolled back.
    ///
    /// # Errors
    /// As for [`execute`](Sqlite::execute); `SQLITE_BUSY` if the lock cannot be had in 5 s of virtual time.
    pub async fn begin(&self, behavior: TransactionBehavior) -> rusqlite::Result<Transaction<'_>> {
        let pooled = operate(self.process.clone(), Begin::new(&self.pool, behavior)).await?;
        Ok(Transaction::new(self, pooled))
    }

    /// The database's file, for a pool of your own; `None` for one in memory. Give each connection of that pool to
    /// [`instrument`](super::instrument), and use it inside [`call`](Sqlite::call).
    ///
    /// From then on every table is put back before every replay, since nobody knows what your connections write. Another
    /// process cannot open it: SQLite keeps its locks to this one.
    pub fn path(&self) -> Option<&std::path::Path> {
        self.written.anything();
        self.pool.book().share();
        self.place.path()
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("process", &self.process).field("place", &self.place).finish_non_exhaustive()
    }
}
