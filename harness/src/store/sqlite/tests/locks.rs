//! Locks: who waits, who goes on, who is refused.

use super::*;

fn blocked(replay: &Replay) -> usize {
    replay.events.iter().filter(|event| matches!(event, Event::Blocked { .. })).count()
}

fn gave_up(replay: &Replay) -> usize {
    let gave_up = |event: &&Event| matches!(event, Event::Step { facts, .. } if facts.gave_up);
    replay.events.iter().filter(gave_up).count()
}

#[test]
fn the_second_of_two_overlapping_transactions_waits_for_the_first() {
    for database in [bank(), bank().in_memory()] {
        let mut subject = subject(database, atomic);
        for n in 2..=4 {
            let replay = replay(&mut subject, 1, vec![Fault::Overlap { at: at(n), to: None }]);
            assert_eq!((blocked(&replay), gave_up(&replay), balance(&replay)), (1, 0, "100"));
        }
    }
}

#[test]
fn a_lock_that_is_held_for_long_is_refused_after_the_timeout() {
    // The first stands until the other has ended, which can only end by giving up.
    for database in [bank(), bank().in_memory()] {
        let mut subject = subject(database, atomic);
        let until = Some(DeliveryName::new(1, 1).ack());
        let first = Fault::Overlap { at: at(2), to: None };
        let replay = replay(&mut subject, 2, vec![first, Fault::Pause { at: at(2), until }]);
        assert_eq!((&replay.end, balance(&replay)), (&End::Drained, "400"));
    }
}

#[test]
fn a_reader_that_cannot_become_a_writer_is_refused_at_once() {
    fn upgrades(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
        let tx = db.transaction()?;
        let seen: i64 = tx.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |r| r.get(0))?;
        if seen == 0 {
            tx.execute("INSERT INTO seen VALUES (?1)", [id])?;
            tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        }
        tx.commit()
    }
    let mut subject = subject(bank(), upgrades);
    let replay = replay(&mut subject, 1, vec![Fault::Overlap { at: at(3), to: None }]);
    assert_eq!((&replay.end, balance(&replay)), (&End::Drained, "100"));
    assert!(steps(&replay).iter().any(|step| step.ends_with("database is locked")));
    assert_eq!((blocked(&replay), gave_up(&replay)), (0, 0));
}

#[test]
fn a_busy_timeout_of_the_users_own_is_refused_and_does_not_outlive_its_call() {
    fn hasty(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
        db.busy_timeout(std::time::Duration::from_millis(1))?;
        atomic(db, id, amount)
    }
    let mut subject = subject(bank(), hasty);
    for _ in 0..2 {
        let replay = replay(&mut subject, 1, vec![Fault::Overlap { at: at(2), to: None }]);
        assert_eq!((&replay.end, balance(&replay)), (&End::Drained, "100"));
    }
}
