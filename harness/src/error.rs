//! The errors that a store or a source of messages can meet. A malformed history has its own, in `history`.

use std::fmt::Display;

/// What went wrong in a store, or in what a check was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A store could not do what the harness asked of it.
    #[error("{store}: {operation} failed: {cause}")]
    Store {
        /// The store's name.
        store: String,
        /// What was asked: `reset`, `open`, `observe`.
        operation: &'static str,
        /// What it answered.
        cause: String,
    },
    /// A handle was used where no replay is going on, or on a thread that the harness does not run.
    #[error("{operation} outside a replay: a handle works only in the handler that the harness runs")]
    OutsideReplay {
        /// The operation that was tried.
        operation: &'static str,
    },
    /// An operation was made to fail by a history, as its store could.
    #[error("{cause}")]
    Injected {
        /// What the store says when this happens.
        cause: &'static str,
    },
    /// A transaction lost to another one, or waited too long for it.
    #[error("{cause}")]
    Conflict {
        /// What the store says when this happens.
        cause: &'static str,
    },
    /// A message of a history cannot be made again.
    #[error("m{message}: {cause}")]
    Message {
        /// Its place in the history.
        message: usize,
        /// Why not, and what has probably changed.
        cause: String,
    },
    /// Anything else, in its own words.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Wraps whatever a user's own store met.
    pub fn other(error: impl Display) -> Self {
        Error::Other(error.to_string())
    }
}
