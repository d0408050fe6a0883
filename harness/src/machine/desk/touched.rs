//! What operations touch, where somebody asks: told to the desk by whoever touches it.

use std::time::Duration;

use super::{Desk, TaskId, Waits, on_desk};
use crate::machine::footprint::Access;

impl Desk {
    /// Whether somebody wants to know what operations of this replay touch.
    pub(crate) fn watch(&self, watches: bool) {
        self.watches.set(watches);
        self.touched.borrow_mut().clear();
        self.told.set(false);
    }

    /// What was touched since this was last asked.
    pub(crate) fn take_touched(&self) -> Vec<Access> {
        self.told.set(false);
        self.touched.take()
    }

    /// Gives the room of that back.
    pub(crate) fn keep_room(&self, mut touched: Vec<Access>) {
        touched.clear();
        self.touched.replace(touched);
    }

    /// An operation acted: if it did not say what it touched, it may have been anything.
    pub(super) fn touched_unless_told(&self) {
        if self.watches.get() && !self.told.take() {
            self.touched.borrow_mut().push(Access::UNKNOWN);
        }
    }

    /// When this task gives up waiting for a lock, if it waits for one.
    pub(crate) fn waits_until(&self, task: TaskId) -> Option<Duration> {
        let tickets = self.tickets.borrow();
        let waiting = tickets.iter().find(|entry| entry.task == task && entry.waits == Waits::Lock);
        waiting.and_then(|entry| entry.patience_ends)
    }

    /// Lets this task give up waiting for a lock.
    pub(crate) fn gives_up(&self, task: TaskId) {
        let mut tickets = self.tickets.borrow_mut();
        if let Some(entry) = tickets.iter_mut().find(|entry| entry.task == task && entry.waits == Waits::Lock) {
            entry.waits = Waits::Conflict;
        }
    }
}

/// Whether anybody wants to know what operations touch.
#[cfg(feature = "sqlite")]
pub(crate) fn is_asked() -> bool {
    on_desk(|desk| desk.watches.get()).unwrap_or(false)
}

/// Tells that the operation that acts touches this, and what else it says, and nothing beside. Nothing is made where nobody
/// asks.
pub(crate) fn touches<T: IntoIterator<Item = Access>>(what: impl FnOnce() -> T) {
    on_desk(|desk| {
        if desk.watches.get() {
            desk.told.set(true);
            desk.touched.borrow_mut().extend(what());
        }
    });
}
