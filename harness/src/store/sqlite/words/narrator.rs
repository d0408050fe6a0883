//! The statements of stepped code in words.
//!
//! Code on a stepped thread keeps its results to itself: SQLite tells of a statement before it acts, not what it answered.
//! So where the words of a replay are wanted, and only there, a probe runs each statement as well. That is slow and exact.
//! What the statement came to where it failed is read off the hooks' flags; the probe follows them.

use std::sync::Arc;

use rusqlite::Connection;

use super::{
    LOCKED, STANDS, Shape, WAITS, bare,
    probe::{Probe, Touched},
    transaction,
};
use crate::{
    machine::trace::{Facts, Injected, Words},
    store::sqlite::{hooks::Flags, pool::Place},
};

/// Puts the statements of one piece of code in words.
pub(in crate::store::sqlite) struct Narrator {
    place: Place,
    label: Option<Arc<str>>,
    reader: Option<Connection>,
    /// What the code's open transaction sees.
    probe: Option<Probe>,
    /// What began the transaction, as long as nothing was read in it: it sees what is there when something is.
    opening: Vec<String>,
    /// In the open transaction something was done that the probe cannot follow.
    lost: bool,
}

/// A step that is being put in words.
pub(in crate::store::sqlite) struct Narration<'a> {
    narrator: &'a mut Narrator,
    shape: Shape,
    /// In a transaction.
    inside: bool,
    words: Words,
}

/// Set on the probe before a statement in a transaction: one that fails is undone there too.
const MARK: &str = "redeliver_probe";

impl Narrator {
    pub(in crate::store::sqlite) fn new(place: Place, label: Option<Arc<str>>) -> Self {
        Self { place, label, reader: None, probe: None, opening: Vec::new(), lost: false }
    }

    /// Runs the statement on a copy of what it is about to see.
    pub(in crate::store::sqlite) fn before(&mut self, statement: &str) -> Narration<'_> {
        let shape = Shape::of(statement);
        let mut words = Words { store: self.label.clone(), what: statement.to_owned(), ..Words::default() };
        match self.try_out(statement, shape) {
            Ok((result, touched)) => {
                words.result = result;
                words.reads = touched.reads.into_iter().collect();
                words.writes = touched.writes.into_iter().collect();
            }
            // What the probe has not (a function, a temporary table or an attached database of the user's own) stays untold.
            Err(_) => {
                self.lost |= self.opening.is_empty() && self.probe.as_ref().is_some_and(Probe::is_open);
                self.probe = None;
            }
        }
        let inside = self.lost || !self.opening.is_empty() || self.probe.as_ref().is_some_and(|probe| probe.was_open);
        Narration { narrator: self, shape, inside, words }
    }

    fn try_out(&mut self, statement: &str, shape: Shape) -> rusqlite::Result<(String, Touched)> {
        let reads = matches!(shape, Shape::Read | Shape::Write | Shape::Other | Shape::Begin(true));
        // What only begins a transaction sees nothing yet.
        let begins = shape == Shape::Begin(false) || shape == Shape::Savepoint && sets_savepoint(statement);
        if begins && self.probe.is_none() && self.opening.is_empty() && !self.lost {
            return Ok(Default::default());
        }
        if self.probe.is_none() || reads && !self.opening.is_empty() {
            self.probe = None;
            if self.reader.is_none() {
                self.reader = Some(self.place.open()?);
            }
            let reader = self.reader.as_ref().expect("it was opened just above");
            let probe = self.probe.insert(Probe::of(reader)?);
            for opening in &self.opening {
                probe.connection.execute_batch(opening)?;
            }
        }
        let probe = self.probe.as_mut().expect("it was made just above");
        probe.was_open = probe.is_open();
        if probe.was_open && matches!(shape, Shape::Write | Shape::Other) {
            probe.connection.execute_batch(&format!("SAVEPOINT {MARK}"))?;
        }
        probe.answer(statement)
    }

    /// The statement failed, or waits: the probe goes back before it.
    fn undo(&mut self) {
        let Some(probe) = &self.probe else { return };
        let back = match probe.was_open {
            false => Err(rusqlite::Error::InvalidQuery),
            // It committed there: what stands now is what the transaction sees.
            true if !probe.is_open() => probe.connection.execute_batch("BEGIN"),
            true => probe.connection.execute_batch(&format!("ROLLBACK TO {MARK}; RELEASE {MARK}")).or(Ok(())),
        };
        if back.is_err() {
            self.forget();
        }
    }

    /// The statement acted: the probe goes on from there.
    fn keep(&mut self, statement: &str, shape: Shape) {
        let Some(probe) = &self.probe else {
            match shape {
                Shape::Begin(false) | Shape::Savepoint if self.opening.is_empty() && !self.lost => {
                    self.opening.push(statement.to_owned());
                }
                Shape::Commit | Shape::Rollback => self.lost = false,
                _ => self.lost |= !std::mem::take(&mut self.opening).is_empty(),
            }
            return;
        };
        // Where it was not marked there is nothing to let go.
        let _ = probe.connection.execute_batch(&format!("RELEASE {MARK}"));
        if !probe.is_open() {
            self.forget();
        } else if !matches!(shape, Shape::Begin(false) | Shape::Savepoint) {
            self.opening.clear();
        } else if !probe.was_open || !self.opening.is_empty() {
            self.opening.push(statement.to_owned());
        }
    }

    fn forget(&mut self) {
        self.probe = None;
        self.opening.clear();
    }
}

fn sets_savepoint(statement: &str) -> bool {
    const SAVEPOINT: &str = "SAVEPOINT";
    bare(statement).get(..SAVEPOINT.len()).is_some_and(|word| word.eq_ignore_ascii_case(SAVEPOINT))
}

impl Narration<'_> {
    /// The words of a statement that waits for a lock.
    pub(in crate::store::sqlite) fn waits(self) -> Words {
        self.narrator.undo();
        Words { result: WAITS.into(), ..self.words }
    }

    /// The words of a statement that acted, or failed.
    pub(in crate::store::sqlite) fn after(mut self, facts: &Facts, flags: &Flags) -> Words {
        let rolled_back = flags.rolled_back();
        let failed = facts.suffered == Some(Injected::Fail) || facts.gave_up || flags.refused();
        if let Some(said) = self.said(facts, flags) {
            self.words.result = said;
        }
        if failed {
            self.words.writes.clear();
            self.narrator.undo();
        } else {
            self.narrator.keep(&self.words.what, self.shape);
        }
        if rolled_back || flags.committed() {
            self.narrator.lost = false;
        }
        if rolled_back && failed {
            self.narrator.forget();
        }
        if self.narrator.lost {
            self.words.result.clear();
        }
        self.words
    }

    /// What the code was told, where that is not what the probe was told.
    fn said(&self, facts: &Facts, flags: &Flags) -> Option<String> {
        let error = if facts.gave_up || flags.refused() { LOCKED } else { "interrupted" };
        match facts.suffered {
            Some(Injected::Fail) if self.inside => Some(format!("{error}, {}", transaction(flags.rolled_back()))),
            Some(Injected::Fail) => Some(error.into()),
            Some(Injected::LoseReply) => Some(format!("{error}, {STANDS}")),
            None => (error == LOCKED).then(|| error.into()),
        }
    }
}
