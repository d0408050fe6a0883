//! The same code, written for `call` and written with the async operations, comes to the same.

use rusqlite::TransactionBehavior;

use super::*;
use crate::machine::{
    testing::{Given, Stage, at, crash, fail, lose_reply, overlap, pause, rows},
    trace::Facts,
};

const SCHEMA: &str =
    "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY);";
const LOOK: &str = "SELECT count(*) FROM seen WHERE id = ?1";
const CREDIT: &str = "UPDATE account SET balance = balance + 100";
const MARK: &str = "INSERT INTO seen VALUES (?1)";

fn bank(in_memory: bool) -> Database {
    let bank = Sqlite::schema(SCHEMA).observe("SELECT balance FROM account").observe("SELECT id FROM seen");
    if in_memory { bank.in_memory() } else { bank }
}

fn id(given: &Given) -> String {
    format!("m{}", given.message)
}

/// What happened, but for the words: an event is the same whoever tells of it.
fn events(replay: &Replay) -> Vec<Event> {
    let plain = |event: &Event| match event.clone() {
        // That one of them is stepped is what they differ in.
        Event::Step { at, process, facts, .. } => {
            Event::Step { at, process, facts: Facts { stepped: false, ..facts }, words: None }
        }
        Event::Blocked { at, process, until, .. } => Event::Blocked { at, process, until, words: None },
        // Which error it was differs: one from the engine, one from us.
        Event::Returned { delivery, process, answer: crate::machine::trace::Answer::Retry(_) } => {
            Event::Returned { delivery, process, answer: crate::machine::trace::Answer::Retry(String::new()) }
        }
        other => other,
    };
    replay.events.iter().map(plain).collect()
}

/// What was said of the statements, but for those that failed.
fn said(replay: &Replay) -> Vec<(String, String)> {
    let words = |event: &Event| match event {
        Event::Step { words: Some(words), facts, .. } if facts.suffered.is_none() => {
            Some((words.what.clone(), words.result.clone()))
        }
        _ => None,
    };
    replay.events.iter().filter_map(words).collect()
}

fn agree<A, B>(points: u32, by_call: A, by_operations: B)
where
    A: AsyncFn(&Sqlite, &Given) -> rusqlite::Result<()> + Copy + 'static,
    B: AsyncFn(&Sqlite, &Given) -> rusqlite::Result<()> + Copy + 'static,
{
    for in_memory in [false, true] {
        let mut one = Stage::new(bank(in_memory), by_call);
        let mut other = Stage::new(bank(in_memory), by_operations);
        let at_each = (1..=points).map(|n| at(0, 1, n)).flat_map(|at| {
            let twice = Fault::Duplicate { message: 0, at: Some(at) };
            [crash(at), fail(at), lose_reply(at), overlap(at), pause(at), twice].map(|fault| vec![fault])
        });
        for faults in std::iter::once(vec![]).chain(at_each) {
            let (one, other) = (one.replay(2, &faults), other.replay(2, &faults));
            assert_eq!(events(&one), events(&other), "{faults:?}, in memory {in_memory}");
            assert_eq!(said(&one), said(&other), "{faults:?}, in memory {in_memory}");
            assert_eq!((rows(&one), &one.end, &one.unused), (rows(&other), &other.end, &other.unused), "{faults:?}");
        }
    }
}

#[test]
fn statements_on_their_own() {
    agree(
        3,
        async |db: &Sqlite, given: &Given| {
            let id = id(given);
            db.call(move |c| {
                if c.query_row(LOOK, [&id], |row| row.get::<_, i64>(0))? == 0 {
                    c.execute(CREDIT, [])?;
                    c.execute(MARK, [&id])?;
                }
                Ok(())
            })
            .await
        },
        async |db: &Sqlite, given: &Given| {
            if db.query_row(LOOK, [id(given)], |row| row.get::<_, i64>(0)).await? == 0 {
                db.execute(CREDIT, []).await?;
                db.execute(MARK, [id(given)]).await?;
            }
            Ok(())
        },
    );
}

#[test]
fn a_transaction_that_locks_at_once() {
    agree(
        5,
        async |db: &Sqlite, given: &Given| {
            let id = id(given);
            db.call(move |c| {
                // What an error leaves open is rolled back with the connection, as a transaction that is dropped there.
                c.execute_batch("BEGIN IMMEDIATE")?;
                if c.query_row(LOOK, [&id], |row| row.get::<_, i64>(0))? == 0 {
                    c.execute(CREDIT, [])?;
                    c.execute(MARK, [&id])?;
                }
                c.execute_batch("COMMIT")
            })
            .await
        },
        async |db: &Sqlite, given: &Given| {
            let tx = db.begin(TransactionBehavior::Immediate).await?;
            if tx.query_row(LOOK, [id(given)], |row| row.get::<_, i64>(0)).await? == 0 {
                tx.execute(CREDIT, []).await?;
                tx.execute(MARK, [id(given)]).await?;
            }
            tx.commit().await
        },
    );
}

#[test]
fn a_transaction_that_locks_when_it_writes() {
    agree(
        5,
        async |db: &Sqlite, given: &Given| {
            let id = id(given);
            db.call(move |c| {
                c.execute_batch("BEGIN")?;
                if c.query_row(LOOK, [&id], |row| row.get::<_, i64>(0))? == 0 {
                    c.execute(MARK, [&id])?;
                    c.execute(CREDIT, [])?;
                }
                c.execute_batch("COMMIT")
            })
            .await
        },
        async |db: &Sqlite, given: &Given| {
            let tx = db.begin(TransactionBehavior::Deferred).await?;
            if tx.query_row(LOOK, [id(given)], |row| row.get::<_, i64>(0)).await? == 0 {
                tx.execute(MARK, [id(given)]).await?;
                tx.execute(CREDIT, []).await?;
            }
            tx.commit().await
        },
    );
}

#[test]
fn a_transaction_that_is_rolled_back() {
    agree(
        3,
        async |db: &Sqlite, given: &Given| {
            let id = id(given);
            db.call(move |c| {
                c.execute_batch("BEGIN EXCLUSIVE")?;
                c.execute(MARK, [&id])?;
                c.execute_batch("ROLLBACK")
            })
            .await
        },
        async |db: &Sqlite, given: &Given| {
            let tx = db.begin(TransactionBehavior::Exclusive).await?;
            tx.execute(MARK, [id(given)]).await?;
            tx.rollback().await
        },
    );
}
