//! Each replay begins as the first did, whatever the handler did to its database or its connection.

use super::*;

pub(super) fn begins_anew(schema: &str, query: &str, code: Code) {
    for in_memory in [false, true] {
        let database = Sqlite::schema(schema).observe(query);
        let mut subject = subject(if in_memory { database.in_memory() } else { database }, code);
        let histories = [vec![], vec![Fault::Crash { at: at(2) }], vec![Fault::Overlap { at: at(2), to: None }]];
        let mut run = |faults: &Vec<Fault>| replay(&mut subject, 2, faults.clone());
        let first: Vec<Replay> = histories.iter().map(&mut run).collect();
        for _ in 0..2 {
            for (faults, before) in histories.iter().zip(&first) {
                let again = run(faults);
                assert_eq!(again.events, before.events);
                assert_eq!(again.observation, before.observation);
                assert_eq!(again.end, before.end);
            }
        }
    }
}

#[test]
fn counters_of_autoincrement_begin_anew() {
    begins_anew(
        "CREATE TABLE t(n INTEGER PRIMARY KEY AUTOINCREMENT, a); INSERT INTO t(a) VALUES (7);
         CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES ('a', 0);",
        "SELECT n, a, v FROM t, w",
        |db, _, amount| {
            db.execute("INSERT INTO t(a) VALUES (?1)", [amount])?;
            db.execute("UPDATE w SET v = v + 1", [])?;
            db.execute("DELETE FROM t WHERE a = 7", []).map(drop)
        },
    );
}

#[test]
fn triggers_cascades_and_generated_columns_begin_anew() {
    begins_anew(
        "CREATE TABLE p(k INTEGER PRIMARY KEY, twice AS (k * 2) STORED); INSERT INTO p VALUES (1);
         CREATE TABLE c(p REFERENCES p ON DELETE CASCADE); INSERT INTO c VALUES (1); INSERT INTO c VALUES (1);
         CREATE TABLE log(what); CREATE TRIGGER gone AFTER DELETE ON c BEGIN INSERT INTO log VALUES (old.p); END;",
        "SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM c), (SELECT count(*) FROM log)",
        |db, _, _| {
            db.execute_batch("PRAGMA foreign_keys = ON")?;
            db.execute("DELETE FROM p", []).map(drop)
        },
    );
}

#[test]
fn tables_that_the_handler_makes_are_gone() {
    begins_anew(
        "CREATE TABLE t(a)",
        "SELECT group_concat(name), (SELECT user_version FROM pragma_user_version) FROM sqlite_master",
        |db, _, amount| {
            let version: i64 = db.query_row("PRAGMA user_version", [], |r| r.get(0))?;
            db.execute_batch(&format!("CREATE TABLE made_{version}_{amount}(a); PRAGMA user_version = {}", version + 1))
        },
    );
}
