//! What a key-value store guarantees, tried through the machine; at the weaker levels in `isolation` and `anomalies`.

mod anomalies;
mod isolation;

use std::time::Duration;

use super::{KeyValue, KeyValueTransaction};
#[cfg(debug_assertions)]
use super::{state::Entry, view::View};
#[cfg(debug_assertions)]
use crate::machine::{Act, Operation, OperationTurn, operate};
use crate::{
    Error, Outcome,
    machine::{
        testing::{
            Given, Log, Stage, advance, at, crash, delivery, fail, lines, lose_reply, overlap, pause, points, rows,
            unused,
        },
        trace::{Answer, End, Event, Facts, Replay},
    },
};

fn store() -> KeyValue {
    KeyValue::new("kv").observed()
}

/// The facts of the step at this point.
fn facts(replay: &Replay, point: &str) -> Facts {
    let found = replay.events.iter().find_map(|event| match event {
        Event::Step { at, facts, .. } if at.to_string() == point => Some(*facts),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing acted at {point}: {:#?}", lines(replay)))
}

/// The answers of every operation on a fresh store, as the trace says them.
#[test]
fn every_operation_says_what_it_did() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        assert_eq!(kv.get("a").await?, None);
        kv.put("a", "1").await?;
        assert_eq!(kv.get("a").await?.as_deref(), Some("1"));
        assert!(!kv.put_if_absent("a", "2", None).await?);
        assert!(kv.put_if_absent("b", "2", Some(Duration::from_secs(30))).await?);
        assert!(kv.compare_and_set("a", "1", "3").await?);
        assert!(!kv.compare_and_set("a", "1", "3").await?);
        assert!(!kv.compare_and_delete("a", "1").await?);
        assert!(kv.compare_and_delete("a", "3").await?);
        assert_eq!(kv.add("n", 100).await?, 100);
        assert_eq!(kv.add("n", -1).await?, 99);
        assert!(kv.expire("n", Duration::from_millis(1500)).await?);
        assert!(!kv.expire("x", Duration::from_secs(1)).await?);
        assert!(kv.delete("n").await?);
        assert!(!kv.delete("n").await?);
        Ok::<_, Error>(())
    });
    let replay = stage.replay(1, &[]);
    let said = [
        "m0#1.1 get a: none",
        "m0#1.2 put a 1: ok",
        "m0#1.3 get a: \"1\"",
        "m0#1.4 put_if_absent a 2: taken",
        "m0#1.5 put_if_absent b 2 ttl 30s: won",
        "m0#1.6 compare_and_set a 1 3: set",
        "m0#1.7 compare_and_set a 1 3: differs",
        "m0#1.8 compare_and_delete a 1: differs",
        "m0#1.9 compare_and_delete a 3: deleted",
        "m0#1.10 add n 100: 100",
        "m0#1.11 add n -1: 99",
        "m0#1.12 expire n 1500ms: set",
        "m0#1.13 expire x 1s: none",
        "m0#1.14 delete n: deleted",
        "m0#1.15 delete n: none",
        "m0#1 Done",
        "m0#1 Acked",
    ];
    assert_eq!(lines(&replay)[1..], said);
    assert_eq!(rows(&replay), ["b=2"]);
}

#[test]
fn adding_to_what_is_no_number_changes_nothing() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.put("word", "six").await?;
        kv.put("most", &i64::MAX.to_string()).await?;
        assert!(kv.add("word", 1).await.is_err());
        assert!(kv.add("most", 1).await.is_err());
        Ok::<_, Error>(())
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(rows(&replay), ["most=9223372036854775807", "word=six"]);
    assert!(!facts(&replay, "m0#1.3").changes);
}

#[test]
fn only_what_was_asked_for_is_observed() {
    let handler = async |kv: &KeyValue, _: &Given| {
        for key in ["balance:1", "seen:m0", "total"] {
            kv.put(key, "1").await?;
        }
        Ok::<_, Error>(())
    };
    let seen = |store: KeyValue| Stage::new(store, handler).replay(1, &[]).observation;
    let of = |store| rows(&Stage::new(store, handler).replay(1, &[]));
    assert!(seen(KeyValue::new("kv")).is_empty());
    assert_eq!(of(store()), ["balance:1=1", "seen:m0=1", "total=1"]);
    assert_eq!(of(KeyValue::new("kv").observe_prefix("balance").observe_key("total")), ["balance:1=1", "total=1"]);
}

#[test]
fn a_key_expires_when_its_time_has_come_and_not_before() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| match given.message {
        0 => kv.put_if_absent("lease", "m0", Some(Duration::from_secs(30))).await.map(|_| ()),
        _ => kv.get("lease").await.map(|_| ()),
    });
    let after = |stage: &mut Stage<_, _, _>, seconds| {
        let replay = stage.replay(2, &[advance(at(1, 1, 1), seconds)]);
        assert!(facts(&replay, "m0#1.1").reads_clock && facts(&replay, "m1#1.1").reads_clock);
        (lines(&replay)[6].clone(), rows(&replay))
    };
    assert_eq!(after(&mut stage, 29), ("m1#1.1 get lease: \"m0\"".to_owned(), vec!["lease=m0".to_owned()]));
    assert_eq!(after(&mut stage, 30), ("m1#1.1 get lease: none".to_owned(), vec![]));
}

#[test]
fn what_writes_a_thing_that_expires_says_when() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let ttl = Some(Duration::from_secs(30));
        if given.message == 0 {
            return kv.put_if_absent("lease", "m0", ttl).await.map(|_| ());
        }
        kv.put_if_absent("lease", "m1", ttl).await?;
        kv.expire("lease", Duration::from_secs(60)).await?;
        kv.put("lease", "for good").await?;
        let tx = kv.begin().await?;
        tx.put_if_absent("claim", "m1", ttl).await?;
        tx.put_if_absent("for ever", "m1", Some(Duration::MAX)).await?;
        tx.commit().await
    });
    let replay = stage.replay(2, &[advance(at(1, 1, 1), 10)]);
    let deadline = |point: &str| facts(&replay, point).deadline.map(|deadline| deadline.as_secs());
    assert_eq!(deadline("m0#1.1"), Some(30));
    assert_eq!(deadline("m1#1.1"), None, "it was taken, and nothing was written");
    assert_eq!(deadline("m1#1.2"), Some(70));
    assert_eq!(deadline("m1#1.3"), None, "what it wrote stays");
    assert_eq!(deadline("m1#1.5"), Some(40), "in a transaction too");
    assert_eq!(facts(&replay, "m1#1.6").deadline, Some(Duration::MAX));
    assert_eq!(replay.end, End::Drained, "a time to live may be as long as it likes");
}

#[test]
fn writing_anew_takes_a_time_to_live_away_and_adding_does_not() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        if given.message == 0 {
            let ttl = Some(Duration::from_secs(30));
            for key in ["put", "set", "add"] {
                kv.put_if_absent(key, "1", ttl).await?;
            }
            kv.put("put", "2").await?;
            kv.compare_and_set("set", "1", "2").await?;
            kv.add("add", 1).await?;
        } else {
            kv.get("put").await?;
        }
        Ok::<_, Error>(())
    });
    assert_eq!(rows(&stage.replay(2, &[advance(at(1, 1, 1), 31)])), ["put=2", "set=2"]);
}

#[test]
fn an_operation_changes_something_only_if_it_did() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.put_if_absent("a", "1", None).await?;
        kv.put_if_absent("a", "1", None).await?;
        kv.put("a", "1").await?;
        let tx = kv.begin().await?;
        tx.put("a", "1").await?;
        tx.commit().await?;
        let tx = kv.begin().await?;
        tx.put("a", "2").await?;
        tx.commit().await
    });
    let replay = stage.replay(1, &[]);
    let changes = |point: &str| facts(&replay, point).changes;
    assert!(changes("m0#1.1") && changes("m0#1.9"));
    for point in ["m0#1.2", "m0#1.3", "m0#1.4", "m0#1.5", "m0#1.6", "m0#1.7", "m0#1.8"] {
        assert!(!changes(point), "{point}");
    }
    let locks: Vec<bool> = (1..=9).map(|n| facts(&replay, &format!("m0#1.{n}")).locks).collect();
    assert_eq!(locks, [false, false, false, true, false, true, true, false, true]);
}

// ------------------------------------------------------------------------------------------------- transactions

async fn credit(kv: &KeyValue, _: &Given) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent("seen", "1", None).await? {
        tx.add("balance", 100).await?;
    }
    tx.commit().await
}

#[test]
fn nobody_sees_what_is_not_committed() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        if given.message == 1 {
            kv.get("a").await?;
            return Ok(());
        }
        let tx = kv.begin().await?;
        tx.put("a", "1").await?;
        assert_eq!(tx.get("a").await?.as_deref(), Some("1"));
        tx.commit().await
    });
    let read = |replay: &Replay| lines(replay).into_iter().find(|line| line.starts_with("m1#1.1")).unwrap_or_default();
    for before_commit in 2..=4 {
        assert_eq!(read(&stage.replay(2, &[pause(at(0, 1, before_commit))])), "m1#1.1 get a: none");
    }
    assert_eq!(read(&stage.replay(2, &[])), "m1#1.1 get a: \"1\"");
}

#[test]
fn a_transaction_that_is_dropped_or_rolled_back_leaves_nothing_and_frees_the_lock() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let tx = kv.begin().await?;
        tx.put("a", "1").await?;
        tx.delete("a").await?;
        tx.put("a", "2").await?;
        match given.message {
            0 => drop(tx),
            1 => tx.rollback().await?,
            _ => panic!("with a transaction open"),
        }
        Ok::<_, Error>(())
    });
    let replay = stage.replay(3, &[]);
    assert_eq!(rows(&replay), Vec::<String>::new());
    // The one that panics is delivered until the horizon, and never finds the lock taken.
    assert_eq!(replay.end, End::Stuck(vec![2]));
    assert!(!replay.events.iter().any(|event| matches!(event, Event::Blocked { .. })));
}

#[test]
fn a_writer_waits_for_a_transaction_and_goes_on_when_it_ends() {
    let mut stage = Stage::new(store(), credit);
    let replay = stage.replay(1, &[overlap(at(0, 1, 3))]);
    assert_eq!(
        points(&replay),
        ["m0#1.1", "m0#1.2", "m0#1.3", "m0#1.4", "m0#1.ack", "m0#2.1", "m0#2.2", "m0#2.3", "m0#2.ack"]
    );
    assert!(lines(&replay).contains(&"m0#2.1 blocked, begin: waits for a lock".to_owned()), "{:#?}", lines(&replay));
    assert_eq!(rows(&replay), ["balance=100", "seen=1"]);
    assert_eq!(replay.end, End::Drained);
}

#[test]
fn who_waits_for_a_lock_gives_up_after_five_seconds() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let tx = kv.begin().await?;
        tx.put("a", "1").await?;
        // A second connection of one and the same handler: nobody else can end the transaction.
        assert!(matches!(kv.put("a", "2").await, Err(Error::Conflict { .. })));
        tx.commit().await
    });
    let replay = stage.replay(1, &[]);
    let said = [
        "m0#1.1 begin: ok",
        "m0#1.2 put a 1: ok",
        "m0#1.3 blocked, put a 2: waits for a lock",
        "clock 5s",
        "m0#1.3 put a 2: conflict",
        "m0#1.4 commit: ok",
    ];
    assert_eq!(lines(&replay)[1..7], said);
    assert!(facts(&replay, "m0#1.3").gave_up);
    assert_eq!(rows(&replay), ["a=1"]);
}

#[test]
fn two_stores_locked_crosswise_end_with_a_conflict_and_not_with_a_deadlock() {
    let stores = (KeyValue::new("x").observed(), KeyValue::new("y").observed());
    let mut stage = Stage::new(stores, async |(x, y): &(KeyValue, KeyValue), given: &Given| {
        let (first, second) = if given.message == 0 { (x, y) } else { (y, x) };
        let one = first.begin().await?;
        let two = second.begin().await?;
        one.add("n", 1).await?;
        two.add("n", 1).await?;
        one.commit().await?;
        two.commit().await
    });
    let replay = stage.replay(2, &[pause(at(0, 1, 2))]);
    assert!(lines(&replay).iter().any(|line| line.ends_with("begin: conflict")), "{:#?}", lines(&replay));
    assert_eq!(replay.end, End::Drained);
    assert_eq!(rows(&replay), ["n=2", "n=2"]);
}

// ------------------------------------------------------------------------------------------------- crashes

#[test]
fn a_crash_at_any_point_leaves_a_transaction_done_or_undone_and_the_lock_free() {
    let mut stage = Stage::new(store(), credit);
    for point in 1..=4 {
        let replay = stage.replay(2, &[crash(at(0, 1, point))]);
        assert_eq!(rows(&replay), ["balance=100", "seen=1"], "crash m0#1.{point}");
        assert!(!replay.events.iter().any(|event| matches!(event, Event::Blocked { .. })));
        assert_eq!(replay.end, End::Drained);
    }
    assert_eq!(rows(&stage.replay(1, &[crash(delivery(0, 1).ack())])).len(), 2);
}

#[test]
fn a_crash_lets_who_waited_for_the_dead_process_go_on() {
    let mut stage = Stage::new(store(), credit);
    let replay = stage.replay(1, &[overlap(at(0, 1, 3)), crash(at(0, 1, 3))]);
    assert_eq!(rows(&replay), ["balance=100", "seen=1"]);
    let crashed = lines(&replay).iter().position(|line| line == "p0 crashed").expect("it crashed");
    assert_eq!(lines(&replay)[crashed + 1], "m0#2.1 begin: ok", "{:#?}", lines(&replay));
}

#[test]
fn a_transaction_outlives_neither_its_process_nor_its_replay() {
    // Kept by somebody who outlives the process: dropped later, it must not end anybody else's transaction.
    let kept = std::rc::Rc::new(std::cell::RefCell::new(Vec::<KeyValueTransaction>::new()));
    let keep = std::rc::Rc::clone(&kept);
    let mut stage = Stage::new(store(), async move |kv: &KeyValue, given: &Given| {
        let tx = kv.begin().await?;
        tx.add("n", 1).await?;
        if given.attempt == 1 {
            keep.borrow_mut().push(tx);
            kv.get("n").await?;
        } else {
            keep.borrow_mut().clear();
            tx.commit().await?;
        }
        Ok::<_, Error>(())
    });
    for _ in 0..2 {
        assert_eq!(rows(&stage.replay(1, &[crash(at(0, 1, 3))])), ["n=1"]);
    }
}

// ------------------------------------------------------------------------------------------------- failures

#[test]
fn an_operation_that_fails_has_no_effect() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.add("n", 1).await);
    let replay = stage.replay(1, &[fail(at(0, 1, 1))]);
    assert_eq!(lines(&replay)[1], "m0#1.1 add n 1: connection reset");
    assert!(!facts(&replay, "m0#1.1").changes);
    assert_eq!(rows(&replay), ["n=1"]);
}

#[test]
fn an_operation_that_loses_its_reply_has_taken_effect() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.add("n", 1).await);
    let replay = stage.replay(1, &[lose_reply(at(0, 1, 1))]);
    assert_eq!(lines(&replay)[1], "m0#1.1 add n 1: 1, then connection reset");
    assert!(facts(&replay, "m0#1.1").changes);
    assert_eq!(rows(&replay), ["n=2"]);
}

#[test]
fn what_changed_nothing_cannot_lose_its_reply() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.get("n").await?;
        kv.delete("n").await?;
        kv.begin().await?.commit().await
    });
    for point in 1..=4 {
        let replay = stage.replay(1, &[lose_reply(at(0, 1, point))]);
        assert_eq!(unused(&replay), ["the operation that stands there cannot suffer it"]);
        assert_eq!(replay.acted, []);
    }
}

#[test]
fn a_failure_within_a_transaction_takes_the_transaction_with_it() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let tx = kv.begin().await?;
        let first = tx.add("a", 1).await;
        let second = tx.add("b", 1).await;
        let end = tx.commit().await;
        if given.attempt == 1 {
            assert!((first.is_err() || second.is_err()) && end.is_err());
        }
        end
    });
    for point in 2..=4 {
        let replay = stage.replay(1, &[fail(at(0, 1, point))]);
        assert_eq!(points(&replay).len(), 4 + 5, "{:#?}", lines(&replay));
        assert_eq!(rows(&replay), ["a=1", "b=1"], "fail m0#1.{point}");
    }
}

#[test]
fn a_commit_that_loses_its_reply_stands() {
    let mut stage = Stage::new(store(), credit);
    let replay = stage.replay(1, &[lose_reply(at(0, 1, 4))]);
    assert_eq!(lines(&replay)[4], "m0#1.4 commit: ok, then connection reset");
    assert_eq!(rows(&replay), ["balance=100", "seen=1"]);
    assert_eq!(
        lines(&replay)[8..11],
        ["p0 m0#2 delivered, Redelivery", "m0#2.1 begin: ok", "m0#2.2 put_if_absent seen 1: taken"]
    );
}

#[test]
fn a_rollback_cannot_fail() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.begin().await?.rollback().await);
    assert_eq!(unused(&stage.replay(1, &[fail(at(0, 1, 2))])), ["the operation that stands there cannot suffer it"]);
}

// ------------------------------------------------------------------------------------------------- outside

#[test]
fn a_handle_works_only_within_a_replay() {
    let log = Log::default();
    let kept = std::rc::Rc::new(std::cell::RefCell::new(None));
    let keep = std::rc::Rc::clone(&kept);
    let mut stage = Stage::new(store(), async move |kv: &KeyValue, _: &Given| {
        keep.replace(Some(kv.clone()));
        Outcome::Done(())
    });
    assert_eq!(stage.replay(1, &[]).events.len(), 3);
    let handle = kept.take().expect("it was kept");
    for handle in [handle, store()] {
        let answer = futures::executor::block_on(handle.get("a"));
        log.add(answer.expect_err("no replay is going on").to_string());
    }
    assert!(log.take().iter().all(|said| said.contains("outside a replay")));
}

#[test]
fn futures_of_handles_are_send() {
    fn is_send(_: impl Send) {}
    async fn all(kv: KeyValue) -> Result<(), Error> {
        kv.add("n", 1).await?;
        let tx = kv.begin().await?;
        tx.put("a", "1").await?;
        tx.commit().await
    }
    is_send(all(store()));
}

#[test]
fn a_handler_that_panics_with_a_transaction_open_is_answered_for() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let tx = kv.begin().await?;
        tx.add("n", 1).await?;
        assert!(given.attempt > 1, "the first one fails");
        tx.commit().await
    });
    let replay = stage.replay(1, &[]);
    let panicked = replay.events.iter().any(|event| matches!(event, Event::Returned { answer: Answer::Panicked(said), .. } if said.starts_with("the first one fails, at ")));
    assert!(panicked, "{:#?}", lines(&replay));
    assert_eq!(rows(&replay), ["n=1"]);
}

/// Writes a key and tells nothing.
#[cfg(debug_assertions)]
struct Secretive<'a>(&'a KeyValue);

#[cfg(debug_assertions)]
impl Operation for Secretive<'_> {
    type Output = ();

    fn act(&mut self, turn: &mut OperationTurn) -> Act<()> {
        let state = &mut *super::operation::lock(&self.0.state);
        super::footprint::of_nothing(state);
        View::new(state, turn.now(), None).set("a", Entry { value: "1".into(), expires: None });
        Act::Done(())
    }

    fn outside(&mut self) {}
}

#[cfg(debug_assertions)]
#[test]
fn an_operation_that_writes_what_it_does_not_tell_is_found_out() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        operate(kv.process()?, Secretive(kv)).await;
        Ok::<(), Error>(())
    });
    let replay = stage.replay(1, &[]);
    let End::Inconclusive(why) = &replay.end else { panic!("{:?}", replay.end) };
    assert!(why.contains("writes `a`, which it does not tell that it touches"), "{why}");
}
