//! A copy in memory of what a statement is about to see, on which it can be tried out.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Connection, Statement,
    hooks::{AuthAction, AuthContext, Authorization},
};

use super::bare;
use crate::store::sqlite::{database::print, reset::copy};

/// A copy in memory, and the tables that statements prepared on it touch.
pub(super) struct Probe {
    pub(super) connection: Connection,
    /// A transaction was open on it before the last statement.
    pub(super) was_open: bool,
    touched: Arc<Mutex<Touched>>,
}

#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) reads: BTreeSet<String>,
    pub(super) writes: BTreeSet<String>,
}

impl Probe {
    pub(super) fn of(reader: &Connection) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        copy(reader, &mut connection)?;
        Self::on(connection)
    }

    /// One without rows, of what this connection sees.
    pub(super) fn of_schema(connection: &Connection) -> rusqlite::Result<Self> {
        let empty = Connection::open_in_memory()?;
        let all = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' ORDER BY rowid";
        let mut all = connection.prepare_cached(all)?;
        let mut made = all.query([])?;
        while let Some(made) = made.next()? {
            // What another one made already is there.
            let _ = empty.execute_batch(&made.get::<_, String>(0)?);
        }
        Self::on(empty)
    }

    fn on(mut connection: Connection) -> rusqlite::Result<Self> {
        let touched = Arc::new(Mutex::new(Touched::default()));
        let seen = Arc::clone(&touched);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            let mut touched = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match context.action {
                AuthAction::Read { table_name, .. } => drop(touched.reads.insert(table_name.to_owned())),
                AuthAction::Insert { table_name }
                | AuthAction::Delete { table_name }
                | AuthAction::Update { table_name, .. } => drop(touched.writes.insert(table_name.to_owned())),
                _ => {}
            }
            Authorization::Allow
        }))?;
        Ok(Self { connection, was_open: false, touched })
    }

    /// Whether a transaction is open on it.
    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Which tables a statement reads and writes.
    pub(super) fn touches(&self, text: &str) -> rusqlite::Result<Touched> {
        self.connection.prepare(text)?;
        Ok(self.touched())
    }

    fn touched(&self) -> Touched {
        std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a statement answers, as the trace prints it, and which tables it reads and writes. An error where it cannot be
    /// tried out here.
    pub(super) fn answer(&self, text: &str) -> rusqlite::Result<(String, Touched)> {
        let mut statement = self.connection.prepare(text)?;
        let answer = self.run(text, &mut statement).unwrap_or_else(|error| error.to_string());
        Ok((answer, self.touched()))
    }

    fn run(&self, text: &str, statement: &mut Statement<'_>) -> rusqlite::Result<String> {
        if statement.column_count() > 0 {
            return rows(statement);
        }
        let before = self.connection.total_changes();
        let changed = statement.execute([])?;
        let word = bare(text).split(|at: char| !at.is_ascii_alphabetic()).next().unwrap_or_default();
        let is_dml = ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"].iter().any(|dml| word.eq_ignore_ascii_case(dml));
        Ok(match self.connection.total_changes() - before {
            0 if is_dml => "0 rows".into(),
            0 => String::new(),
            _ if !is_dml => String::new(),
            _ if changed == 1 => "1 row".into(),
            _ => format!("{changed} rows"),
        })
    }
}

/// The rows of an answer, the first few of them.
fn rows(statement: &mut Statement<'_>) -> rusqlite::Result<String> {
    const MOST: usize = 3;
    let columns = statement.column_count();
    let mut answer = statement.query([])?;
    let mut printed: Vec<String> = Vec::new();
    let mut count = 0_usize;
    while let Some(row) = answer.next()? {
        count += 1;
        if count <= MOST {
            let cells = (0..columns).map(|at| row.get_ref(at).map(print)).collect::<rusqlite::Result<Vec<_>>>()?;
            printed.push(cells.join(", "));
        }
    }
    Ok(match count {
        0 => "no row".into(),
        _ if count > MOST => format!("{}; … {count} rows", printed.join("; ")),
        _ => printed.join("; "),
    })
}
