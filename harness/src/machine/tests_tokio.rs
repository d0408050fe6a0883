//! What people's handlers are made of, through the machine: timers, channels and spawned tasks of tokio, cancellation,
//! background work, early acknowledgements.

use std::time::Duration;

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    testing::{
        Given, Log, Stage, advance, at, cancel, crash, delivery, fail, lines, lose_reply, overlap, pause, rows, unused,
    },
    trace::{End, Replay},
};
use crate::{
    Error, KeyValue,
    history::{Fault, RoundName},
};

fn store() -> KeyValue {
    KeyValue::new("kv").observed()
}

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The lines without who began and ended.
fn steps(replay: &Replay) -> Vec<String> {
    lines(replay).into_iter().filter(|line| line.contains(": ") || line.starts_with("clock")).collect()
}

#[test]
fn a_sleep_takes_virtual_time_and_no_other() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.put("a", "1").await?;
        sleep(second(30)).await;
        kv.put("a", "2").await
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(steps(&replay), ["m0#1.1 put a 1: ok", "clock 30s", "m0#1.2 put a 2: ok"]);
    assert_eq!(replay.end, End::Drained);
    assert_eq!(stage.replay(1, &[]).key, replay.key, "and so does the next replay");
}

#[test]
fn a_timeout_fires_when_the_clock_jumps_past_it_and_not_before() {
    let mut stage =
        Stage::new(store(), async |kv: &KeyValue, _: &Given| match timeout(second(5), kv.put("a", "1")).await {
            Ok(done) => done,
            Err(_) => kv.put("late", "1").await,
        });
    assert_eq!(rows(&stage.replay(1, &[])), ["a=1"]);
    assert_eq!(rows(&stage.replay(1, &[advance(at(0, 1, 1), 4)])), ["a=1"]);
    assert_eq!(rows(&stage.replay(1, &[advance(at(0, 1, 1), 5)])), ["late=1"]);
}

#[test]
fn a_timer_that_is_due_first_fires_first_whoever_holds_it() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        sleep(second(if given.message == 0 { 3 } else { 2 })).await;
        kv.put(&format!("m{}", given.message), "1").await
    });
    let replay = stage.replay(2, &[pause(at(0, 1, 1))]);
    // While a handler sleeps the next message is delivered.
    assert_eq!(steps(&replay), ["clock 2s", "m1#1.1 put m1 1: ok", "clock 3s", "m0#1.1 put m0 1: ok"]);
}

#[test]
fn what_a_handler_spawns_is_interleaved_by_the_machine() {
    async fn spawns(kv: &KeyValue, _: &Given) -> Result<(), Error> {
        let own = kv.clone();
        let spawned = tokio::spawn(async move {
            own.put("spawned", "1").await?;
            own.put("spawned", "2").await
        });
        kv.put("own", "1").await?;
        kv.put("own", "2").await?;
        spawned.await.map_err(Error::other)?
    }
    let mut stage = Stage::new(store(), spawns);
    let plain = stage.replay(1, &[]);
    let own_first = ["m0#1.1 put own 1: ok", "m0#1.3 put own 2: ok"];
    let spawned = ["m0#1.2 put spawned 1: ok", "m0#1.4 put spawned 2: ok"];
    assert_eq!(steps(&plain), [own_first, spawned].concat(), "who ran last goes on");
    let paused = stage.replay(1, &[pause(at(0, 1, 1))]);
    assert_eq!(
        steps(&paused),
        ["m0#1.2 put spawned 1: ok", "m0#1.3 put spawned 2: ok", "m0#1.1 put own 1: ok", "m0#1.4 put own 2: ok"]
    );
    let crashed = stage.replay(1, &[crash(at(0, 1, 2))]);
    assert_eq!(unused(&crashed), [""; 0]);
    assert_eq!(steps(&crashed)[..3], ["m0#1.1 put own 1: ok", "m0#1.3 put own 2: ok", "clock 1s"]);
    assert_eq!(steps(&crashed)[3..].len(), 4, "and all of it again");
}

#[test]
fn what_outlives_its_handler_acts_and_dies_with_its_process() {
    async fn forgets(kv: &KeyValue, given: &Given) -> Result<(), Error> {
        let (own, key) = (kv.clone(), format!("m{}", given.message));
        tokio::spawn(async move {
            sleep(second(2)).await;
            own.put(&key, "1").await
        });
        kv.put("handled", "1").await
    }
    let mut stage = Stage::new(store(), forgets);
    let plain = stage.replay(2, &[]);
    assert_eq!(rows(&plain), ["handled=1", "m0=1", "m1=1"]);
    assert_eq!(steps(&plain)[2..], ["clock 2s", "m0#1.2 put m0 1: ok", "m1#1.2 put m1 1: ok"]);
    // Of the first the broker has heard; of the second it has not.
    let crashed = stage.replay(2, &[crash(delivery(1, 1).ack())]);
    assert_eq!(rows(&crashed), ["handled=1", "m1=1"], "{:#?}", lines(&crashed));
    assert_eq!(rows(&stage.replay(2, &[crash(at(0, 1, 2))])), ["handled=1"]);
}

#[test]
fn after_a_crash_nothing_acts_that_was_spawned_before() {
    async fn loops(kv: &KeyValue, given: &Given) -> Result<(), Error> {
        let (own, attempt) = (kv.clone(), given.attempt.to_string());
        tokio::spawn(async move {
            loop {
                sleep(second(10)).await;
                let _ = own.put("beat", &attempt).await;
            }
        });
        kv.put("a", "1").await?;
        sleep(second(25)).await;
        kv.put("a", "2").await
    }
    let mut stage = Stage::new(store(), loops);
    let crashed = stage.replay(1, &[crash(at(0, 1, 1))]);
    assert!(!steps(&crashed).iter().any(|step| step.contains("put beat 1")), "{:#?}", lines(&crashed));
    assert!(steps(&crashed).iter().any(|step| step.contains("put beat 2")), "{:#?}", lines(&crashed));
    assert_eq!(crashed.end, End::Drained, "what goes on for ever is let go");
}

#[test]
fn locks_and_channels_of_tokio_park_and_wake() {
    struct Process {
        kv: KeyValue,
        one: Mutex<()>,
    }
    let mut stage = Stage::with_process(
        store(),
        |kv| Process { kv, one: Mutex::default() },
        async |process: &Process, given: &Given| {
            let _one = process.one.lock().await;
            let (send, mut receive) = mpsc::channel(1);
            let (ask, answer) = oneshot::channel();
            let (kv, name) = (process.kv.clone(), format!("m{}", given.message));
            tokio::spawn(async move {
                while let Some(value) = receive.recv().await {
                    let _ = kv.put("last", value).await;
                }
                let _ = ask.send(kv.put(&name, "1").await);
            });
            for value in ["1", "2"] {
                send.send(value).await.map_err(Error::other)?;
            }
            drop(send);
            answer.await.map_err(Error::other)?
        },
    );
    let overlapped = stage.replay(1, &[Fault::Overlap { at: at(0, 1, 1), to: Some(0) }]);
    assert_eq!(overlapped.end, End::Drained, "{:#?}", lines(&overlapped));
    assert_eq!(steps(&overlapped).len(), 6, "{:#?}", lines(&overlapped));
    assert!(steps(&overlapped)[..3].iter().all(|step| step.starts_with("m0#1")), "the lock is held by the first");
}

struct Guard(Log, KeyValue);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.add("dropped");
        let kv = self.1.clone();
        tokio::spawn(async move { kv.delete("lease").await });
    }
}

#[test]
fn a_drop_guard_runs_where_a_handler_is_cancelled_and_not_where_its_process_crashes() {
    let log = Log::default();
    let heard = log.clone();
    let mut stage = Stage::new(store(), async move |kv: &KeyValue, given: &Given| {
        if !kv.put_if_absent("lease", "1", None).await? {
            return Err(Error::other("leased"));
        }
        let _guard = (given.attempt == 1).then(|| Guard(heard.clone(), kv.clone()));
        kv.put("a", "1").await
    });
    let cancelled = stage.replay(1, &[cancel(at(0, 1, 2))]);
    assert_eq!(log.take(), ["dropped"]);
    assert_eq!(cancelled.end, End::Drained, "{:#?}", lines(&cancelled));
    assert_eq!(
        lines(&cancelled)[2..6],
        ["m0#1 cancelled", "m0#1.3 delete lease: deleted", "clock 1s", "p0 m0#2 delivered, Redelivery"]
    );
    let crashed = stage.replay(1, &[crash(at(0, 1, 2))]);
    assert_eq!(crashed.end, End::Stuck(vec![0]), "{:#?}", lines(&crashed));
    log.take();
}

#[test]
fn a_cancellation_needs_a_handler_that_runs() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let own = kv.clone();
        tokio::spawn(async move { own.put("late", "1").await });
        Ok::<_, Error>(())
    });
    assert_eq!(unused(&stage.replay(1, &[cancel(at(0, 1, 1))])), ["the handler had returned there"]);
}

#[test]
fn background_work_has_rounds_of_its_own_until_one_changes_nothing() {
    let stage =
        Stage::new(store(), async |kv: &KeyValue, given: &Given| kv.put(&format!("out:m{}", given.message), "1").await);
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| {
        for message in ["m0", "m1"] {
            if let Ok(true) = kv.delete(&format!("out:{message}")).await {
                let _ = kv.put(&format!("sent:{message}"), "1").await;
            }
        }
    });
    let plain = stage.replay(2, &[]);
    assert_eq!(rows(&plain), ["sent:m0=1", "sent:m1=1"]);
    assert_eq!(plain.end, End::Drained);
    let began: Vec<String> = lines(&plain).into_iter().filter(|line| line.ends_with("began")).collect();
    assert_eq!(
        began,
        ["relay@p0#1 began", "relay@p1#1 began", "relay@p0#2 began", "relay@p1#2 began"][..began.len()],
        "{:#?}",
        lines(&plain)
    );
    assert!(began.len() >= 3);
    let relay = |n| RoundName::new("relay".parse().unwrap(), 0, n);
    let crashed = stage.replay(2, &[crash(relay(1).operation(2))]);
    assert_eq!(unused(&crashed), [""; 0]);
    assert_eq!(rows(&crashed), ["sent:m1=1"], "what was taken and not sent is gone: {:#?}", lines(&crashed));
    let failed = stage.replay(2, &[fail(relay(1).operation(2))]);
    assert_eq!(rows(&failed), ["sent:m1=1"]);
    let paused = stage.replay(2, &[pause(relay(1).operation(1))]);
    assert_eq!(rows(&paused), ["sent:m0=1", "sent:m1=1"]);
    assert!(
        lines(&paused).iter().position(|line| line.starts_with("relay@p1#1."))
            < lines(&paused).iter().position(|line| line.starts_with("relay@p0#1.")),
        "{:#?}",
        lines(&paused)
    );
    let jumped = stage.replay(2, &[advance(at(0, 1, 1), 1)]);
    let position = |start: &str| lines(&jumped).iter().position(|line| line.starts_with(start)).unwrap();
    assert!(
        position("m0#1 ") < position("relay@p0#1.") && position("m1#1.1") < position("relay@p0#1."),
        "deliveries that are due come first"
    );
    assert_eq!(unused(&stage.replay(1, &[overlap(relay(1).operation(1))])), ["it is no delivery that stands there"]);
}

#[test]
fn work_that_changes_something_every_time_is_let_go() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.put("a", "1").await);
    let mut stage = stage.every_second("beat", async |kv: &KeyValue| {
        let _ = kv.add("beats", 1).await;
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(replay.end, End::Drained);
    assert_eq!(rows(&replay), ["a=1", "beats=100"]);
}

#[test]
fn a_message_waits_for_work_that_has_to_be_done_first() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| match kv.get("ready").await? {
        Some(_) => Ok(()),
        None => Err(Error::other("not yet")),
    });
    let mut stage = stage.every_second("prepare", async |kv: &KeyValue| {
        let _ = kv.put_if_absent("ready", "1", None).await;
    });
    assert_eq!(stage.replay(1, &[]).end, End::Drained);
}

#[test]
fn work_that_panics_says_so_and_has_its_next_round() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.put("a", "1").await);
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| {
        let first = matches!(kv.put_if_absent("first", "1", None).await, Ok(true));
        assert!(!first, "not the first time");
    });
    let replay = stage.replay(1, &[]);
    assert!(lines(&replay).iter().any(|line| line.starts_with("relay@p0#1 panicked, not the first time, at ")));
    assert!(lines(&replay).contains(&"relay@p0#2 ended".to_owned()), "{:#?}", lines(&replay));
    assert_eq!(replay.end, End::Drained);
}

#[test]
fn a_lost_reply_is_a_reply_lost_in_background_work_too() {
    let stage = Stage::new(store(), async |_: &KeyValue, _: &Given| Ok::<_, Error>(()));
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| {
        if kv.put_if_absent("sent", "1", None).await.is_err() {
            let _ = kv.put("unsure", "1").await;
        }
    });
    let relay = RoundName::new("relay".parse().unwrap(), 0, 1);
    assert_eq!(rows(&stage.replay(1, &[lose_reply(relay.operation(1))])), ["sent=1", "unsure=1"]);
}

#[track_caller]
fn is_beyond_control<F>(handler: F, said: &str)
where
    F: AsyncFn(&KeyValue, &Given) -> Result<(), Error> + 'static,
{
    let replay = Stage::new(store(), handler).replay(1, &[]);
    let End::Inconclusive(why) = &replay.end else { panic!("{:#?}", lines(&replay)) };
    assert!(why.contains(said), "{why}");
}

#[test]
fn what_cannot_be_controlled_is_named() {
    is_beyond_control(async |_, _| tokio::task::spawn_blocking(|| ()).await.map_err(Error::other), "`spawn_blocking`");
    is_beyond_control(
        async |_, _| tokio::spawn(async { tokio::task::block_in_place(|| ()) }).await.map_err(Error::other),
        "`block_in_place`",
    );
    is_beyond_control(
        async |_, _| {
            tokio::net::TcpStream::connect(("127.0.0.1", 9)).await.map_err(Error::other)?;
            Ok(())
        },
        "real I/O",
    );
    is_beyond_control(
        async |_, _| {
            tokio::task::spawn_local(async {}).await.map_err(Error::other)?;
            Ok(())
        },
        "`spawn_local`",
    );
    is_beyond_control(
        async |_, _| {
            let (_keep, never) = oneshot::channel::<()>();
            never.await.map_err(Error::other)
        },
        "m0#1 waits for something that the harness does not run",
    );
}

#[test]
fn after_what_cannot_be_controlled_the_next_replay_is_as_ever() {
    is_beyond_control(async |_, _| tokio::task::spawn_blocking(|| ()).await.map_err(Error::other), "`spawn_blocking`");
    a_sleep_takes_virtual_time_and_no_other();
}

#[test]
fn a_delivery_that_is_overlapped_stands_with_all_that_it_spawned() {
    async fn both(kv: &KeyValue, _: &Given) -> Result<(), Error> {
        let own = kv.clone();
        let spawned = tokio::spawn(async move { own.put("a", "1").await });
        kv.put("b", "1").await?;
        kv.put("b", "2").await?;
        spawned.await.map_err(Error::other)?
    }
    let mut stage = Stage::new(store(), both);
    let overlapped = stage.replay(1, &[overlap(at(0, 1, 2))]);
    let who: Vec<bool> = steps(&overlapped).iter().map(|step| step.starts_with("m0#2")).collect();
    assert_eq!(who, [false, false, true, true, true, false], "{:#?}", lines(&overlapped));
}

#[test]
fn of_those_who_wake_at_once_the_one_that_ran_last_goes_on_and_can_be_paused_at_its_ack() {
    let mut stage = Stage::new(store(), async |_: &KeyValue, _: &Given| {
        sleep(second(1)).await;
        Ok::<_, Error>(())
    });
    let plain = stage.replay(2, &[]);
    let began = ["p0 m0#1 delivered, First", "p0 m1#1 delivered, First", "clock 1s"];
    assert_eq!(lines(&plain)[..3], began);
    let answers = |replay: &Replay| lines(replay).into_iter().filter(|line| line.contains("Done")).collect::<Vec<_>>();
    assert_eq!(answers(&plain), ["m1#1 Done", "m0#1 Done"]);
    let paused = stage.replay(2, &[pause(delivery(1, 1).ack())]);
    assert_eq!(unused(&paused), [""; 0]);
    assert_eq!(lines(&paused)[3..6], ["m1#1 Done", "m0#1 Done", "m0#1 Acked"]);
}

#[test]
fn who_is_overlapped_stands_while_the_other_leaves_its_work_to_a_task_and_waits_for_that() {
    async fn all_in_a_task(kv: &KeyValue, given: &Given) -> Result<(), Error> {
        let (own, attempt) = (kv.clone(), given.attempt.to_string());
        let body = async move {
            for key in ["a", "b"] {
                own.put(key, &attempt).await?;
            }
            Ok(())
        };
        tokio::spawn(body).await.map_err(Error::other)?
    }
    let mut stage = Stage::new(store(), all_in_a_task);
    let overlapped = stage.replay(1, &[overlap(at(0, 1, 2))]);
    let expected = ["m0#1.1 put a 1: ok", "m0#2.1 put a 2: ok", "m0#2.2 put b 2: ok", "m0#1.2 put b 1: ok"];
    assert_eq!(steps(&overlapped), expected, "{:#?}", lines(&overlapped));
}

#[test]
fn of_two_that_waited_for_a_lock_from_the_same_time_on_the_one_that_waited_first_gives_up_first() {
    async fn in_its_own_way(kv: &KeyValue, _: &Given) -> Result<(), Error> {
        let tx = kv.begin().await?;
        let own = kv.clone();
        let spawned = tokio::spawn(async move { own.put("a", "1").await });
        // What it spawned waits for the transaction, and that for what it spawned.
        spawned.await.map_err(Error::other)??;
        tx.commit().await
    }
    let mut stage = Stage::new(store(), in_its_own_way);
    let replay = stage.replay(1, &[overlap(at(0, 1, 1))]);
    // `m0#1` asked first, and stood until `m0#2` waited.
    let gave_up = steps(&replay).into_iter().filter(|line| line.ends_with("conflict")).take(2);
    assert_eq!(gave_up.collect::<Vec<_>>(), ["m0#2.2 put a 1: conflict", "m0#1.2 put a 1: conflict"]);
}

#[test]
fn a_thread_of_tokios_that_does_not_end_holds_nobody_up() {
    let (lets_go, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Arc::new(std::sync::Mutex::new(waits));
    let mut stage = Stage::new(store(), async move |kv: &KeyValue, _: &Given| {
        let waits = std::sync::Arc::clone(&waits);
        drop(tokio::task::spawn_blocking(move || waits.lock().is_ok_and(|waits| waits.recv().is_ok())));
        kv.put("a", "1").await
    });
    assert!(matches!(stage.replay(1, &[]).end, End::Inconclusive(_)));
    drop(lets_go);
}
