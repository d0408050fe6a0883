//! Claims that threads of one process make: exactly one of them wins, in every interleaving.
//!
//! A consumer with several threads often keeps a table of what is being handled, so that of two copies of a message only one is.
//! Whether its claim is one atomic step is a question of memory, not of histories: [`check_claim`] asks
//! [loom](https://docs.rs/loom), which runs every interleaving that the memory model of C11 allows.
//!
//! loom sees only its own locks and atomics. [`over_loom!`] compiles modules of yours a second time over those, from the same
//! source, in a plain `cargo test` without any flag: they take their locks from a sibling module `sync`.
//!
//! ```text
//! src/claims.rs          pub mod sync { pub use std::sync::*; }  pub mod table;
//! src/claims/table.rs    use super::sync::Mutex; …
//! tests/claims.rs        redeliver_threads::over_loom!(#[path = "../src/claims"] mod claims: table);
//! ```
//!
//! Nothing here knows of deliveries, crashes or stores.

mod check;

pub use check::{Explored, check_claim};
/// loom itself, so that nobody needs a version of their own.
pub use loom;

/// Compiles modules of a folder over loom's locks and atomics.
///
/// The modules are the files of that folder, by their names; each may `use super::sync` and its siblings. Write it at the root of
/// a test: elsewhere `#[path]` begins in a folder named after the module that it stands in. loom's types may only be made
/// within [`check_claim`] or `loom::model`.
///
/// `redeliver` checks its own claims so: `tests/it/main.rs` compiles `strategies/src/claims` a second time.
#[macro_export]
macro_rules! over_loom {
    (#[path = $path:literal] $vis:vis mod $name:ident: $($module:ident),+ $(,)?) => {
        /// The same source over loom's locks and atomics.
        #[path = $path]
        #[allow(dead_code, unused_imports, missing_docs)]
        $vis mod $name {
            pub mod sync {
                pub use $crate::loom::sync::*;
                pub use std::sync::PoisonError;
            }
            $(pub mod $module;)+
        }
    };
}
