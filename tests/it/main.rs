//! The integration tests, one binary.

mod judge;
