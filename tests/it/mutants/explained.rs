//! Mutants that are right, and why: each does nothing else that anybody could see, is only slower, or breaks a promise that
//! nobody made.

/// The delivery comes again, and finds the first mark.
const PRIMARY_KEY: &str = "the primary key refuses the second mark, and the transaction is rolled back with it";

/// Nothing of a transaction stands before its end.
const ONE_STEP: &str = "both are in one transaction, whose order nobody sees";

/// In WAL a transaction that has read cannot write once another has written since.
const STALE: &str = "whoever looked before another wrote cannot write: it is told that it is busy, and comes again";

/// The condition is asked one instruction later.
const ROLLED_BACK: &str = "who leaves then leaves a transaction open, and what it wrote is rolled back with it";

/// Nothing of the store is asked.
const NO_COMMAND: &str = "one of them asks nothing of the store, and the other does not depend on it";

/// All marks and all effects are then in the first store.
const ONE_SHARD: &str = "everything is then in one shard, marks and effects alike: only slower";

/// The module says it: the claim keeps two from being at it at once.
const KEYED: &str = "the key makes the mail once, whoever asks for it; the claim only saves asking";

/// Whoever is overtaken is refused by the account.
const FENCE: &str = "the account refuses whoever is overtaken; the lease only saves the way there";

/// Nobody gives the lease back.
const RUNS_OUT: &str = "who finds the message handled leaves the lease to run out: only slower";

/// The harness acknowledges what is done.
const ACKED_ANYWAY: &str = "what is done is acknowledged at the latest when the handler returns";

/// A guard in memory.
const GUARD: &str = "the guard saves statements and decides nothing: the mark does";

/// A claim in memory.
const CLAIM: &str = "the claim saves waiting for a lock and decides nothing: the mark does";

/// A round of background work.
const NEXT_ROUND: &str = "one row in each round, and the next one in the next: only slower";

/// The loop begins earlier.
const AGAIN: &str = "the change is then written down again in each turn, where it stands already";

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
    ("journal-applier", "3 and 4 swapped", ROLLED_BACK),
    (
        "journal-applier",
        "the row under the message's own number",
        "each message has a number of its own, and none is missing for ever",
    ),
    ("journal-applier", "applier without 9", NEXT_ROUND),
    ("journal-applier", "applier 5 and 6 swapped", ROLLED_BACK),
    ("journal-applier", "applier 6 and 7 swapped", ONE_STEP),
    ("sharded-dedup", "without 1", ONE_SHARD),
    ("sharded-dedup", "1 and 2 swapped", ONE_SHARD),
    ("sharded-dedup", "4 and 5 swapped", ROLLED_BACK),
    ("sharded-dedup", "5 and 6 swapped", ONE_STEP),
    ("snapshot", "1 and 2 swapped", NO_COMMAND),
    ("snapshot", "4 and 5 swapped", ROLLED_BACK),
    ("snapshot", "5 and 6 swapped", ONE_STEP),
    ("snapshot", "a mark if there is none", "it is the look and the mark in one command, and writes the same key"),
    ("two-stores", "3 and 4 swapped", ROLLED_BACK),
    ("two-stores", "4 and 5 swapped", ONE_STEP),
    ("two-stores", "6 and 7 swapped", "who found the mark has nothing open that could be committed"),
    ("two-stores", "11 and 12 swapped", ROLLED_BACK),
    ("two-stores", "12 and 13 swapped", ONE_STEP),
    ("claim-then-confirm", "without 1", KEYED),
    ("claim-then-confirm", "without 3", KEYED),
    ("claim-then-confirm", "without 5", KEYED),
    ("claim-then-confirm", "3 and 4 swapped", KEYED),
    ("claim-then-confirm", "1 for a second", KEYED),
    ("claim-then-confirm", "the key of 5 cut off", KEYED),
    ("window", "3 and 4 swapped", ROLLED_BACK),
    ("lease-with-fencing", "without 2", FENCE),
    ("lease-with-fencing", "without 3", FENCE),
    ("lease-with-fencing", "without 15", RUNS_OUT),
    ("lease-with-fencing", "2 and 3 swapped", FENCE),
    ("lease-with-fencing", "3 and 4 swapped", ROLLED_BACK),
    (
        "lease-with-fencing",
        "7 and 8 swapped",
        "the look is then in the transaction that shows the token: one step, as safe",
    ),
    ("lease-with-fencing", "9 and 10 swapped", ROLLED_BACK),
    ("lease-with-fencing", "11 and 12 swapped", ROLLED_BACK),
    ("lease-with-fencing", "12 and 13 swapped", ONE_STEP),
    ("lease-with-fencing", "14 and 15 swapped", "who found the mark has nothing open that could be committed"),
    ("lease-with-fencing", "15 and 16 swapped", RUNS_OUT),
    ("lease-with-fencing", "2 for a second", FENCE),
    ("ack-after-effect", "without 7", ACKED_ANYWAY),
    ("ack-after-effect", "without 8", ACKED_ANYWAY),
    ("ack-after-effect", "3 and 4 swapped", ROLLED_BACK),
    ("ack-after-effect", "4 and 5 swapped", ONE_STEP),
    ("ack-after-effect", "6 and 7 swapped", "who found the mark has nothing open that could be committed"),
    ("ack-after-effect", "7 and 8 swapped", ACKED_ANYWAY),
    ("outbox", "3 and 4 swapped", ROLLED_BACK),
    ("outbox", "4 and 5 swapped", ONE_STEP),
    ("outbox", "relay without 7", NEXT_ROUND),
    ("in-process-guard", "without 1", GUARD),
    ("in-process-guard", "without 2", GUARD),
    ("in-process-guard", "without 9", GUARD),
    ("in-process-guard", "without 10", GUARD),
    ("in-process-guard", "1 and 2 swapped", GUARD),
    ("in-process-guard", "2 and 3 swapped", GUARD),
    ("in-process-guard", "5 and 6 swapped", ROLLED_BACK),
    ("in-process-guard", "6 and 7 swapped", ONE_STEP),
    ("in-process-guard", "8 and 9 swapped", "who found the mark has nothing open that could be committed"),
    ("in-process-guard", "9 and 10 swapped", GUARD),
    ("in-process-claim", "without 1", CLAIM),
    ("in-process-claim", "without 2", CLAIM),
    ("in-process-claim", "1 and 2 swapped", CLAIM),
    ("in-process-claim", "2 and 3 swapped", ROLLED_BACK),
    ("in-process-claim", "5 and 6 swapped", ROLLED_BACK),
    ("in-process-claim", "6 and 7 swapped", ONE_STEP),
    ("in-process-claim", "the claim is given up before the transaction", CLAIM),
    ("precondition-on-value", "3 and 4 swapped", ONE_STEP),
    ("precondition-on-version", "without 3", AGAIN),
    ("precondition-on-version", "2 and 3 swapped", AGAIN),
    ("precondition-on-version", "8 and 9 swapped", ROLLED_BACK),
    ("precondition-on-version", "9 and 10 swapped", ONE_STEP),
    ("precondition-on-version", "2 whatever is there", "a message brings the same change each time"),
    ("dead-letter", "1 and 2 swapped", NO_COMMAND),
    ("dead-letter", "split before 3", "nothing was asked before that"),
    ("dead-letter", "split before 4", "of a message either only the first part does something, or only the second"),
];
