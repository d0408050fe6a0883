//! The operations of async handlers on a database, each one step on the machine's own thread.
//!
//! They run the same statements on the same connections as [`Sqlite::call`](super::Sqlite::call), without a thread. Here a
//! failure is an I/O error, made by us, with what SQLite does after one: a failed write rolls its transaction back.

use std::{cell::RefCell, sync::Arc};

use rusqlite::{Connection, ErrorCode, Params, Row, TransactionBehavior, TransactionState};

use super::{
    call::BUSY_TIMEOUT,
    footprint::{self, Standing},
    hooks::{self, Flags},
    pool::{Pool, Pooled},
    words::{Shape, say},
};
use crate::machine::{
    Act, Operation, OperationTurn, is_asked, release_locks,
    trace::{Injected, Words},
};

/// On which connection a statement runs.
#[derive(Clone, Copy)]
pub(super) enum Where<'a> {
    /// On one that is checked out for it.
    Pool(&'a Arc<Pool>),
    /// On that of an open transaction.
    Open(&'a RefCell<Pooled>),
}

impl Where<'_> {
    fn pool(self) -> Arc<Pool> {
        match self {
            Where::Pool(pool) => Arc::clone(pool),
            Where::Open(pooled) => pooled.borrow().pool(),
        }
    }

    /// What its connection is in the middle of.
    fn take_standing(self) -> Standing {
        match self {
            Where::Pool(_) => Standing::default(),
            Where::Open(pooled) => std::mem::take(&mut pooled.borrow_mut().standing),
        }
    }

    fn put_standing(self, standing: Standing) {
        if let Where::Open(pooled) = self {
            pooled.borrow_mut().standing = standing;
        }
    }

    fn with<T>(self, with: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        match self {
            Where::Pool(pool) => with(pool.check_out()?.connection()),
            Where::Open(pooled) => with(pooled.borrow_mut().connection()),
        }
    }
}

/// `execute`.
pub(super) struct Execute<'a, P> {
    place: Where<'a>,
    sql: &'a str,
    params: P,
}

/// `query_row`.
pub(super) struct QueryRow<'a, P, F> {
    place: Where<'a>,
    sql: &'a str,
    params: P,
    read: Option<F>,
}

/// `begin`.
pub(super) struct Begin<'a> {
    pool: &'a Arc<Pool>,
    behavior: TransactionBehavior,
}

// None of them is pinned: they are moved until they act, and act at once.
impl<P> Unpin for Execute<'_, P> {}
impl<P, F> Unpin for QueryRow<'_, P, F> {}

impl<'a, P> Execute<'a, P> {
    pub(super) fn new(place: Where<'a>, sql: &'a str, params: P) -> Self {
        Self { place, sql, params }
    }
}

impl<'a, P, F> QueryRow<'a, P, F> {
    pub(super) fn new(place: Where<'a>, sql: &'a str, params: P, read: F) -> Self {
        Self { place, sql, params, read: Some(read) }
    }
}

impl<'a> Begin<'a> {
    pub(super) fn new(pool: &'a Arc<Pool>, behavior: TransactionBehavior) -> Self {
        Self { pool, behavior }
    }
}

impl<P: Params + Clone> Operation for Execute<'_, P> {
    type Output = rusqlite::Result<usize>;

    fn act(&mut self, turn: &mut OperationTurn) -> Act<Self::Output> {
        let (sql, params) = (self.sql, self.params.clone());
        statement(self.place, sql, turn, |connection, told| {
            let mut statement = connection.prepare_cached(sql)?;
            let changed = statement.execute(params);
            told.text(&statement);
            let changed = changed?;
            told.changed(changed);
            Ok(changed)
        })
    }

    fn outside(&mut self) -> Self::Output {
        self.place.with(|connection| connection.prepare_cached(self.sql)?.execute(self.params.clone()))
    }
}

impl<T, P, F> Operation for QueryRow<'_, P, F>
where
    P: Params + Clone,
    F: FnOnce(&Row<'_>) -> rusqlite::Result<T>,
{
    type Output = rusqlite::Result<T>;

    fn act(&mut self, turn: &mut OperationTurn) -> Act<Self::Output> {
        let (sql, params, read) = (self.sql, self.params.clone(), &mut self.read);
        statement(self.place, sql, turn, |connection, told| {
            let mut statement = connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let answer = statement.query_row(params, |row| {
                told.row(row, columns);
                // A statement that finds a lock taken never comes to a row, so this is the only time.
                read.take().expect("an operation reads one row once")(row)
            });
            told.text(&statement);
            answer
        })
    }

    fn outside(&mut self) -> Self::Output {
        let read = self.read.take().expect("an operation outside a replay happens once");
        self.place.with(|connection| connection.prepare_cached(self.sql)?.query_row(self.params.clone(), read))
    }
}

impl Operation for Begin<'_> {
    type Output = rusqlite::Result<Pooled>;

    fn act(&mut self, turn: &mut OperationTurn) -> Act<Self::Output> {
        let sql = match self.behavior {
            TransactionBehavior::Immediate => "BEGIN IMMEDIATE",
            TransactionBehavior::Exclusive => "BEGIN EXCLUSIVE",
            _ => "BEGIN",
        };
        let mut begun = None;
        let pool = self.pool;
        let mut standing = Standing::default();
        let act = act_on(pool, sql, turn, &mut standing, |turn, told, past_lock| {
            let mut pooled = pool.check_out()?;
            if turn.fault() == Some(Injected::Fail) && sql != "BEGIN" {
                turn.facts.suffered = Some(Injected::Fail);
                return Err(hooks::broken(ErrorCode::DatabaseBusy));
            }
            pooled.connection().prepare_cached(sql)?.execute([])?;
            told.what(sql);
            *past_lock = is_past_lock(pooled.connection(), Shape::of(sql));
            begun = Some(pooled);
            Ok(())
        });
        // The lock is what can be refused; a transaction that takes it later cannot fail here.
        turn.facts.can_fail = sql != "BEGIN";
        match act {
            Act::Done(Ok(())) => {
                let mut begun = begun.expect("it was begun just above");
                begun.standing = standing;
                Act::Done(Ok(begun))
            }
            Act::Done(Err(error)) => Act::Done(Err(error)),
            Act::Blocked(patience) => Act::Blocked(patience),
        }
    }

    fn outside(&mut self) -> Self::Output {
        let mut pooled = self.pool.check_out()?;
        pooled.connection().execute_batch("BEGIN IMMEDIATE")?;
        Ok(pooled)
    }
}

/// `COMMIT` or `ROLLBACK` of an open transaction.
pub(super) struct Finish<'a> {
    pub(super) pooled: &'a RefCell<Pooled>,
    pub(super) commit: bool,
}

impl Operation for Finish<'_> {
    type Output = rusqlite::Result<()>;

    fn act(&mut self, turn: &mut OperationTurn) -> Act<Self::Output> {
        let sql = if self.commit { "COMMIT" } else { "ROLLBACK" };
        let act = statement(Where::Open(self.pooled), sql, turn, |connection, told| {
            connection.prepare_cached(sql)?.execute([])?;
            told.what(sql);
            Ok(())
        });
        turn.facts.can_fail = turn.facts.can_fail && self.commit;
        act
    }

    fn outside(&mut self) -> Self::Output {
        let sql = if self.commit { "COMMIT" } else { "ROLLBACK" };
        self.pooled.borrow_mut().connection().execute_batch(sql)
    }
}

/// Runs one statement on a connection, with what a history makes of it.
fn statement<T>(
    place: Where<'_>,
    sql: &str,
    turn: &mut OperationTurn,
    run: impl FnOnce(&mut Connection, &mut say::Told) -> rusqlite::Result<T>,
) -> Act<rusqlite::Result<T>> {
    let shape = Shape::of(sql);
    let mut standing = place.take_standing();
    let act = act_on(&place.pool(), sql, turn, &mut standing, |turn, told, past_lock| {
        place.with(|connection| {
            told.touches(connection, sql);
            let fails = turn.fault() == Some(Injected::Fail) && !matches!(shape, Shape::Rollback | Shape::Savepoint);
            if !fails {
                let answer = run(connection, told);
                *past_lock = is_past_lock(connection, shape);
                return answer;
            }
            turn.facts.suffered = Some(Injected::Fail);
            if !connection.is_autocommit() {
                told.fails(shape != Shape::Read);
            }
            // After an I/O error in a write SQLite rolls the whole transaction back.
            if shape != Shape::Read && !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK")?;
                release_locks();
            }
            Err(hooks::broken(ErrorCode::SystemIoFailure))
        })
    });
    place.put_standing(standing);
    act
}

/// Whether a statement of this shape that ran on this connection came by the lock that it asked for, if it is in a
/// transaction.
fn is_past_lock(connection: &Connection, shape: Shape) -> bool {
    if !is_asked() {
        return false;
    }
    match connection.transaction_state(None::<&str>) {
        Ok(TransactionState::Write) => true,
        Ok(TransactionState::Read) => shape == Shape::Read,
        _ => false,
    }
}

/// Runs something as one turn: arms this thread's flags before, reads them after.
fn act_on<T>(
    pool: &Arc<Pool>,
    sql: &str,
    turn: &mut OperationTurn,
    standing: &mut Standing,
    run: impl FnOnce(&mut OperationTurn, &mut say::Told, &mut bool) -> rusqlite::Result<T>,
) -> Act<rusqlite::Result<T>> {
    let shape = Shape::of(sql);
    let flags = Flags::of_this_thread();
    // Nobody waits on the machine's own thread: what would wait comes back here and tries again in its next turn.
    flags.arm(None, true);
    #[cfg(debug_assertions)]
    flags.forget_changes();
    let mut told = say::Told::new(turn.wants_words(), sql);
    let mut past_lock = false;
    let mut answer = run(turn, &mut told, &mut past_lock);
    let gave_up = turn.facts.gave_up;
    if is_busy(&answer) && flags.busy() && !turn.must_give_up() && turn.facts.suffered.is_none() {
        turn.words(|words| *words = Words { store: pool.label(), ..told.waits() });
        footprint::of_one_that_waits(pool);
        return Act::Blocked(BUSY_TIMEOUT);
    }
    if is_asked() {
        footprint::of(pool, standing, &[flags.operated(shape, sql, past_lock)]);
    }
    let suffered = turn.facts.suffered;
    turn.facts = crate::machine::trace::Facts { suffered, gave_up, ..shape.facts(&flags, None) };
    turn.facts.can_fail |= suffered.is_some();
    if turn.fault() == Some(Injected::LoseReply) && flags.committed() {
        turn.facts.suffered = Some(Injected::LoseReply);
        answer = answer.and(Err(hooks::broken(ErrorCode::SystemIoFailure)));
    }
    if shape.ends_transaction(&flags) {
        release_locks();
    }
    let error = answer.as_ref().err().map(ToString::to_string);
    let lost = turn.facts.suffered == Some(Injected::LoseReply);
    turn.words(|words| *words = Words { store: pool.label(), ..told.words(error, lost) });
    Act::Done(answer)
}

fn is_busy<T>(answer: &rusqlite::Result<T>) -> bool {
    answer.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
}
