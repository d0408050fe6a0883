//! Code of a process that died: nothing of it is committed, and what comes after works.

use super::*;

fn insists<T>(mut attempt: impl FnMut() -> rusqlite::Result<T>) {
    for _ in 0..3 {
        if attempt().is_ok() {
            break;
        }
    }
}

/// Ignores every error and tries everything three times.
fn stubborn_transaction(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    insists(|| db.execute_batch("BEGIN IMMEDIATE"));
    insists(|| db.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id]));
    insists(|| db.execute("UPDATE account SET balance = balance + ?1 WHERE changes() = 1", [amount]));
    insists(|| db.execute_batch("COMMIT"));
    Ok(())
}

fn stubborn_autocommit(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    insists(|| db.execute("UPDATE account SET balance = balance + ?1", [amount]));
    insists(|| db.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id]));
    Ok(())
}

/// Stands inside an open `UPDATE … RETURNING`, which commits only when it is read to its end.
fn stubborn_cursor(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    for _ in 0..3 {
        let mut update = db.prepare("UPDATE account SET balance = balance + ?1 RETURNING balance")?;
        let Ok(mut rows) = update.query([amount]) else { continue };
        if !matches!(rows.next(), Ok(Some(_))) {
            continue;
        }
        insists(|| db.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |_| Ok(())));
        while let Ok(Some(_)) = rows.next() {}
        break;
    }
    Ok(())
}

fn crash(n: u32) -> Vec<Fault> {
    vec![Fault::Crash { at: at(n) }]
}

#[test]
fn nothing_of_a_dead_process_is_committed_and_its_lock_is_free() {
    let cases: [(Code, u32, [&str; 4]); 3] = [
        (stubborn_transaction, 4, ["400", "400", "400", "400"]),
        // What it committed before it died stands.
        (stubborn_autocommit, 2, ["400", "500", "", ""]),
        (stubborn_cursor, 2, ["400", "400", "", ""]),
    ];
    for database in [bank, || bank().in_memory()] {
        for (code, points, expected) in cases {
            let mut subject = subject(database(), code);
            for n in 1..=points {
                let replay = replay(&mut subject, 2, crash(n));
                assert_eq!(replay.end, End::Drained);
                assert!(replay.unused.is_empty());
                assert_eq!(balance(&replay), expected[n as usize - 1], "crash {n}");
            }
        }
    }
}

#[test]
fn dead_code_that_loops_for_ever_leaves_the_next_replay_a_file_of_its_own() {
    fn loops(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
        while atomic(db, id, amount).is_err() {}
        Ok(())
    }
    for database in [bank(), bank().in_memory()] {
        let mut subject = subject(database, loops);
        for n in 2..=4 {
            assert!(matches!(replay(&mut subject, 2, crash(n)).end, End::Inconclusive(_)));
            let after = replay(&mut subject, 2, vec![]);
            assert_eq!((&after.end, balance(&after)), (&End::Drained, "400"));
        }
    }
}

#[test]
fn a_panic_with_an_open_transaction_frees_the_lock_and_is_no_step() {
    fn panics(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let new = db.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id])?;
        assert!(id != "m0" || db.query_row("SELECT count(*) FROM seen", [], |r| r.get::<_, i64>(0))? != 1, "no!");
        if new == 1 {
            db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        }
        db.execute_batch("COMMIT")
    }
    let mut subject = subject(bank(), panics);
    for faults in [vec![], vec![Fault::Overlap { at: at(3), to: None }]] {
        let replay = replay(&mut subject, 2, faults);
        assert!(!steps(&replay).iter().any(|step| step.contains("ROLLBACK")));
        let gave_up = |event: &Event| matches!(event, Event::Step { facts, .. } if facts.gave_up);
        // The overlap waited for the lock and got it when the panic let go of it.
        assert!(!replay.events.iter().any(gave_up));
    }
}

#[test]
fn dead_code_that_has_no_statement_left_just_ends() {
    fn ends(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
        if db.execute("UPDATE account SET balance = balance + ?1", [amount]).is_err() {
            // Nothing of this reaches the database.
            return Ok(());
        }
        db.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id]).map(drop).or(Ok(()))
    }
    let mut subject = subject(bank(), ends);
    for (n, expected) in [(1, "400"), (2, "500")] {
        let replay = replay(&mut subject, 2, crash(n));
        assert_eq!((&replay.end, balance(&replay)), (&End::Drained, expected));
        assert!(replay.unused.is_empty());
    }
}
