//! What the bookmark is for: the same applier with its bookmark in a statement of its own.

use redeliver_harness::{Anomaly, Delivery, Harness, sqlite::Sqlite};
use rusqlite::Connection;

use super::{ENTRY, PERIOD, consume, next};
use crate::registry::AMOUNTS;

/// Row by row: first the balance, then the bookmark.
fn apply_and_then_turn_the_page(db: &Connection) -> rusqlite::Result<()> {
    while let Some((number, amount)) = next(db)? {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        db.execute("UPDATE account SET applied = ?1 WHERE applied < ?1", [number])?;
    }
    Ok(())
}

#[test]
fn an_applier_whose_bookmark_is_a_statement_of_its_own_applies_twice() {
    let verdict = Harness::new(ENTRY.database())
        .every(PERIOD, "applier", async |db: &Sqlite| {
            drop(db.call(|connection| apply_and_then_turn_the_page(connection)).await);
        })
        .verdict(AMOUNTS, async |db: &Sqlite, m: &Delivery<i64>| {
            let (id, amount) = (m.id().to_owned(), *m.payload());
            db.call(move |connection| consume(connection, &id, amount)).await
        });
    assert_eq!(verdict.anomaly(), Some(Anomaly::Twice), "{}", verdict.report("applier"));
}
