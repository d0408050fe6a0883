//! What is durable: the [`Store`] trait, tuples of stores, and what is seen of them in the end.
//!
//! Each store is a folder or file of its own. What a store's operations say of themselves to the machine
//! (points, faults, locks) is in `machine::operation`.

mod effects;
mod key_value;
mod observation;
mod performed;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod tuples;

pub use effects::{Effects, Receipt};
pub use key_value::{Isolation, KeyValue, KeyValueTransaction};
pub use observation::Observation;
pub(crate) use observation::{Rows, Seen};
pub(crate) use performed::{Effect, Performed, Performer};

use crate::{
    Error,
    history::{Label, Loss},
};

/// Something that outlives a crash: a database, a cache, a ledger.
///
/// Its methods are called between operations, on the thread that runs the check, outside any async runtime: blocking in
/// them is fine. They must be deterministic.
pub trait Store: Send + 'static {
    /// What one process holds of it; dead after that process's crash.
    type Handle: Clone + Send + Sync + 'static;

    /// Puts everything back to how it was before the first message. Called before every replay.
    ///
    /// # Errors
    /// Whatever keeps the store from it; the check ends as inconclusive with that error.
    fn reset(&mut self) -> Result<(), Error>;

    /// What a starting process is given. Called again for the same process after it crashed.
    ///
    /// # Errors
    /// As for [`reset`](Store::reset).
    fn open(&mut self, process: &Process) -> Result<Self::Handle, Error>;

    /// Says what an outsider can see now.
    ///
    /// # Errors
    /// As for [`reset`](Store::reset).
    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error>;

    /// A hash of everything that is durable now, seen or not: two states with the same digest must be the same for every
    /// handler, from then on. The search leaves out histories that cannot differ where every store has one. `None`, the
    /// default, says that it cannot be told. Called only while no delivery is in progress.
    ///
    /// # Errors
    /// As for [`reset`](Store::reset).
    fn digest(&mut self) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// What this store can lose that it held, by its name: a history may `forget` it then. Nothing, by default: what is durable
    /// stays.
    fn losses(&self) -> Vec<(Label, Loss)> {
        Vec::new()
    }

    /// It loses so much, if it is the store of this name and had so much to lose. Whether it did.
    fn forget(&mut self, _store: Label, _loss: Loss, _count: u32) -> bool {
        false
    }

    /// Whether operations of its handles say what they touch, and nothing else touches what is durable. A store of the
    /// harness does; of another one everything is taken to conflict with everything.
    #[doc(hidden)]
    fn tells_footprints(&self) -> bool {
        false
    }

    /// A process died: whatever it left open is to be undone, as when a connection breaks. Does nothing by default.
    fn crash(&mut self, _process: &Process) {}
}

/// One running worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    index: usize,
    incarnation: u32,
}

impl Process {
    pub(crate) fn new(index: usize, incarnation: u32) -> Self {
        Self { index, incarnation }
    }

    /// Its place among the processes, from 0: it is written `p0`.
    pub fn index(&self) -> usize {
        self.index
    }

    /// How often it started before, from 0.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }
}
