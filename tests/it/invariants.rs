//! What must hold after every step (`Harness::always`), with handlers on real stores.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use redeliver::{Anomaly, Delivery, Effects, Error, Harness, KeyValue, Sqlite, Verdict, rusqlite, sqlite::Database};

const SCHEMA: &str = "CREATE TABLE account(name TEXT PRIMARY KEY, balance INTEGER NOT NULL);
    INSERT INTO account VALUES ('alice', 0), ('bob', 0);
    CREATE TABLE moved(id TEXT PRIMARY KEY)";

fn accounts() -> Harness<Database, Sqlite> {
    let database = Sqlite::schema(SCHEMA).observe("SELECT name, balance FROM account");
    Harness::new(database).always("no money is made", |seen| {
        seen.values("balance").iter().filter_map(|balance| balance.parse::<i64>().ok()).sum::<i64>() == 0
    })
}

/// Sets both accounts, which is idempotent, in two statements.
fn set(connection: &rusqlite::Connection, amount: i64) -> rusqlite::Result<()> {
    connection.execute("UPDATE account SET balance = -?1 WHERE name = 'alice'", [amount])?;
    connection.execute("UPDATE account SET balance = ?1 WHERE name = 'bob'", [amount]).map(drop)
}

#[test]
fn what_is_broken_between_two_statements_is_found_though_all_is_right_in_the_end() {
    // With no fault the search does several statements in one go, unless somebody looks in between.
    let verdict = accounts().messages(1).faults(0).verdict(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| {
        let amount = *m.payload();
        db.call(move |connection| set(connection, amount)).await
    });
    assert_eq!(verdict.anomaly(), Some(Anomaly::Invariant));
    let report = verdict.report("transfer");
    let told = "\
  observed  after m0#1.1
            name   balance
            alice  -100
            bob    0

  p0  m0#1  UPDATE account SET balance = -100 WHERE name = 'alice'  1 row
      ── here \"no money is made\" does not hold ──
  p0  m0#1  UPDATE account SET balance = 100 WHERE name = 'bob'     1 row
  p0  m0#1  done, acked
";
    assert!(report.starts_with("check: after m0#1.1 \"no money is made\" does not hold  "), "{report}");
    assert!(report.contains(told), "{report}");
}

#[test]
fn in_one_transaction_it_holds() {
    let verdict = accounts().verdict(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        db.call(move |connection| {
            let tx = connection.transaction()?;
            if tx.execute("INSERT OR IGNORE INTO moved VALUES (?1)", [id])? == 1 {
                tx.execute("UPDATE account SET balance = balance - ?1 WHERE name = 'alice'", [amount])?;
                tx.execute("UPDATE account SET balance = balance + ?1 WHERE name = 'bob'", [amount])?;
            }
            tx.commit()
        })
        .await
    });
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("transfer"));
}

fn bank() -> Harness<KeyValue> {
    Harness::new(KeyValue::new("bank").observe_prefix("balance"))
}

async fn debit(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", -m.payload()).await?;
    }
    tx.commit().await
}

#[test]
fn a_handler_that_is_wrong_without_a_fault_agrees_with_itself_but_not_with_the_invariant() {
    let holds = bank().verdict(1..1000i64, debit);
    assert!(matches!(holds, Verdict::Holds(_)), "{}", holds.report("debit"));
    let verdict = bank()
        .always("it is an account", |_| true)
        .always("balance is never negative", |seen| seen.integer("balance").is_none_or(|balance| balance >= 0))
        .verdict(1..1000i64, debit);
    let report = verdict.report("debit");
    assert!(report.starts_with("check: after m0#1.4 \"balance is never negative\" does not hold"), "{report}");
    let commit = report.lines().position(|line| line.contains("commit")).expect("it is shown");
    let marked = report.lines().nth(commit + 1).expect("something follows");
    assert!(marked.contains("── here \"balance is never negative\" does not hold ──"), "{report}");
}

#[test]
fn where_a_message_takes_effect_twice_that_is_told_and_the_invariant_stands_in_the_trace() {
    let small = |seen: &redeliver::Observation| seen.integer("balance").is_none_or(|balance| balance <= 100);
    let verdict = bank()
        .messages(1)
        .always("at most 100", small)
        .verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| kv.add("balance", *m.payload()).await.map(drop));
    assert_eq!(verdict.anomaly(), Some(Anomaly::Twice));
    assert!(verdict.report("credit").contains("here \"at most 100\" does not hold"), "{}", verdict.report("credit"));
}

#[test]
fn one_that_never_held_is_told_before_anything_was_delivered() {
    let verdict =
        bank().always("there is a balance", |seen| seen.value("balance").is_some()).verdict(1..1000i64, debit);
    let report = verdict.report("debit");
    assert!(report.starts_with("check: before the first delivery \"there is a balance\" does not hold"), "{report}");
}

#[test]
fn one_that_panics_says_nothing() {
    let verdict = bank()
        .always("balance is a number", |seen| seen.integer("balanse").expect("it is observed") >= 0)
        .verdict(1..1000i64, debit);
    let Verdict::Inconclusive(inconclusive) = verdict else { panic!("{}", verdict.report("debit")) };
    let told = "the invariant \"balance is a number\" panicked: it is observed";
    assert!(inconclusive.reason.starts_with(told), "{}", inconclusive.reason);
}

#[test]
fn what_goes_with_time_is_looked_at_too() {
    let history = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\nadvance m0#1.ack 61s\n";
    // Nobody does anything when the mark expires.
    let verdict = Harness::new(KeyValue::new("marks").observed())
        .always("what was done is marked", |seen| seen.value("done").is_none() || seen.value("mark").is_some())
        .replay(&history.parse().expect("it is well written"), 1..1000i64, async |kv: &KeyValue, _: &Delivery<i64>| {
            kv.put_if_absent("mark", "x", Some(Duration::from_secs(60))).await?;
            kv.put("done", "yes").await
        });
    let report = verdict.report("marks");
    assert!(report.starts_with("check: at 1 min 1 s \"what was done is marked\" does not hold"), "{report}");
}

#[test]
fn one_that_keeps_changing_its_mind_says_nothing() {
    static LOOKS: AtomicU64 = AtomicU64::new(0);
    let verdict = bank().always("mostly", |_| LOOKS.fetch_add(1, Ordering::Relaxed) != 2).verdict(1..1000i64, debit);
    let Verdict::Inconclusive(inconclusive) = verdict else { panic!("{}", verdict.report("debit")) };
    assert!(inconclusive.reason.contains("but not whether an invariant held"), "{}", inconclusive.reason);
}

#[test]
fn what_happened_in_the_outside_world_is_seen_too() {
    let shop = || Harness::new((KeyValue::new("bank").observe_prefix("mailed"), Effects::new())).messages(1);
    let mails = async |(kv, world): &(KeyValue, Effects), m: &Delivery<i64>| {
        if kv.get("mailed").await?.is_none() {
            world.perform("mail", m.payload()).await?;
            kv.put("mailed", "yes").await?;
        }
        Ok::<(), Error>(())
    };
    // At least once is all that a plain effect promises across a crash.
    let replayed = |shop: Harness<(KeyValue, Effects)>| {
        let crashes = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\ncrash m0#1.3\n";
        shop.replay(&crashes.parse().expect("it is well written"), 1..1000i64, mails)
    };
    let promised = replayed(shop());
    assert!(matches!(promised, Verdict::Holds(_)), "{}", promised.report("mail"));
    let once = |seen: &redeliver::Observation| seen.values("mail").len() <= 1;
    let report = replayed(shop().always("one mail", once)).report("mail");
    assert!(report.starts_with("check: after m0#2.2 \"one mail\" does not hold"), "{report}");
}
