//! What the machine makes of partitions: positions and offsets, suffixes that come again, zombies, the head of the line.

use super::{
    testing::{Given, Stage, at, cancel, crash, delivery, overlap, pause, unused},
    trace::{End, Event, Replay, Settlement},
};
use crate::{
    DeliveryModel, Error, KeyValue, Outcome,
    history::{Deferred, Fault},
};

const KAFKA: DeliveryModel = DeliveryModel::kafka();
const ONE: &[Option<&str>] = &[Some("key"); 3];

fn store() -> KeyValue {
    KeyValue::new("kv").observed()
}

async fn two_steps(kv: &KeyValue, given: &Given) -> Result<(), Error> {
    kv.add(&format!("m{}", given.message), 1).await?;
    kv.add("all", 1).await.map(|_| ())
}

/// `p0 m0#1`, a delivery, in the order in which they began.
fn begun(replay: &Replay) -> Vec<String> {
    let began = |event: &Event| match event {
        Event::Delivered { delivery, process, .. } => Some(format!("p{} {delivery}", process.index())),
        _ => None,
    };
    replay.events.iter().filter_map(began).collect()
}

fn settled(replay: &Replay, of: crate::history::DeliveryName) -> Option<Settlement> {
    replay.events.iter().find_map(|event| match event {
        Event::Settled { delivery, how, .. } if *delivery == of => Some(*how),
        _ => None,
    })
}

fn lose_ack(message: usize) -> Fault {
    Fault::LoseAck { delivery: delivery(message, 1) }
}

/// The deliveries of so many messages under these faults.
fn under(keys: &[Option<&'static str>], messages: usize, faults: &[Fault]) -> Vec<String> {
    let replay = Stage::new(store(), two_steps).under(KAFKA, keys).replay(messages, faults);
    assert_eq!((unused(&replay), &replay.end), (Vec::new(), &End::Drained), "{faults:?}");
    begun(&replay)
}

#[test]
fn a_lost_commit_alone_repeats_nothing() {
    assert_eq!(under(ONE, 2, &[lose_ack(0)]), ["p0 m0#1", "p0 m1#1"]);
    assert_eq!(under(ONE, 2, &[lose_ack(0), lose_ack(1)]), ["p0 m0#1", "p0 m1#1"]);
}

#[test]
fn a_crash_repeats_everything_after_the_last_committed_offset_in_order() {
    let all = ["p0 m0#1", "p0 m1#1", "p0 m2#1", "p0 m0#2", "p0 m1#2", "p0 m2#2"];
    assert_eq!(under(ONE, 3, &[lose_ack(0), lose_ack(1), crash(at(2, 1, 1))]), all);
    // The commit of m1 covers for that of m0.
    assert_eq!(under(ONE, 3, &[lose_ack(0), crash(at(2, 1, 1))]), ["p0 m0#1", "p0 m1#1", "p0 m2#1", "p0 m2#2"]);
    // A partition that the process had too begins again at its own offset.
    assert_eq!(under(&[], 2, &[lose_ack(0), crash(at(1, 1, 1))]), ["p0 m0#1", "p0 m1#1", "p0 m0#2", "p0 m1#2"]);
}

#[test]
fn a_rebalance_moves_the_partition_and_its_zombie_commits_nothing_and_gets_nothing() {
    assert_eq!(under(ONE, 2, &[overlap(at(0, 1, 2))]), ["p0 m0#1", "p1 m0#2", "p1 m1#1"]);
    let replay = Stage::new(store(), two_steps).under(KAFKA, ONE).replay(2, &[overlap(at(0, 1, 2))]);
    assert_eq!(settled(&replay, delivery(0, 1)), Some(Settlement::Fenced));
    assert_eq!(settled(&replay, delivery(0, 2)), Some(Settlement::Acked));
    // The new owner dies when the zombie is done: what the zombie committed counts for nothing.
    let dies = [overlap(at(0, 1, 2)), pause(at(0, 2, 2)), crash(at(0, 2, 2))];
    assert_eq!(under(ONE, 2, &dies), ["p0 m0#1", "p1 m0#2", "p1 m0#3", "p1 m1#1"]);
    // Another partition of the process stays where it is.
    assert_eq!(under(&[], 2, &[overlap(at(0, 1, 2))]), ["p0 m0#1", "p1 m0#2", "p0 m1#1"]);
}

#[test]
fn a_new_owner_begins_at_the_committed_offset_and_not_at_what_was_being_handled() {
    let faults = [lose_ack(0), overlap(at(1, 1, 2))];
    assert_eq!(under(ONE, 2, &faults), ["p0 m0#1", "p0 m1#1", "p1 m0#2", "p1 m1#2"]);
}

#[test]
fn a_partition_does_not_move_away_from_whoever_has_lost_it() {
    let faults = [overlap(at(0, 1, 2)), pause(at(0, 2, 1)), overlap(at(0, 1, 3))];
    let replay = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        two_steps(kv, given).await?;
        kv.get("all").await.map(|_| ())
    })
    .under(KAFKA, ONE)
    .replay(1, &faults);
    assert_eq!(unused(&replay), ["its partition had moved to another process by then"]);
}

#[test]
fn what_stands_behind_a_message_that_fails_waits_for_it_in_its_partition_only() {
    let fails = async |_: &KeyValue, given: &Given| match given.message {
        0 => Outcome::<()>::Retry("never".to_owned()),
        _ => Outcome::Done(()),
    };
    let stuck = |keys: &[Option<&'static str>]| Stage::new(store(), fails).under(KAFKA, keys).replay(3, &[]).end;
    assert_eq!(stuck(ONE), End::Stuck(vec![0, 1, 2]));
    assert_eq!(stuck(&[Some("a"), Some("b"), Some("a")]), End::Stuck(vec![0, 2]));
    assert_eq!(stuck(&[]), End::Stuck(vec![0]));
}

#[test]
fn a_rejection_is_put_aside_or_blocks_as_the_model_says() {
    let rejects = async |_: &KeyValue, given: &Given| match given.message {
        0 => Outcome::<()>::Reject("never".to_owned()),
        _ => Outcome::Done(()),
    };
    let end = |model| Stage::new(store(), rejects).under(model, ONE).replay(2, &[]).end;
    assert_eq!(end(KAFKA), End::Drained);
    assert_eq!(end(DeliveryModel::kafka_blocking()), End::Stuck(vec![0, 1]));
}

#[test]
fn a_cancelled_handler_is_called_again_before_anything_behind_it() {
    assert_eq!(under(ONE, 2, &[cancel(at(0, 1, 2))]), ["p0 m0#1", "p0 m0#2", "p0 m1#1"]);
}

#[test]
fn a_second_copy_comes_behind_everything_that_its_partition_holds() {
    let copy = Fault::Duplicate { message: 0, at: None };
    assert_eq!(under(ONE, 2, std::slice::from_ref(&copy)), ["p0 m0#1", "p0 m1#1", "p0 m0#2"]);
    assert_eq!(under(&[], 2, &[copy]), ["p0 m0#1", "p0 m0#2", "p0 m1#1"]);
}

#[test]
fn nothing_is_put_off_or_waited_for_against_the_order_of_a_partition() {
    let defer = Fault::Defer { what: Deferred::Message(0), past: 1 };
    let mut stage = Stage::new(store(), two_steps).under(KAFKA, ONE);
    let replay = stage.replay(2, std::slice::from_ref(&defer));
    assert_eq!(unused(&replay), ["both are of one partition, which comes in order"]);
    assert_eq!(under(&[], 2, &[defer]), ["p0 m1#1", "p0 m0#1"]);
    let until = Fault::Pause { at: at(0, 1, 2), until: Some(at(1, 1, 1)) };
    let replay = stage.replay(2, std::slice::from_ref(&until));
    assert_eq!(unused(&replay), ["what it waits for stands behind others in its partition"]);
    assert_eq!(under(&[], 2, &[until]), ["p0 m0#1", "p0 m1#1"]);
}

#[test]
fn partitions_are_handled_beside_each_other() {
    let replay = Stage::new(store(), two_steps).under(KAFKA, &[]).replay(2, &[pause(at(0, 1, 2))]);
    let returned = replay.events.iter().filter_map(|event| match event {
        Event::Returned { delivery, .. } => Some(delivery.message),
        _ => None,
    });
    assert_eq!(returned.collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn what_is_put_off_past_a_message_that_is_rejected_and_tried_again_comes_next() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| -> Outcome<()> {
        let is_first = matches!(kv.add(&format!("m{}", given.message), 1).await, Ok(1));
        if given.message == 1 && is_first {
            return Outcome::Reject("not yet".to_owned());
        }
        Outcome::Done(())
    })
    .under(DeliveryModel::kafka_blocking(), &[]);
    let put_off = Fault::Defer { what: Deferred::Message(0), past: 1 };
    assert_eq!(begun(&stage.replay(2, &[put_off])), ["p0 m1#1", "p0 m0#1", "p0 m1#2"]);
}
