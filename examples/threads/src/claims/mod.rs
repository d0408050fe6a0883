//! What threads share. Locks come from `sync`, so that the tests can compile the same files over loom's.

pub mod sync {
    pub use std::sync::{Mutex, PoisonError, atomic};
}

pub mod careless;
pub mod in_flight;
