//! Handlers and checks that cannot be judged, or are judged by how they fail: what each gets.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use redeliver::{Anomaly, Delivery, Error, Harness, KeyValue, Outcome, Sqlite, Verdict};

fn cache() -> KeyValue {
    KeyValue::new("cache").observed()
}

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Inconclusive(inconclusive) => inconclusive.reason,
        other => panic!("not inconclusive: {}", other.report("check")),
    }
}

#[test]
fn a_handler_that_panics_is_stuck_and_the_panic_stands_in_the_trace() {
    let verdict = Harness::new(cache())
        .verdict(1..9i64, async |_: &KeyValue, _: &Delivery<i64>| -> Outcome { panic!("no such account") });
    assert_eq!(verdict.anomaly(), Some(Anomaly::Stuck));
    assert!(verdict.report("check").contains("no such account"), "{}", verdict.report("check"));
}

#[test]
fn a_panic_after_the_effect_takes_effect_again() {
    let verdict = Harness::new(cache()).verdict(1..9i64, async |kv: &KeyValue, m: &Delivery<i64>| {
        kv.add("balance", *m.payload()).await?;
        assert!(m.attempt() > 1, "the first attempt always panics");
        Ok::<(), Error>(())
    });
    // It leaves the same in every history and in no reference run: each of its first attempts fails.
    assert!(verdict.anomaly().is_some(), "{}", verdict.report("check"));
}

#[test]
fn a_handler_that_waits_for_nothing_of_ours_is_named() {
    let verdict = Harness::new(cache())
        .verdict(1..9i64, async |_: &KeyValue, _: &Delivery<i64>| -> Outcome { std::future::pending().await });
    assert!(reason(verdict).starts_with("m0#1 waits for something that the harness does not run"));
}

#[test]
fn a_handler_that_never_ends_meets_a_step_limit() {
    let verdict =
        Harness::new(cache()).verdict(1..9i64, async |kv: &KeyValue, _: &Delivery<i64>| -> Result<(), Error> {
            loop {
                kv.get("lock").await?;
            }
        });
    assert!(reason(verdict).contains("made 10000 steps without an end"));
}

#[test]
fn synchronous_code_that_never_ends_meets_the_same_limit() {
    let database = Sqlite::schema("CREATE TABLE lock(id)").observe("SELECT id FROM lock");
    let verdict = Harness::new(database).verdict(1..9i64, async |db: &Sqlite, _: &Delivery<i64>| {
        db.call(|c| -> rusqlite::Result<()> {
            loop {
                c.query_row("SELECT count(*) FROM lock", [], |row| row.get::<_, i64>(0))?;
            }
        })
        .await
    });
    assert!(reason(verdict).contains("made 10000 steps without an end"));
}

#[test]
fn synchronous_code_that_waits_for_a_lock_of_its_process_is_given_up_and_soon_for_good() {
    let database = Sqlite::schema("CREATE TABLE account(balance); INSERT INTO account VALUES (0)");
    let process = |db| (db, Arc::new(Mutex::new(())));
    let verdict = Harness::new(database.observe("SELECT balance FROM account")).process(process).verdict(
        1..9i64,
        async |(db, one_at_a_time): &(Sqlite, Arc<Mutex<()>>), m: &Delivery<i64>| {
            let (mine, amount) = (Arc::clone(one_at_a_time), *m.payload());
            db.call(move |c| {
                let _mine = mine.lock();
                c.execute("UPDATE account SET balance = ?1", [amount])
            })
            .await
        },
    );
    let reason = reason(verdict);
    assert!(reason.contains("does it wait for a lock of its process"), "{reason}");
}

#[test]
fn a_static_that_outlives_a_replay_is_found_out() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let verdict = Harness::new(cache()).verdict(1..9i64, async |kv: &KeyValue, _: &Delivery<i64>| {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed);
        kv.put("calls", &calls.to_string()).await
    });
    let reason = reason(verdict);
    assert!(reason.contains("put calls"), "it names the first operation that differed: {reason}");
}

#[test]
fn where_nothing_is_observed_that_is_an_error() {
    let verdict = Harness::new(KeyValue::new("cache"))
        .verdict(1..9i64, async |kv: &KeyValue, m: &Delivery<i64>| kv.put(m.id(), "done").await);
    assert!(reason(verdict).starts_with("nothing is observed"));
}

#[test]
fn where_nothing_can_be_seen_nothing_can_be_said() {
    let verdict = Harness::new(KeyValue::new("cache").observe_prefix("balance"))
        .verdict(1..9i64, async |kv: &KeyValue, m: &Delivery<i64>| kv.put(m.id(), "done").await);
    assert!(reason(verdict).starts_with("nothing can be seen"));
}

#[test]
fn a_schema_that_does_not_parse_is_told_as_sqlite_tells_it() {
    let verdict = Harness::new(Sqlite::schema("CREATE TABEL account(balance)").observe("SELECT 1"))
        .verdict(1..9i64, async |_: &Sqlite, _: &Delivery<i64>| Ok::<(), Error>(()));
    let reason = reason(verdict);
    assert!(reason.starts_with("sqlite: open failed: ") && reason.contains("TABEL"), "{reason}");
}

#[test]
fn a_query_that_does_not_parse_is_told_too() {
    let verdict = Harness::new(Sqlite::schema("CREATE TABLE account(balance)").observe("SELECT balanse FROM account"))
        .verdict(1..9i64, async |_: &Sqlite, _: &Delivery<i64>| Ok::<(), Error>(()));
    let reason = reason(verdict);
    assert!(reason.starts_with("sqlite: observe failed: no such column: balanse"), "{reason}");
}
