//! How much is recorded of a replay changes nothing of what happens in it. Tried where that is in doubt: synchronous code does
//! several statements in one hand-over unless each is to be told of.

use crate::{
    Delivery, History, Messages, Sqlite,
    history::{DeliveryName, Fault},
    machine::trace::{Detail, Event},
    rusqlite::{self, TransactionBehavior},
    subject::{Job, Subject},
    world::{Boot, World},
};

fn look(db: &rusqlite::Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT balance FROM account", [], |row| row.get(0))
}

/// Six statements, of which the fourth commits.
fn look_around_a_transaction(db: &mut rusqlite::Connection) -> rusqlite::Result<i64> {
    look(db)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("UPDATE account SET balance = balance + 100", [])?;
    tx.commit()?;
    look(db)?;
    look(db)
}

/// What happened, without words.
fn events(detail: Detail, faults: Vec<Fault>) -> Vec<Event> {
    let bank = Sqlite::schema("CREATE TABLE account(balance); INSERT INTO account VALUES (0)");
    let bank = bank.observe("SELECT balance FROM account");
    let handler = async |db: &Sqlite, _: &Delivery<i64>| db.call(look_around_a_transaction).await;
    let mut subject = World::new(bank, Boot::handles(), Messages::from(1..1000i64), handler);
    let history = History::at_least_once().message(100).message(300).message(900).build().expect("it has no faults");
    let history = History { faults, ..history };
    let mut events = subject.run(Job::Replay(&history), detail).expect("the database works").events;
    for event in &mut events {
        if let Event::Step { words, .. } | Event::Blocked { words, .. } = event {
            *words = None;
        }
    }
    events
}

#[test]
fn who_waits_for_a_lock_can_run_from_the_statement_on_that_releases_it() {
    let at = |message, operation| DeliveryName::new(message, 1).operation(operation);
    // m1#1 waits for the lock of m0#1, and m2#1 for the statement after that which releases it: m1#1 could run earlier.
    let faults = vec![Fault::Pause { at: at(0, 3), until: None }, Fault::Pause { at: at(2, 1), until: Some(at(0, 5)) }];
    let told = events(Detail::Words, faults.clone());
    assert_eq!(events(Detail::Facts, faults), told);
    let step = |point| told.iter().position(|event| event.point() == Some(point)).expect("it acts");
    assert!(step(at(1, 2)) < step(at(2, 1)));
}
