//! What threads of one process claim from each other: each beside its broken twin.
//!
//! A claim in memory saves work and decides nothing: a crash takes it, and other processes do not see it. What it has to keep it
//! keeps among the threads of its process, and for that every file here is checked by loom as well (`tests/it/threads.rs`
//! compiles them a second time): they take their locks and atomics from [`sync`] and from nowhere else.
//!
//! | claim | keeps | its twin |
//! |---|---|---|
//! | [`table`] | of concurrent claims of one id exactly one wins | checks under one lock and inserts under another |
//! | [`sharded`] | the same, under as many locks as there are shards | sends an id to the shard whose turn it is |
//! | [`window`] | an id that is being handled is never forgotten, whatever else comes | forgets what was claimed longest ago |
//! | [`sequence`] | each number of a producer is accepted once, in order | looks at the last number and then writes the next |
//! | [`lease`] | who lost its lease writes nothing any more | tells the holder that it lost it, and takes its word |

/// The locks and atomics that claims are made of.
pub mod sync {
    pub use std::sync::{Mutex, MutexGuard, PoisonError, atomic};
}

pub mod lease;
pub mod sequence;
pub mod sharded;
pub mod table;
pub mod window;
