//! What texts are found to touch, one by one. Whether that is enough is held against plain enumeration in the tests of the
//! complete search.

use super::*;

const SCHEMA: &str = "
    CREATE TABLE account(id INTEGER PRIMARY KEY, balance);
    CREATE TABLE seen(id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE log(what);
    CREATE TRIGGER logs AFTER INSERT ON seen BEGIN INSERT INTO log SELECT balance FROM account; END;
    CREATE TABLE parent(id INTEGER PRIMARY KEY);
    CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id) ON DELETE CASCADE);
    CREATE VIEW all_of_it AS SELECT balance, what FROM account, log;
";

fn book() -> Book {
    Book::of_schema(SCHEMA)
}

fn known(text: &str) -> (String, String) {
    match &*book().tables(text) {
        Tables::Known { reads, writes } => (reads.join(" "), writes.join(" ")),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_query_reads_its_tables_and_writes_none() {
    let reads = |text| {
        let (reads, writes) = known(text);
        assert_eq!(writes, "", "{text}");
        reads
    };
    assert_eq!(reads("SELECT balance FROM Account WHERE id = ?1"), "account");
    assert_eq!(reads("SELECT count(*) FROM SEEN"), "seen");
    assert_eq!(reads("SELECT upper(what) FROM all_of_it"), "account all_of_it log");
    assert_eq!(reads("SELECT 1"), "");
    assert_eq!(reads("SELECT name FROM sqlite_schema"), "sqlite_master");
}

#[test]
fn a_statement_writes_what_its_triggers_and_foreign_keys_write() {
    assert_eq!(known("UPDATE account SET balance = 1"), ("".into(), "account".into()));
    assert_eq!(known("INSERT INTO seen VALUES (?1)"), ("account".into(), "log seen".into()));
    assert_eq!(known("INSERT OR REPLACE INTO seen VALUES (?1)"), ("account".into(), "log seen".into()));
    assert_eq!(known("INSERT INTO child(p) VALUES (1)"), ("parent".into(), "child".into()));
    let (reads, writes) = known("DELETE FROM parent");
    assert!(reads.contains("child") && writes.contains("child") && writes.contains("parent"), "{reads}; {writes}");
}

#[test]
fn where_anything_is_counted_up_every_write_touches_the_counters() {
    let book = Book::of_schema("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE b(x)");
    let writes = |text| match &*book.tables(text) {
        Tables::Known { writes, .. } => writes.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!(writes("INSERT INTO a DEFAULT VALUES"), "a sqlite_sequence");
    assert_eq!(writes("INSERT INTO b VALUES (1)"), "b sqlite_sequence");
    assert_eq!(writes("SELECT count(*) FROM a"), "");
}

#[test]
fn what_cannot_be_told_may_be_any_table() {
    let book = book();
    for text in [
        "SELECT random()",
        "SELECT changes()",
        "SELECT datetime('now')",
        "SELECT own_function(balance) FROM account",
        "SELECT * FROM elsewhere",
        "SELECT * FROM temp.account",
        "SELECT value FROM json_each('[1]')",
        "SELECT * FROM pragma_table_info('account')",
        "PRAGMA data_version",
        "PRAGMA table_info(account)",
    ] {
        assert_eq!(*book.tables(text), Tables::Any, "{text}");
    }
}

#[test]
fn what_makes_or_changes_tables_touches_all_of_them() {
    let book = book();
    for text in [
        "CREATE TABLE more(x)",
        " -- a note\n CREATE TEMP TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM account; END",
        "drop table log",
        "ALTER TABLE log ADD COLUMN at",
        "ATTACH ':memory:' AS other",
        "ANALYZE",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 3",
    ] {
        assert_eq!(*book.tables(text), Tables::Alters, "{text}");
    }
}

#[test]
fn a_setting_of_a_connection_is_its_own_and_is_not_made_on_the_copy() {
    let book = book();
    for text in ["PRAGMA foreign_keys = OFF", "PRAGMA busy_timeout = 0", "PRAGMA recursive_triggers = OFF"] {
        assert_eq!(*book.tables(text), Tables::Own, "{text}");
    }
    let Tables::Known { writes, .. } = &*book.tables("DELETE FROM parent") else { panic!("it is known") };
    assert!(writes.contains(&"child".to_owned()), "foreign keys are still enforced: {writes:?}");
}

#[cfg(debug_assertions)]
#[test]
fn a_change_that_was_not_told_is_named() {
    let tables = Tables::Known { reads: Vec::new(), writes: vec!["account".into()] };
    assert_eq!(not_told(&tables, &["Account".into()]), None);
    assert_eq!(not_told(&tables, &["account".into(), "log".into()]), Some("log"));
    assert_eq!(not_told(&Tables::Any, &["log".into()]), None);
}
