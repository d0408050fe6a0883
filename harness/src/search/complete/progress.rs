//! How far a complete search is, for whoever wants to show it: the search itself prints nothing.

use std::{fmt, sync::Arc};

/// How far a complete search is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// About so many schedules there are, of which it need not run those that come to the same; `u128::MAX` if that is too
    /// many to be counted.
    pub schedules: u128,
    /// So many executions went to their end.
    pub executions: u64,
    /// So many were left when it was clear that they come to what another one came to.
    pub cut: u64,
}

/// Is told how far a complete search is: before its first execution, when it has estimated how much there is to do, and after
/// each. See [`Prepared::watched`](crate::Prepared::watched).
#[derive(Clone)]
pub struct Watcher(Arc<dyn Fn(Progress) + Send + Sync>);

impl Watcher {
    /// Calls this.
    pub fn new(told: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    pub(super) fn tell(&self, progress: Progress) {
        (self.0)(progress);
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

/// Two are the same if one is a clone of the other.
impl PartialEq for Watcher {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Watcher {}
