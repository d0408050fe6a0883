//! A table of claims under several locks: which one is decided by the id alone.
//!
//! Its twin deals claims out in turn, so that the same id is looked for in one shard and stands in another.

use std::array;

use super::{
    sync::atomic::{AtomicUsize, Ordering},
    table::Table,
};

/// So many shards.
const SHARDS: usize = 2;

/// The ids that somebody has claimed, by shard.
#[derive(Debug)]
pub struct Sharded {
    shards: [Table<u64>; SHARDS],
}

impl Default for Sharded {
    fn default() -> Self {
        Self::new()
    }
}

impl Sharded {
    /// An empty one.
    pub fn new() -> Self {
        Self { shards: array::from_fn(|_| Table::new()) }
    }

    /// Claims an id. Whether it was free.
    pub fn claim(&self, id: u64) -> bool {
        self.shard(id).claim(id)
    }

    /// Gives a claim up, so that another one can win it.
    pub fn give_up(&self, id: u64) {
        self.shard(id).give_up(&id);
    }

    fn shard(&self, id: u64) -> &Table<u64> {
        &self.shards[(id % SHARDS as u64) as usize]
    }
}

/// The twin: whose turn it is decides, not the id.
#[derive(Debug)]
pub struct DealtInTurn {
    shards: [Table<u64>; SHARDS],
    next: AtomicUsize,
}

impl Default for DealtInTurn {
    fn default() -> Self {
        Self::new()
    }
}

impl DealtInTurn {
    /// An empty one.
    pub fn new() -> Self {
        Self { shards: array::from_fn(|_| Table::new()), next: AtomicUsize::new(0) }
    }

    /// Claims an id. Whether it was free in the shard whose turn it is.
    pub fn claim(&self, id: u64) -> bool {
        self.shards[self.next.fetch_add(1, Ordering::Relaxed) % SHARDS].claim(id)
    }

    /// Gives a claim up, wherever it stands.
    pub fn give_up(&self, id: u64) {
        self.shards.iter().for_each(|shard| shard.give_up(&id));
    }
}
