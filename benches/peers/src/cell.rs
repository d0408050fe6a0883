//! The reference cell: two messages, each delivered twice, dealt to three workers that handle what they are dealt one after
//! the other.
//!
//! The handler checks whether its message is marked, applies it, and marks it: up to three operations, before each of which
//! a scheduler may switch. A message that does not end with exactly 100 is a violation.
//!
//! The store that the peers run on is here too: it is as cheap as a store can be, numbers in two arrays that are made anew
//! for each execution, so that nearly all that is measured of a peer is the peer. Switches are the peers' own, and this
//! store has none.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// Messages of the cell.
pub const MESSAGES: usize = 2;

/// Workers of the cell, or processes.
pub const WORKERS: usize = 3;

/// What each message adds.
pub const AMOUNT: i64 = 100;

/// The messages that a worker handles, one after the other: it is dealt every third delivery, and there are two for each
/// message, the first two for the first.
pub fn dealt_to(worker: usize) -> impl Iterator<Item = usize> {
    (worker..2 * MESSAGES).step_by(WORKERS).map(|delivery| delivery / 2)
}

/// What executions came to, added up by whoever runs them.
#[derive(Debug, Default)]
pub struct Tally {
    operations: AtomicU64,
    violated: AtomicU64,
}

impl Tally {
    /// Executions of so many operations ended, of which so many were violations.
    pub fn add(&self, operations: u64, violated: u64) {
        self.operations.fetch_add(operations, Relaxed);
        self.violated.fetch_add(violated, Relaxed);
    }

    /// The operations of all of them.
    pub fn operations(&self) -> u64 {
        self.operations.load(Relaxed)
    }

    /// How many of them were violations.
    pub fn violated(&self) -> u64 {
        self.violated.load(Relaxed)
    }
}

/// The peers' store, with the operations that one execution makes. Atomics only because the peers' tasks must be `Send`: one
/// task runs at a time.
#[derive(Debug, Default)]
pub struct Rows {
    seen: [AtomicBool; MESSAGES],
    effect: [AtomicI64; MESSAGES],
    operations: AtomicU64,
}

impl Rows {
    fn count(&self) {
        self.operations.store(self.operations.load(Relaxed) + 1, Relaxed);
    }

    fn check(&self, message: usize) -> bool {
        self.count();
        self.seen[message].load(Relaxed)
    }

    fn apply(&self, message: usize) {
        self.count();
        self.effect[message].store(self.effect[message].load(Relaxed) + AMOUNT, Relaxed);
    }

    fn mark(&self, message: usize) {
        self.count();
        self.seen[message].store(true, Relaxed);
    }

    /// The execution is over: whether every message ended with exactly 100.
    pub fn tell(&self, tally: &Tally) {
        let violated = self.effect.iter().any(|effect| effect.load(Relaxed) != AMOUNT);
        tally.add(self.operations.load(Relaxed), u64::from(violated));
    }
}

/// A worker in async code, which lets others run by `switch`.
pub async fn work(rows: Arc<Rows>, worker: usize, switch: impl AsyncFn()) {
    for message in dealt_to(worker) {
        switch().await;
        if rows.check(message) {
            continue;
        }
        switch().await;
        rows.apply(message);
        switch().await;
        rows.mark(message);
    }
}

/// The same worker in a thread.
pub fn work_in_thread(rows: &Rows, worker: usize, switch: impl Fn()) {
    for message in dealt_to(worker) {
        switch();
        if rows.check(message) {
            continue;
        }
        switch();
        rows.apply(message);
        switch();
        rows.mark(message);
    }
}
