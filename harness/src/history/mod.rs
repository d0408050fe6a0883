//! What is replayed: messages, a delivery model and a sparse set of faults.
//!
//! A [`History`] is a value and a plan: printed, parsed, compared, shrunk, replayed. What happened in one replay is a
//! trace and lives in `machine`. Here: the type, its text form, its one-line form and its builder.
//!
//! # The text form
//!
//! ```text
//! redeliver-history 1
//! model at-least-once
//! processes 3
//! message m0 id=order-7 order="key with blanks" 100
//! message m1 seed=3 hash=1f2e3d4c
//! # the first delivery is overtaken before its second operation
//! overlap m0#1.2 to p0
//! crash m1#1.3
//! ```
//!
//! Its parts come in this order. `processes` may be left out where there are 2; then come the messages, numbered in
//! order, and the faults as [`Fault`] prints them. Empty lines, and lines that begin with `#`, say nothing.
//!
//! Before its payload a message may have `id=` and `order=`. The payload is either `seed=`, with or without the `hash=`
//! of what that seed once made, or the rest of the line as it stands, without the blanks around it. An id, a key or a
//! payload that could be read as something else is quoted as a string in Rust is: `"two\nlines"`. Quoted are what is
//! empty, begins with `"` or holds a character that cannot be seen; an id or a key with a blank in it; a payload that
//! begins or ends with one, or begins with `id=`, `order=`, `seed=` or `hash=`.
//!
//! # The one-line form
//!
//! ```text
//! r1:credit_is_idempotent;at-least-once;processes=3;m0=100:id=order-7;m1=~3.1f2e3d4c;overlap:m0#1.2:to:p0
//! ```
//!
//! The same parts behind the name of the test, between semicolons, with a colon for each blank. `~` begins a seed and,
//! behind a dot, its hash. In names and payloads, whatever is neither a letter or digit of ASCII nor one of
//! `-_.,/@+*()[]{}<>=?#&` is percent-encoded, so that the line stands unharmed between the single quotes of a shell.
//!
//! A [`HistoryError`] says where a text cannot be read, and [`History::validate`] why there can be no such history.

mod build;
mod coordinate;
mod cursor;
mod draft;
mod error;
mod fault;
mod label;
mod line;
mod parse;
mod quote;
#[cfg(test)]
mod tests;
mod text;
mod validate;

pub use build::{BuildError, BuildProblem, HistoryBuilder};
pub use coordinate::{Coordinate, DeliveryName, Place, RoundName, TaskName};
pub use error::{HistoryError, InvalidHistory, Problem};
pub(crate) use fault::Amount;
pub use fault::{Deferred, Fault, Loss, Skew};
pub use label::{BadLabel, Label};
pub use line::Line;
pub(crate) use parse::FAULTS;

use crate::delivery::DeliveryModel;

/// Messages, a delivery model and faults: everything that a replay needs beside the handler.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History {
    /// Which deliveries the broker may make.
    pub model: DeliveryModel,
    /// How many processes there are. At least 1; 2 where nothing is said.
    pub processes: usize,
    /// What was published, in publish order.
    pub messages: Vec<Published>,
    /// The departures from the plain run. Faults at one coordinate act in this order.
    pub faults: Vec<Fault>,
}

/// One message of a history: what its producer called it and how to make its payload again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Published {
    /// What its producer calls it, where that is not its own name (`m0`) or what the generator said.
    pub id: Option<String>,
    /// Its ordering key, where that is not what the generator said.
    pub ordering_key: Option<String>,
    /// Its payload.
    pub payload: Payload,
}

/// How a payload is made again: users' payloads can be printed, not parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Payload {
    /// Drawn from the check's own generator with this seed.
    Generated {
        /// The generator's seed.
        seed: u64,
        /// A hash of the message's `Debug`, so that a generator that changed is noticed; `None` where nobody said.
        hash: Option<u64>,
    },
    /// Written by a person, as it stands in the text: `100`.
    Written(String),
}

impl Published {
    /// The hash of what was generated, if it was and somebody said.
    pub(crate) fn hash(&self) -> Option<u64> {
        match self.payload {
            Payload::Generated { hash, .. } => hash,
            Payload::Written(_) => None,
        }
    }
}

impl History {
    /// Processes in a history that does not say.
    pub const DEFAULT_PROCESSES: usize = 2;
}
