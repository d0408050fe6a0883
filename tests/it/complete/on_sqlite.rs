//! What SQLite's statements touch is told by table: a complete search that relies on it comes to what plain enumeration of the
//! same workload comes to. Two copies of a message run two scripts of statements, and what each of them saw is left under a
//! key of its own, so that a script which reads what it does not say it reads would be caught.

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use redeliver::{
    Bounds, Delivery, Error, Harness, KeyValue, Prepared, Sqlite,
    rusqlite::{self, Connection, TransactionBehavior},
    sqlite::Database,
};

use super::{handlers::bounds, nothing_missed::ends};

/// Tables of many kinds. What is put into `a` is counted in `log`, by a trigger that also reads `b`.
const SCHEMA: &str = "
    CREATE TABLE a(id INTEGER PRIMARY KEY, v); INSERT INTO a VALUES (1, 10);
    CREATE TABLE b(id INTEGER PRIMARY KEY, v UNIQUE); INSERT INTO b VALUES (1, 1);
    CREATE TABLE log(n);
    CREATE TRIGGER logged AFTER INSERT ON a BEGIN INSERT INTO log SELECT max(v) FROM b; END;
    CREATE TABLE parent(id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1), (2);
    CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id) ON DELETE CASCADE); INSERT INTO child VALUES (1, 1);
    CREATE TABLE wr(id TEXT PRIMARY KEY, v) WITHOUT ROWID;
    CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
    CREATE VIEW both AS SELECT a.v + b.v AS v FROM a, b;
    CREATE TRIGGER put_both INSTEAD OF INSERT ON both BEGIN UPDATE a SET v = new.v; UPDATE b SET v = new.v WHERE id = 1; END;
";

/// Each reads one table, or what is made of several.
const READS: &[&str] = &[
    "SELECT count(*) FROM a",
    "SELECT total(v) FROM b",
    "SELECT total(n) + count(*) FROM log",
    "SELECT count(*) FROM parent",
    "SELECT count(*) FROM child",
    "SELECT total(v) + count(*) FROM wr",
    "SELECT count(*) FROM Counted",
    "SELECT total(seq) FROM sqlite_sequence",
    "SELECT total(v) FROM both",
    "WITH x AS (SELECT v FROM b) SELECT total(v) FROM x",
    "SELECT EXISTS (SELECT 1 FROM wr)",
];

/// Each writes one table, or more than it names.
const WRITES: &[&str] = &[
    "INSERT INTO a(v) VALUES (1)",
    "UPDATE b SET v = v + 1",
    "INSERT OR IGNORE INTO b(v) VALUES (2)",
    "INSERT INTO b(v) SELECT total(n) + 10 FROM log",
    "DELETE FROM parent WHERE id = 1",
    "INSERT INTO child(p) VALUES (1)",
    "UPDATE child SET p = 2",
    "INSERT INTO wr VALUES ('k', 1) ON CONFLICT (id) DO UPDATE SET v = v + (SELECT count(*) FROM child)",
    "REPLACE INTO wr VALUES ('k', 5)",
    "INSERT INTO counted(v) VALUES (7)",
    "DELETE FROM counted",
    "DELETE FROM log",
    "UPDATE a SET v = (SELECT max(v) FROM b) RETURNING v",
    "INSERT INTO both VALUES (50)",
    "INSERT INTO a SELECT NULL, count(*) FROM parent",
];

/// How a script's statements hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Each for itself.
    Alone,
    /// In a transaction that takes no lock before it writes.
    Deferred,
    /// In one that takes it at once.
    Immediate,
    /// The same on a connection that does not wait for it.
    Impatient,
    /// In one that is given up.
    RolledBack,
    /// The first for itself, the others in a transaction.
    Half,
    /// In a savepoint.
    Savepoint,
    /// While the rows of a query before them are still being read.
    Midway,
    /// After a setting of the connection.
    Set,
}

const MODES: &[Mode] = &[
    Mode::Alone,
    Mode::Deferred,
    Mode::Immediate,
    Mode::Impatient,
    Mode::RolledBack,
    Mode::Half,
    Mode::Savepoint,
    Mode::Midway,
    Mode::Set,
];

#[derive(Clone, Debug)]
struct Script {
    mode: Mode,
    statements: Vec<&'static str>,
}

impl Script {
    fn alone(statements: &[&'static str]) -> Self {
        Self { mode: Mode::Alone, statements: statements.to_vec() }
    }

    /// Its statements, with those that begin and end a transaction.
    fn all(&self) -> Vec<&'static str> {
        let (first, others) = self.statements.split_at(usize::from(self.mode == Mode::Half));
        let (before, after): (&[&str], &[&str]) = match self.mode {
            Mode::Alone | Mode::Midway => (&[], &[]),
            Mode::Deferred | Mode::Half => (&["BEGIN"], &["COMMIT"]),
            Mode::Immediate | Mode::Impatient => (&["BEGIN IMMEDIATE"], &["COMMIT"]),
            Mode::RolledBack => (&["BEGIN"], &["ROLLBACK"]),
            Mode::Savepoint => (&["SAVEPOINT s"], &["RELEASE s"]),
            Mode::Set => (&["PRAGMA foreign_keys = ON"], &[]),
        };
        [first, before, others, after].concat()
    }
}

/// How a script is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As plain code.
    Code,
    /// By the operations of an async handler.
    Operations,
    /// As plain code on a connection of a user's own, on which something is set up that nobody else knows.
    Own,
}

/// What a statement saw: its answer, or how it was refused.
fn saw(connection: &Connection, statement: &str) -> String {
    let answer = connection.prepare(statement).and_then(|mut prepared| match prepared.column_count() {
        // What begins and ends a transaction changes no row, and is told how many the statement before it did.
        0 => prepared
            .execute([])
            .map(|changed| if WRITES.contains(&statement) { format!("{changed} rows") } else { "ok".into() }),
        _ => prepared.query_row([], |row| row.get::<_, rusqlite::types::Value>(0)).map(|value| format!("{value:?}")),
    });
    answer.unwrap_or_else(|error| format!("{:?}", error.sqlite_extended_error_code()))
}

/// Runs a script as plain code.
fn run(connection: &Connection, script: &Script) -> String {
    if script.mode == Mode::Impatient {
        connection.busy_timeout(Duration::ZERO).expect("it takes any time");
    }
    let mut midway = connection.prepare("SELECT id FROM parent").expect("it is a table");
    let mut rows = (script.mode == Mode::Midway).then(|| midway.query([]).expect("it has no parameters"));
    let first = rows.as_mut().map(|rows| rows.next().is_ok_and(|row| row.is_some()));
    let mut seen: Vec<String> = script.all().iter().map(|statement| saw(connection, statement)).collect();
    seen.extend(first.map(|first| first.to_string()));
    seen.join("; ")
}

/// The same by the operations of an async handler, where they have it.
async fn operate(db: &Sqlite, script: &Script) -> Result<String, Error> {
    let behavior = match script.mode {
        Mode::Immediate => Some(TransactionBehavior::Immediate),
        Mode::Deferred | Mode::RolledBack => Some(TransactionBehavior::Deferred),
        _ => None,
    };
    let mut seen = Vec::new();
    let transaction = match behavior {
        Some(behavior) => match db.begin(behavior).await {
            Ok(transaction) => Some(transaction),
            Err(refused) => return Ok(format!("{:?}", refused.sqlite_extended_error_code())),
        },
        None => None,
    };
    for statement in &script.statements {
        let is_read = READS.contains(statement) || statement.contains("RETURNING");
        let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}"));
        let answer = match (&transaction, is_read) {
            (None, true) => db.query_row(statement, [], read).await,
            (None, false) => db.execute(statement, []).await.map(|changed| changed.to_string()),
            (Some(transaction), true) => transaction.query_row(statement, [], read).await,
            (Some(transaction), false) => transaction.execute(statement, []).await.map(|changed| changed.to_string()),
        };
        seen.push(answer.unwrap_or_else(|error| format!("{:?}", error.sqlite_extended_error_code())));
    }
    let ended = match transaction {
        Some(transaction) if script.mode == Mode::RolledBack => transaction.rollback().await,
        Some(transaction) => transaction.commit().await,
        None => Ok(()),
    };
    seen.push(format!("{:?}", ended.map_err(|error| error.sqlite_extended_error_code())));
    Ok(seen.join("; "))
}

fn database() -> Database {
    let tables = ["a", "b", "log", "parent", "child", "wr", "counted", "sqlite_sequence"];
    tables.iter().fold(Sqlite::schema(SCHEMA), |database, table| database.observe(&format!("SELECT * FROM {table}")))
}

/// On a connection of its own, where what is put into `b` is counted in `wr`.
fn run_on_own(path: &std::path::Path, script: &Script) -> rusqlite::Result<String> {
    let mut own = Connection::open(path)?;
    own.execute_batch("CREATE TEMP TRIGGER t AFTER INSERT ON b BEGIN REPLACE INTO wr VALUES ('t', 1); END")?;
    redeliver::sqlite::instrument(&mut own)?;
    Ok(run(&own, script))
}

/// The two copies of a message run these two scripts.
fn scripts(two: &[Script; 2], way: Way) -> Prepared {
    let two = two.clone();
    let stores = (database(), KeyValue::new("beside").observed());
    Harness::new(stores).prepare(1..1000i64, async move |(db, kv): &(Sqlite, KeyValue), m: &Delivery<i64>| {
        let script = two[usize::from(m.broker_id().ends_with('1'))].clone();
        let seen = match way {
            Way::Code => db.call(move |connection| Ok::<_, Error>(run(connection, &script))).await?,
            Way::Operations => operate(db, &script).await?,
            Way::Own => {
                let path = db.path().expect("it is a file").to_owned();
                db.run(move || run_on_own(&path, &script)).await.map_err(Error::other)?
            }
        };
        kv.put(&format!("saw:{}", m.broker_id()), &seen).await
    })
}

/// In what the search and plain enumeration differ, if they do; nothing where there are too many schedules to tell. And how
/// many executions both took.
fn difference(two: &[Script; 2], way: Way, bounds: Bounds) -> Result<Option<(u64, u64)>, String> {
    let explored = |reduces, remake| scripts(two, way).explored(bounds, reduces, remake).expect("the stores work");
    let all = explored(false, 0);
    if all.stopped {
        return Ok(None);
    }
    let some = explored(true, 0);
    let told = |what: String| Err(format!("{two:#?}, {way:?}, {bounds}: {what}"));
    if some.inconclusive.is_some() || all.inconclusive.is_some() {
        return told(format!("{:?}, {:?}", some.inconclusive, all.inconclusive));
    }
    if ends(&some) != ends(&all) {
        return told(format!("complete {:#?}\nplain {:#?}", some.states, all.states));
    }
    if some.executions > all.executions {
        return told(format!("{} executions of {}", some.executions, all.executions));
    }
    Ok(Some((some.executions, all.executions)))
}

#[track_caller]
fn agree(two: &[Script; 2], way: Way, bounds: Bounds) -> (u64, u64) {
    difference(two, way, bounds).unwrap_or_else(|why| panic!("{why}")).expect("it has not too many schedules")
}

#[test]
fn whatever_a_statement_writes_is_seen_by_whatever_reads_it() {
    let (mut some, mut all) = (0, 0);
    for write in WRITES {
        for read in READS {
            for way in [Way::Code, Way::Operations] {
                let taken = agree(&[Script::alone(&[write]), Script::alone(&[read])], way, bounds(1, 2, 0));
                (some, all) = (some + taken.0, all + taken.1);
            }
        }
    }
    assert!(some * 10 < all, "{some} of {all}: they mostly have nothing to do with each other");
}

#[test]
fn two_statements_that_write_depend_on_each_other() {
    for (at, one) in WRITES.iter().enumerate() {
        for other in &WRITES[at..] {
            agree(&[Script::alone(&[one]), Script::alone(&[other])], Way::Code, bounds(1, 2, 0));
        }
    }
}

#[test]
fn a_snapshot_is_of_all_tables_however_few_its_first_statement_reads() {
    for (first, then) in [(READS[0], READS[1]), (READS[10], READS[2]), (READS[4], WRITES[1])] {
        for mode in [Mode::Deferred, Mode::Savepoint, Mode::Midway, Mode::RolledBack] {
            for write in [WRITES[0], WRITES[1], WRITES[4]] {
                let reader = Script { mode, statements: vec![first, then] };
                agree(&[reader, Script::alone(&[write])], Way::Code, bounds(1, 2, 0));
            }
        }
    }
}

#[test]
fn who_does_not_wait_for_the_lock_is_refused_it_in_some_execution() {
    for mode in [Mode::Immediate, Mode::Impatient, Mode::Deferred, Mode::Midway] {
        let impatient = Script { mode: Mode::Impatient, statements: vec![WRITES[1]] };
        let other = Script { mode, statements: vec![READS[0], WRITES[1]] };
        agree(&[impatient, other], Way::Code, bounds(1, 2, 0));
    }
}

#[test]
fn on_a_users_own_connection_whatever_is_set_up_there_is_seen() {
    for (write, read) in [(WRITES[2], READS[5]), (WRITES[3], READS[10]), (WRITES[0], READS[1])] {
        for mode in [Mode::Alone, Mode::Immediate] {
            let writer = Script { mode, statements: vec![write] };
            agree(&[writer, Script::alone(&[read])], Way::Own, bounds(1, 2, 0));
        }
    }
}

/// Two scripts of up to so many statements, as plain code or as operations.
fn generated(most: usize) -> impl Strategy<Value = ([Script; 2], Way)> {
    let statement = prop_oneof![select(READS), select(WRITES)];
    let script = (select(MODES), vec(statement, 1..=most)).prop_map(|(mode, statements)| Script { mode, statements });
    ([script.clone(), script], select(&[Way::Code, Way::Operations][..]))
}

/// Compares so many generated pairs, where neither has more schedules than that.
fn compare(most: usize, pairs: usize, bounds: Bounds) -> (usize, u64, u64) {
    let mut runner = TestRunner::deterministic();
    let (mut compared, mut some, mut all) = (0, 0, 0);
    for _ in 0..pairs {
        let (two, way) = generated(most).new_tree(&mut runner).expect("two scripts").current();
        if let Some(taken) = difference(&two, way, bounds).unwrap_or_else(|why| panic!("{why}")) {
            (compared, some, all) = (compared + 1, some + taken.0, all + taken.1);
        }
    }
    println!("{compared} pairs compared: {some} executions, plainly {all}");
    (compared, some, all)
}

#[test]
fn generated_scripts_come_to_what_plain_enumeration_comes_to() {
    let (compared, some, all) = compare(3, 60, bounds(1, 2, 0).executions(1_000));
    assert!(compared > 20 && some < all, "{compared}: {some} of {all}");
}

#[test]
fn and_so_with_a_crash() {
    let (compared, some, all) = compare(1, 16, bounds(1, 2, 1).executions(3_000));
    assert!(compared > 5 && some < all, "{compared}: {some} of {all}");
}
