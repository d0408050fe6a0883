//! What readers of an article on repeated messages asked, and what comes of it: one test for each answer.
//!
//! The questions are those of the article's readers (its section 7); the answers are strategies, or handlers in the way in
//! which one would write them.

use std::time::Duration;

use redeliver::{
    Anomaly, Contract, Delivery, DeliveryModel, Error, Harness, History, KeyValue, Message, Messages, Sqlite, Verdict,
    rusqlite,
};
use redeliver_strategies::{Options, StoreKind, named, record_and_check, replay, sharded_dedup};
use rusqlite::Connection;

/// A history of this model, of messages of 100 and 300, and of these faults.
fn history(model: &str, messages: usize, faults: &str) -> History {
    let messages: String = ["message m0 100\n", "message m1 300\n"][..messages].concat();
    format!("redeliver-history 1\nmodel {model}\n{messages}{faults}\n").parse().expect("it is a history")
}

/// What a strategy or a twin comes to in it.
fn of(strategy: &str, history: &History) -> Verdict {
    replay(named(strategy).expect("it is registered"), history, &Options::default())
}

#[track_caller]
fn assert_holds(verdict: &Verdict) {
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("question"));
}

#[track_caller]
fn assert_shows(verdict: &Verdict, anomaly: Anomaly) {
    assert_eq!(verdict.anomaly(), Some(anomaly), "{}", verdict.report("question"));
}

const TEN_SECONDS: Duration = Duration::from_secs(10);

/// An id in Redis that expires after ten seconds, and an effect in the same transaction.
fn forgets_after_ten_seconds(contract: Contract) -> Verdict {
    let store = KeyValue::new("redis").observe_key("balance");
    Harness::new(store).contract(contract).verdict(1..1000i64, async |redis: &KeyValue, m: &Delivery<i64>| {
        let tx = redis.begin().await?;
        if tx.put_if_absent(m.id(), "", Some(TEN_SECONDS)).await? {
            tx.add("balance", *m.payload()).await?;
        }
        tx.commit().await
    })
}

#[test]
fn an_id_that_expires_after_ten_seconds_is_not_known_to_a_duplicate_that_comes_later() {
    let verdict = forgets_after_ten_seconds(Contract::strict());
    assert_shows(&verdict, Anomaly::Twice);
    let Verdict::Violated(found) = verdict else { unreachable!("it was just seen") };
    assert!(found.history().faults.len() <= 2, "{found}");
}

#[test]
fn an_id_that_expires_after_ten_seconds_is_enough_for_who_promises_ten_seconds() {
    assert_holds(&forgets_after_ten_seconds(Contract::strict().window(TEN_SECONDS)));
}

#[test]
fn a_window_is_only_as_long_as_the_clocks_agree_unless_it_is_the_stores_own_clock_that_measures_it() {
    let ahead = history("at-least-once", 1, "overlap m0#1.2 to p1\nskew p1 +301s");
    assert_shows(&of("window", &ahead), Anomaly::Twice);
    let on_keys = Options { store: StoreKind::KeyValue, ..Options::default() };
    assert_holds(&replay(named("window").expect("it is registered"), &ahead, &on_keys));
}

/// A producer that sends again without a key, so that its second copy goes to another partition; and a shard chosen so.
fn through_another_partition(shard: for<'a> fn(&'a (Sqlite, Sqlite), &Delivery<i64>) -> &'a Sqlite) -> Verdict {
    let entry = named("record-and-check").expect("it is registered");
    let messages = Messages::exactly([Message::new("order-8", 100).ordered_by("partition-0")])
        .vary(|m, _| m.ordering_key = Some("partition-1".to_owned()));
    Harness::new((entry.database().named("one"), entry.database().named("other"))).faults(1).cases(0).verdict(
        messages,
        async move |shards: &(Sqlite, Sqlite), m: &Delivery<i64>| {
            let (id, amount) = (m.id().to_owned(), *m.payload());
            shard(shards, m).call(move |db| record_and_check::consume(db, &id, amount)).await
        },
    )
}

#[test]
fn the_same_message_through_another_partition_is_not_known_in_a_shard_that_goes_by_partition() {
    let by_partition =
        through_another_partition(|(one, other), m| if m.ordering_key() == Some("partition-0") { one } else { other });
    assert!(by_partition.anomaly().is_some(), "{}", by_partition.report("by partition"));
}

#[test]
fn the_same_message_through_another_partition_is_known_in_the_shard_that_its_id_says() {
    assert_holds(&through_another_partition(|shards, m| sharded_dedup::shard(shards, m.id())));
}

#[test]
fn the_same_message_at_another_worker_is_known_unless_each_worker_has_a_shard_of_its_own() {
    let elsewhere = history("at-least-once", 1, "overlap m0#1.1");
    assert_holds(&of("sharded-dedup", &elsewhere));
    assert_shows(&of("routed-by-process", &elsewhere), Anomaly::Twice);
}

/// What was ordered in the producer's database, and an account in the consumer's.
fn producer_and_consumer<H>(handler: H) -> Verdict
where
    H: AsyncFn(&(Sqlite, Sqlite), &Delivery<i64>) -> rusqlite::Result<()> + Send + Sync + 'static,
{
    let producer = Sqlite::schema("CREATE TABLE consumed (id TEXT PRIMARY KEY);").named("producer");
    let consumer = named("record-and-check").expect("it is registered").database().named("consumer");
    Harness::new((producer, consumer)).verdict(1..1000i64, handler)
}

#[test]
fn two_databases_are_no_matter_where_the_id_travels_and_the_mark_is_the_consumers() {
    let verdict = producer_and_consumer(async |(_, consumer): &(Sqlite, Sqlite), m: &Delivery<i64>| {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        consumer.call(move |db| record_and_check::consume(db, &id, amount)).await
    });
    assert_holds(&verdict);
}

#[test]
fn two_databases_are_two_transactions_where_the_mark_is_the_producers() {
    let verdict = producer_and_consumer(async |(producer, consumer): &(Sqlite, Sqlite), m: &Delivery<i64>| {
        let (id, amount) = (m.id().to_owned(), *m.payload());
        let marked = producer
            .call(move |db| db.execute("INSERT INTO consumed VALUES (?1) ON CONFLICT (id) DO NOTHING", [id]))
            .await?;
        if marked == 1 {
            consumer.call(move |db| db.execute("UPDATE account SET balance = balance + ?1", [amount])).await?;
        }
        Ok(())
    });
    assert_shows(&verdict, Anomaly::Lost);
}

#[test]
fn a_message_that_always_fails_stops_what_is_behind_it_unless_it_is_put_aside() {
    let poison = "redeliver-history 1\nmodel kafka\nmessage m0 order=a -100\nmessage m1 order=a 300\n";
    let poison: History = poison.parse().expect("it is a history");
    assert_shows(&of("poison-head-of-line", &poison), Anomaly::Stuck);
    assert_holds(&of("dead-letter", &poison));
}

/// A consumer without a mark: it adds, and acknowledges before that or after it.
fn acknowledges(before: bool, history: &History) -> Verdict {
    let add = async move |kv: &KeyValue, m: &Delivery<i64>| -> Result<(), Error> {
        if before {
            m.ack().await?;
        }
        kv.add("balance", *m.payload()).await.map(drop)
    };
    Harness::new(KeyValue::new("bank").observe_key("balance")).replay(history, 1..1000i64, add)
}

#[test]
fn automatic_acknowledgement_delivers_once_and_loses_what_fails_after_it() {
    let (ack, add) = (history("at-least-once", 1, "lose-ack m0#1"), history("at-least-once", 1, "crash m0#1.2"));
    assert_shows(&acknowledges(true, &add), Anomaly::Lost);
    let verdict = acknowledges(true, &ack);
    let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report("auto-ack")) };
    assert_eq!(searched.unused.len(), 1, "there is no acknowledgement left to lose");
}

#[test]
fn acknowledgement_by_hand_loses_nothing_and_repeats_where_it_is_lost() {
    assert_holds(&acknowledges(false, &history("at-least-once", 1, "crash m0#1.1")));
    assert_shows(&acknowledges(false, &history("at-least-once", 1, "lose-ack m0#1")), Anomaly::Twice);
    assert_holds(&of("ack-after-effect", &history("at-least-once", 1, "crash m0#1.6")));
}

#[test]
fn a_balance_that_is_set_to_100_undoes_what_is_newer_and_a_version_does_not() {
    let in_between = history("at-least-once", 2, "lose-ack m0#1");
    assert_shows(&of("stale-overwrite", &in_between), Anomaly::Overwrote);
    assert_holds(&of("precondition-on-version", &in_between));
    assert_holds(&of("natural", &in_between));
}

#[test]
fn add_100_if_the_balance_is_500_is_made_twice_where_the_balance_comes_back() {
    let payment = "redeliver-history 1\nmodel at-least-once\nmessage m0 seed=0\nmessage m1 seed=1\nlose-ack m0#1\n";
    assert_shows(&of("precondition-on-value", &payment.parse().expect("it is a history")), Anomaly::Twice);
    assert_holds(&of("precondition-on-version", &history("at-least-once", 2, "lose-ack m0#1")));
}

/// "Id 8: add 100 to account 666", looked up in one statement and added in another.
fn add(db: &mut Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let handled: i64 = db.query_row("SELECT count(*) FROM handled WHERE id = ?1", [id], |row| row.get(0))?;
    if handled == 0 {
        db.execute("UPDATE account SET balance = balance + ?1 WHERE id = 666", [amount])?;
        db.execute("INSERT INTO handled VALUES (?1)", [id])?;
    }
    Ok(())
}

#[test]
fn a_checks_at_t0_and_b_at_t1_before_a_has_marked_it_and_the_account_gets_200() {
    let schema = "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
        INSERT INTO account VALUES (666, 0);
        CREATE TABLE handled (id TEXT PRIMARY KEY);";
    // A has looked and not added yet when B is handed the message.
    let history = "redeliver-history 1\nmodel at-least-once\nmessage m0 id=8 100\noverlap m0#1.2 to p1\n";
    let verdict = Harness::new(Sqlite::schema(schema).observe("SELECT balance FROM account WHERE id = 666")).replay(
        &history.parse().expect("it is a history"),
        1..1000i64,
        async |db: &Sqlite, m: &Delivery<i64>| {
            let (id, amount) = (m.id().to_owned(), *m.payload());
            db.call(move |db| add(db, &id, amount)).await
        },
    );
    assert_shows(&verdict, Anomaly::Twice);
    let report = verdict.report("t0 and t1");
    assert!(report.contains("expected  balance 100") && report.contains("observed  balance 200"), "{report}");
}

#[test]
fn a_and_b_get_the_same_message_at_all_where_a_fault_lets_them_and_in_one_transaction_that_is_no_matter() {
    for model in ["at-least-once", "kafka", "request-reply"].map(|name| DeliveryModel::named(name).expect("it is one"))
    {
        for point in 1..=6 {
            let overlap = history(model.name(), 1, &format!("overlap m0#1.{point} to p1"));
            let verdict = of("record-and-check", &overlap);
            let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report("A and B")) };
            assert_eq!(searched.unused.is_empty(), point < 6, "{} has five statements", model.name());
        }
    }
}
