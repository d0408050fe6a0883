//! What one replay costs: on the key-value store, on SQLite in async code and through `call`, and beside that the bare
//! statements. `benches/README.md` has the figures and the bars.
//!
//! Everything is of two messages, and a sample is of so many replays that short disturbances do not count: read the column
//! `fastest`.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use divan::{Bencher, counter::ItemsCount};
use redeliver_harness::{
    Delivery, Error, KeyValue,
    history::{DeliveryName, Fault},
    measure::Replays,
};

fn main() {
    divan::main();
}

/// Replays in one sample.
const REPLAYS: usize = 1_000;

fn replays(bencher: Bencher<'_, '_>, mut replays: Replays) {
    bencher.counter(ItemsCount::new(REPLAYS)).bench_local(|| replays.run(REPLAYS));
}

fn bank() -> KeyValue {
    KeyValue::new("bank").observe_key("balance")
}

/// The first delivery is made again before its second operation.
fn overlap() -> Vec<Fault> {
    vec![Fault::Overlap { at: DeliveryName::new(0, 1).operation(2), to: None }]
}

/// Checks, applies and marks: three operations that commit by themselves.
async fn three_operations(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let mark = format!("seen:{}", m.id());
    if kv.get(&mark).await?.is_none() {
        kv.add("balance", *m.payload()).await?;
        kv.put(&mark, "1").await?;
    }
    Ok(())
}

/// The same in a transaction of four: begin, mark, apply, commit.
async fn transaction(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(&format!("seen:{}", m.id()), "1", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

#[divan::bench]
fn key_value_three_operations(bencher: Bencher<'_, '_>) {
    replays(bencher, Replays::new(bank(), Vec::new(), three_operations));
}

#[divan::bench]
fn key_value_three_operations_overlapped(bencher: Bencher<'_, '_>) {
    replays(bencher, Replays::new(bank(), overlap(), three_operations));
}

#[divan::bench]
fn key_value_transaction(bencher: Bencher<'_, '_>) {
    replays(bencher, Replays::new(bank(), Vec::new(), transaction));
}

#[cfg(feature = "sqlite")]
mod sqlite {
    //! Five statements for each of two messages: begin, check, apply, mark, commit. The bare ones include those by which the
    //! database is put back and looked at.

    use divan::{Bencher, counter::ItemsCount};
    use redeliver_harness::{
        Delivery,
        measure::Replays,
        sqlite::{Database, Sqlite},
    };
    use rusqlite::{Connection, TransactionBehavior::Immediate};

    use super::{REPLAYS, overlap, replays};

    const SCHEMA: &str =
        "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY);";
    const CHECK: &str = "SELECT count(*) FROM seen WHERE id = ?1";
    const APPLY: &str = "UPDATE account SET balance = balance + ?1";
    const MARK: &str = "INSERT INTO seen VALUES (?1)";
    const OBSERVE: &str = "SELECT balance FROM account";

    fn database() -> Database {
        Sqlite::schema(SCHEMA).observe(OBSERVE)
    }

    /// As `call` runs it: synchronous code, with its statements kept prepared so that all three sides run the same.
    fn credit(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let seen: i64 = db.prepare_cached(CHECK)?.query_row([id], |row| row.get(0))?;
        if seen == 0 {
            db.prepare_cached(APPLY)?.execute([amount])?;
            db.prepare_cached(MARK)?.execute([id])?;
        }
        db.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    async fn in_async_code(db: &Sqlite, m: &Delivery<i64>) -> rusqlite::Result<()> {
        let tx = db.begin(Immediate).await?;
        let seen: i64 = tx.query_row(CHECK, [m.id()], |row| row.get(0)).await?;
        if seen == 0 {
            tx.execute(APPLY, [*m.payload()]).await?;
            tx.execute(MARK, [m.id()]).await?;
        }
        tx.commit().await
    }

    async fn through_call(db: &Sqlite, m: &Delivery<i64>) -> rusqlite::Result<()> {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        db.call(move |db| credit(db, &id, amount)).await
    }

    #[divan::bench(sample_count = 20)]
    fn bare_rusqlite(bencher: Bencher<'_, '_>) {
        let file = shared_memory().join(format!("bare-rusqlite-{}.db", std::process::id()));
        let open = || -> rusqlite::Result<Connection> {
            let db = Connection::open(&file)?;
            db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 50")?;
            Ok(db)
        };
        let (mut control, mut db) = (open().expect("it opens"), open().expect("it opens"));
        control.execute_batch(SCHEMA).expect("the schema is right");
        bencher.counter(ItemsCount::new(REPLAYS)).bench_local(|| {
            for _ in 0..REPLAYS {
                bare_replay(&mut control, &mut db).expect("nothing here can fail");
            }
        });
        // The last connection that is closed takes the log with it.
        drop((control, db));
        std::fs::remove_file(&file).expect("it was made by nobody else");
    }

    fn bare_replay(control: &mut Connection, db: &mut Connection) -> rusqlite::Result<i64> {
        control.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get::<_, i64>(0))?;
        control.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        control.prepare_cached("DELETE FROM account")?.execute([])?;
        control.prepare_cached("INSERT INTO account VALUES (0)")?.execute([])?;
        control.prepare_cached("DELETE FROM seen")?.execute([])?;
        control.prepare_cached("COMMIT")?.execute([])?;
        credit(db, "m0", 100)?;
        credit(db, "m1", 200)?;
        control.prepare_cached(OBSERVE)?.query_row([], |row| row.get(0))
    }

    /// Where the harness has its databases too.
    fn shared_memory() -> std::path::PathBuf {
        let shared = std::path::Path::new("/dev/shm");
        if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
    }

    #[divan::bench(sample_count = 20)]
    fn async_operations(bencher: Bencher<'_, '_>) {
        replays(bencher, Replays::new(database(), Vec::new(), in_async_code));
    }

    #[divan::bench(sample_count = 20)]
    fn call(bencher: Bencher<'_, '_>) {
        replays(bencher, Replays::new(database(), Vec::new(), through_call));
    }

    #[divan::bench(sample_count = 20)]
    fn call_overlapped(bencher: Bencher<'_, '_>) {
        replays(bencher, Replays::new(database(), overlap(), through_call));
    }
}
