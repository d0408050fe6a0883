//! A table of claims under one lock: to check and to insert is one step.
//!
//! Its twin does both under the lock, and lets go of it in between.

use std::collections::BTreeSet;

use super::sync::{Mutex, MutexGuard, PoisonError};

/// The ids that somebody has claimed.
#[derive(Debug, Default)]
pub struct Table<K> {
    ids: Mutex<BTreeSet<K>>,
}

impl<K: Ord> Table<K> {
    /// An empty one.
    pub fn new() -> Self {
        Self { ids: Mutex::new(BTreeSet::new()) }
    }

    /// Claims an id. Whether it was free.
    pub fn claim(&self, id: K) -> bool {
        self.lock().insert(id)
    }

    /// Gives a claim up, so that another one can win it.
    pub fn give_up(&self, id: &K) {
        self.lock().remove(id);
    }

    /// A thread that panics holds no claim half made: what is behind the lock is whole.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<K>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> Table<K> {
    /// Claims an id for as long as the guard lives, if it is free.
    pub fn hold(&self, id: K) -> Option<Held<'_, K>> {
        // A guard is made of a claim that was won only: one of another's claim would give that up where it is dropped.
        self.claim(id.clone()).then(|| Held { table: self, id: Some(id) })
    }
}

/// A claim that is given up when it is dropped, by a panic or a cancellation too, unless it is kept.
#[derive(Debug)]
pub struct Held<'a, K: Ord> {
    table: &'a Table<K>,
    id: Option<K>,
}

impl<K: Ord> Held<'_, K> {
    /// What was claimed is done: it stays claimed.
    pub fn keep(mut self) {
        self.id = None;
    }
}

impl<K: Ord> Drop for Held<'_, K> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.table.give_up(&id);
        }
    }
}

/// The twin: it checks under the lock, and inserts under the lock, and anybody may come in between.
#[derive(Debug, Default)]
pub struct TwoLocks<K>(Table<K>);

impl<K: Ord> TwoLocks<K> {
    /// An empty one.
    pub fn new() -> Self {
        Self(Table::new())
    }

    /// Claims an id. Whether it was free, when it looked.
    pub fn claim(&self, id: K) -> bool {
        let is_free = !self.0.lock().contains(&id);
        if is_free {
            self.0.lock().insert(id);
        }
        is_free
    }

    /// Gives a claim up.
    pub fn give_up(&self, id: &K) {
        self.0.give_up(id);
    }
}
