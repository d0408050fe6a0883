//! Several calls at once, connections of a user's own, and replays elsewhere.

use futures::{StreamExt, future::join, stream::FuturesUnordered};

use super::*;
use crate::machine::testing::{Given, Stage, at, crash, fail, lines, overlap, points, rows};

const SCHEMA: &str = "CREATE TABLE t(who, n)";

fn table(in_memory: bool) -> Database {
    let table = Sqlite::schema(SCHEMA).observe("SELECT who, n FROM t ORDER BY rowid");
    if in_memory { table.in_memory() } else { table }
}

/// Two statements of its own.
async fn two(db: &Sqlite, who: &'static str) -> rusqlite::Result<()> {
    db.call(move |c| {
        for n in 1..=2 {
            c.execute("INSERT INTO t VALUES (?1, ?2)", (who, n))?;
        }
        Ok(())
    })
    .await
}

#[test]
fn the_statements_of_calls_that_run_at_once_are_numbered_as_they_are_registered() {
    for in_memory in [false, true] {
        let mut stage = Stage::new(table(in_memory), async |db: &Sqlite, _: &Given| {
            let (one, other) = join(two(db, "a"), two(db, "b")).await;
            one.and(other)
        });
        let plain = stage.replay(1, &[]);
        assert_eq!(points(&plain), ["m0#1.1", "m0#1.2", "m0#1.3", "m0#1.4", "m0#1.ack"]);
        assert_eq!(rows(&plain), ["a=1", "b=1", "a=2", "b=2"]);
        assert_eq!(stage.replay(1, &[]).events, plain.events);
        // The third that was registered is the second of the first call.
        let failed = stage.replay(1, &[fail(at(0, 1, 3))]);
        assert_eq!(rows(&failed)[..3], ["a=1", "b=1", "b=2"]);
        let crashed = stage.replay(1, &[crash(at(0, 1, 4))]);
        assert_eq!(rows(&crashed), ["a=1", "b=1", "a=2", "a=1", "b=1", "a=2", "b=2"]);
    }
}

#[test]
fn a_call_wakes_whoever_polls_it() {
    let mut stage = Stage::new(table(false), async |db: &Sqlite, _: &Given| {
        let calls: FuturesUnordered<_> = ["a", "b", "c"].into_iter().map(|who| two(db, who)).collect();
        let ended: Vec<rusqlite::Result<()>> = calls.collect().await;
        ended.into_iter().collect::<rusqlite::Result<()>>()
    });
    let replay = stage.replay(1, &[]);
    assert_eq!((&replay.end, rows(&replay).len()), (&End::Drained, 6));
}

#[test]
fn a_connection_of_a_users_own_is_stepped_where_it_is_used() {
    let mut stage = Stage::with_process(
        table(false),
        |db: Sqlite| {
            let mut own = rusqlite::Connection::open(db.path().unwrap()).unwrap();
            crate::sqlite::instrument(&mut own).unwrap();
            (db, std::sync::Arc::new(std::sync::Mutex::new(own)))
        },
        async |(db, own): &(Sqlite, std::sync::Arc<std::sync::Mutex<rusqlite::Connection>>), given: &Given| {
            let (own, id) = (std::sync::Arc::clone(own), format!("m{}", given.message));
            db.run(move || {
                let mut own = own.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let tx = own.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                tx.execute("INSERT INTO t VALUES (?1, 1)", [id])?;
                tx.commit()
            })
            .await
        },
    );
    for _ in 0..2 {
        let plain = stage.replay(2, &[]);
        assert_eq!(points(&plain)[..4], ["m0#1.1", "m0#1.2", "m0#1.3", "m0#1.ack"]);
        assert_eq!(rows(&plain), ["m0=1", "m1=1"]);
        // Overlapped by another process, whose connection waits for the lock.
        let overlapped = stage.replay(1, &[overlap(at(0, 1, 2))]);
        assert_eq!(overlapped.events.iter().filter(|event| matches!(event, Event::Blocked { .. })).count(), 1);
        assert_eq!(rows(&overlapped), ["m0=1", "m0=1"]);
        let crashed = stage.replay(1, &[crash(at(0, 1, 3))]);
        assert_eq!((rows(&crashed), &crashed.end), (vec!["m0=1".to_owned()], &End::Drained));
    }
}

#[test]
fn of_two_that_wait_for_each_other_the_longest_parked_gives_up_after_five_seconds() {
    // Each holds one call's lock and waits for the other's: in one delivery, nobody else can let go.
    let mut stage = Stage::new(table(false), async |db: &Sqlite, _: &Given| {
        let begun = db.begin(rusqlite::TransactionBehavior::Immediate).await?;
        let (one, other) = join(two(db, "a"), two(db, "b")).await;
        assert!(one.is_err() && other.is_err());
        begun.execute("INSERT INTO t VALUES ('own', 0)", []).await?;
        begun.commit().await
    });
    let replay = stage.replay(1, &[]);
    let said = lines(&replay);
    let line = |start: &str| said.iter().position(|line| line.starts_with(start)).expect(start);
    assert!(line("m0#1.2 blocked") < line("m0#1.3 blocked") && line("m0#1.3 blocked") < line("clock 5s"));
    assert!(line("clock 5s") < line("m0#1.2 INSERT INTO t VALUES ('a', 1): database is locked"));
    assert!(line("m0#1.2 INSERT") < line("m0#1.3 INSERT INTO t VALUES ('b', 1): database is locked"));
    assert_eq!((rows(&replay), &replay.end), (vec!["own=0".to_owned()], &End::Drained));
}

/// Looks before it locks; the connection that does so was never used, since four others are in use.
async fn crowded(db: &Sqlite, given: &Given) -> rusqlite::Result<()> {
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(db.begin(rusqlite::TransactionBehavior::Deferred).await?);
    }
    let id = format!("m{}", given.message);
    db.call(move |c| {
        c.query_row("SELECT count(*) FROM t", [], |_| Ok(()))?;
        c.execute_batch("BEGIN IMMEDIATE")?;
        c.execute("INSERT INTO t VALUES (?1, 1)", [id])?;
        c.execute_batch("COMMIT")
    })
    .await
}

#[test]
fn in_memory_a_first_statement_waits_for_a_writer_to_be_prepared() {
    // Without a fault it waits in the turn of its first statement; a fault at that statement waits with it.
    for (fault, told) in [
        (None, "m0#2.5 SELECT count(*) FROM t: 1"),
        (Some(fail(at(0, 2, 5))), "m0#2.5 SELECT count(*) FROM t: interrupted"),
    ] {
        let mut stage = Stage::new(table(true), crowded);
        let faults: Vec<Fault> = std::iter::once(overlap(at(0, 1, 7))).chain(fault).collect();
        let replay = stage.replay(1, &faults);
        let said = lines(&replay);
        let line = |start: &str| said.iter().position(|line| line.starts_with(start)).expect(start);
        assert!(line("m0#2.5 blocked, (to its next statement)") < line("m0#1.8 COMMIT"));
        assert!(line("m0#1.8 COMMIT") < line(told));
        assert!(replay.unused.is_empty());
        assert_eq!(points(&replay).iter().filter(|point| *point == "m0#2.5").count(), 1);
    }
}

#[test]
fn in_memory_a_first_statement_that_cannot_be_prepared_is_refused_after_five_seconds() {
    let mut stage = Stage::new(table(true), crowded);
    let until = Some(DeliveryName::new(0, 2).ack());
    let here = at(0, 1, 7);
    let replay = stage.replay(1, &[overlap(here), Fault::Pause { at: here, until }]);
    let said = lines(&replay);
    let line = |start: &str| said.iter().position(|line| line.starts_with(start)).expect(start);
    assert!(line("m0#2.5 blocked") < line("clock 5s"));
    assert!(line("clock 5s") < line("m0#2.5 (to its next statement): database is locked"));
    assert!(line("m0#2.5 (to") < line("m0#2 Retry(\"database is locked\")"));
    assert_eq!((rows(&replay), &replay.end), (vec!["m0=1".to_owned()], &End::Drained));
}

#[test]
fn in_memory_a_connection_that_was_never_used_is_as_one_that_was() {
    fn looks_first(c: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
        c.query_row("SELECT count(*) FROM seen", [], |_| Ok(()))?;
        atomic(c, id, amount)
    }
    let overlap = Fault::Overlap { at: super::at(3), to: None };
    for faults in [vec![overlap.clone()], vec![overlap, Fault::Fail { at: DeliveryName::new(0, 2).operation(1) }]] {
        let mut subject = subject(bank().in_memory(), looks_first);
        let mut run = || replay(&mut subject, 1, faults.clone());
        let first = run();
        assert_eq!((&first.end, balance(&first), &first.unused), (&End::Drained, "100", &vec![]));
        assert_eq!(run().events, first.events);
    }
}

#[test]
fn a_replay_in_a_fresh_thread_is_the_same() {
    for database in [bank, || bank().in_memory()] {
        for code in [credit as Code, atomic] {
            let mut subject = subject(database(), code);
            let messages = subject.workloads(2)[1].messages.clone();
            for faults in [
                vec![],
                vec![Fault::Crash { at: super::at(2) }],
                vec![Fault::Overlap { at: super::at(2), to: None }],
                vec![Fault::Fail { at: super::at(1) }, Fault::LoseReply { at: super::at(3) }],
            ] {
                let messages = messages.clone();
                let history = History { model: DeliveryModel::at_least_once(), processes: 2, messages, faults };
                let here = subject.run(Job::Replay(&history), Detail::Watched).unwrap();
                let there = subject.run_elsewhere(Job::Replay(&history), Detail::Watched).unwrap();
                assert_eq!(here.events, there.events);
                assert_eq!((here.observation, here.key, here.end), (there.observation, there.key, there.end));
            }
        }
    }
}
