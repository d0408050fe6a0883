//! What handlers spawn: on whose behalf it acts, in which order, how far it comes before the clock moves, and what is left of it
//! after a crash.

use std::time::Duration;

use futures::FutureExt;
use redeliver_point::step;
use tokio::{
    sync::{Notify, oneshot},
    task::yield_now,
    time::{interval, sleep},
};

use super::{
    Turn,
    testing::{Given, Stage, at, crash, fail, lines, overlap, pause, rows, unused},
    trace::{End, Replay},
};
use crate::{
    Effects, Error, KeyValue,
    history::{Fault, TaskName},
    store::Seen,
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
fn blocking_work_is_found_out_though_nobody_waits_for_it() {
    for _ in 0..20 {
        let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
            drop(tokio::task::spawn_blocking(|| ()));
            kv.put("a", "1").await
        });
        let End::Inconclusive(why) = stage.replay(1, &[]).end else { panic!("it went by") };
        assert!(why.contains("`spawn_blocking`"), "{why}");
    }
}

#[test]
fn a_timer_fires_at_the_same_time_wherever_the_clock_stood_after_the_replay_before() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.put("a", "1").await?;
        sleep(Duration::from_millis(1)).await;
        kv.put("a", "2").await
    });
    let between_ticks = Fault::Advance { at: at(0, 1, 1), by: Duration::from_micros(1_500) };
    for _ in 0..3 {
        assert_eq!(steps(&stage.replay(1, &[]))[1], "clock 0.001s");
        let advanced = steps(&stage.replay(1, std::slice::from_ref(&between_ticks)));
        assert_eq!((&*advanced[0], &*advanced[2]), ("clock 0.0015s", "clock 0.0035s"));
        let turn = Turn { at: Duration::from_micros(1_500), ..Turn::plain(0) };
        assert_eq!(steps(&stage.reference(1, &[turn]))[1], "clock 0.0035s", "and in a reference run");
        let early = Fault::Advance { at: at(0, 1, 2), by: Duration::from_micros(300) };
        stage.replay(1, &[early]);
    }
}

#[test]
fn a_timer_of_a_reference_run_counts_from_the_time_of_its_delivery() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        sleep(second(30)).await;
        kv.put("a", "1").await
    });
    let turn = Turn { at: second(60), ..Turn::plain(0) };
    assert_eq!(steps(&stage.reference(1, &[turn])), ["clock 90s", "m0#1.1 put a 1: ok"]);
}

#[test]
fn what_drop_guards_spawn_in_a_crash_takes_no_number_of_those_who_live() {
    struct Guard(KeyValue);
    impl Drop for Guard {
        fn drop(&mut self) {
            let kv = self.0.clone();
            tokio::spawn(async move { kv.put("ghost", "1").await });
        }
    }
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let _guard = (given.attempt == 1).then(|| Guard(kv.clone()));
        kv.put("a", "1").await?;
        kv.put("b", "1").await
    });
    let crashed = stage.replay(1, &[crash(at(0, 1, 2))]);
    assert_eq!(steps(&crashed)[2..], ["m0#2.1 put a 1: ok", "m0#2.2 put b 1: ok"]);
}

#[test]
fn what_a_spawned_task_spawns_as_it_ends_acts_for_the_same_delivery() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let (own, key) = (kv.clone(), format!("m{}", given.message));
        tokio::spawn(async move {
            tokio::spawn(async move {
                sleep(second(2)).await;
                own.put(&key, "1").await
            });
        });
        kv.put("handled", "1").await
    });
    let plain = stage.replay(2, &[]);
    assert_eq!(steps(&plain)[2..], ["clock 2s", "m0#1.2 put m0 1: ok", "m1#1.2 put m1 1: ok"]);
}

#[test]
fn what_a_timer_lets_spawn_acts_for_whoever_ran_last() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let own = kv.clone();
        if given.message == 1 {
            tokio::spawn(async move {
                sleep(second(2)).await;
                tokio::spawn(async move { own.put("late", "1").await });
            });
        }
        kv.put("handled", "1").await
    });
    assert_eq!(steps(&stage.replay(2, &[]))[2..], ["clock 2s", "m1#1.2 put late 1: ok"]);
}

#[test]
fn what_is_spawned_does_effects_on_behalf_of_its_delivery_whoever_ran_before() {
    let mut stage = Stage::new(Effects::new(), async |outside: &Effects, given: &Given| {
        let (own, message) = (outside.clone(), given.message);
        tokio::spawn(async move {
            sleep(second(2)).await;
            own.perform("mail", message).await
        });
        outside.perform("handled", message).await.map(drop)
    });
    let replay = stage.replay(2, &[]);
    let (_, Seen::Performed(performed)) = &replay.observation.parts()[0] else { panic!("{:?}", replay.observation) };
    for effect in performed.effects() {
        let TaskName::Delivery(delivery) = effect.by[0].on_behalf else { panic!("{effect:?}") };
        assert_eq!(delivery.message.to_string(), effect.detail, "{effect:?}");
    }
}

#[test]
fn what_is_spawned_reads_the_clock_for_its_delivery_and_not_for_the_next_one() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        if given.message == 0 {
            let own = kv.clone();
            kv.put_if_absent("lease", "1", Some(second(60))).await?;
            tokio::spawn(async move {
                sleep(second(1)).await;
                own.get("lease").await
            });
            return Ok(());
        }
        sleep(second(2)).await;
        kv.put("a", "1").await
    });
    let replay = stage.replay(2, &[]);
    let read_clock = |message: usize| replay.fates[message].supplied[0].read_clock;
    assert!(read_clock(0) && !read_clock(1), "{:#?}", lines(&replay));
}

#[test]
fn what_is_spawned_comes_to_its_operation_though_it_yields_or_is_one_of_many() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let own = kv.clone();
        tokio::spawn(async move {
            yield_now().await;
            own.put("yielded", "1").await
        });
        for _ in 0..100 {
            let own = kv.clone();
            tokio::spawn(async move { own.get("one of many").await });
        }
        kv.put("a", "1").await?;
        kv.put("b", "1").await
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(steps(&replay)[1], "m0#1.103 put b 1: ok", "all of them have a number by then");
}

#[test]
fn the_clock_stands_while_what_is_spawned_yields_a_few_times() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let own = kv.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                yield_now().await;
            }
            own.put("yielded", "1").await
        });
        sleep(second(1)).await;
        kv.put("a", "1").await
    });
    assert_eq!(steps(&stage.replay(1, &[])), ["m0#1.1 put yielded 1: ok", "clock 1s", "m0#1.2 put a 1: ok"]);
}

#[test]
fn a_timer_beyond_the_next_delivery_fires_after_it() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        if given.attempt == 1 {
            let own = kv.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(3_500)).await;
                own.put("late", "1").await
            });
        }
        if given.attempt < 3 { Err(Error::other("not yet")) } else { kv.put("a", "1").await }
    });
    let expected = ["clock 1s", "clock 3s", "m0#3.1 put a 1: ok", "clock 3.5s", "m0#1.1 put late 1: ok"];
    assert_eq!(steps(&stage.replay(1, &[])), expected);
}

#[test]
fn a_delivery_waits_through_as_many_ticks_of_somebody_else_as_it_takes() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let ticks = tokio::spawn(async {
            let mut ticks = interval(Duration::from_millis(10));
            loop {
                ticks.tick().await;
            }
        });
        sleep(second(5)).await;
        ticks.abort();
        kv.put("a", "1").await
    });
    let replay = stage.replay(1, &[]);
    assert_eq!((&replay.end, steps(&replay)), (&End::Drained, vec!["clock 5s".into(), "m0#1.1 put a 1: ok".into()]));
}

#[test]
fn of_what_was_spawned_the_one_that_came_to_its_operation_first_goes_first() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let goes = [std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new())];
        let [first, second] = [0, 1].map(|n| {
            let (own, go) = (kv.clone(), goes[n].clone());
            tokio::spawn(async move {
                own.get("ready").await?;
                go.notified().await;
                own.put(&format!("strand{n}"), "1").await
            })
        });
        kv.put("a", "1").await?;
        goes[1].notify_one();
        kv.put("b", "1").await?;
        goes[0].notify_one();
        kv.put("c", "1").await?;
        first.await.map_err(Error::other)??;
        second.await.map_err(Error::other)?
    });
    let paused = stage.replay(1, &[pause(at(0, 1, 1))]);
    let order: Vec<String> = steps(&paused).iter().filter_map(|step| Some(step.split_once("put ")?.1.into())).collect();
    assert_eq!(order, ["a 1: ok", "b 1: ok", "c 1: ok", "strand1 1: ok", "strand0 1: ok"]);
}

#[test]
fn who_is_woken_by_a_spawned_task_goes_after_those_who_could_run_before() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let (first, second, (tell, told)) = (kv.clone(), kv.clone(), oneshot::channel());
        tokio::spawn(async move {
            let _ = tell.send(first.put("a", "1").await);
        });
        let other = tokio::spawn(async move { second.put("b", "1").await });
        told.await.map_err(Error::other)??;
        kv.put("c", "1").await?;
        other.await.map_err(Error::other)?
    });
    let order = ["m0#1.1 put a 1: ok", "m0#1.2 put b 1: ok", "m0#1.3 put c 1: ok"];
    assert_eq!(steps(&stage.replay(1, &[])), order);
}

#[test]
fn of_those_whom_one_timer_wakes_what_was_spawned_earlier_goes_first() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let own = kv.clone();
        match given.message {
            0 => drop(tokio::spawn(async move {
                own.get("admitted").await?;
                sleep(second(2)).await;
                own.put("spawned", "1").await
            })),
            1 => {
                sleep(second(2)).await;
                kv.put("slept", "1").await?;
            }
            _ => {}
        }
        kv.put("last", "1").await
    });
    let replay = stage.replay(3, &[]);
    let woken: Vec<String> = steps(&replay).into_iter().skip_while(|step| step != "clock 2s").skip(1).collect();
    assert_eq!(woken[..2], ["m0#1.3 put spawned 1: ok", "m1#1.1 put slept 1: ok"], "{:#?}", lines(&replay));
}

#[test]
fn a_turn_that_a_spawned_task_does_not_take_is_taken_back_with_its_fault() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let (own, is_first) = (kv.clone(), given.attempt == 1);
        let spawned = tokio::spawn(async move {
            let mut put = std::pin::pin!(own.put("a", "1"));
            // It asks for its turn, and looks for it only later.
            if put.as_mut().now_or_never().is_none() && is_first {
                sleep(second(1)).await;
            }
            put.await
        });
        spawned.await.map_err(Error::other)?
    });
    assert_eq!(steps(&stage.replay(1, &[])), ["clock 1s", "m0#1.1 put a 1: ok"]);
    let failed = stage.replay(1, &[fail(at(0, 1, 1))]);
    assert_eq!(unused(&failed), [""; 0], "{:#?}", lines(&failed));
    assert_eq!(failed.acted[0].position, 2, "after the delivery and the clock: {:#?}", lines(&failed));
}

#[test]
fn after_a_crash_not_even_a_step_acts_that_was_spawned_before() {
    async fn spawns(kv: &KeyValue, given: &Given) -> Result<(), Error> {
        let attempt = given.attempt;
        for begins_late in [false, true] {
            tokio::spawn(async move {
                let label = if attempt == 1 { "of the dead" } else { "of the living" };
                if !begins_late {
                    step(label, async { Ok(()) }).or_fail(|| ()).await?;
                }
                sleep(second(2)).await;
                step(label, async { Ok::<_, ()>(()) }).or_fail(|| ()).await
            });
        }
        kv.put("a", "1").await?;
        sleep(second(1)).await;
        kv.put("b", "1").await
    }
    let plain = Stage::new(store(), spawns).replay(1, &[]);
    let count = |replay: &Replay, label: &str| steps(replay).iter().filter(|step| step.contains(label)).count();
    assert_eq!(count(&plain, "of the dead"), 3, "{:#?}", lines(&plain));
    let crashed = Stage::new(store(), spawns).replay(1, &[crash(at(0, 1, 3))]);
    assert_eq!(unused(&crashed), [""; 0]);
    assert_eq!((count(&crashed, "of the dead"), count(&crashed, "of the living")), (1, 3), "{:#?}", lines(&crashed));
}

#[test]
fn what_a_replay_left_behind_does_nothing_in_the_next_one() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let own = kv.clone();
        tokio::spawn(async move {
            sleep(second(90 * 60)).await;
            own.put("beyond the horizon", "1").await
        });
        kv.put("a", "1").await
    });
    for _ in 0..3 {
        assert_eq!(rows(&stage.replay(1, &[])), ["a=1"]);
    }
}

#[test]
fn what_a_delivery_spawned_stands_with_it_while_it_is_overlapped() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let own = kv.clone();
        let spawned = tokio::spawn(async move { own.put("a", "1").await });
        kv.put("b", "1").await?;
        spawned.await.map_err(Error::other)?
    });
    let overlapped = stage.replay(1, &[overlap(at(0, 1, 1))]);
    let who: Vec<bool> = steps(&overlapped).iter().map(|step| step.starts_with("m0#2")).collect();
    assert_eq!(who, [true, true, false, false], "{:#?}", lines(&overlapped));
}
