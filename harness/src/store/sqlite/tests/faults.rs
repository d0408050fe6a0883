//! What a failure and a lost reply are to the code that suffers them, and that the trace says so.

use std::sync::{Arc, Mutex};

use super::*;

/// What came of one statement.
#[derive(Clone, Debug)]
struct Heard {
    error: Option<rusqlite::ffi::ErrorCode>,
    /// What the error says.
    said: String,
    /// A transaction was open before it, and is open after it.
    open: (bool, bool),
}

type Ear = Arc<Mutex<Vec<Heard>>>;

/// Runs each statement, whatever came of those before, and writes down what comes of it.
fn hears(database: Database, statements: &'static [&'static str]) -> (impl Subject, Ear) {
    let ear = Ear::default();
    let there = Arc::clone(&ear);
    let handler = async move |db: &Sqlite, _: &Delivery<i64>| {
        let ear = Arc::clone(&there);
        db.call(move |c| {
            for sql in statements {
                let before = !c.is_autocommit();
                let answer = c.execute_batch(sql).err();
                let error = answer.as_ref().and_then(rusqlite::Error::sqlite_error_code);
                let said = answer.map(|error| error.to_string()).unwrap_or_default();
                ear.lock().unwrap().push(Heard { error, said, open: (before, !c.is_autocommit()) });
            }
            Ok::<(), rusqlite::Error>(())
        })
        .await
    };
    (World::new(database, Boot::handles(), Messages::from(1..1000i64), handler), ear)
}

/// What the code heard of each statement, what the trace says of it, and the replay.
fn suffers(database: Database, statements: &'static [&'static str], fault: Fault) -> (Vec<Heard>, Replay) {
    let (mut subject, ear) = hears(database, statements);
    let replay = replay(&mut subject, 1, vec![fault]);
    let heard = ear.lock().unwrap().clone();
    (heard, replay)
}

const SHAPES: [&[&str]; 8] = [
    &["SELECT balance FROM account"],
    &["UPDATE account SET balance = 1", "UPDATE account SET balance = 2"],
    &["BEGIN", "SELECT 1 FROM account", "UPDATE account SET balance = 1", "INSERT INTO seen VALUES ('x')", "COMMIT"],
    &["BEGIN", "INSERT INTO seen VALUES ('x')", "UPDATE account SET balance = 1", "SELECT * FROM seen", "COMMIT"],
    &[
        "BEGIN IMMEDIATE",
        "SELECT 1 FROM seen",
        "UPDATE account SET balance = 1",
        "INSERT INTO seen VALUES (2)",
        "COMMIT",
    ],
    &[
        "BEGIN",
        "UPDATE account SET balance = 1",
        "COMMIT",
        "COMMIT",
        "BEGIN",
        "UPDATE account SET balance = 3",
        "ROLLBACK",
    ],
    &["SAVEPOINT s", "UPDATE account SET balance = 1", "ROLLBACK TO s", "INSERT INTO seen VALUES (3)", "RELEASE s"],
    &[
        "PRAGMA user_version",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "PRAGMA foreign_keys = ON",
        "PRAGMA user_version = 3",
    ],
];

#[test]
fn the_trace_says_of_each_statement_what_the_code_heard() {
    for (in_memory, shape) in [false, true].into_iter().flat_map(|memory| SHAPES.map(|shape| (memory, shape))) {
        for n in 1..=u32::try_from(shape.len()).unwrap() {
            for fault in [Fault::Fail { at: at(n) }, Fault::LoseReply { at: at(n) }] {
                let database = if in_memory { bank().in_memory() } else { bank() };
                let (heard, replay) = suffers(database, shape, fault.clone());
                let mut steps = replay.events.iter().filter_map(|event| match event {
                    Event::Step { facts, words: Some(words), .. } => Some((facts, words)),
                    _ => None,
                });
                for heard in &heard {
                    let (facts, words) = steps.next().unwrap();
                    let said = &words.result;
                    assert!(said.starts_with(&heard.said), "{fault}: {words:?} {heard:?}");
                    let failed = ["interrupted", "locked", "cannot", "no transaction", "no such"];
                    assert!(
                        heard.error.is_some() || !failed.iter().any(|word| said.contains(word)),
                        "{fault}: {words:?}"
                    );
                    let (before, after) = heard.open;
                    let fails = facts.suffered == Some(crate::machine::trace::Injected::Fail);
                    assert_eq!(said.contains("still open"), fails && before && after, "{fault}: {words:?} {heard:?}");
                    assert_eq!(said.contains("rolled back"), fails && before && !after, "{fault}: {words:?} {heard:?}");
                    // What suffers a fault hears of it, and what stands although it did is said to stand.
                    assert!(facts.suffered.is_none() || heard.error.is_some(), "{fault}: {facts:?} {heard:?}");
                    assert_eq!(said.contains("took effect"), facts.suffered.is_some() && !fails);
                }
                assert!(steps.next().is_none());
            }
        }
    }
}

/// The one statement that suffers a fault: its error, whether a transaction is open then, and what is said of it.
fn comes_to(
    shape: usize,
    n: u32,
    fault: fn(crate::history::Coordinate) -> Fault,
) -> (rusqlite::ErrorCode, bool, String) {
    let (heard, replay) = suffers(bank(), SHAPES[shape], fault(at(n)));
    assert!(replay.unused.is_empty());
    let said = steps(&replay)[n as usize - 1].split_once(" -> ").unwrap().1.to_owned();
    let heard = &heard[n as usize - 1];
    (heard.error.unwrap(), heard.open.1, said)
}

#[test]
fn a_failure_is_what_the_engine_makes_of_it() {
    use rusqlite::ErrorCode::{DatabaseBusy as Busy, OperationInterrupted as Interrupted};
    let fail = |at| Fault::Fail { at };
    let is = |shape, n, error, open, said: &str| assert_eq!(comes_to(shape, n, fail), (error, open, said.to_owned()));
    is(0, 1, Interrupted, false, "interrupted");
    // What asks for the lock is refused it, and leaves its transaction open.
    is(1, 1, Busy, false, "database is locked");
    is(2, 3, Busy, true, "database is locked, and the transaction is still open");
    is(3, 2, Busy, true, "database is locked, and the transaction is still open");
    is(4, 1, Busy, false, "database is locked");
    // What has it is interrupted: a write takes its transaction with it, a read and a commit do not.
    is(2, 4, Interrupted, false, "interrupted, and the transaction is rolled back");
    is(4, 3, Interrupted, false, "interrupted, and the transaction is rolled back");
    is(6, 2, Busy, true, "database is locked, and the transaction is still open");
    is(2, 2, Interrupted, true, "interrupted, and the transaction is still open");
    is(3, 4, Interrupted, true, "interrupted, and the transaction is still open");
    is(2, 5, Interrupted, true, "interrupted, and the transaction is still open");
    // What needs no lock is not refused one.
    is(7, 1, Interrupted, false, "interrupted");
    is(7, 2, Interrupted, false, "interrupted");
    is(7, 3, Interrupted, false, "interrupted");
}

#[test]
fn a_lost_reply_leaves_its_effect() {
    let lose = |at| Fault::LoseReply { at };
    for (shape, n) in [(1, 1), (2, 5), (4, 5), (5, 3)] {
        let interrupted = rusqlite::ErrorCode::OperationInterrupted;
        assert_eq!(comes_to(shape, n, lose), (interrupted, false, "interrupted, though it took effect".to_owned()));
    }
}

#[test]
fn what_cannot_suffer_a_fault_refuses_it() {
    let refused = |shape: usize, fault: Fault| {
        let (heard, replay) = suffers(bank(), SHAPES[shape], fault);
        assert!(heard.iter().all(|heard| heard.error.is_none()));
        assert_eq!(replay.unused.len(), 1);
    };
    for (shape, n) in [(2, 1), (6, 1), (6, 3), (6, 5)] {
        refused(shape, Fault::Fail { at: at(n) });
    }
    for (shape, n) in [(0, 1), (2, 1), (2, 2), (2, 3), (2, 4), (4, 1), (7, 1), (7, 3)] {
        refused(shape, Fault::LoseReply { at: at(n) });
    }
}
