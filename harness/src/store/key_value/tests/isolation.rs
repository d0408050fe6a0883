//! What the weaker levels do: who waits, who cannot commit, what is seen, and what a step says of itself.

use std::time::Duration;

use super::{anomalies::play, facts};
use crate::{
    Error, Isolation, KeyValue, Store,
    machine::{
        testing::{Given, Stage, advance, at, crash, fail, lines, lose_reply, overlap, pause, points, rows, unused},
        trace::{End, Event, Replay},
    },
};

use Isolation::{ReadCommitted, Serializable, Snapshot};

fn store(isolation: Isolation) -> KeyValue {
    KeyValue::new("kv").isolation(isolation).observed()
}

const ALL: [Isolation; 3] = [ReadCommitted, Snapshot, Serializable];

fn has(replay: &Replay, line: &str) -> bool {
    lines(replay).iter().any(|said| said == line)
}

fn anybody_waited(replay: &Replay) -> bool {
    replay.events.iter().any(|event| matches!(event, Event::Blocked { .. }))
}

/// Marks and applies in one transaction: right at every level, if what cannot commit is delivered again.
async fn credit(kv: &KeyValue, given: &Given) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(&format!("seen:{}", given.message), "1", None).await? {
        tx.add("balance", 100).await?;
    }
    tx.commit().await
}

#[test]
fn what_is_added_at_read_committed_is_added_to_what_was_committed_meanwhile() {
    let mut stage = Stage::new(store(ReadCommitted), credit);
    let replay = stage.replay(2, &[pause(at(0, 1, 4))]);
    assert!(has(&replay, "m1#1.3 blocked, add balance 100: waits for a lock"), "{:#?}", lines(&replay));
    assert!(has(&replay, "m1#1.3 add balance 100: 200"));
    assert_eq!(rows(&replay), ["balance=200", "seen:0=1", "seen:1=1"]);
}

#[test]
fn who_lost_at_snapshot_is_delivered_again() {
    let mut stage = Stage::new(store(Snapshot), credit);
    let replay = stage.replay(2, &[pause(at(0, 1, 4))]);
    assert!(!anybody_waited(&replay));
    let refused = "m0#1.4 commit: a key that it wrote was written by another transaction since it began";
    assert!(has(&replay, refused), "{:#?}", lines(&replay));
    let facts = facts(&replay, "m0#1.4");
    assert!(facts.refused && facts.went_wrong() && facts.can_fail);
    assert!(!facts.changes && !facts.locks && !facts.can_lose_reply && !facts.gave_up);
    assert_eq!(rows(&replay), ["balance=200", "seen:0=1", "seen:1=1"]);
    assert_eq!(replay.end, End::Drained);
}

#[test]
fn at_every_level_a_crash_leaves_a_transaction_done_or_undone_and_others_as_they_were() {
    for isolation in ALL {
        let mut stage = Stage::new(store(isolation), credit);
        for point in 1..=4 {
            let replay = stage.replay(2, &[crash(at(0, 1, point))]);
            assert_eq!(rows(&replay), ["balance=200", "seen:0=1", "seen:1=1"], "{isolation:?} {point}");
            assert!(!anybody_waited(&replay));
        }
        // The second delivery is in the other process, and its transaction survives.
        let mut own_keys = Stage::new(store(isolation), async |kv: &KeyValue, given: &Given| {
            let tx = kv.begin().await?;
            tx.put(&format!("by:{}", given.attempt), "1").await?;
            tx.commit().await
        });
        let replay = own_keys.replay(1, &[overlap(at(0, 1, 3)), pause(at(0, 2, 3)), crash(at(0, 1, 3))]);
        let expected: &[&str] = if isolation == Serializable { &["m0#2.1"] } else { &["m0#2.3"] };
        let after: Vec<String> = lines(&replay).into_iter().skip_while(|line| line != "p0 crashed").collect();
        assert!(after[1].starts_with(expected[0]), "{isolation:?} {after:#?}");
        assert!(rows(&replay).contains(&"by:2=1".to_owned()));
        assert!(!rows(&replay).contains(&"by:1=1".to_owned()), "{isolation:?}: it died with its process");
    }
}

#[test]
fn a_transaction_that_waits_for_another_that_waits_for_it_is_rolled_back() {
    let mut stage = Stage::new(store(ReadCommitted), async |kv: &KeyValue, given: &Given| {
        let (first, second) = if given.message == 0 { ("x", "y") } else { ("y", "x") };
        let tx = kv.begin().await?;
        tx.add(first, 1).await?;
        if let Err(error) = tx.add(second, 1).await {
            assert!(matches!(error, Error::Conflict { .. }));
            // Whatever is asked of it now is an error too.
            assert!(tx.get(first).await.is_err() && tx.add(first, 1).await.is_err());
            assert!(tx.commit().await.is_err());
            return Err(error);
        }
        tx.commit().await
    });
    let replay = stage.replay(2, &[pause(at(0, 1, 3))]);
    let said = lines(&replay);
    assert!(has(&replay, "m1#1.3 blocked, add x 1: waits for a lock"), "{said:#?}");
    assert!(has(&replay, "m0#1.3 blocked, add y 1: waits for a lock"), "{said:#?}");
    // Both have waited since the same virtual time, and this one began to first.
    assert!(has(&replay, "m1#1.3 add x 1: conflict"), "{said:#?}");
    assert!(facts(&replay, "m1#1.3").gave_up && facts(&replay, "m1#1.3").locks);
    assert!(has(&replay, "m1#1.4 get y: the transaction was rolled back by an earlier error"));
    assert!(has(&replay, "m0#1.3 add y 1: 1"), "the other one goes on");
    assert_eq!(rows(&replay), ["x=2", "y=2"]);
    assert_eq!(replay.end, End::Drained);
}

#[test]
fn at_read_committed_only_writers_of_one_key_wait() {
    let mut stage = Stage::new(store(ReadCommitted), async |kv: &KeyValue, given: &Given| {
        if given.message == 0 {
            let tx = kv.begin().await?;
            tx.put("a", "1").await?;
            // Nothing is there, so nothing is written and nothing is locked.
            tx.delete("b").await?;
            tx.compare_and_set("c", "1", "2").await?;
            return tx.commit().await;
        }
        kv.get("a").await?;
        kv.put("b", "2").await?;
        kv.put("c", "2").await?;
        kv.put("a", "2").await
    });
    let replay = stage.replay(2, &[pause(at(0, 1, 5))]);
    let waited: Vec<String> = lines(&replay).into_iter().filter(|line| line.contains("blocked")).collect();
    assert_eq!(waited, ["m1#1.4 blocked, put a 2: waits for a lock"]);
    assert!(has(&replay, "m1#1.1 get a: none"), "a read does not wait, and sees what is committed");
    assert_eq!(rows(&replay), ["a=2", "b=2", "c=2"]);
}

#[test]
fn whatever_ends_a_transaction_at_read_committed_frees_its_keys() {
    for how in ["commit", "rollback", "drop", "fail"] {
        let mut stage = Stage::new(store(ReadCommitted), async move |kv: &KeyValue, given: &Given| {
            if given.message == 1 {
                return kv.put("a", "2").await;
            }
            let tx = kv.begin().await?;
            tx.put("a", "1").await?;
            match (how, given.attempt) {
                ("drop", 1) => {
                    tx.get("a").await?;
                    drop(tx);
                    kv.get("a").await.map(drop)
                }
                ("rollback", 1) => tx.rollback().await,
                _ => tx.commit().await,
            }
        });
        let mut faults = vec![pause(at(0, 1, 3))];
        faults.extend((how == "fail").then(|| fail(at(0, 1, 3))));
        let replay = stage.replay(2, &faults);
        assert!(anybody_waited(&replay), "{how}");
        let gave_up = |event: &Event| matches!(event, Event::Step { facts, .. } if facts.gave_up);
        assert!(!replay.events.iter().any(gave_up), "{how}");
        assert_eq!(replay.end, End::Drained, "{how}");
    }
}

#[test]
fn a_snapshot_is_of_the_moment_in_which_it_began_with_its_own_writes_on_top() {
    let mut stage = Stage::new(store(Snapshot), async |kv: &KeyValue, given: &Given| match given.message {
        0 => {
            kv.put("a", "0").await?;
            kv.put("b", "0").await
        }
        1 => {
            let tx = kv.begin().await?;
            // Three writes of others, before it looked at anything: one within, two outside of a transaction.
            for key in ["a", "b", "c"] {
                tx.get(key).await?;
            }
            tx.put("d", "mine").await?;
            tx.get("d").await?;
            tx.commit().await
        }
        _ => {
            kv.delete("a").await?;
            let tx = kv.begin().await?;
            tx.put("b", "1").await?;
            tx.put("b", "2").await?;
            tx.commit().await?;
            kv.put("b", "3").await?;
            kv.put("c", "1").await
        }
    });
    let replay = stage.replay(3, &[pause(at(1, 1, 2))]);
    for line in ["m1#1.2 get a: \"0\"", "m1#1.3 get b: \"0\"", "m1#1.4 get c: none", "m1#1.6 get d: \"mine\""] {
        assert!(has(&replay, line), "{line}: {:#?}", lines(&replay));
    }
    assert_eq!(rows(&replay), ["b=3", "c=1", "d=mine"]);
    assert!(has(&replay, "m1#1.7 commit: ok"), "nobody else wrote what it wrote");
}

/// Whether a transaction that wrote `a` can commit after another delivery did this meanwhile.
fn can_commit(meanwhile: impl AsyncFn(&KeyValue) -> Result<(), Error> + 'static) -> bool {
    let mut stage = Stage::new(store(Snapshot), async move |kv: &KeyValue, given: &Given| match given.message {
        0 => kv.put("a", "0").await,
        1 => {
            let tx = kv.begin().await?;
            tx.put("a", "1").await?;
            let _refused = tx.commit().await;
            Ok(())
        }
        _ => meanwhile(kv).await,
    });
    let replay = stage.replay(3, &[pause(at(1, 1, 3))]);
    has(&replay, "m1#1.3 commit: ok")
}

#[test]
fn at_snapshot_whatever_wrote_the_same_key_meanwhile_comes_first() {
    assert!(can_commit(async |kv: &KeyValue| kv.get("a").await.map(drop)));
    assert!(can_commit(async |kv: &KeyValue| kv.put("b", "1").await));
    assert!(can_commit(async |kv: &KeyValue| kv.put_if_absent("a", "2", None).await.map(drop)), "it was taken");
    assert!(can_commit(async |kv: &KeyValue| kv.compare_and_set("a", "x", "2").await.map(drop)), "it differed");
    assert!(can_commit(async |kv: &KeyValue| {
        let tx = kv.begin().await?;
        tx.put("a", "2").await?;
        tx.rollback().await
    }));
    assert!(!can_commit(async |kv: &KeyValue| kv.put("a", "2").await));
    assert!(!can_commit(async |kv: &KeyValue| kv.put("a", "0").await), "to write the same is a write too");
    assert!(!can_commit(async |kv: &KeyValue| kv.delete("a").await.map(drop)));
    assert!(!can_commit(async |kv: &KeyValue| {
        let tx = kv.begin().await?;
        tx.put("a", "0").await?;
        tx.commit().await
    }));
}

#[test]
fn a_step_says_that_it_locks_where_others_are_kept_from_something() {
    let handler = async |kv: &KeyValue, given: &Given| {
        if given.message == 1 {
            return Ok(());
        }
        let tx = kv.begin().await?;
        tx.get("a").await?;
        tx.put("a", "1").await?;
        tx.put("a", "2").await?;
        tx.commit().await?;
        kv.begin().await?.commit().await?;
        let tx = kv.begin().await?;
        tx.put("a", "3").await?;
        tx.rollback().await
    };
    let locks = |isolation| {
        let replay = Stage::new(store(isolation), handler).replay(1, &[]);
        let points: Vec<String> = points(&replay).into_iter().filter(|point| !point.ends_with("ack")).collect();
        points.iter().map(|point| facts(&replay, point).locks).collect::<Vec<_>>()
    };
    let [yes, no] = [true, false];
    // begin, get, put, put, commit; begin, commit; begin, put, rollback.
    assert_eq!(locks(Serializable), [yes, no, no, no, yes, yes, yes, yes, no, yes]);
    assert_eq!(locks(ReadCommitted), [no, no, yes, no, yes, no, no, no, yes, yes]);
    assert_eq!(locks(Snapshot), [no, no, no, no, yes, no, no, no, no, no]);
}

#[test]
fn a_write_outside_locks_at_snapshot_where_a_transaction_is_open() {
    let mut stage = Stage::new(store(Snapshot), async |kv: &KeyValue, given: &Given| match given.message {
        0 => kv.put("a", "1").await,
        1 => {
            let tx = kv.begin().await?;
            tx.get("a").await?;
            tx.commit().await
        }
        _ => kv.put("a", "1").await,
    });
    let replay = stage.replay(3, &[pause(at(1, 1, 2))]);
    assert!(!facts(&replay, "m0#1.1").locks);
    assert!(facts(&replay, "m2#1.1").locks && !facts(&replay, "m2#1.1").changes, "though it changed nothing");
}

#[test]
fn what_expires_is_gone_for_a_snapshot_too() {
    let mut stage = Stage::new(store(Snapshot), async |kv: &KeyValue, given: &Given| {
        if given.message == 0 {
            return kv.put_if_absent("lease", "m0", Some(Duration::from_secs(30))).await.map(drop);
        }
        let tx = kv.begin().await?;
        tx.get("lease").await?;
        tx.get("lease").await?;
        tx.put_if_absent("lease", "m1", Some(Duration::from_secs(30))).await?;
        tx.commit().await
    });
    let replay = stage.replay(2, &[advance(at(1, 1, 3), 30)]);
    assert!(has(&replay, "m1#1.2 get lease: \"m0\"") && has(&replay, "m1#1.3 get lease: none"));
    assert!(facts(&replay, "m1#1.3").reads_clock);
    assert_eq!(facts(&replay, "m1#1.4").deadline, Some(Duration::from_secs(60)));
    assert_eq!(rows(&replay), ["lease=m1"]);
}

#[test]
fn only_a_commit_that_stands_can_lose_its_reply() {
    for isolation in ALL {
        let mut stage = Stage::new(store(isolation), credit);
        assert_eq!(rows(&stage.replay(1, &[lose_reply(at(0, 1, 4))])), ["balance=100", "seen:0=1"]);
        assert_eq!(unused(&stage.replay(1, &[lose_reply(at(0, 1, 1))])).len(), 1, "{isolation:?}: begin");
    }
    let mut stage = Stage::new(store(Snapshot), credit);
    let replay = stage.replay(2, &[pause(at(0, 1, 4)), lose_reply(at(0, 1, 4))]);
    assert_eq!(unused(&replay), ["the operation that stands there cannot suffer it"]);
}

#[test]
fn a_store_in_which_a_transaction_was_forgotten_cannot_say_what_it_came_to() {
    for isolation in ALL {
        let mut stage = Stage::new(store(isolation), async |kv: &KeyValue, given: &Given| {
            let tx = kv.begin().await?;
            if given.message == 1 {
                std::mem::forget(tx);
            }
            Ok::<_, Error>(())
        });
        stage.replay(1, &[]);
        assert!(stage.store.digest().expect("it has no errors").is_some());
        stage.replay(2, &[]);
        assert_eq!(stage.store.digest().expect("it has no errors"), None, "{isolation:?}");
        stage.replay(2, &[crash(at(1, 1, 1))]);
        stage.store.reset().expect("it has no errors");
        assert!(stage.store.digest().expect("it has no errors").is_some());
    }
}

#[test]
fn who_waits_at_read_committed_and_is_served_saw_what_was_committed() {
    use super::anomalies::Do::{Begin, Commit, Get, Put, PutWaits};
    let played = play(
        ReadCommitted,
        &[
            (1, Begin),
            (2, Begin),
            (1, Put("x", "11")),
            (2, PutWaits("x", "12")),
            (1, Commit),
            (2, Get("x")),
            (2, Commit),
        ],
    );
    assert_eq!(played.told(2, "get x"), ["\"12\""], "its own");
    assert_eq!(played.rows(), ["x=12", "y=20"]);
}
