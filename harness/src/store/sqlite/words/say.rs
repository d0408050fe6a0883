//! An operation of an async handler in words: here the result is ours to see.

use rusqlite::{Connection, Row, Statement};

use super::probe::Probe;
use crate::{machine::trace::Words, store::sqlite::database::print};

/// What an operation tells of itself, if anybody wants to know.
pub(crate) struct Told {
    wanted: bool,
    words: Words,
    /// It was made to fail in a transaction, which is rolled back or is not.
    rolled_back: Option<bool>,
}

impl Told {
    pub(crate) fn new(wanted: bool, sql: &str) -> Self {
        let what = if wanted { sql.to_owned() } else { String::new() };
        Self { wanted, words: Words { what, ..Words::default() }, rolled_back: None }
    }

    /// The statement with its parameters.
    pub(crate) fn text(&mut self, statement: &Statement<'_>) {
        if self.wanted
            && let Some(text) = statement.expanded_sql()
        {
            self.words.what = text;
        }
    }

    pub(crate) fn what(&mut self, what: &str) {
        if self.wanted {
            what.clone_into(&mut self.words.what);
        }
    }

    pub(crate) fn changed(&mut self, rows: usize) {
        if self.wanted {
            self.words.result = if rows == 1 { "1 row".into() } else { format!("{rows} rows") };
        }
    }

    pub(crate) fn row(&mut self, row: &Row<'_>, columns: usize) {
        if self.wanted {
            let cells: Vec<String> = (0..columns).filter_map(|at| row.get_ref(at).ok().map(print)).collect();
            self.words.result = cells.join(", ");
        }
    }

    /// It is made to fail in a transaction.
    pub(crate) fn fails(&mut self, rolled_back: bool) {
        self.rolled_back = Some(rolled_back);
    }

    /// Which tables the statement reads and writes.
    pub(crate) fn touches(&mut self, connection: &Connection, sql: &str) {
        if !self.wanted {
            return;
        }
        let touched = Probe::of_schema(connection).and_then(|probe| probe.touches(sql));
        // A statement that cannot be prepared touches nothing.
        if let Ok(touched) = touched {
            self.words.reads = touched.reads.into_iter().collect();
            self.words.writes = touched.writes.into_iter().collect();
        }
    }

    /// The words of an operation that waits for a lock.
    pub(crate) fn waits(self) -> Words {
        Words { result: super::WAITS.into(), writes: Vec::new(), ..self.words }
    }

    /// The words of an operation that acted, or failed with this error; `lost` if it acted all the same.
    pub(crate) fn words(self, error: Option<String>, lost: bool) -> Words {
        let mut words = self.words;
        if let Some(error) = error {
            if !lost {
                words.writes.clear();
            }
            words.result = match self.rolled_back {
                _ if lost => format!("{error}, {}", super::STANDS),
                Some(rolled_back) => format!("{error}, {}", super::transaction(rolled_back)),
                None => error,
            };
        }
        words
    }
}
