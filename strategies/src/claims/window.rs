//! A bounded table of claims: what is being handled is never forgotten, only what is done.
//!
//! Its twin forgets what was claimed longest ago, and that may be what is still being handled.

use std::collections::VecDeque;

use super::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Ids {
    live: Vec<u64>,
    /// The last one done comes last.
    done: VecDeque<u64>,
}

/// The ids that are being handled, and the last of those that are done.
#[derive(Debug)]
pub struct Window {
    capacity: usize,
    ids: Mutex<Ids>,
}

impl Window {
    /// One that remembers so many ids that are done.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, ids: Mutex::new(Ids::default()) }
    }

    /// Claims an id. Whether it was neither being handled nor among the last that are done.
    pub fn claim(&self, id: u64) -> bool {
        let mut ids = self.lock();
        let is_free = !ids.live.contains(&id) && !ids.done.contains(&id);
        if is_free {
            ids.live.push(id);
        }
        is_free
    }

    /// What was claimed is done, and may be forgotten once others are.
    pub fn done(&self, id: u64) {
        let mut ids = self.lock();
        ids.live.retain(|live| *live != id);
        ids.done.push_back(id);
        if ids.done.len() > self.capacity {
            ids.done.pop_front();
        }
    }

    /// Gives a claim up, so that another one can win it.
    pub fn give_up(&self, id: u64) {
        self.lock().live.retain(|live| *live != id);
    }

    fn lock(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The twin: a cache of the last ids that were claimed, done or not.
#[derive(Debug)]
pub struct ForgetsTheOldest {
    capacity: usize,
    ids: Mutex<VecDeque<u64>>,
}

impl ForgetsTheOldest {
    /// One that remembers so many ids.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, ids: Mutex::new(VecDeque::new()) }
    }

    /// Claims an id. Whether it was not among the last.
    pub fn claim(&self, id: u64) -> bool {
        let mut ids = self.lock();
        let is_free = !ids.contains(&id);
        if is_free {
            ids.push_back(id);
            if ids.len() > self.capacity {
                ids.pop_front();
            }
        }
        is_free
    }

    /// What was claimed is done: nothing changes.
    pub fn done(&self, _id: u64) {}

    /// Gives a claim up.
    pub fn give_up(&self, id: u64) {
        self.lock().retain(|other| *other != id);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
