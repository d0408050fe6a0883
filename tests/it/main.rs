//! The integration tests: one binary.

mod judge;
mod round_trip;
