//! What code leaves on a connection, beside what it leaves in the database, and how that is taken away.
//!
//! What SQL does is seen by the authorizer, as it is prepared. What a program does past SQL (functions, collations, hooks,
//! limits) is not seen here, and stays; so does what `total_changes` counts.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use rusqlite::{Connection, hooks::AuthAction};

use super::hooks;

/// Settings that many a handler makes first thing, and that can be put back. Anything else costs the connection.
const SETTINGS: [&str; 4] = ["foreign_keys", "recursive_triggers", "synchronous", "cache_size"];

/// In [`Left`], after a bit for each of the settings: somebody else waits for locks.
const BUSY_TIMEOUT: u8 = 1 << 4;

/// And: something that only closing takes away.
const BEYOND: u8 = 1 << 5;

/// Pragmas that only read, though they take an argument.
const READING: [&str; 12] = [
    "foreign_key_check",
    "foreign_key_list",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
    "wal_checkpoint",
];

/// Pragmas that are kept in the file.
const DURABLE: [&str; 8] = [
    "application_id",
    "auto_vacuum",
    "default_cache_size",
    "encoding",
    "journal_mode",
    "page_size",
    "schema_version",
    "user_version",
];

/// The tables in which SQLite keeps what only one connection has.
const TEMPORARY: [&str; 2] = ["sqlite_temp_master", "sqlite_temp_schema"];

/// The values of the settings on a fresh connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings([i64; SETTINGS.len()]);

impl Settings {
    /// Reads them off a connection that nobody has used.
    pub(super) fn of(fresh: &Connection) -> rusqlite::Result<Self> {
        let mut values = [0; SETTINGS.len()];
        for (value, name) in values.iter_mut().zip(SETTINGS) {
            *value = fresh.pragma_query_value(None, name, |row| row.get(0))?;
        }
        Ok(Self(values))
    }
}

/// What was left on one connection since it was fresh.
#[derive(Clone, Debug, Default)]
pub(super) struct Left(Arc<AtomicU8>);

impl Left {
    /// Notes what a statement that is being prepared will do to the connection.
    pub(super) fn note(&self, action: &AuthAction<'_>) {
        let left = match action {
            AuthAction::Pragma { pragma_name, pragma_value: Some(value) } => match Pragma::of(pragma_name, value) {
                Pragma::Reads => 0,
                Pragma::Sets(setting) => 1 << setting,
                Pragma::Waits => BUSY_TIMEOUT,
                Pragma::Connection | Pragma::File => BEYOND,
            },
            AuthAction::Attach { .. } | AuthAction::Detach { .. } => BEYOND,
            _ if is_temporary(action) => BEYOND,
            _ => 0,
        };
        if left != 0 {
            self.0.fetch_or(left, Ordering::Relaxed);
        }
    }

    /// Makes the connection a fresh one, if it can. It is outside a transaction.
    pub(super) fn put_back(&self, connection: &mut Connection, fresh: &Settings) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left == 0 {
            return true;
        }
        if left & BEYOND != 0 || left & BUSY_TIMEOUT != 0 && hooks::wait(connection).is_err() {
            return false;
        }
        for (setting, (name, value)) in SETTINGS.iter().zip(fresh.0).enumerate() {
            if left & 1 << setting != 0 && connection.pragma_update(None, name, value).is_err() {
                return false;
            }
        }
        // A pragma does its work as it is prepared: one that is kept would do nothing the next time.
        connection.flush_prepared_statement_cache();
        self.0.store(0, Ordering::Relaxed);
        true
    }

    /// Makes `last_insert_rowid` and `changes` those of a fresh connection.
    ///
    /// Only an insert changes the one, and only another statement the other, so there is a temporary table for it.
    pub(super) fn forget_inserts(&self, connection: &Connection) -> rusqlite::Result<()> {
        const INSERT: &str = "REPLACE INTO temp.redeliver_rowid(rowid) VALUES (0)";
        if connection.last_insert_rowid() == 0 && connection.changes() == 0 {
            return Ok(());
        }
        let mut insert = match connection.prepare_cached(INSERT) {
            Ok(insert) => insert,
            Err(_) => {
                connection.execute_batch("CREATE TEMP TABLE redeliver_rowid(a)")?;
                // It is ours: nobody left it.
                self.0.store(0, Ordering::Relaxed);
                connection.prepare_cached(INSERT)?
            }
        };
        insert.execute([])?;
        connection.prepare_cached("DELETE FROM temp.redeliver_rowid WHERE rowid = 1")?.execute([]).map(drop)
    }
}

/// What a pragma with an argument does.
pub(super) enum Pragma {
    Reads,
    /// Changes the setting in this place.
    Sets(usize),
    /// Says how locks are waited for.
    Waits,
    /// Changes something else of its connection.
    Connection,
    /// Changes the file.
    File,
}

impl Pragma {
    pub(super) fn of(name: &str, value: &str) -> Self {
        let is = |other: &&str| name.eq_ignore_ascii_case(other);
        if let Some(setting) = SETTINGS.iter().position(is) {
            return Pragma::Sets(setting);
        }
        // A database of ours has a write-ahead log already, or cannot have one.
        if READING.iter().any(is) || is(&"journal_mode") && value.eq_ignore_ascii_case("wal") {
            return Pragma::Reads;
        }
        if is(&"busy_timeout") {
            return Pragma::Waits;
        }
        if DURABLE.iter().any(is) { Pragma::File } else { Pragma::Connection }
    }
}

/// Whether this makes, changes or removes something that only its connection has.
pub(super) fn is_temporary(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::DropTempIndex { .. }
        | AuthAction::DropTempTable { .. }
        | AuthAction::DropTempTrigger { .. }
        | AuthAction::DropTempView { .. } => true,
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => TEMPORARY.contains(table_name),
        AuthAction::AlterTable { database_name, .. } => *database_name == "temp",
        _ => false,
    }
}
