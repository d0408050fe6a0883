//! What a handler keeps to know messages again: bounded, and forgotten after its window, with real handlers.

use std::time::Duration;

use redeliver::{
    Anomaly, Contract, Delivery, DeliveryModel, Error, Harness, KeyValue, Message, Messages, Sqlite, Verdict, rusqlite,
    sqlite::Database,
};
use rusqlite::{Connection, params};

const MINUTE: Duration = Duration::from_secs(60);
const SEEN: &str = "SELECT id FROM seen";
const SCHEMA: &str = "CREATE TABLE account(balance INTEGER NOT NULL);
    INSERT INTO account VALUES (0);
    CREATE TABLE seen(id TEXT PRIMARY KEY, until INTEGER NOT NULL)";

/// How a handler clears up in its transaction, with the time in milliseconds.
type ClearUp = fn(&Connection, i64) -> rusqlite::Result<usize>;

const EXPIRED: ClearUp = |tx, now| tx.execute("DELETE FROM seen WHERE until <= ?1", [now]);
const NOTHING: ClearUp = |_, _| Ok(0);
const ALL_BUT_THREE: ClearUp =
    |tx, _| tx.execute("DELETE FROM seen WHERE rowid <= (SELECT max(rowid) FROM seen) - 3", []);

fn checked(contract: Contract, clear_up: ClearUp) -> Verdict {
    checked_with(contract, clear_up, Messages::from(1..1000i64))
}

fn checked_with(contract: Contract, clear_up: ClearUp, messages: Messages<i64>) -> Verdict {
    let database: Database = Sqlite::schema(SCHEMA).observe("SELECT balance FROM account").observe(SEEN);
    Harness::new(database).contract(contract).faults(1).cases(0).verdict(
        messages,
        async move |db: &Sqlite, m: &Delivery<i64>| {
            let (id, amount, now) = (m.id().to_owned(), *m.payload(), m.now().as_millis() as i64);
            db.call(move |connection| {
                let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                let until = now + MINUTE.as_millis() as i64;
                let known: i64 =
                    tx.query_row("SELECT count(*) FROM seen WHERE id = ?1 AND until > ?2", params![id, now], |row| {
                        row.get(0)
                    })?;
                if known == 0 {
                    tx.execute("INSERT OR REPLACE INTO seen VALUES (?1, ?2)", params![id, until])?;
                    tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
                    clear_up(&tx, now)?;
                }
                tx.commit()
            })
            .await
        },
    )
}

fn holds(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Holds(_))
}

fn reason(verdict: &Verdict) -> String {
    let Verdict::Inconclusive(inconclusive) = verdict else { panic!("{}", verdict.report("bounded")) };
    inconclusive.reason.clone()
}

fn within_a_minute() -> Contract {
    Contract::strict().window(MINUTE).bounded(SEEN, 3)
}

#[test]
fn a_table_that_is_cleared_of_what_expired_is_bounded() {
    let verdict = checked(within_a_minute(), EXPIRED);
    assert!(holds(&verdict), "{}", verdict.report("credit"));
    let two_at_once = checked(Contract::strict().window(MINUTE).bounded(SEEN, 1), EXPIRED);
    assert!(holds(&two_at_once), "within the window both are to be kept: {}", two_at_once.report("credit"));
}

#[test]
fn one_that_is_never_cleared_grows_beyond_its_bound_once_the_window_has_passed() {
    let verdict = checked(within_a_minute(), NOTHING);
    let Verdict::Violated(found) = &verdict else { panic!("{}", verdict.report("credit")) };
    let report = found.to_string();
    assert_eq!((found.anomaly(), found.message()), (Anomaly::Unbounded, None));
    assert!(report.starts_with("check: \"SELECT id FROM seen\" has 4 rows, more than the contract allows"), "{report}");
    assert_eq!((found.history().messages.len(), found.history().faults.len()), (4, 1), "{report}");
    assert!(report.contains("  observed  id m0, m1, m2, m3\n"), "{report}");
    let messages = || Messages::from(1..1000i64);
    let without = Contract::strict().window(MINUTE);
    assert_eq!(checked_with(without, NOTHING, messages()).anomaly(), None, "nobody asked");
}

#[test]
fn without_a_window_the_bound_stands_at_every_time() {
    let three = || Contract::strict().bounded(SEEN, 3);
    assert!(holds(&checked(three(), ALL_BUT_THREE)));
    let verdict = checked(three(), EXPIRED);
    assert_eq!(
        verdict.anomaly(),
        Some(Anomaly::Unbounded),
        "nothing has expired by then: {}",
        verdict.report("credit")
    );
    let verdict = checked(within_a_minute(), ALL_BUT_THREE);
    assert!(holds(&verdict), "{}", verdict.report("credit"));
    let verdict = checked(Contract::strict().bounded(SEEN, 1).window(MINUTE), ALL_BUT_THREE);
    assert_eq!(verdict.anomaly(), Some(Anomaly::Unbounded), "{}", verdict.report("credit"));
}

/// Marks for ever, or for a minute.
async fn credit(kv: &KeyValue, ttl: Option<Duration>, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(&format!("seen:{}", m.id()), "1", ttl).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

fn bank(contract: Contract) -> Harness<KeyValue> {
    Harness::new(KeyValue::new("bank").observe_key("balance").observe_prefix("seen:"))
        .contract(contract)
        .faults(1)
        .cases(0)
}

#[test]
fn keys_that_expire_are_bounded_and_those_that_stay_are_not() {
    let contract = || Contract::strict().window(MINUTE).bounded("seen:", 2);
    let expires = bank(contract())
        .verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| credit(kv, Some(MINUTE), m).await);
    assert!(holds(&expires), "{}", expires.report("credit"));
    for model in [DeliveryModel::at_least_once(), DeliveryModel::at_most_once(), DeliveryModel::request_reply()] {
        let stays = bank(contract())
            .model(model)
            .verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| credit(kv, None, m).await);
        assert_eq!(stays.anomaly(), Some(Anomaly::Unbounded), "{}", stays.report("credit"));
    }
}

#[test]
fn what_comes_again_after_the_window_is_outside_the_promise_and_what_comes_before_its_end_is_not() {
    let expires = async |kv: &KeyValue, m: &Delivery<i64>| credit(kv, Some(MINUTE), m).await;
    let check = |contract| bank(contract).faults(2).messages(1).verdict(1..1000i64, expires);
    assert_eq!(check(Contract::strict().bounded("seen:", 9)).anomaly(), Some(Anomaly::Twice), "for ever by default");
    assert!(holds(&check(Contract::strict().window(MINUTE).bounded("seen:", 9))));
    let longer = check(Contract::strict().window(MINUTE + Duration::from_micros(1)).bounded("seen:", 9));
    assert_eq!(longer.anomaly(), Some(Anomaly::Twice), "{}", longer.report("credit"));
}

#[test]
fn listed_messages_are_repeated_under_ids_of_their_own() {
    let contract = || Contract::strict().window(MINUTE).bounded("seen:", 4);
    let listed = || Messages::exactly([Message::new("order-7", 100), Message::new("order-8", 7)]);
    let stays = bank(contract()).verdict(listed(), async |kv: &KeyValue, m: &Delivery<i64>| credit(kv, None, m).await);
    let Verdict::Violated(found) = &stays else { panic!("{}", stays.report("credit")) };
    assert!(found.to_string().contains("order-7~3"), "{found}");
    let again = bank(contract())
        .replay(found.history(), listed(), async |kv: &KeyValue, m: &Delivery<i64>| credit(kv, None, m).await);
    assert_eq!(again.anomaly(), Some(Anomaly::Unbounded), "{}", again.report("credit"));
}

#[test]
fn a_bound_that_says_nothing_is_no_pass() {
    let stays = async |kv: &KeyValue, m: &Delivery<i64>| credit(kv, None, m).await;
    let check = |contract: Contract| bank(contract).verdict(1..1000i64, stays);
    let misspelt = reason(&check(Contract::strict().bounded("sean:", 9)));
    assert!(misspelt.starts_with("`sean:` is to be bounded, and nothing of that name is seen"), "{misspelt}");
    let misspelt = reason(&checked(Contract::strict().window(MINUTE).bounded("SELECT 1", 3), EXPIRED));
    assert!(misspelt.starts_with("`SELECT 1` is to be bounded"), "{misspelt}");
    let large = reason(&check(Contract::strict().bounded("seen:", 61)));
    assert!(large.starts_with("a bound of 61 rows of `seen:` cannot be tried"), "{large}");
    let ever = reason(&check(Contract::strict().bounded("seen:", 9).window(Duration::MAX)));
    assert!(ever.contains("leave it out"), "{ever}");
    let refuses = async |kv: &KeyValue, m: &Delivery<i64>| match m.id() {
        "m0" | "m1" => credit(kv, None, m)
            .await
            .map_or_else(|error| redeliver::Outcome::Retry(error.to_string()), redeliver::Outcome::Done),
        _ => redeliver::Outcome::Reject("two are enough".to_owned()),
    };
    let unhandled = reason(&bank(Contract::strict().bounded("seen:", 9)).verdict(1..1000i64, refuses));
    assert_eq!(unhandled, "of 10 messages, to try whether what is kept of them is bounded, 8 were not handled");
}

#[test]
fn sixty_rows_can_be_tried() {
    let verdict = bank(Contract::strict().window(MINUTE).bounded("seen:", 60))
        .verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| credit(kv, None, m).await);
    assert_eq!(verdict.anomaly(), Some(Anomaly::Unbounded), "{}", verdict.report("credit"));
}
