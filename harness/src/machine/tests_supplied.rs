//! With what each delivery is supplied, and in which order those go on that were woken.

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc, time::Duration};

use futures::future::{Either, select};
use tokio::{sync::Notify, time::sleep};

use super::{
    Turn,
    replay::MOST_STEPS,
    testing::{Given, Stage, advance, at, crash, delivery, lines, overlap, points, unused},
    trace::{End, Event, Replay, Supplied},
};
use crate::{
    DeliveryModel, Error, KeyValue, KeyValueTransaction, Outcome,
    history::{Fault, Skew},
};

fn store() -> KeyValue {
    KeyValue::new("kv").observed()
}

async fn two_steps(kv: &KeyValue, given: &Given) -> Result<(), Error> {
    kv.add(&format!("m{}", given.message), 1).await?;
    kv.add("all", 1).await.map(drop)
}

/// When a delivery of a message began, by how much its clock was ahead, and its seed.
fn supplied(replay: &Replay, message: usize) -> Vec<(Duration, Duration, u64)> {
    replay.fates[message].supplied.iter().map(|supplied| (supplied.began, supplied.ahead, supplied.seed)).collect()
}

#[test]
fn a_delivery_is_supplied_with_a_seed_of_its_own_and_the_time_at_which_it_begins() {
    let mut stage = Stage::new(store(), two_steps);
    let ahead = Duration::from_secs(3);
    let faults = [
        Fault::Skew { process: 0, skew: Skew { ahead: true, by: ahead } },
        advance(at(0, 1, 1), 31),
        crash(at(0, 1, 2)),
    ];
    let replay = stage.replay(2, &faults);
    assert_eq!(unused(&replay), [""; 0]);
    let of_m0 = supplied(&replay, 0);
    assert_eq!((of_m0[0], of_m0[1].2), ((Duration::ZERO, ahead, 1), 2));
    assert!(of_m0[1].0 >= Duration::from_secs(31), "{of_m0:?}");
    assert_eq!(supplied(&replay, 1)[0].2, 1 << 32 | 1);
}

#[test]
fn a_delivery_of_a_reference_run_is_supplied_as_it_is_told_to_be() {
    let mut stage = Stage::new(store(), two_steps);
    let turn = Turn { message: 1, at: Duration::from_secs(5), seed: 9, copy: 3 };
    let told = Supplied { began: turn.at, seed: 9, copy: 3, ..Supplied::default() };
    assert_eq!(stage.reference(2, &[turn]).fates[1].supplied, [told]);
}

#[test]
fn copies_that_were_dealt_have_seeds_that_do_not_depend_on_which_comes_first() {
    let mut stage = Stage::new(store(), two_steps).under(DeliveryModel::dealt(3), &[]);
    let of = |replay: &Replay, message| -> Vec<u64> {
        let mut seeds: Vec<u64> = supplied(replay, message).iter().map(|(.., seed)| *seed).collect();
        seeds.sort_unstable();
        seeds
    };
    let replay = stage.replay(2, &[]);
    let (second, third) = (1 << 16, 2 << 16);
    let seeds = [1, second + 1, third + 1];
    assert_eq!(of(&replay, 0), seeds);
    assert_eq!(of(&replay, 1), seeds.map(|seed| 1 << 32 | seed));
    let again = stage.replay(2, &[crash(at(1, 1, 1))]);
    assert_eq!(of(&again, 1).len(), 4, "the copy that was lost comes again, with another seed: {:?}", of(&again, 1));
    assert!(of(&again, 1).windows(2).all(|two| two[0] < two[1]));
}

#[test]
fn of_two_that_were_woken_the_one_that_was_woken_first_goes_on_first() {
    let mut stage = Stage::with_process(
        store(),
        |kv| (kv, [Notify::new(), Notify::new()]),
        async |(kv, wakes): &(KeyValue, [Notify; 2]), given: &Given| {
            if given.message == 2 {
                wakes[1].notify_one();
                kv.put("last", "m2").await?;
                wakes[0].notify_one();
            } else {
                wakes[given.message].notified().await;
            }
            kv.put("last", "ends").await
        },
    );
    let ends: Vec<String> = points(&stage.replay(3, &[])).into_iter().filter(|point| point.ends_with("ack")).collect();
    assert_eq!(ends, ["m2#1.ack", "m1#1.ack", "m0#1.ack"]);
}

#[test]
fn a_handler_that_was_paused_for_what_never_comes_sleeps_no_longer_than_it_says() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.put("a", "1").await?;
        sleep(Duration::from_secs(1)).await;
        kv.put("a", "2").await
    });
    let replay = stage.replay(1, &[Fault::Pause { at: at(0, 1, 1), until: Some(at(0, 2, 1)) }]);
    let clocks: Vec<String> = lines(&replay).into_iter().filter(|line| line.starts_with("clock")).collect();
    assert_eq!((unused(&replay), clocks), (Vec::new(), vec!["clock 1s".to_owned()]));
}

/// A process that keeps what its handlers leave behind.
type Keeps = (KeyValue, RefCell<Vec<Box<dyn std::any::Any>>>);

#[test]
fn an_operation_that_outlives_its_handler_waits_for_no_lock() {
    type Begins = Pin<Box<dyn Future<Output = Result<KeyValueTransaction, Error>>>>;
    let mut stage = Stage::with_process(
        store(),
        |kv| (kv, RefCell::default()),
        async |(kv, kept): &Keeps, given: &Given| {
            if given.message == 0 {
                let tx = kv.begin().await?;
                kept.borrow_mut().push(Box::new(tx));
                return Ok(());
            }
            let own = kv.clone();
            let begins: Begins = Box::pin(async move { own.begin().await });
            match select(begins, Box::pin(kv.get("a"))).await {
                Either::Right((_, begins)) => kept.borrow_mut().push(Box::new(Rc::new(RefCell::new(begins)))),
                Either::Left(_) => panic!("the lock was free"),
            }
            Ok::<_, Error>(())
        },
    );
    let told = lines(&stage.replay(2, &[]));
    assert!(told.iter().any(|line| line.starts_with("m1#1.1 blocked")), "{told:#?}");
    assert!(!told.iter().any(|line| line.starts_with("clock")), "{told:#?}");
}

#[test]
fn an_acknowledgement_that_the_broker_would_not_take_cannot_be_lost() {
    let mut stage = Stage::new(store(), two_steps).under(DeliveryModel::kafka(), &[]);
    let faults = [overlap(at(0, 1, 1)), Fault::LoseAck { delivery: delivery(0, 1) }];
    let why = "the broker would not take it: another process has the message";
    assert_eq!(unused(&stage.replay(1, &faults)), [why]);
}

#[test]
fn where_a_rejection_is_not_put_aside_nothing_can_come_between_it_and_the_broker() {
    let rejects = async |kv: &KeyValue, _: &Given| match kv.put("a", "1").await {
        Ok(()) => Outcome::<()>::Reject("never".to_owned()),
        Err(why) => Outcome::Retry(why.to_string()),
    };
    let struck = |model| {
        let replay = Stage::new(store(), rejects).under(model, &[]).replay(1, &[crash(delivery(0, 1).ack())]);
        replay.events.iter().any(|event| matches!(event, Event::Crashed { .. }))
    };
    assert!(struck(DeliveryModel::kafka()));
    assert!(!struck(DeliveryModel::kafka_blocking()));
}

#[test]
fn a_replay_takes_ten_thousand_steps_and_no_more() {
    let ends = |operations: u32| {
        let mut stage = Stage::new(store(), async move |kv: &KeyValue, _: &Given| {
            for _ in 0..operations {
                kv.get("a").await?;
            }
            Ok::<_, Error>(())
        });
        stage.replay(1, &[]).end == End::Drained
    };
    // A step for the call, and one for the acknowledgement.
    assert!(ends(MOST_STEPS - 2));
    assert!(!ends(MOST_STEPS - 1));
}
