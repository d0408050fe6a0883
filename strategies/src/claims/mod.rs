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

#[cfg(test)]
mod tests {
    use super::table::Table;

    #[test]
    fn whoever_finds_a_claim_held_leaves_it_to_its_holder() {
        let table = Table::new();
        let held = table.hold("m0");
        assert!(held.is_some());
        assert!(table.hold("m0").is_none() && table.hold("m0").is_none(), "the first one has it");
        drop(held);
        let kept = table.hold("m0").expect("it was given up");
        kept.keep();
        assert!(table.hold("m0").is_none() && table.hold("m0").is_none(), "it was kept");
    }
}
