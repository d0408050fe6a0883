//! The example of the README, as it stands there. It has a bug, and `redeliver` finds it.

use redeliver::{Delivery, Harness, Sqlite};

#[rustfmt::skip] // As the README breaks its lines.
pub const SCHEMA: &str = "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY);";

pub fn credit(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let seen: i64 = db.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |r| r.get(0))?;
    if seen == 0 {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        db.execute("INSERT INTO seen VALUES (?1)", [id])?;
    }
    Ok(())
}

#[should_panic(expected = "m0 took effect twice")]
#[rustfmt::skip] // As the README breaks its lines.
#[test]
fn credit_is_idempotent() {
    Harness::new(Sqlite::schema(SCHEMA).observe("SELECT balance FROM account"))
        .check(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| {
            let (id, amount) = (m.id().to_owned(), *m.payload());
            db.call(move |c| credit(c, &id, amount)).await
        });
}
