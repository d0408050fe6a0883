//! One store under the checks of all cases, one after the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Error, Observation, Process, Store};

/// A store that several checks have in turn. What a user observes of it is not looked at: tokens and times stand there, which
/// differ from one right run to another.
pub(super) struct Shared<S>(Arc<Mutex<S>>);

impl<S> Shared<S> {
    pub(super) fn new(store: S) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// A store that panicked in one check is put back by the next.
    fn lock(&self) -> MutexGuard<'_, S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Store> Store for Shared<S> {
    type Handle = S::Handle;

    fn reset(&mut self) -> Result<(), Error> {
        self.lock().reset()
    }

    fn open(&mut self, process: &Process) -> Result<S::Handle, Error> {
        self.lock().open(process)
    }

    fn observe(&mut self, _seen: &mut Observation) -> Result<(), Error> {
        Ok(())
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        self.lock().digest()
    }

    fn crash(&mut self, process: &Process) {
        self.lock().crash(process);
    }
}
