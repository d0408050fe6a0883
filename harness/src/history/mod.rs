//! What is replayed: messages, a delivery model and a sparse set of faults.
//!
//! A [`History`] is a value and a plan: printed, parsed, compared, shrunk, replayed. What happened in one replay is a
//! trace and lives in `machine`. Here: the type, its text form, its one-line form and its builder.

mod coordinate;
mod fault;

pub use coordinate::{Coordinate, DeliveryName, Place};
pub(crate) use fault::Amount;
pub use fault::{Deferred, Fault};

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
