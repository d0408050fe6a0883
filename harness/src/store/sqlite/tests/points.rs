//! What a point is: each statement that the code makes, and nothing else.

use super::*;

/// The statements of a plain run of one message, which is replayed until nothing is new to any connection.
fn statements(schema: &str, code: Code) -> Vec<String> {
    let mut said = Vec::new();
    for database in [Sqlite::schema(schema), Sqlite::schema(schema).in_memory()] {
        let mut subject = subject(database.observe("SELECT 1"), code);
        for _ in 0..3 {
            said.push(steps(&replay(&mut subject, 1, vec![])));
        }
    }
    assert!(said.windows(2).all(|two| two[0] == two[1]), "{said:#?}");
    said.remove(0)
}

const FAMILY: &str = "CREATE TABLE p(k INTEGER PRIMARY KEY); INSERT INTO p VALUES (1), (2);
    CREATE TABLE c(p REFERENCES p ON DELETE CASCADE); INSERT INTO c VALUES (1), (1), (2);
    CREATE TABLE log(what); CREATE TRIGGER gone AFTER DELETE ON c BEGIN INSERT INTO log VALUES (old.p); END;";

#[test]
fn a_statement_with_its_cascades_and_triggers_is_one_point() {
    let said = statements(FAMILY, |c, _, _| {
        c.execute_batch("PRAGMA foreign_keys = ON")?;
        for k in [1, 2] {
            c.prepare_cached("DELETE FROM p WHERE k = ?1")?.execute([k])?;
        }
        c.execute("DELETE FROM p", []).map(drop)
    });
    assert_eq!(
        said,
        [
            "m0#1.1 PRAGMA foreign_keys = ON -> ",
            "m0#1.2 DELETE FROM p WHERE k = 1 -> 1 row",
            "m0#1.3 DELETE FROM p WHERE k = 2 -> 1 row",
            "m0#1.4 DELETE FROM p -> 0 rows"
        ]
    );
}

/// Changes the schema, so that the next replay puts it back and finds connections that know another one.
fn changes_the_schema(c: &mut rusqlite::Connection, _: &str, _: i64) -> rusqlite::Result<()> {
    c.execute("DELETE FROM p WHERE k = 1", [])?;
    c.execute_batch("CREATE TABLE IF NOT EXISTS made(a)")?;
    c.query_row("SELECT count(*) FROM p", [], |_| Ok(()))
}

#[test]
fn a_statement_that_is_prepared_again_is_one_point() {
    let said = statements(FAMILY, changes_the_schema);
    assert_eq!(
        said,
        [
            "m0#1.1 DELETE FROM p WHERE k = 1 -> 1 row",
            "m0#1.2 CREATE TABLE IF NOT EXISTS made(a) -> ",
            "m0#1.3 SELECT count(*) FROM p -> 1",
        ]
    );
}

#[test]
fn a_statement_that_is_prepared_again_suffers_what_it_would_have() {
    let mut subject = subject(Sqlite::schema(FAMILY).observe("SELECT count(*) FROM p"), changes_the_schema);
    for fault in [Fault::Fail { at: at(1) }, Fault::LoseReply { at: at(1) }] {
        let mut run = || replay(&mut subject, 1, vec![fault.clone()]);
        let first = run();
        assert!(first.unused.is_empty());
        for _ in 0..2 {
            assert_eq!(run().events, first.events);
        }
    }
}

#[test]
fn a_query_that_is_prepared_again_for_other_parameters_is_a_point_each_time() {
    let said = statements("CREATE TABLE t(a); INSERT INTO t VALUES ('x'), ('y')", |c, _, _| {
        for like in ["x%", "y%", "z%"] {
            c.prepare_cached("SELECT count(*) FROM t WHERE a LIKE ?1")?.query_row([like], |_| Ok(()))?;
        }
        Ok(())
    });
    assert_eq!(said.len(), 3);
}

#[test]
fn a_statement_within_the_rows_of_another_is_a_point_even_if_it_is_the_same() {
    let said = statements("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)", |c, _, _| {
        const ALL: &str = "SELECT a FROM t";
        let (mut outer, mut inner) = (c.prepare(ALL)?, c.prepare(ALL)?);
        let mut rows = outer.query([])?;
        while rows.next()?.is_some() {
            inner.query_row([], |_| Ok(()))?;
            c.execute("UPDATE t SET a = a + 10", [])?;
        }
        Ok(())
    });
    let shape: Vec<&str> = said.iter().map(|step| &step[7..13]).collect();
    assert_eq!(shape, ["SELECT", "SELECT", "UPDATE", "SELECT", "UPDATE"]);
}

#[test]
fn a_statement_is_known_by_its_first_word_wherever_that_stands() {
    let said = statements("CREATE TABLE t(a)", |c, _, _| {
        c.execute("-- why\n/* and how */ insert into t values (1)", [])?;
        c.execute("with n as (select 2) INSERT INTO t SELECT * FROM n", [])?;
        c.query_row("INSERT INTO t VALUES (3) RETURNING a", [], |_| Ok(()))?;
        c.execute_batch("begin immediate; update t set a = a + 1; ; -- nothing\n commit; select 1")
    });
    assert_eq!(
        said,
        [
            "m0#1.1 -- why\n/* and how */ insert into t values (1) -> 1 row",
            "m0#1.2 with n as (select 2) INSERT INTO t SELECT * FROM n -> 1 row",
            "m0#1.3 INSERT INTO t VALUES (3) RETURNING a -> 3",
            "m0#1.4 begin immediate; -> ",
            "m0#1.5 update t set a = a + 1; -> 3 rows",
            "m0#1.6 ; -- nothing\n commit; -> ",
            "m0#1.7 select 1 -> 1",
        ]
    );
}

#[test]
fn what_comes_before_a_statement_is_no_part_of_it() {
    use crate::store::sqlite::words::Shape;
    assert_eq!(Shape::of("; -- nothing\n commit;"), Shape::Commit);
    assert_eq!(Shape::of(" /* a; b */ ;begin /* now */ exclusive"), Shape::Begin(true));
    assert_eq!(Shape::of("--\nrollback transaction to s"), Shape::Savepoint);
    assert_eq!(Shape::of("explain delete from t"), Shape::Read);
    assert_eq!(Shape::of("/* never closed"), Shape::Other);
}

/// The facts of each step of a plain run.
fn facts(schema: &str, code: Code) -> Vec<crate::machine::trace::Facts> {
    let mut subject = subject(Sqlite::schema(schema).observe("SELECT * FROM t"), code);
    let step = |event: &Event| match event {
        Event::Step { facts, .. } => Some(*facts),
        _ => None,
    };
    replay(&mut subject, 1, vec![]).events.iter().filter_map(step).collect()
}

#[test]
fn a_statement_is_what_it_does_however_it_is_written() {
    let plain = facts("CREATE TABLE t(a)", |c, _, _| c.execute("INSERT INTO t VALUES (1)", []).map(drop));
    assert!(plain[0].changes && plain[0].can_fail && plain[0].can_lose_reply && plain[0].observed_change);
    for code in [
        (|c, _, _| c.execute("/**/insert into t values (1)", []).map(drop)) as Code,
        |c, _, _| c.execute("WITH n AS (SELECT 1) INSERT INTO t SELECT * FROM n", []).map(drop),
        |c, _, _| c.execute("REPLACE INTO t VALUES (1)", []).map(drop),
        |c, _, _| c.query_row("INSERT INTO t VALUES (1) RETURNING a", [], |_| Ok(())),
    ] {
        let same = facts("CREATE TABLE t(a)", code);
        // A row is read before the insert is over: it commits as the statement is dropped, and no error can tell of it.
        assert_eq!((same.len(), same[0].changes, same[0].observed_change), (1, true, true));
        assert!(same[0].can_fail);
    }
}

#[test]
fn a_transaction_that_is_dropped_is_rolled_back_with_a_step() {
    fn drops(c: &mut rusqlite::Connection, _: &str, _: i64) -> rusqlite::Result<()> {
        let tx = c.transaction()?;
        tx.execute("INSERT INTO t VALUES (1)", [])?;
        drop(tx);
        let mut tx = c.transaction()?;
        {
            let inner = tx.savepoint()?;
            inner.execute("INSERT INTO t VALUES (2)", [])?;
        }
        tx.execute("INSERT INTO t VALUES (3)", [])?;
        tx.commit()
    }
    let said = statements("CREATE TABLE t(a)", drops);
    let first = |step: &String| step.split(' ').nth(1).unwrap().to_owned();
    let words: Vec<String> = said.iter().map(first).collect();
    assert_eq!(
        words,
        ["BEGIN", "INSERT", "ROLLBACK", "BEGIN", "SAVEPOINT", "INSERT", "ROLLBACK", "RELEASE", "INSERT", "COMMIT"]
    );
    // Whatever it suffers on its way, what was dropped is never seen.
    let mut subject = subject(Sqlite::schema("CREATE TABLE t(a)").observe("SELECT a FROM t"), drops);
    for n in 1..=10 {
        for fault in [Fault::Fail { at: at(n) }, Fault::LoseReply { at: at(n) }, Fault::Crash { at: at(n) }] {
            let replay = replay(&mut subject, 1, vec![fault]);
            let crate::store::Seen::Rows(rows) = &replay.observation.parts()[0].1 else { panic!("a query gives rows") };
            assert_eq!(replay.end, End::Drained);
            assert!(!rows.rows.is_empty() && rows.rows.iter().all(|row| row == &["3"]), "{:?}", rows.rows);
        }
    }
}
