//! Which messages are being handled: a bit for each slot of a hash, set by one atomic step.
//!
//! Two ids of one slot stand in each other's way. That is safe, and here there are as many slots as the queue's prefetch.

use super::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct InFlight(AtomicU64);

impl InFlight {
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether nobody else is at it.
    pub fn claim(&self, id: u64) -> bool {
        self.0.fetch_or(bit(id), Ordering::AcqRel) & bit(id) == 0
    }

    pub fn give_up(&self, id: u64) {
        self.0.fetch_and(!bit(id), Ordering::AcqRel);
    }
}

fn bit(id: u64) -> u64 {
    1 << (id % 64)
}
