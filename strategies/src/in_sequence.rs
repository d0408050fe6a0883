//! Tests of the plain functions with nothing of the harness: one connection, one delivery after the other.
//!
//! Every twin passes them too, but for those that need no more than a second message to go wrong. That is what a twin is: the
//! tests that people write do not find it.

use rusqlite::Connection;

use crate::{
    plain::Consume,
    registry::{Entry, Strategy, all, named},
    unique_constraint,
};

/// Everything that is a plain function, with that.
fn plain() -> impl Iterator<Item = (&'static Entry, Consume)> {
    all().iter().filter_map(|entry| match entry.strategy {
        Strategy::Plain(plain) => Some((*entry, plain.sqlite())),
        Strategy::Whole(_) => None,
    })
}

fn database(entry: &Entry) -> Connection {
    let db = Connection::open_in_memory().expect("memory is there");
    db.execute_batch(entry.schema).expect("the schema is SQL");
    db
}

/// Delivers so, and prints every observed row.
fn after((entry, consume): (&Entry, Consume), deliveries: &[(&str, i64)]) -> Vec<String> {
    let mut db = database(entry);
    for (id, amount) in deliveries {
        consume(&mut db, id, *amount).expect("nothing fails here");
        assert!(db.is_autocommit(), "{} leaves a transaction open", entry.name);
    }
    let mut seen = Vec::new();
    for query in entry.observed {
        let mut statement = db.prepare(query).expect("an observed query is SQL");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("it has no parameters");
        while let Some(row) = rows.next().expect("it can be read") {
            let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).expect("it is there")));
            seen.push(cells.collect::<Vec<_>>().join(" "));
        }
    }
    seen
}

#[test]
fn twice_in_a_row_leaves_what_once_leaves() {
    for (entry, consume) in plain() {
        let entry_after = |deliveries: &[_]| after((entry, consume), deliveries);
        assert_eq!(entry_after(&[("m0", 100), ("m0", 100)]), entry_after(&[("m0", 100)]), "{}", entry.name);
    }
}

#[test]
fn two_messages_both_take_effect() {
    for (entry, consume) in plain() {
        let entry_after = |deliveries: &[_]| after((entry, consume), deliveries);
        let both = entry_after(&[("m0", 100), ("m1", 300)]);
        assert_ne!(both, entry_after(&[("m0", 100)]), "{}", entry.name);
        let equal_payloads = entry_after(&[("m0", 100), ("m1", 100)]);
        if entry.name != "stale-overwrite" {
            assert_ne!(equal_payloads, entry_after(&[("m0", 100)]), "{}", entry.name);
        }
    }
}

#[test]
fn a_late_duplicate_matters_to_who_overwrites_or_forgets_only() {
    let forgetful = ["stale-overwrite", "lru-overflow"];
    for (entry, consume) in plain() {
        let entry_after = |deliveries: &[_]| after((entry, consume), deliveries);
        let late = entry_after(&[("m0", 100), ("m1", 300), ("m0", 100)]);
        let plain = entry_after(&[("m0", 100), ("m1", 300)]);
        assert_eq!(late == plain, !forgetful.contains(&entry.name), "{}", entry.name);
    }
}

#[test]
fn an_error_that_is_no_refusal_is_not_taken_for_one() {
    let mut db = database(named("unique-constraint").expect("it is registered"));
    db.execute_batch("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'no room'); END")
        .expect("it is SQL");
    assert!(unique_constraint::consume(&mut db, "m0", 100).is_err());
}
