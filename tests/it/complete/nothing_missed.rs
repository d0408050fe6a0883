//! The complete search and plain enumeration of the same workload come to the same: to the same final states, and as right or
//! as wrong. Where an operation touches more than it says, they do not.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use redeliver::{
    Bounds, Delivery, Error, Explored, Harness, Isolation, KeyValue, Observation, Prepared, Process, Sqlite, Store,
    point, rusqlite,
    rusqlite::{Connection, TransactionBehavior},
    sqlite::Database,
};

use super::handlers::{
    apply_mark, atomic, bounds, claims_for_a_while, compares, crosswise, draws, half_outside, last_wins, mark_apply,
    on_key_value, transaction, writes_back,
};

/// More schedules than this take too long, one by one.
const MOST: u64 = 15_000;

/// What executions came to, however many did.
pub fn ends(explored: &Explored) -> BTreeSet<&(String, bool)> {
    explored.states.keys().collect()
}

/// Holds them against each other; and every execution that is run against the history that is made of it.
#[track_caller]
fn agree(name: &str, prepared: impl Fn() -> Prepared, bounds: Bounds) {
    let bounds = bounds.executions(MOST);
    let explored = |reduces, remake| prepared().explored(bounds, reduces, remake).expect("it has no errors");
    let (some, all) = (explored(true, 200), explored(false, 0));
    let told = format!("{name}, {bounds}");
    assert_eq!((&some.inconclusive, &all.inconclusive), (&None, &None), "{told}");
    assert!(!some.stopped && !all.stopped, "{told}");
    assert_eq!(ends(&some), ends(&all), "{told}");
    assert!(some.executions <= all.executions, "{told}: {} of {}", some.executions, all.executions);
    assert_eq!(some.not_made, None, "{told}");
    assert_eq!(some.made, some.executions.min(200), "{told}");
}

const LEVELS: [Isolation; 3] = [Isolation::Serializable, Isolation::ReadCommitted, Isolation::Snapshot];

#[test]
fn in_single_steps_with_a_crash() {
    agree("atomic", || on_key_value(Isolation::Serializable, atomic), bounds(2, 2, 1));
    agree("mark-apply", || on_key_value(Isolation::Serializable, mark_apply), bounds(1, 2, 2));
    agree("apply-mark", || on_key_value(Isolation::Serializable, apply_mark), bounds(1, 2, 1));
    agree("apply-mark", || on_key_value(Isolation::Serializable, apply_mark), bounds(2, 2, 0));
}

#[test]
fn in_transactions_at_every_isolation() {
    for level in LEVELS {
        agree("transaction", || on_key_value(level, transaction), bounds(1, 2, 1));
        agree("half outside", || on_key_value(level, half_outside), bounds(1, 2, 0));
        agree("crosswise", || on_key_value(level, crosswise), bounds(1, 2, 0));
        agree("writes back", || on_key_value(level, writes_back), bounds(1, 2, 0));
        agree("compares", || on_key_value(level, compares), bounds(1, 2, 0));
    }
    agree("transaction", || on_key_value(Isolation::Serializable, transaction), bounds(2, 2, 0));
    agree("half outside", || on_key_value(Isolation::Serializable, half_outside), bounds(2, 2, 0));
    agree("crosswise", || on_key_value(Isolation::Serializable, crosswise), bounds(1, 2, 1));
}

#[test]
fn where_a_claim_ends_by_itself() {
    agree("claims", || on_key_value(Isolation::Serializable, claims_for_a_while), bounds(1, 2, 0));
    agree("claims", || on_key_value(Isolation::Serializable, claims_for_a_while), bounds(1, 2, 1));
}

#[test]
fn where_the_order_of_messages_matters_or_randomness_does() {
    agree("last wins", || on_key_value(Isolation::Serializable, last_wins), bounds(2, 3, 0));
    agree("last wins", || on_key_value(Isolation::Serializable, last_wins), bounds(2, 2, 1));
    agree("draws", || on_key_value(Isolation::Serializable, draws), bounds(2, 2, 0));
}

const SCHEMA: &str = "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY)";

fn on_sqlite(database: Database, code: fn(&mut Connection, &str, i64) -> rusqlite::Result<()>) -> Prepared {
    let database = database.observe("SELECT balance FROM account");
    Harness::new(database).prepare(1..1000i64, async move |db: &Sqlite, m: &Delivery<i64>| {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        // Who is refused leaves it: to try again for ever is to have no end of executions.
        let _ = db.call(move |connection| code(connection, &id, amount)).await;
        Ok::<(), Error>(())
    })
}

fn credit(connection: &Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let seen: i64 = connection.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |row| row.get(0))?;
    if seen == 0 {
        connection.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        connection.execute("INSERT INTO seen VALUES (?1)", [id])?;
    }
    Ok(())
}

/// Without a transaction.
fn three_statements(connection: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    credit(connection, id, amount)
}

/// In one that takes the lock at once.
fn immediately(connection: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    credit(&tx, id, amount)?;
    tx.commit()
}

/// In one that reads a snapshot first, and may be refused the lock.
fn from_a_snapshot(connection: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    credit(&tx, id, amount)?;
    tx.commit()
}

/// Reads other tables in a snapshot than it then writes.
fn skewed(connection: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    let seen: i64 = tx.query_row("SELECT count(*) FROM seen", [], |row| row.get(0))?;
    let balance: i64 = tx.query_row("SELECT balance FROM account", [], |row| row.get(0))?;
    drop(tx);
    connection.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id])?;
    connection.execute("UPDATE account SET balance = ?1", [balance + amount * (seen + 1)])?;
    Ok(())
}

#[test]
fn over_sqlite_with_its_snapshots_and_its_lock() {
    let wal = || Sqlite::schema(SCHEMA);
    agree("three statements", || on_sqlite(wal(), three_statements), bounds(1, 2, 0));
    agree("immediately", || on_sqlite(wal(), immediately), bounds(1, 2, 1));
    agree("from a snapshot", || on_sqlite(wal(), from_a_snapshot), bounds(1, 2, 0));
    agree("skewed", || on_sqlite(wal(), skewed), bounds(1, 2, 0));
}

#[test]
fn over_sqlite_in_memory_where_readers_and_writers_refuse_each_other() {
    let memory = || Sqlite::schema(SCHEMA).in_memory();
    agree("immediately", || on_sqlite(memory(), immediately), bounds(1, 2, 0));
    agree("from a snapshot", || on_sqlite(memory(), from_a_snapshot), bounds(1, 2, 0));
}

/// A store of a user's own, which says nothing of what is done to it, and lets it be done without a point.
#[derive(Clone, Default)]
struct Secretive(Arc<Mutex<Vec<String>>>);

impl Secretive {
    fn with<T>(&self, what: impl FnOnce(&mut Vec<String>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Secretive {
    type Handle = Self;

    fn reset(&mut self) -> Result<(), Error> {
        self.with(Vec::clear);
        Ok(())
    }

    fn open(&mut self, _process: &Process) -> Result<Self, Error> {
        Ok(self.clone())
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        let all = self.with(|all| all.join(","));
        seen.set("all", all);
        Ok(())
    }
}

#[test]
fn where_a_store_says_nothing_everything_counts_as_conflicting() {
    let prepared = || {
        let stores = (Secretive::default(), KeyValue::new("beside"));
        Harness::new(stores).prepare(1..1000i64, async |(own, kv): &(Secretive, KeyValue), m: &Delivery<i64>| {
            let begun = own.with(|all| all.len());
            kv.get("something").await?;
            own.with(|all| all.push(format!("{}:{begun}", m.id())));
            point("between").await;
            own.with(|all| all.push(m.id().to_owned()));
            Ok::<(), Error>(())
        })
    };
    agree("secretive", prepared, bounds(1, 2, 0));
    let (some, all) = (
        prepared().explored(bounds(1, 2, 0), true, 0).expect("it has no errors"),
        prepared().explored(bounds(1, 2, 0), false, 0).expect("it has no errors"),
    );
    assert_eq!(some.executions, all.executions, "nothing commutes");
}
