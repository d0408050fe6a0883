//! A history while it is read, and where each of its parts stood, so that a rule that it breaks has a line and a column.
//!
//! The rules themselves live in `validate`, the reading of one part in `parse`, `text` and `line`.

use super::{
    History, HistoryError, InvalidHistory, Published,
    cursor::{Cursor, Position},
    parse::{self, FAULTS},
};
use crate::delivery::DeliveryModel;

/// A history while it is read, and where its parts stood. Its parts come in the order of the fields of a history.
pub(super) struct Draft {
    history: History,
    processes: Option<Position>,
    messages: Vec<Position>,
    faults: Vec<Position>,
}

impl Draft {
    pub(super) fn new(model: DeliveryModel) -> Self {
        let processes = History::DEFAULT_PROCESSES;
        let history = History { model, processes, messages: Vec::new(), faults: Vec::new() };
        Self { history, processes: None, messages: Vec::new(), faults: Vec::new() }
    }

    /// Whether the number of processes may come next.
    pub(super) fn takes_processes(&self) -> bool {
        self.processes.is_none() && self.messages.is_empty()
    }

    /// The number of the next message, if one may come.
    pub(super) fn next_message(&self) -> Option<usize> {
        self.faults.is_empty().then_some(self.messages.len())
    }

    /// What may come next, where a form writes these parts so.
    pub(super) fn expects(&self, processes: &str, message: impl Fn(usize) -> String) -> String {
        match self.messages.len() {
            0 if self.takes_processes() => format!("`{processes}` or `{}`", message(0)),
            0 => format!("`{}`", message(0)),
            n if self.faults.is_empty() => format!("`{}` or a fault: {FAULTS}", message(n)),
            _ => format!("a fault: {FAULTS}"),
        }
    }

    pub(super) fn set_processes(&mut self, at: Position, processes: usize) {
        self.processes = Some(at);
        self.history.processes = processes;
    }

    pub(super) fn push_message(&mut self, at: Position, message: Published) {
        self.messages.push(at);
        self.history.messages.push(message);
    }

    /// Reads the fault that begins here, if one may come.
    pub(super) fn read_fault(
        &mut self,
        mut cursor: Cursor<'_>,
        at: Position,
        expected: impl Fn(&Self) -> String,
    ) -> Result<(), HistoryError> {
        if self.messages.is_empty() {
            return Err(cursor.first().expected(expected(self)));
        }
        let fault = parse::fault(&mut cursor, || expected(self))?;
        self.faults.push(at);
        self.history.faults.push(fault);
        Ok(())
    }

    /// The whole history, if there can be such a one. `end` is where what was read ends.
    pub(super) fn finish(self, end: Position) -> Result<History, HistoryError> {
        let Err(invalid) = self.history.validate() else { return Ok(self.history) };
        let at = match &invalid {
            InvalidHistory::NoMessage => None,
            InvalidHistory::TooManyMessages { .. } => self.messages.get(History::MAX_MESSAGES),
            InvalidHistory::Processes { .. } => self.processes.as_ref(),
            InvalidHistory::TooManyFaults { .. } => self.faults.get(History::MAX_FAULTS),
            InvalidHistory::Fault { index, .. } => self.faults.get(*index),
        };
        Err(at.copied().unwrap_or(end).error(invalid))
    }
}
