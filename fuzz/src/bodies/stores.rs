//! Law 9 of any bytes: over a generated handler the stores agree.

use super::programs::{KINDS, MOST, Made, made, with_one_fault};
use crate::judge::stores::shrunk_difference;

/// The bytes are a handler, which must break on `KeyValue` and on `Sqlite` with as few faults and as the same, or on neither.
/// Whether it was tried.
pub fn key_value_vs_sqlite(bytes: &[u8]) -> bool {
    // What replies, leases and spawns is tried on one store only.
    let Made { model, program, messages, .. } = made(bytes, &KINDS[..1]);
    if with_one_fault(model, &program, messages) > MOST {
        return false;
    }
    if let Some(why) = shrunk_difference(&program, messages, 1) {
        panic!("{why}");
    }
    true
}
