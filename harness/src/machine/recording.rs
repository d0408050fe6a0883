//! How much is recorded of a replay changes nothing of what happens in it. Tried where that is in doubt: synchronous code does
//! several statements in one hand-over unless each is to be told of.

use std::time::Duration;

use crate::{
    Delivery, History, Messages, Sqlite,
    history::{DeliveryName, Fault},
    invariants::Invariants,
    machine::trace::{Detail, Event},
    rusqlite::{self, TransactionBehavior},
    sqlite::Database,
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

fn bank() -> Database {
    let bank = Sqlite::schema("CREATE TABLE account(balance); INSERT INTO account VALUES (0)");
    bank.observe("SELECT balance FROM account")
}

/// What happened, without words.
fn events(detail: Detail, faults: Vec<Fault>) -> Vec<Event> {
    let handler = async |db: &Sqlite, _: &Delivery<i64>| db.call(look_around_a_transaction).await;
    events_of(&mut World::new(bank(), Boot::handles(), Messages::from(1..1000i64), handler), detail, faults)
}

fn events_of(subject: &mut dyn Subject, detail: Detail, faults: Vec<Fault>) -> Vec<Event> {
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

#[test]
fn every_fault_acts_at_its_statement_however_many_stand_before_it() {
    let at = |message, operation| DeliveryName::new(message, 1).operation(operation);
    let jump = |operation| Fault::Advance { at: at(0, operation), by: Duration::from_secs(1) };
    for faults in [vec![jump(2), jump(5)], vec![jump(2), jump(3), jump(6)], vec![jump(5), jump(2)]] {
        let told = events(Detail::Words, faults.clone());
        let jumps = told.iter().filter(|event| matches!(event, Event::Clock { .. })).count();
        assert_eq!((jumps, events(Detail::Facts, faults.clone())), (faults.len(), told));
    }
}

#[test]
fn whoever_gives_up_waiting_for_a_lock_goes_on_past_a_fault_that_waits_with_it() {
    let of = |message| DeliveryName::new(message, 1);
    let stands = Fault::Pause { at: of(0).operation(3), until: Some(of(1).ack()) };
    let faults = vec![stands, Fault::Fail { at: of(1).operation(2) }];
    assert_eq!(events(Detail::Facts, faults.clone()), events(Detail::Words, faults));
}

#[test]
fn calls_that_are_made_at_once_take_turns_whoever_is_told_of_them() {
    let handler = async |db: &Sqlite, _: &Delivery<i64>| {
        let (one, other) = futures::join!(db.call(|db| look(db)), db.call(|db| look(db).and_then(|_| look(db))));
        one.and(other)
    };
    let mut subject = World::new(bank(), Boot::handles(), Messages::from(1..1000i64), handler);
    assert_eq!(events_of(&mut subject, Detail::Facts, vec![]), events_of(&mut subject, Detail::Words, vec![]));
}

#[test]
fn an_invariant_that_is_broken_between_two_statements_of_a_call_is_seen() {
    let handler = async |db: &Sqlite, _: &Delivery<i64>| {
        db.call(|db| {
            db.execute("UPDATE account SET balance = 1", [])?;
            db.execute("UPDATE account SET balance = 0", [])
        })
        .await
    };
    let mut invariants = Invariants::default();
    invariants.add("nothing is there", |seen| !format!("{seen:?}").contains("\"1\""));
    let mut subject = World::new(bank(), Boot::handles(), Messages::from(1..1000i64), handler).holding(invariants);
    let history = History::at_least_once().message(100).build().expect("it has no faults");
    let replay = subject.run(Job::Replay(&history), Detail::Facts).expect("the database works");
    let first = replay.events.iter().position(|event| matches!(event, Event::Step { .. })).expect("it acts");
    assert_eq!(replay.broken.map(|broken| broken.position), Some(first + 1));
}
