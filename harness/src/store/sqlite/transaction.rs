//! [`Transaction`]: an open transaction of an async handler.

use std::cell::RefCell;

use rusqlite::{Params, Row};

use super::{
    Sqlite,
    operations::{Execute, Finish, QueryRow, Where},
    pool::Pooled,
};
use crate::machine::operate;

/// An open transaction. Dropped without a commit, it is rolled back; the drop is no step.
pub struct Transaction<'a> {
    handle: &'a Sqlite,
    pooled: RefCell<Pooled>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(handle: &'a Sqlite, pooled: Pooled) -> Self {
        Self { handle, pooled: RefCell::new(pooled) }
    }

    /// Executes one statement; the number of rows that it changed.
    ///
    /// # Errors
    /// As for [`Sqlite::execute`]; after one that a history made, SQLite has rolled the transaction back.
    pub async fn execute(&self, sql: &str, params: impl Params + Clone) -> rusqlite::Result<usize> {
        operate(self.handle.process().clone(), Execute::new(Where::Open(&self.pooled), sql, params)).await
    }

    /// Runs a query and hands its first row to `read`.
    ///
    /// # Errors
    /// As for [`Sqlite::query_row`].
    pub async fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params + Clone,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        operate(self.handle.process().clone(), QueryRow::new(Where::Open(&self.pooled), sql, params, read)).await
    }

    /// Commits.
    ///
    /// # Errors
    /// As for [`Sqlite::execute`]. After a lost reply the commit stands all the same.
    pub async fn commit(self) -> rusqlite::Result<()> {
        operate(self.handle.process().clone(), Finish { pooled: &self.pooled, commit: true }).await
    }

    /// Rolls back.
    ///
    /// # Errors
    /// What SQLite says, where there is no transaction any more.
    pub async fn rollback(self) -> rusqlite::Result<()> {
        operate(self.handle.process().clone(), Finish { pooled: &self.pooled, commit: false }).await
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("handle", &self.handle).finish_non_exhaustive()
    }
}
