//! The tests of the whole, in one binary.

mod histories;
mod history_errors;
mod readme;
mod readme_example;
mod round_trip;
