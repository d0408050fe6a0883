//! What code leaves on its connection is not on the next one's.

use rusqlite::Connection;

use super::{reset::begins_anew, *};
use crate::store::sqlite::{
    footprint::Book,
    left::Settings,
    pool::{Place, Pool},
    reset::Written,
};

/// Reads something off its connection, writes it down, and then changes it.
fn is_the_same_for_everybody(read: fn(&Connection) -> rusqlite::Result<i64>, change: Code) {
    for in_memory in [false, true] {
        let database = Sqlite::schema("CREATE TABLE t(a); CREATE TABLE u(a UNIQUE)").observe("SELECT a FROM t");
        let database = if in_memory { database.in_memory() } else { database };
        let mut subject = World::new(
            database,
            Boot::handles(),
            Messages::from(1..1000i64),
            async move |db: &Sqlite, m: &Delivery<i64>| {
                let (id, amount) = (m.id().to_owned(), *m.payload());
                db.call(move |c| {
                    let seen = read(c)?;
                    c.execute("INSERT INTO t VALUES (?1)", [seen])?;
                    change(c, &id, amount)
                })
                .await
            },
        );
        for faults in [vec![], vec![Fault::Overlap { at: at(2), to: None }], vec![], vec![Fault::Crash { at: at(2) }]] {
            let replay = replay(&mut subject, 2, faults);
            let crate::store::Seen::Rows(rows) = &replay.observation.parts()[0].1 else { panic!("a query gives rows") };
            assert_eq!(replay.end, End::Drained);
            assert!(rows.rows.len() >= 2 && rows.rows.iter().all(|row| row == &rows.rows[0]), "{:?}", rows.rows);
        }
    }
}

#[test]
fn pragmas_that_one_call_sets_are_not_set_in_the_next() {
    for pragma in ["foreign_keys", "recursive_triggers", "cache_size", "query_only", "ignore_check_constraints"] {
        // Each pragma has a code of its own, since a code is a plain function.
        let (read, change): (fn(&Connection) -> rusqlite::Result<i64>, Code) = match pragma {
            "foreign_keys" => (|c| value(c, "foreign_keys"), |c, _, _| c.execute_batch("PRAGMA Foreign_Keys = OFF")),
            "recursive_triggers" => (
                |c| value(c, "recursive_triggers"),
                |c, _, _| c.prepare_cached("PRAGMA recursive_triggers(true)")?.execute([]).map(drop),
            ),
            "cache_size" => (|c| value(c, "cache_size"), |c, _, _| c.execute_batch("pragma cache_size = 17")),
            "query_only" => (|c| value(c, "query_only"), |c, _, _| c.pragma_update(None, "query_only", true)),
            _ => (
                |c| value(c, "ignore_check_constraints"),
                |c, _, _| c.execute_batch("BEGIN; PRAGMA main.ignore_check_constraints = 1; COMMIT"),
            ),
        };
        is_the_same_for_everybody(read, change);
    }
}

fn value(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

#[test]
fn what_is_temporary_or_attached_is_gone() {
    let temporary = |c: &Connection| {
        c.query_row("SELECT count(*) FROM temp.sqlite_master WHERE name LIKE 'mine%'", [], |row| row.get(0))
    };
    is_the_same_for_everybody(temporary, |c, _, _| c.execute_batch("CREATE TEMP TABLE mine(a)"));
    is_the_same_for_everybody(temporary, |c, _, _| c.execute_batch("CREATE TEMP VIEW mine AS SELECT 1"));
    is_the_same_for_everybody(temporary, |c, _, _| {
        c.execute_batch("CREATE TEMP TRIGGER mine AFTER INSERT ON main.t BEGIN INSERT INTO u VALUES (new.rowid); END")
    });
    is_the_same_for_everybody(
        |c| c.query_row("SELECT count(*) FROM pragma_database_list WHERE name = 'other'", [], |row| row.get(0)),
        |c, _, _| c.execute_batch("ATTACH ':memory:' AS other; CREATE TABLE other.made(a)"),
    );
}

#[test]
fn what_was_inserted_last_is_forgotten_between_replays() {
    const TABLES: &str = "CREATE TABLE t(a); CREATE TABLE u(a UNIQUE)";
    begins_anew(TABLES, "SELECT a FROM t", |c, id, _| {
        c.execute("INSERT INTO t VALUES (?1)", [c.last_insert_rowid()])?;
        c.execute("INSERT OR IGNORE INTO u VALUES (?1)", [id]).map(drop)
    });
    begins_anew(TABLES, "SELECT a FROM t", |c, id, _| {
        c.execute("INSERT INTO t VALUES (changes())", [])?;
        c.execute("INSERT OR IGNORE INTO u VALUES (?1)", [id]).map(drop)
    });
}

#[test]
fn a_pragma_of_the_connection_does_not_have_the_database_copied_back() {
    // Each time that a database is copied, its schema has a new version.
    begins_anew("CREATE TABLE t(a)", "SELECT a FROM t", |c, _, _| {
        c.execute_batch("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; CREATE TEMP TABLE mine(a);")?;
        let version = value(c, "schema_version")?;
        c.execute("INSERT INTO t VALUES (?1)", [version]).map(drop)
    });
}

#[test]
fn the_settings_that_many_handlers_make_keep_their_connection() {
    let place = Place::Memory("settings".into());
    let control = place.open().unwrap();
    let pool = Pool::new(place, None, Written::default(), Settings::of(&control).unwrap(), Book::of_schema(""));
    let total_after = |sql: &str| {
        let mut pooled = pool.check_out().unwrap();
        pooled.connection().execute_batch("CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES (1)").unwrap();
        pooled.connection().execute_batch(sql).unwrap();
        drop(pooled);
        pool.check_out().unwrap().connection().total_changes()
    };
    let settings = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = FULL; PRAGMA cache_size = -8000;
        PRAGMA recursive_triggers = ON; PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA table_info(t)";
    assert_eq!((total_after(settings), total_after(settings)), (1, 2));
    assert_eq!(total_after("PRAGMA temp_store = MEMORY"), 0);
}

#[test]
fn a_busy_timeout_of_a_calls_own_is_not_that_of_the_next_operation() {
    let database = Sqlite::schema("CREATE TABLE t(a)").observe("SELECT a FROM t");
    let mut subject = World::new(
        database,
        Boot::handles(),
        Messages::from(1..1000i64),
        async move |db: &Sqlite, m: &Delivery<i64>| {
            let amount = *m.payload();
            db.call(|c| c.busy_timeout(std::time::Duration::ZERO)).await?;
            let tx = db.begin(rusqlite::TransactionBehavior::Immediate).await?;
            tx.execute("INSERT INTO t VALUES (?1)", [amount]).await?;
            tx.commit().await
        },
    );
    let replay = replay(&mut subject, 1, vec![Fault::Overlap { at: at(2), to: None }]);
    assert_eq!(replay.events.iter().filter(|event| matches!(event, Event::Blocked { .. })).count(), 1);
}
