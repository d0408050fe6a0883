//! The tests of the whole, in one binary.

mod histories;
mod history_errors;
mod judge;
mod round_trip;
