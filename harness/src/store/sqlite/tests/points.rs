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
