//! Synchronous code is stepped on real SQLite: what each fault does to it.

use crate::{
    Delivery, DeliveryModel, History, Messages,
    history::{DeliveryName, Fault},
    machine::trace::{Detail, End, Event, Replay},
    sqlite::{Database, Sqlite},
    subject::{Job, Subject},
    world::{Boot, World},
};

mod connection;
mod dead;
mod faults;
mod locks;
mod points;
mod reset;
mod same;
mod several;

const SCHEMA: &str =
    "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY);";

fn credit(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let seen: i64 = db.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |r| r.get(0))?;
    if seen == 0 {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        db.execute("INSERT INTO seen VALUES (?1)", [id])?;
    }
    Ok(())
}

fn atomic(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if tx.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id])? == 1 {
        tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    }
    tx.commit()
}

type Code = fn(&mut rusqlite::Connection, &str, i64) -> rusqlite::Result<()>;

fn subject(database: Database, code: Code) -> impl Subject {
    World::new(database, Boot::handles(), Messages::from(1..1000i64), async move |db: &Sqlite, m: &Delivery<i64>| {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        db.call(move |c| code(c, &id, amount)).await
    })
}

fn bank() -> Database {
    Sqlite::schema(SCHEMA).observe("SELECT balance FROM account")
}

fn replay(subject: &mut impl Subject, messages: usize, faults: Vec<Fault>) -> Replay {
    let messages = subject.workloads(messages)[messages - 1].messages.clone();
    let history = History { model: DeliveryModel::at_least_once(), processes: 2, messages, faults };
    let replay = subject.run(Job::Replay(&history), Detail::Watched).unwrap();
    for event in &replay.events {
        println!("{event:?}");
    }
    println!("{:?} {:?}", replay.unused, replay.end);
    replay
}

fn steps(replay: &Replay) -> Vec<String> {
    let words = |event: &Event| match event {
        Event::Step { at, words: Some(words), .. } => Some(format!("{at} {} -> {}", words.what, words.result)),
        _ => None,
    };
    replay.events.iter().filter_map(words).collect()
}

fn balance(replay: &Replay) -> &str {
    let crate::store::Seen::Rows(rows) = &replay.observation.parts()[0].1 else { panic!("a query gives rows") };
    &rows.rows[0][0]
}

fn at(n: u32) -> crate::history::Coordinate {
    DeliveryName::new(0, 1).operation(n)
}

#[test]
fn unchanged_code_stops_before_each_statement() {
    let replay = replay(&mut subject(bank(), credit), 1, vec![]);
    assert_eq!(
        steps(&replay),
        [
            "m0#1.1 SELECT count(*) FROM seen WHERE id = 'm0' -> 0",
            "m0#1.2 UPDATE account SET balance = balance + 100 -> 1 row",
            "m0#1.3 INSERT INTO seen VALUES ('m0') -> 1 row",
        ]
    );
    assert_eq!(balance(&replay), "100");
}

#[test]
fn an_overlap_between_check_and_effect_applies_twice() {
    let replay = replay(&mut subject(bank(), credit), 1, vec![Fault::Overlap { at: at(2), to: None }]);
    assert_eq!(balance(&replay), "200");
    assert!(
        steps(&replay).contains(&"m0#1.3 INSERT INTO seen VALUES ('m0') -> UNIQUE constraint failed: seen.id".into())
    );
    assert_eq!(replay.end, End::Drained);
}

#[test]
fn a_crash_before_the_mark_applies_twice() {
    let replay = replay(&mut subject(bank(), credit), 1, vec![Fault::Crash { at: at(3) }]);
    assert_eq!(balance(&replay), "200");
}

#[test]
fn a_transaction_survives_every_single_fault() {
    let mut subject = subject(bank(), atomic);
    for n in 1..=4 {
        let at = at(n);
        for fault in [
            Fault::Overlap { at, to: None },
            Fault::Crash { at },
            Fault::Fail { at },
            Fault::LoseReply { at },
            Fault::Pause { at, until: None },
            Fault::Duplicate { message: 0, at: Some(at) },
        ] {
            println!("{fault}");
            let replay = replay(&mut subject, 2, vec![fault]);
            assert_eq!(replay.end, End::Drained);
            assert_eq!(balance(&replay), "400");
        }
    }
}
