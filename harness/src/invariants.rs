//! The user's invariants: what must hold after every step.
//!
//! When they are looked at is the machine's; that a broken one is a violation, the oracle's.

use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use crate::{Error, Observation, machine::quiet};

/// What must hold after every step, each with its label.
#[derive(Default)]
pub(crate) struct Invariants {
    all: Vec<(Arc<str>, Holds)>,
}

type Holds = Box<dyn Fn(&Observation) -> bool + Send + Sync>;

impl Invariants {
    pub(crate) fn add(&mut self, label: &str, holds: impl Fn(&Observation) -> bool + Send + Sync + 'static) {
        self.all.push((label.into(), Box::new(holds)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first that does not hold of what is seen.
    ///
    /// # Errors
    /// One that panics: it says nothing then.
    pub(crate) fn broken(&self, seen: &Observation) -> Result<Option<Arc<str>>, Error> {
        for (label, holds) in &self.all {
            let holds = panic::catch_unwind(AssertUnwindSafe(|| holds(seen))).map_err(|panic| {
                let why = quiet::message(panic.as_ref());
                Error::Other(format!("the invariant \"{label}\" panicked: {why}"))
            })?;
            if !holds {
                return Ok(Some(Arc::clone(label)));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Invariants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|(label, _)| label)).finish()
    }
}
