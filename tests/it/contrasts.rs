//! What a contract may ask beyond exactly once, of real handlers: that another payload under a used id is refused, and that
//! equal payloads are told apart.

use redeliver::{
    Anomaly, Contract, Delivery, Error, Harness, KeyValue, Message, Messages, Outcome, Sqlite, Verdict, rusqlite,
    sqlite::Database,
};
use rusqlite::{Connection, OptionalExtension, params};

const SCHEMA: &str = "CREATE TABLE account(balance INTEGER NOT NULL);
    INSERT INTO account VALUES (0);
    CREATE TABLE payment(id TEXT PRIMARY KEY, amount INTEGER NOT NULL)";

fn refused() -> Contract {
    Contract::strict().payload_mismatch_refused()
}

fn payments() -> Harness<Database> {
    let queries =
        Sqlite::schema(SCHEMA).observe("SELECT balance FROM account").observe("SELECT id, amount FROM payment");
    Harness::new(queries).contract(refused())
}

/// Pays once under an id. The amount that was paid under it before, if any was.
fn pay(connection: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<Option<i64>> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let known = tx.query_row("SELECT amount FROM payment WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    if known.is_none() {
        tx.execute("INSERT INTO payment VALUES (?1, ?2)", params![id, amount])?;
        tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    }
    tx.commit()?;
    Ok(known)
}

async fn handle(db: &Sqlite, m: &Delivery<i64>) -> rusqlite::Result<Option<i64>> {
    let (id, amount) = (m.id().to_owned(), *m.payload());
    db.call(move |connection| pay(connection, &id, amount)).await
}

#[test]
fn a_handler_that_refuses_another_amount_under_the_same_id_holds() {
    let verdict = payments().verdict(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| match handle(db, m).await {
        Ok(Some(known)) if known != *m.payload() => Outcome::Reject(format!("422: {known} was paid")),
        Ok(_) => Outcome::Done(()),
        Err(error) => Outcome::Retry(error.to_string()),
    });
    let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report("pay")) };
    assert!(searched.workloads.iter().any(|name| name == "two that share an id and differ"), "{searched:?}");
    assert!(searched.unseen.is_empty(), "what is refused is not lost: {searched:?}");
}

#[test]
fn one_that_takes_another_amount_for_a_duplicate_is_found_without_a_fault() {
    let verdict = payments().verdict(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| handle(db, m).await.map(drop));
    let Verdict::Violated(found) = &verdict else { panic!("{}", verdict.report("pay")) };
    assert_eq!((found.anomaly(), found.message()), (Anomaly::Mismatch, Some(1)));
    let report = found.to_string();
    assert!(report.starts_with("check: m1 was not refused, though its id had come with another payload"), "{report}");
    assert!(report.contains("  messages  m0 100; m1 id=m0 300\n"), "{report}");
    let again = payments()
        .replay(found.history(), 1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| handle(db, m).await.map(drop));
    assert_eq!(again.anomaly(), Some(Anomaly::Mismatch), "{}", again.report("pay"));
}

#[test]
fn one_that_refuses_too_late_leaves_a_trace() {
    let verdict = payments().verdict(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        let paid = db.call(move |connection| {
            let known = pay(connection, &id, amount)?.filter(|known| *known != amount);
            if known.is_some() {
                connection.execute("UPDATE payment SET amount = ?2 WHERE id = ?1", params![id, amount])?;
            }
            Ok::<_, rusqlite::Error>(known)
        });
        match paid.await {
            Ok(Some(_)) => Outcome::Reject("422".to_owned()),
            Ok(None) => Outcome::Done(()),
            Err(error) => Outcome::Retry(error.to_string()),
        }
    });
    let report = verdict.report("pay");
    assert_eq!(verdict.anomaly(), Some(Anomaly::Mismatch), "{report}");
    assert!(report.starts_with("check: m1 left a trace, though it was refused"), "{report}");
}

#[test]
fn messages_that_are_listed_are_taken_as_they_are() {
    let listed = |amounts: [i64; 2]| Messages::exactly(amounts.map(|amount| Message::new("order-7", amount)));
    let check =
        |messages| payments().verdict(messages, async |db: &Sqlite, m: &Delivery<i64>| handle(db, m).await.map(drop));
    assert_eq!(check(listed([100, 7])).anomaly(), Some(Anomaly::Mismatch));
    let Verdict::Inconclusive(inconclusive) = check(listed([100, 100])) else { panic!("nothing was tried") };
    assert!(inconclusive.reason.contains("in no workload two messages share an id and differ"), "{inconclusive:?}");
}

fn orders() -> Harness<KeyValue> {
    let contract = Contract::strict().equal_payloads_add_up();
    Harness::new(KeyValue::new("orders").observe_key("ordered")).contract(contract).faults(1)
}

/// Orders once under this mark.
async fn order(kv: &KeyValue, mark: &str, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(mark, "seen", None).await? {
        tx.add("ordered", *m.payload()).await?;
    }
    tx.commit().await
}

#[test]
fn a_handler_that_knows_messages_by_their_id_tells_equal_ones_apart() {
    let verdict = orders().verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| order(kv, m.id(), m).await);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("order"));
}

#[test]
fn one_that_knows_them_by_content_loses_the_second() {
    let by_content = async |kv: &KeyValue, m: &Delivery<i64>| order(kv, &format!("seen:{}", m.payload()), m).await;
    let verdict = orders().verdict(1..1000i64, by_content);
    let Verdict::Violated(found) = &verdict else { panic!("{}", verdict.report("order")) };
    assert_eq!((found.anomaly(), found.message()), (Anomaly::Merged, Some(1)));
    assert_eq!((found.history().messages.len(), found.history().faults.len()), (2, 0));
    let report = found.to_string();
    let title = "check: m1 has no effect of its own: another message has an equal payload";
    assert!(report.starts_with(title) && report.contains("as if m1 had never been delivered"), "{report}");
    let one = orders().messages(1).verdict(1..1000i64, by_content);
    let Verdict::Inconclusive(inconclusive) = one else { panic!("{}", one.report("order")) };
    assert!(inconclusive.reason.contains("in no workload two messages have equal payloads"), "{inconclusive:?}");
}

#[test]
fn the_keys_of_listed_messages_are_known_where_a_counterexample_is_confirmed() {
    let listed =
        Messages::exactly([100, 7].map(|value| Message::new(format!("set-{value}"), value).ordered_by("account")));
    let store = KeyValue::new("values").observe_key("value");
    let contract = Contract::strict().order_published();
    let verdict = Harness::new(store).contract(contract).verdict(listed, async |kv: &KeyValue, m: &Delivery<i64>| {
        let tx = kv.begin().await?;
        if tx.put_if_absent(m.id(), "seen", None).await? {
            tx.put("value", &m.payload().to_string()).await?;
        }
        tx.commit().await
    });
    assert_eq!(verdict.anomaly(), Some(Anomaly::Overwrote), "{}", verdict.report("set"));
}
