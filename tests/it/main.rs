//! The tests of the whole, in one binary.

mod histories;
mod round_trip;
