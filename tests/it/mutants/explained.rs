//! Mutants that are right, and why.

/// The delivery comes again, and finds the first mark.
const PRIMARY_KEY: &str = "the primary key refuses the second mark, and the transaction is rolled back with it";

/// Nothing of a transaction stands before its end.
const ONE_STEP: &str = "both are in one transaction, whose order nobody sees";

/// In WAL a transaction that has read cannot write once another has written since.
const STALE: &str = "whoever looked before another wrote cannot write: it is told that it is busy, and comes again";

/// Mutants that are right: of which strategy, what was done to it, and why.
pub const EXPLAINED: &[(&str, &str, &str)] = &[
    ("natural", "keeps the greater", "nobody else sets that day, and a duplicate brings the same balance"),
    ("natural", "keeps the first", "nobody else sets that day, and a duplicate brings the same balance"),
    ("natural", "in a transaction", "one statement is one already"),
    ("unique-constraint", "2 and 3 swapped", ONE_STEP),
    ("record-and-check", "1 and 2 swapped", PRIMARY_KEY),
    ("record-and-check", "2 and 3 swapped", ONE_STEP),
    ("record-and-check", "3 and 4 swapped", ONE_STEP),
    ("record-and-check", "split before 3", PRIMARY_KEY),
    ("record-and-check", "the lock is taken late", STALE),
    ("stored-reply", "1 and 2 swapped", PRIMARY_KEY),
    ("stored-reply", "2 and 3 swapped", ONE_STEP),
    ("stored-reply", "split before 3", PRIMARY_KEY),
    ("stored-reply", "the lock is taken late", STALE),
];
