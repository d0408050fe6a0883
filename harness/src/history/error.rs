//! Why a text is not a history, and why a history cannot be.
//!
//! The rules themselves live in `validate` and in the readers; here are only their words.

use super::History;

/// Why a text is not a history, a fault or the name of a place, and where in it that shows.
///
/// ```
/// use redeliver_harness::History;
///
/// let text = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\noverlap m0#0.1\n";
/// let error = text.parse::<History>().unwrap_err();
/// assert_eq!(error.to_string(), "line 4, column 9: expected a point such as m0#1.2, found `m0#0.1`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}column {column}: {problem}", line.map(|line| format!("line {line}, ")).unwrap_or_default())]
pub struct HistoryError {
    /// The line, from 1; `None` for what is written on one line, such as `r1:…` or the name of a place.
    pub line: Option<usize>,
    /// The column in that line, from 1, counted in characters. One past the last where something is missing there.
    pub column: usize,
    /// What is wrong at that place.
    pub problem: Problem,
}

/// What is wrong at a place of a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It cannot be read.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand here.
        expected: String,
        /// What stands here: the word between backticks, shortened if it is long, or `nothing`.
        found: String,
    },
    /// It can be read, and no such history can be.
    #[error(transparent)]
    Invalid(#[from] InvalidHistory),
}

/// Why there can be no such history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHistory {
    /// It has no messages, so that nothing would happen.
    #[error("a history has at least one message")]
    NoMessage,
    /// It has more than [`History::MAX_MESSAGES`].
    #[error("a history has at most {} messages, not {messages}", History::MAX_MESSAGES)]
    TooManyMessages {
        /// How many it has.
        messages: usize,
    },
    /// It has no process, or more than [`History::MAX_PROCESSES`].
    #[error("a history has from 1 to {} processes, not {processes}", History::MAX_PROCESSES)]
    Processes {
        /// How many it has.
        processes: usize,
    },
    /// It has more than [`History::MAX_FAULTS`].
    #[error("a history has at most {} faults, not {faults}", History::MAX_FAULTS)]
    TooManyFaults {
        /// How many it has.
        faults: usize,
    },
    /// One of its faults cannot act, whatever the handler does.
    #[error("`{fault}`: {why}")]
    Fault {
        /// Its place among the faults, from 0.
        index: usize,
        /// The fault as the text form writes it.
        fault: String,
        /// Why it cannot act.
        why: String,
    },
}
