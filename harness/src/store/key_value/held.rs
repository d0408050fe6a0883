//! In debug builds: what an operation really reads and writes, held against what it tells that it touches.
//!
//! Committed entries are looked at here, since they are what others can write or read: what a transaction keeps to itself is
//! nobody's affair. A transaction that took a snapshot or the lock of the whole store with its beginning has told that it
//! reads everything; what it then reads is not told again.

use std::cell::RefCell;

use super::{Isolation, footprint, state::State};
use crate::machine::{
    footprint::{Access, row},
    give_up,
};

/// What the operation that acts has told.
#[derive(Debug, Default)]
pub(super) struct Told(RefCell<Vec<Access>>);

impl Told {
    /// Another operation acts.
    pub(super) fn anew(&self) {
        self.0.borrow_mut().clear();
    }

    pub(super) fn add(&self, accesses: &[Access]) {
        self.0.borrow_mut().extend_from_slice(accesses);
    }
}

impl State {
    /// What is committed under this key is read, for the open transaction at this place or outside any.
    pub(super) fn reads(&self, within: Option<usize>, key: &str) {
        let told_before = within.is_some() && self.isolation != Isolation::ReadCommitted;
        if !told_before {
            self.holds("reads", Access::read(footprint::number(self), row(key)), key);
        }
    }

    /// What is committed under this key is written.
    pub(super) fn writes(&self, key: &str) {
        self.holds("writes", Access::write(footprint::number(self), row(key)), key);
    }

    fn holds(&self, does: &str, access: Access, key: &str) {
        if !self.told.0.borrow().iter().any(|told| told.covers(access)) {
            give_up(&format!(
                "an operation {does} `{key}`, which it does not tell that it touches: a fault of redeliver"
            ));
        }
    }
}
