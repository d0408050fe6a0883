//! What a statement is, and a step of stepped code in words.
//!
//! Code on a stepped thread keeps its results to itself: SQLite tells of a statement before it acts, not what it answered.
//! So where the words of a replay are wanted, and only there, a *probe* runs each statement as well: a copy in memory of
//! what the statement sees. That is slow and exact.

pub(super) mod say;

use rusqlite::{
    Connection, Statement,
    hooks::{AuthAction, AuthContext, Authorization},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::{database::print, hooks::Flags, pool::Place, reset::copy};
use crate::machine::trace::{Facts, Injected, Words};

/// What a statement that finds a lock taken gets.
const WAITS: &str = "database is locked, so it waits";

/// What is said of a statement that took effect though it returned an error.
const STANDS: &str = "though it took effect";

/// What kind of statement a text is, by its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// It only reads.
    Read,
    /// It may write, and takes the lock first if it does.
    Write,
    /// It may write in some other way: a pragma, `VACUUM`.
    Other,
    /// It begins a transaction; `true` if it takes the lock at once.
    Begin(bool),
    Commit,
    Rollback,
    /// A savepoint, set or let go.
    Savepoint,
}

impl Shape {
    pub(super) fn of(statement: &str) -> Self {
        let words = bare(statement);
        let mut words = words.split(|at: char| !at.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default().to_ascii_uppercase();
        match first.as_str() {
            "SELECT" | "VALUES" | "EXPLAIN" => Shape::Read,
            "BEGIN" => {
                Shape::Begin(words.next().is_some_and(|word| {
                    word.eq_ignore_ascii_case("IMMEDIATE") || word.eq_ignore_ascii_case("EXCLUSIVE")
                }))
            }
            "COMMIT" | "END" => Shape::Commit,
            "ROLLBACK" if words.any(|word| word.eq_ignore_ascii_case("TO")) => Shape::Savepoint,
            "ROLLBACK" => Shape::Rollback,
            "SAVEPOINT" | "RELEASE" => Shape::Savepoint,
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH" | "CREATE" | "DROP" | "ALTER" => Shape::Write,
            _ => Shape::Other,
        }
    }

    /// Whether such a statement can suffer this at all. What only begins a transaction, or goes back, asks nothing of a disk
    /// or a lock.
    pub(super) fn suffers(self, fault: Injected) -> bool {
        match self {
            Shape::Read | Shape::Begin(true) => fault == Injected::Fail,
            Shape::Write | Shape::Other | Shape::Commit => true,
            Shape::Begin(false) | Shape::Rollback | Shape::Savepoint => false,
        }
    }

    /// After how many of SQLite's instructions it has asked for the lock that writers need. What is to fail there fails as
    /// it does in life, if somebody has the lock, and without effect if nobody has.
    pub(super) fn to_the_lock(self) -> u8 {
        match self {
            Shape::Write => 2,
            Shape::Begin(true) => 3,
            _ => 0,
        }
    }

    /// What a step of this shape was, from what became of it.
    pub(super) fn facts(self, flags: &Flags, fault: Option<Injected>) -> Facts {
        let committed = flags.committed();
        let suffered = fault.filter(|_| flags.suffered());
        Facts {
            can_fail: self.suffers(Injected::Fail),
            can_lose_reply: flags.committed_in_time(),
            changes: committed,
            locks: self != Shape::Read,
            suffered,
            ..Facts::default()
        }
    }

    /// Whether whoever waits for a lock may get it after such a step.
    pub(super) fn ends_transaction(self, flags: &Flags) -> bool {
        matches!(self, Shape::Commit | Shape::Rollback) || flags.committed() || flags.suffered()
    }
}

/// A statement without the comments and the space before it.
fn bare(mut statement: &str) -> &str {
    loop {
        statement = statement.trim_start();
        if let Some(comment) = statement.strip_prefix("--") {
            statement = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = statement.strip_prefix("/*") {
            statement = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            return statement;
        }
    }
}

/// Puts the statements of one piece of code in words.
pub(super) struct Narrator {
    place: Place,
    reader: Option<Connection>,
    /// The copy that the code's open transaction sees.
    probe: Option<Probe>,
}

/// A copy in memory, and the tables that statements prepared on it touch.
struct Probe {
    connection: Connection,
    touched: Arc<Mutex<Touched>>,
}

#[derive(Debug, Default)]
struct Touched {
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
}

/// A step that is being put in words.
pub(super) struct Narration<'a> {
    narrator: &'a mut Narrator,
    shape: Shape,
    words: Words,
    /// It failed for want of a lock.
    pub(super) busy: bool,
}

impl Narrator {
    pub(super) fn new(place: Place) -> Self {
        Self { place, reader: None, probe: None }
    }

    /// Runs the statement on a copy of what it is about to see.
    pub(super) fn before(&mut self, statement: &str) -> Narration<'_> {
        let mut words = Words { what: statement.to_owned(), ..Words::default() };
        match self.try_out(statement) {
            Ok((result, touched)) => {
                words.result = result;
                words.reads = touched.reads.into_iter().collect();
                words.writes = touched.writes.into_iter().collect();
            }
            // What the probe has not (a function or an attached database of the user's own) stays untold.
            Err(_) => self.probe = None,
        }
        Narration { narrator: self, shape: Shape::of(statement), words, busy: false }
    }

    fn try_out(&mut self, statement: &str) -> rusqlite::Result<(String, Touched)> {
        let probe = match self.probe.take() {
            Some(probe) => self.probe.insert(probe),
            None => {
                let reader = self.reader()?;
                let probe = Probe::of(reader)?;
                self.probe.insert(probe)
            }
        };
        let answer = probe.answer(statement);
        let touched = std::mem::take(&mut *probe.touched.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((answer, touched))
    }

    fn reader(&mut self) -> rusqlite::Result<&Connection> {
        if self.reader.is_none() {
            self.reader = Some(self.place.open()?);
        }
        Ok(self.reader.as_ref().expect("it was opened just above"))
    }

    /// Whether somebody holds the lock that writers need.
    fn is_write_locked(&mut self) -> bool {
        let Ok(reader) = self.reader() else { return false };
        let _ = reader.busy_timeout(std::time::Duration::ZERO);
        let free = reader.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
        !free
    }
}

impl Probe {
    fn of(reader: &Connection) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        copy(reader, &mut connection)?;
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
        Ok(Self { connection, touched })
    }

    /// Which tables a statement reads and writes.
    fn touches(&self, text: &str) -> rusqlite::Result<Touched> {
        self.connection.prepare(text)?;
        Ok(std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// What a statement answers, as the trace prints it.
    fn answer(&self, text: &str) -> String {
        match self.run(text) {
            Ok(answer) => answer,
            Err(error) => error.to_string(),
        }
    }

    fn run(&self, text: &str) -> rusqlite::Result<String> {
        let mut statement = self.connection.prepare(text)?;
        if statement.column_count() > 0 {
            return rows(&mut statement);
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

impl Narration<'_> {
    /// The words of a statement that waits for a lock.
    pub(super) fn waits(self) -> Words {
        // It did not act: the next try sees what is there then.
        self.narrator.probe = None;
        Words { result: WAITS.into(), ..self.words }
    }

    /// The words of a statement that acted, or failed.
    pub(super) fn after(mut self, facts: &Facts) -> Words {
        let in_transaction = self.narrator.probe.as_ref().is_some_and(|probe| !probe.connection.is_autocommit());
        let refused = in_transaction && self.shape == Shape::Write && !self.narrator.is_write_locked();
        let failed = facts.suffered == Some(Injected::Fail) || facts.gave_up || refused;
        if let Some(said) = self.said(facts, refused) {
            self.words.result = said;
        }
        if failed {
            self.words.writes.clear();
        }
        // What an interrupted write has begun is rolled back with its whole transaction; anything else leaves it as it was.
        let over = !in_transaction || (failed && !refused && !self.busy && self.shape == Shape::Write);
        if over {
            self.narrator.probe = None;
        }
        self.words
    }

    /// What the code was told, where that is not what the probe was told.
    fn said(&self, facts: &Facts, refused: bool) -> Option<String> {
        match facts.suffered {
            Some(Injected::Fail) if self.shape == Shape::Commit => {
                Some("constraint failed, and all is rolled back".into())
            }
            Some(Injected::Fail) => Some("interrupted".into()),
            Some(Injected::LoseReply) => Some(format!("disk I/O error, {STANDS}")),
            None if facts.gave_up || refused => Some("database is locked".into()),
            None => None,
        }
    }
}
