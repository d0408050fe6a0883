//! The same with a bug: it looks first, and sets the bit then.

use super::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Careless(AtomicU64);

impl Careless {
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether nobody else was at it when it looked.
    pub fn claim(&self, id: u64) -> bool {
        let taken = self.0.load(Ordering::Acquire);
        self.0.store(taken | 1 << (id % 64), Ordering::Release);
        taken & 1 << (id % 64) == 0
    }

    pub fn give_up(&self, id: u64) {
        self.0.fetch_and(!(1 << (id % 64)), Ordering::AcqRel);
    }
}
