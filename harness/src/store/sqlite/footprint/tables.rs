//! Which tables a statement touches, by its text: learned from SQLite's authorizer, as it prepares the statement on an empty
//! copy of the schema.
//!
//! The copy is made where somebody first asks, and each text is prepared there once, so that a check which asks for no
//! footprint pays nothing. It enforces foreign keys and lets triggers set off triggers, whatever the connection of a statement
//! does: what it says may be too much, and is never too little. What the authorizer is not told of is added here: the
//! counters of `AUTOINCREMENT`. Whatever the copy cannot tell (a function that is not SQLite's own or not the same each time,
//! a virtual table, another database) may be any table; and what makes or changes tables makes the copy useless until the
//! next replay, which begins with the schema again.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use rusqlite::{
    Connection,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::store::sqlite::{left::Pragma, words::alters};

/// More texts than this are not kept: statements that are put together for each message have no end.
const MOST_TEXTS: usize = 4_096;

/// The table in which SQLite keeps what `AUTOINCREMENT` counts.
const SEQUENCES: &str = "sqlite_sequence";

/// Functions whose answer follows from their arguments, whenever they are asked.
const PURE: &[&str] = &[
    "->",
    "->>",
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "substr",
    "substring",
    "sum",
    "total",
    "trim",
    "typeof",
    "upper",
];

/// The tables that a statement touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Tables {
    /// These, by their names in small letters. What it writes it reads too: which rows there are decides what it does.
    Known { reads: Vec<String>, writes: Vec<String> },
    /// None: it changes a setting of its connection.
    Own,
    /// Nobody knows which.
    Any,
    /// All, and which ones there are.
    Alters,
}

/// What each text was found to touch.
#[derive(Debug)]
pub(in crate::store::sqlite) struct Book {
    schema: String,
    learned: Mutex<Learned>,
    /// Tables may not be those of the schema any more, in this replay.
    altered: AtomicBool,
    /// Somebody has connections of which nobody knows what was set up on them, or which of them a statement ran on.
    shared: AtomicBool,
}

#[derive(Debug, Default)]
struct Learned {
    copy: Option<Schema>,
    by_text: FxHashMap<String, Arc<Tables>>,
}

/// The copy of the schema.
#[derive(Debug)]
struct Schema {
    connection: Connection,
    /// The tables and views that the schema has, but for virtual ones.
    ordinary: FxHashSet<String>,
    seen: Arc<Mutex<Seen>>,
}

/// What the authorizer was told while one statement was prepared.
#[derive(Debug, Default)]
struct Seen {
    reads: Vec<String>,
    writes: Vec<String>,
    /// A setting of its connection.
    own: bool,
    /// Something else, of which nobody can say what it touches.
    beyond: bool,
    alters: bool,
}

impl Book {
    pub(in crate::store::sqlite) fn of_schema(schema: &str) -> Self {
        let (altered, shared) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { schema: schema.to_owned(), learned: Mutex::default(), altered, shared }
    }

    /// A replay begins, with the schema as it was.
    pub(in crate::store::sqlite) fn begin_replay(&self) {
        self.altered.store(false, Ordering::Relaxed);
    }

    /// Other connections than ours may be used.
    pub(in crate::store::sqlite) fn share(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    /// A statement acted that makes or changes tables.
    pub(super) fn alter(&self) {
        self.altered.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_altered(&self) -> bool {
        self.altered.load(Ordering::Relaxed)
    }

    /// The tables that a statement of this text touches.
    pub(super) fn tables(&self, text: &str) -> Arc<Tables> {
        let Learned { copy, by_text } = &mut *self.learned();
        if let Some(known) = by_text.get(text) {
            return Arc::clone(known);
        }
        if copy.is_none() {
            *copy = Schema::make(&self.schema).ok();
        }
        let tables = Arc::new(copy.as_ref().map_or(Tables::Any, |copy| copy.tables(text)));
        if by_text.len() >= MOST_TEXTS {
            by_text.clear();
        }
        by_text.insert(text.to_owned(), Arc::clone(&tables));
        tables
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Schema {
    fn make(schema: &str) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch(schema)?;
        // What code may have switched on or off counts as on.
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON")?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        let ordinary = {
            let all = "SELECT lower(name) FROM sqlite_schema WHERE type = 'view' OR type = 'table' AND rootpage > 0";
            let mut all = connection.prepare(all)?;
            let names = all.query_map([], |row| row.get(0))?;
            names.collect::<rusqlite::Result<_>>()?
        };
        let seen = Arc::<Mutex<Seen>>::default();
        let told = Arc::clone(&seen);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            // A pragma does its work as it is prepared: this one does none.
            let is_pragma = matches!(context.action, AuthAction::Pragma { .. });
            told.lock().unwrap_or_else(PoisonError::into_inner).note(&context);
            if is_pragma { Authorization::Deny } else { Authorization::Allow }
        }))?;
        Ok(Self { connection, ordinary, seen })
    }

    fn tables(&self, text: &str) -> Tables {
        if alters(text) {
            return Tables::Alters;
        }
        *self.seen() = Seen::default();
        let is_prepared = self.connection.prepare(text).is_ok();
        let Seen { mut reads, mut writes, own, beyond, alters } = std::mem::take(&mut *self.seen());
        if alters {
            return Tables::Alters;
        }
        if own && !beyond {
            return Tables::Own;
        }
        if beyond || !is_prepared || !reads.iter().chain(&writes).all(|name| self.is_ordinary(name)) {
            return Tables::Any;
        }
        if !writes.is_empty() && self.ordinary.contains(SEQUENCES) {
            writes.push(SEQUENCES.to_owned());
        }
        for names in [&mut reads, &mut writes] {
            names.sort_unstable();
            names.dedup();
        }
        Tables::Known { reads, writes }
    }

    fn is_ordinary(&self, name: &str) -> bool {
        self.ordinary.contains(name) || matches!(name, "sqlite_schema" | "sqlite_master")
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn note(&mut self, context: &AuthContext<'_>) {
        self.beyond |= context.database_name.is_some_and(|database| database != "main");
        match context.action {
            // Where no column is read the name stands as the statement has it.
            AuthAction::Read { table_name, .. } => self.reads.push(table_name.to_ascii_lowercase()),
            AuthAction::Insert { table_name }
            | AuthAction::Delete { table_name }
            | AuthAction::Update { table_name, .. } => {
                self.alters |= is_of_the_schema(table_name);
                self.writes.push(table_name.to_ascii_lowercase());
            }
            AuthAction::Function { function_name } => {
                self.beyond |= !PURE.iter().any(|pure| function_name.eq_ignore_ascii_case(pure));
            }
            AuthAction::Select
            | AuthAction::Recursive
            | AuthAction::Transaction { .. }
            | AuthAction::Savepoint { .. } => {}
            AuthAction::Pragma { pragma_value: None, .. } => self.beyond = true,
            AuthAction::Pragma { pragma_name, pragma_value: Some(value) } => match Pragma::of(pragma_name, value) {
                Pragma::Sets(_) | Pragma::Waits => self.own = true,
                Pragma::Reads => self.beyond = true,
                Pragma::Connection | Pragma::File => self.alters = true,
            },
            _ => self.alters = true,
        }
    }
}

fn is_of_the_schema(table: &str) -> bool {
    ["sqlite_schema", "sqlite_master"].iter().any(|name| table.eq_ignore_ascii_case(name))
}
