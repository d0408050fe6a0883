//! Stores of claims, as users write them, under the ready-made cases: one over SQLite and one over keys that run out.

use std::{panic, time::Duration};

use redeliver::{
    Error, Harness, KeyValue, Sqlite, Verdict, rusqlite,
    suite::{Case, Claimed, Claims},
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// Claims stand so long.
const TTL: Duration = Duration::from_secs(30);

/// Claims in a table: a claim that ran out is taken over under a higher number.
struct Table(Sqlite);

const SCHEMA: &str =
    "CREATE TABLE claim (id TEXT PRIMARY KEY, number INTEGER NOT NULL, until INTEGER NOT NULL, reply TEXT);";

fn claim(db: &mut Connection, id: &str, now: i64) -> rusqlite::Result<Claimed<(String, i64), String>> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT INTO claim VALUES (?1, 1, ?2, NULL)
        ON CONFLICT (id) DO UPDATE SET number = number + 1, until = excluded.until WHERE reply IS NULL AND until <= ?3
        RETURNING number";
    let won = tx.query_row(sql, (id, now + TTL.as_millis() as i64, now), |row| row.get(0)).optional()?;
    let claimed = match won {
        Some(number) => Claimed::Won((id.to_owned(), number)),
        None => match tx.query_row("SELECT reply FROM claim WHERE id = ?1", [id], |row| row.get(0))? {
            Some(reply) => Claimed::Done(reply),
            None => Claimed::Busy,
        },
    };
    tx.commit()?;
    Ok(claimed)
}

impl Claims for Table {
    type Token = (String, i64);
    type Reply = String;
    type Error = Error;

    async fn claim(&self, id: &str, now: Duration) -> Result<Claimed<(String, i64), String>, Error> {
        let (id, now) = (id.to_owned(), now.as_millis() as i64);
        self.0.call(move |db| claim(db, &id, now)).await.map_err(Error::other)
    }

    async fn complete(&self, (id, number): (String, i64), reply: String) -> Result<(), Error> {
        let sql = "UPDATE claim SET reply = ?3 WHERE id = ?1 AND number = ?2";
        let changed = self.0.call(move |db| db.execute(sql, (id, number, reply))).await.map_err(Error::other)?;
        if changed == 1 { Ok(()) } else { Err(Error::other("the claim ran out")) }
    }

    async fn release(&self, (id, number): (String, i64)) -> Result<(), Error> {
        let sql = "DELETE FROM claim WHERE id = ?1 AND number = ?2 AND reply IS NULL";
        self.0.call(move |db| db.execute(sql, (id, number))).await.map(drop).map_err(Error::other)
    }

    fn reply(number: u32) -> String {
        format!("receipt {number}")
    }
}

/// Claims as in Redis. Whether whoever gives up looks whether the claim still is its own.
struct Keys {
    store: KeyValue,
    careful: bool,
}

impl Claims for Keys {
    type Token = (String, String);
    type Reply = u32;
    type Error = Error;

    async fn claim(&self, id: &str, _now: Duration) -> Result<Claimed<(String, String), u32>, Error> {
        let number = self.store.add("claims", 1).await?.to_string();
        if self.store.put_if_absent(&format!("claim:{id}"), &number, Some(TTL)).await? {
            return Ok(Claimed::Won((format!("claim:{id}"), number)));
        }
        let value = self.store.get(&format!("claim:{id}")).await?;
        let reply = value.and_then(|value| value.strip_prefix("done ")?.parse().ok());
        Ok(reply.map_or(Claimed::Busy, Claimed::Done))
    }

    async fn complete(&self, (key, number): (String, String), reply: u32) -> Result<(), Error> {
        match self.store.compare_and_set(&key, &number, &format!("done {reply}")).await? {
            true => Ok(()),
            false => Err(Error::other("the claim ran out")),
        }
    }

    async fn release(&self, (key, number): (String, String)) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        if !self.careful || tx.get(&key).await? == Some(number) {
            tx.delete(&key).await?;
        }
        tx.commit().await
    }

    fn reply(number: u32) -> u32 {
        number
    }
}

fn keys(careful: bool) -> Harness<KeyValue, Keys> {
    Harness::new(KeyValue::new("redis")).process(move |store| Keys { store, careful })
}

#[test]
fn claims_in_a_table_keep_every_promise() {
    Harness::new(Sqlite::schema(SCHEMA)).process(Table).check_claims();
}

#[test]
fn claims_under_keys_keep_every_promise() {
    keys(true).check_claims();
}

#[test]
fn what_a_store_observes_of_its_claims_is_not_held_against_it() {
    let watched = KeyValue::new("redis").observed();
    Harness::new(watched).process(|store| Keys { store, careful: true }).check_claims();
}

#[test]
fn work_beside_the_claims_goes_on() {
    let sweep = async |Table(db): &Table| {
        drop(db.call(|db| db.execute("DELETE FROM claim WHERE reply IS NULL AND until <= 0", [])).await);
    };
    let checked = Harness::new(Sqlite::schema(SCHEMA)).process(Table).every(TTL, "sweep", sweep);
    assert!(matches!(checked.prepare_claims(Case::CrashRecovered).verdict(), Verdict::Holds(_)));
}

#[test]
fn work_that_sweeps_away_claims_which_stand_lets_two_win() {
    let sweep = async |Table(db): &Table| {
        drop(db.call(|db| db.execute("DELETE FROM claim", [])).await);
    };
    let second = Duration::from_secs(1);
    let checked = Harness::new(Sqlite::schema(SCHEMA)).process(Table).every(second, "sweep", sweep);
    let verdict = checked.prepare_claims(Case::ReplyKept).verdict();
    assert!(verdict.anomaly().is_some(), "{}", verdict.report("swept"));
}

/// The panic of a whole suite.
fn said(check: impl FnOnce() + panic::UnwindSafe) -> String {
    let panic = panic::catch_unwind(check).expect_err("it breaks a promise");
    panic.downcast_ref::<String>().expect("a report is text").clone()
}

#[test]
fn the_cases_that_fail_are_named_first_and_shown_with_a_line_that_replays_each() {
    let said = said(|| keys(false).named("careless_keys").check_claims());
    assert!(said.starts_with("careless_keys: 1 of 7 cases fails: stale-token\n"), "{said}");
    assert!(said.contains("stale-token: a token whose claim ran out gives nothing up\n"), "{said}");
    assert!(said.contains("retry: a token whose claim had run out gave up what somebody else had claimed"), "{said}");
    let last = said.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains("REDELIVER_HISTORY='r1:careless_keys/stale-token;at-least-once;"), "{last}");
}

#[test]
fn a_case_is_a_check_like_any_other() {
    for case in Case::ALL {
        let verdict = keys(false).prepare_claims(case).named(case.name()).verdict();
        let report = verdict.report(case.name());
        assert_eq!(verdict.anomaly().is_some(), case == Case::StaleToken, "{report}");
        assert!(report.starts_with(&format!("{case}: ")), "{report}");
    }
}

#[test]
fn a_pass_says_that_not_every_kind_of_fault_was_searched() {
    let report = keys(true).prepare_claims(Case::OneWins).verdict().report("one-wins");
    assert!(report.contains("every history with up to 2 faults, of the kinds overlap, duplicate, pause ("), "{report}");
}
