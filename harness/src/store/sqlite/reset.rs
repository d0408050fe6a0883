//! How a database is put back between replays, without being opened again.
//!
//! What the schema made is learned once. A reset then empties the tables that anybody may have written and fills them with
//! what they held. Where the schema itself was changed, the whole database is copied back.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
    hooks::{AuthAction, AuthContext, Authorization},
    params_from_iter,
    types::{Value, ValueRef},
};
use rustc_hash::FxHasher;

use super::left::{Left, Pragma, is_temporary};

/// What each table held before the first message.
pub(super) struct Image {
    template: Connection,
    tables: Vec<Table>,
    schema_version: i64,
}

struct Table {
    name: String,
    read: String,
    empty: String,
    fill: String,
    rows: Vec<Vec<Value>>,
}

/// Which tables statements that were ever prepared may write. Shared by all connections of one database.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(Arc<Mutex<Writes>>);

#[derive(Debug, Default)]
struct Writes {
    tables: BTreeSet<String>,
    /// Something was prepared that changes more than rows, or by somebody we do not see.
    anything: bool,
}

/// The table in which SQLite keeps what `AUTOINCREMENT` counts.
const SEQUENCES: &str = "sqlite_sequence";

impl Image {
    /// Learns what the schema made. `control` is open on a database to which it was applied.
    pub(super) fn learn(control: &Connection, template: Connection) -> rusqlite::Result<Self> {
        let mut names: Vec<String> = {
            let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'";
            let mut tables = template.prepare(sql)?;
            let names = tables.query_map([], |row| row.get(0))?;
            names.collect::<rusqlite::Result<_>>()?
        };
        // Filling a table counts in it: it goes back last.
        names.sort_by_key(|name| name == SEQUENCES);
        let tables = names.into_iter().map(|name| Table::learn(&template, name)).collect::<rusqlite::Result<_>>()?;
        Ok(Self { tables, schema_version: schema_version(control)?, template })
    }

    /// Puts everything back. Every other connection must be outside a transaction.
    pub(super) fn restore(&mut self, control: &mut Connection, written: &Written) -> rusqlite::Result<()> {
        let anything = written.lock().anything;
        if anything || schema_version(control)? != self.schema_version {
            return self.copy_back(control);
        }
        control.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let writes = written.lock();
        for table in &self.tables {
            if !writes.tables.contains(&table.name) && (table.name != SEQUENCES || writes.tables.is_empty()) {
                continue;
            }
            control.prepare_cached(&table.empty)?.execute([])?;
            for row in &table.rows {
                control.prepare_cached(&table.fill)?.execute(params_from_iter(row))?;
            }
        }
        drop(writes);
        control.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// A hash of what every table holds. `None` where more than rows may have changed.
    pub(super) fn digest(&self, control: &Connection, written: &Written) -> rusqlite::Result<Option<u64>> {
        if written.lock().anything || schema_version(control)? != self.schema_version {
            return Ok(None);
        }
        let mut hasher = FxHasher::default();
        for table in &self.tables {
            table.name.hash(&mut hasher);
            let mut statement = control.prepare_cached(&table.read)?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                columns.hash(&mut hasher);
                for column in 0..columns {
                    hash_value(row.get_ref(column)?, &mut hasher);
                }
            }
        }
        Ok(Some(hasher.finish()))
    }

    fn copy_back(&mut self, control: &mut Connection) -> rusqlite::Result<()> {
        copy(&self.template, control)?;
        self.schema_version = schema_version(control)?;
        Ok(())
    }
}

/// Makes one database what another is.
pub(super) fn copy(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    let backup = Backup::new(from, to)?;
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(super::hooks::broken(rusqlite::ErrorCode::DatabaseBusy)),
    }
}

impl Table {
    fn learn(template: &Connection, name: String) -> rusqlite::Result<Self> {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let without_rowid: bool = template
            .query_row("SELECT wr FROM pragma_table_list WHERE name = ?1 AND schema = 'main'", [&name], |row| {
                row.get(0)
            })
            .unwrap_or(false);
        // Generated columns cannot be written: `hidden` is 2 or 3 for them.
        let mut columns: Vec<String> = {
            let mut info = template.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
            let quote = |row: &rusqlite::Row<'_>| {
                row.get::<_, String>(0).map(|column| format!("\"{}\"", column.replace('"', "\"\"")))
            };
            info.query_map([&name], quote)?.collect::<rusqlite::Result<_>>()?
        };
        if !without_rowid && name != SEQUENCES {
            columns.insert(0, "rowid".into());
        }
        let list = columns.join(", ");
        let read = format!("SELECT {list} FROM {quoted}");
        let rows = {
            let mut all = template.prepare(&read)?;
            let values = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|at| row.get(at)).collect();
            all.query_map([], values)?.collect::<rusqlite::Result<_>>()?
        };
        let places = vec!["?"; columns.len()].join(", ");
        let fill = format!("INSERT INTO {quoted} ({list}) VALUES ({places})");
        Ok(Self { empty: format!("DELETE FROM {quoted}"), read, fill, rows, name })
    }
}

impl Written {
    /// Notes what this connection prepares, and with it what that leaves on the connection.
    pub(super) fn watch(&self, connection: &mut Connection, left: &Left) -> rusqlite::Result<()> {
        let (written, left) = (self.clone(), left.clone());
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            written.note(&context.action);
            left.note(&context.action);
            Authorization::Allow
        }))
    }

    /// Somebody whose statements we do not see may write anything.
    pub(super) fn anything(&self) {
        self.lock().anything = true;
    }

    fn note(&self, action: &AuthAction<'_>) {
        match action {
            AuthAction::Attach { .. } | AuthAction::Detach { .. } => {}
            _ if is_temporary(action) => {}
            AuthAction::Insert { table_name }
            | AuthAction::Delete { table_name }
            | AuthAction::Update { table_name, .. } => {
                let mut writes = self.lock();
                if table_name.starts_with("sqlite_") && *table_name != SEQUENCES {
                    writes.anything = true;
                } else if !writes.tables.contains(*table_name) {
                    writes.tables.insert((*table_name).to_owned());
                }
            }
            AuthAction::Read { .. }
            | AuthAction::Select
            | AuthAction::Recursive
            | AuthAction::Function { .. }
            | AuthAction::Transaction { .. }
            | AuthAction::Savepoint { .. }
            | AuthAction::Pragma { pragma_value: None, .. } => {}
            AuthAction::Pragma { pragma_name, pragma_value: Some(value) } => {
                if matches!(Pragma::of(pragma_name, value), Pragma::File) {
                    self.lock().anything = true;
                }
            }
            _ => self.lock().anything = true,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Writes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_value(value: ValueRef<'_>, hasher: &mut FxHasher) {
    match value {
        ValueRef::Null => 0_u8.hash(hasher),
        ValueRef::Integer(integer) => (1_u8, integer).hash(hasher),
        ValueRef::Real(real) => (2_u8, real.to_bits()).hash(hasher),
        ValueRef::Text(bytes) => (3_u8, bytes).hash(hasher),
        ValueRef::Blob(bytes) => (4_u8, bytes).hash(hasher),
    }
}

fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))
}
