//! Laws of the search, held against small handlers on the key-value store.
//!
//! The handlers and a judge of their own are in `toys`: the oracle is not what is tested here.

mod background;
mod bytes;
mod confirming;
mod counted;
mod counting;
mod deadlines;
mod discovery;
mod drawing;
mod invariants;
mod jumping;
mod learning;
mod leaving_out;
mod pinned;
mod pinned_complete;
mod pinned_search;
mod regressing;
mod scheduling;
mod shrinking;
pub(super) mod skipping;
mod striking;
mod toys;
