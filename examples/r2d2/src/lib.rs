//! A service that credits an account, with a pool of SQLite connections. It has a bug.

use std::{error, path::PathBuf};

use rusqlite::Connection;

/// What a handler may meet.
pub type Error = Box<dyn error::Error + Send + Sync>;

/// Opens the connections of a pool.
pub struct Connections {
    path: PathBuf,
    /// Called with each connection before it is used.
    with_init: fn(&mut Connection) -> rusqlite::Result<()>,
}

impl Connections {
    /// Connections to this file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), with_init: |_| Ok(()) }
    }

    /// The same, each prepared so.
    pub fn with_init(self, with_init: fn(&mut Connection) -> rusqlite::Result<()>) -> Self {
        Self { with_init, ..self }
    }
}

impl r2d2::ManageConnection for Connections {
    type Connection = Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Connection> {
        let mut connection = Connection::open(&self.path)?;
        (self.with_init)(&mut connection)?;
        Ok(connection)
    }

    fn is_valid(&self, _connection: &mut Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    fn has_broken(&self, _connection: &mut Connection) -> bool {
        false
    }
}

/// A pool of them.
pub type Pool = r2d2::Pool<Connections>;

/// The tables.
pub const SCHEMA: &str =
    "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY);";

/// Credits the account, once for each id. Or so it was meant.
pub fn credit(pool: &Pool, id: &str, amount: i64) -> Result<(), Error> {
    let db = pool.get()?;
    let seen: i64 = db.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |r| r.get(0))?;
    if seen == 0 {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        db.execute("INSERT INTO seen VALUES (?1)", [id])?;
    }
    Ok(())
}

/// The same, mended: check, update and mark are one transaction.
pub fn credit_once(pool: &Pool, id: &str, amount: i64) -> Result<(), Error> {
    let mut db = pool.get()?;
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if tx.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id])? == 1 {
        tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    }
    Ok(tx.commit()?)
}
