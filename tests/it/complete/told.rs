//! What a person is told: how many executions there were, what breaks, what cannot be said.

use std::time::Duration;

use redeliver::{Anomaly, Bounds, Delivery, Error, Harness, Isolation, KeyValue, Verdict};

use super::handlers::{apply_mark_shared, atomic, bounds, on_key_value};
use crate::cli::redeliver;

#[test]
fn a_pass_says_that_every_execution_was_searched() {
    let verdict = on_key_value(Isolation::Serializable, atomic).complete(Bounds::default()).verdict();
    let report = verdict.report("once");
    let told = "once: holds in 28 executions\n\n  searched  complete: 28 executions, every one of 2 messages × 2 copies × 2 \
                processes × 1 crash (about 910\n            schedules)\n  acted     crash 24 times\n";
    assert_eq!(report, told);
    let json = verdict.json("once");
    assert!(json.contains("\"executions\": 28,") && json.contains("\"every\": true,"), "{json}");
}

#[test]
fn a_violation_is_a_history_that_can_be_replayed() {
    let prepared = || on_key_value(Isolation::Serializable, apply_mark_shared);
    let Verdict::Violated(found) = prepared().complete(bounds(2, 2, 0)).verdict() else { panic!("it is broken") };
    assert_eq!((found.anomaly(), found.history().model.name()), (Anomaly::Twice, "dealt"));
    assert!(found.searched().total() <= 10, "{:?}", found.searched());
    let written = found.history().to_string();
    let read = written.parse().expect("it is a history");
    assert_eq!(prepared().replay(&read).anomaly(), Some(Anomaly::Twice), "{written}");
}

#[test]
fn what_is_too_much_is_no_pass_and_says_how_far_it_came() {
    let verdict = on_key_value(Isolation::Serializable, atomic).complete(Bounds::default().executions(10)).verdict();
    let Verdict::Inconclusive(why) = &verdict else { panic!("10 are not 28") };
    assert_eq!(why.reason, "there are more than 10 executions of 2 messages × 2 copies × 2 processes × 1 crash");
    let report = verdict.report("once");
    assert!(report.contains("not complete: 10 executions of 2 messages"), "{report}");
}

#[track_caller]
fn not_controlled<F>(what: &str, handler: F)
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let verdict = on_key_value(Isolation::Serializable, handler).complete(Bounds::default()).verdict();
    let Verdict::Inconclusive(why) = verdict else { panic!("{what} is not controlled") };
    assert!(why.reason.contains("does not control") && why.reason.contains(what), "{}", why.reason);
}

#[test]
fn what_is_not_controlled_is_no_pass_and_named() {
    not_controlled("several things at once", async |kv, m| {
        let (one, other) = tokio::join!(kv.get(m.id()), kv.put("balance", "1"));
        one.and(other)
    });
    not_controlled("spawns a task", async |kv, _| {
        let kv = kv.clone();
        tokio::spawn(async move { kv.put("balance", "1").await }).await.expect("it does not panic")
    });
    not_controlled("waits for a timer", async |kv, _| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        kv.put("balance", "1").await
    });
    let every = Harness::new(KeyValue::new("bank").observe_key("balance"))
        .every(Duration::from_secs(1), "relay", async |kv: &KeyValue| drop(kv.get("balance").await))
        .complete(Bounds::default())
        .verdict(1..1000i64, atomic);
    let Verdict::Inconclusive(why) = every else { panic!("background work is not controlled") };
    assert!(why.reason.contains("does not control background work"), "{}", why.reason);
}

#[test]
fn an_invariant_is_looked_at_in_every_order_of_what_changes() {
    // Both rows are changed by both deliveries, and what an invariant sees depends on which comes first.
    let moves = async |kv: &KeyValue, m: &Delivery<i64>| {
        if m.broker_id().ends_with('0') { kv.put("balance:a", "1").await } else { kv.put("balance:b", "1").await }
    };
    for forbidden in ["a", "b"] {
        let other = if forbidden == "a" { "b" } else { "a" };
        let verdict = Harness::new(KeyValue::new("bank").observed())
            .always("one before the other", move |seen| {
                let rows = format!("{seen:?}");
                !rows.contains(&format!("balance:{forbidden}")) || rows.contains(&format!("balance:{other}"))
            })
            .complete(bounds(1, 2, 0))
            .verdict(1..1000i64, moves);
        assert!(matches!(verdict, Verdict::Violated(_)), "{forbidden} before {other}");
    }
}

#[test]
fn the_command_line_searches_completely() {
    let held = redeliver(&["check", "record-and-check", "--complete"]);
    assert_eq!(held.code, 0, "{}{}", held.out, held.err);
    assert!(held.out.contains("every one of 2 messages × 2 copies × 2 processes × 1 crash"), "{}", held.out);
    // On SQLite: where every statement touches the whole database and any use of its lock, 523 are cut short.
    assert!(held.out.contains("complete: 178 executions") && held.out.contains("and 219 cut"), "{}", held.out);
    assert_eq!(held.err, "", "nothing is shown where there is no terminal");
    let broken = redeliver(&["check", "toctou-check-insert", "--complete", "--crashes", "0"]);
    assert_eq!(broken.code, 1, "{}{}", broken.out, broken.err);
    let count = broken.out.split_once("searched  ").and_then(|(_, rest)| rest.split_once(" execution"));
    let count: u64 = count.and_then(|(count, _)| count.parse().ok()).expect("it says how many");
    assert!(count <= 10, "{}", broken.out);
    for usage in [&["--copies", "3"][..], &["--complete", "--faults", "1"]] {
        let arguments = [&["check", "record-and-check"], usage].concat();
        assert_eq!(redeliver(&arguments).code, 2, "{usage:?}");
    }
}
