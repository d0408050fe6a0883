//! What is made of executions, through a key-value store. Random ones are tried in the tests of the whole.

use super::*;
use crate::{
    Error, KeyValue,
    machine::testing::{Given, Stage, advance, at, crash, delivery, fail, lines, lose_reply, overlap, pause},
};

fn published(messages: usize) -> Vec<Published> {
    let payload = || crate::history::Payload::Written("100".to_owned());
    (0..messages).map(|_| Published { id: None, ordering_key: None, payload: payload() }).collect()
}

fn made(execution: &Replay, messages: usize) -> Result<History, Inexpressible> {
    history_of(execution, DeliveryModel::at_least_once(), 2, &published(messages))
}

fn store() -> KeyValue {
    KeyValue::new("kv").observed()
}

async fn four_steps(kv: &KeyValue, given: &Given) -> Result<(), Error> {
    for _ in 0..4 {
        kv.put("last", &format!("m{}", given.message)).await?;
    }
    Ok(())
}

async fn transaction(kv: &KeyValue, _: &Given) -> Result<(), Error> {
    let tx = kv.begin().await?;
    tx.add("n", 1).await?;
    tx.commit().await
}

/// What is made of the execution that these faults lead to, once it is seen to replay to the same.
#[track_caller]
fn again<F, O>(stage: &mut Stage<KeyValue, KeyValue, F>, messages: usize, faults: &[Fault]) -> Vec<String>
where
    F: AsyncFn(&KeyValue, &Given) -> O + 'static,
    O: crate::IntoOutcome,
{
    let execution = stage.replay(messages, faults);
    let history = made(&execution, messages).unwrap_or_else(|why| panic!("{faults:?}: {why}"));
    assert_eq!(history.validate(), Ok(()));
    let replay = stage.replay(messages, &history.faults);
    assert_eq!(difference(&execution, &replay), None, "{faults:?} became {:?}", history.faults);
    history.faults.iter().map(ToString::to_string).collect()
}

fn until(at: crate::history::Coordinate, until: crate::history::Coordinate) -> Fault {
    Fault::Pause { at, until: Some(until) }
}

#[test]
fn what_the_scheduling_order_does_by_itself_takes_no_fault() {
    let mut stage = Stage::new(store(), four_steps);
    assert_eq!(again(&mut stage, 3, &[]), [""; 0]);
    // Nobody else could run.
    assert_eq!(again(&mut stage, 1, &[pause(at(0, 1, 2))]), [""; 0]);
}

#[test]
fn what_happened_to_one_delivery_is_one_fault() {
    let mut stage = Stage::new(store(), four_steps);
    let faults = [
        crash(at(0, 1, 3)),
        crash(delivery(0, 1).ack()),
        fail(at(0, 1, 2)),
        lose_reply(at(0, 1, 1)),
        overlap(at(0, 1, 2)),
        overlap(delivery(0, 1).ack()),
        advance(at(0, 1, 2), 31),
        Fault::LoseAck { delivery: delivery(0, 1) },
        Fault::Overlap { at: at(0, 1, 2), to: Some(0) },
        Fault::Duplicate { message: 0, at: None },
        Fault::Duplicate { message: 1, at: Some(at(0, 1, 2)) },
        Fault::Defer { what: crate::history::Deferred::Message(0), past: 1 },
    ];
    for fault in faults {
        assert_eq!(again(&mut stage, 2, std::slice::from_ref(&fault)), [fault.to_string()]);
    }
}

#[test]
fn a_pause_says_what_it_waited_for() {
    let mut stage = Stage::new(store(), four_steps);
    assert_eq!(again(&mut stage, 2, &[pause(at(0, 1, 2))]), ["pause m0#1.2 until m1#1.ack"]);
    let faults = [pause(at(0, 1, 2)), pause(at(1, 1, 3))];
    assert_eq!(again(&mut stage, 2, &faults), ["pause m0#1.2 until m1#1.2", "pause m1#1.3 until m0#1.ack"]);
    // m1#1 had done nothing by then that one could wait for.
    let faults = [pause(at(0, 1, 2)), pause(at(1, 1, 1))];
    assert_eq!(again(&mut stage, 2, &faults), ["pause m0#1.2", "pause m1#1.1 until m0#1.ack"]);
}

#[test]
fn all_seventy_interleavings_of_two_handlers_of_four_steps_come_back_with_a_pause_for_each_change() {
    let mut stage = Stage::new(store(), four_steps);
    let mut met = std::collections::BTreeSet::new();
    for pauses in 0..1_u32 << 8 {
        let faults: Vec<Fault> =
            (0..8).filter(|bit| pauses & 1 << bit != 0).map(|bit| pause(at(bit / 4, 1, bit as u32 % 4 + 1))).collect();
        let events = stage.replay(2, &faults).events;
        let steps = events.iter().filter_map(|event| match event {
            Event::Step { at, .. } => at.message(),
            _ => None,
        });
        met.insert(steps.collect::<Vec<_>>());
        // One that goes on later has to stand where another one is next.
        let goes_on = |of, at: usize| events[at..].iter().any(|event| event.delivery() == Some(of));
        let changes = (1..events.len()).filter(|at| {
            let before = events[at - 1].delivery().expect("nobody crashes");
            events[*at].delivery() != Some(before) && goes_on(before, *at)
        });
        assert_eq!(again(&mut stage, 2, &faults).len(), changes.count());
    }
    assert_eq!(met.len(), 70);
}

#[test]
fn who_goes_before_one_that_waits_for_a_lock_can_run_before_it_is_released() {
    let mut stage = Stage::new(store(), transaction);
    // m1#1 waits for the lock of m0#1; m2#1 goes on before it does.
    let faults = [pause(at(0, 1, 2)), until(at(2, 1, 1), at(0, 1, 2)), pause(at(0, 1, 4))];
    again(&mut stage, 3, &faults);
    let faults = [overlap(at(0, 1, 2)), until(at(0, 1, 2), delivery(1, 1).ack())];
    again(&mut stage, 2, &faults);
    // Somebody gives up, since the clock jumps while it waits.
    again(&mut stage, 2, &[overlap(at(0, 1, 2)), advance(at(0, 1, 3), 31)]);
}

#[test]
fn an_execution_that_was_given_up_has_no_history() {
    let mut execution = Stage::new(store(), four_steps).replay(1, &[]);
    execution.end = End::Inconclusive("it never ended".to_owned());
    assert_eq!(made(&execution, 1), Err(Inexpressible::GivenUp("it never ended".to_owned())));
}

#[test]
fn nothing_makes_the_broker_hand_out_a_message_before_an_earlier_one_that_comes_before_anything_is_handled() {
    let mut execution = Stage::new(store(), four_steps).replay(3, &[pause(at(0, 1, 2)), pause(at(1, 1, 2))]);
    assert!(made(&execution, 3).is_ok());
    let begins = |event: &Event| matches!(event, Event::Delivered { delivery, .. } if delivery.message == 2);
    let begins = execution.events.iter().position(begins).expect("it is delivered");
    execution.events[2..=begins].rotate_right(1);
    let why = made(&execution, 3).expect_err("m1 can only come after something that is handled");
    assert!(matches!(why, Inexpressible::NoFaults { event: 3, .. }), "{why}: {:#?}", lines(&execution));
}

#[test]
fn nothing_keeps_who_waits_for_a_lock_from_its_turn_once_it_is_released() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        if given.message < 2 {
            kv.begin().await?.commit().await?;
        }
        kv.get("n").await?;
        kv.get("n").await.map(|_| ())
    });
    // m0#1 holds a lock that m1#1 waits for, and m2#1 stands.
    let mut execution = stage.replay(3, &[pause(at(0, 1, 2)), until(at(2, 1, 1), at(0, 1, 3))]);
    assert!(made(&execution, 3).is_ok());
    // Now m0#1 and m2#1 take turns once m0#1 has released it: for the second turn of m2#1, m1#1 would have to stand.
    let step = |events: &[Event], point| events.iter().position(|event| event.point() == Some(point)).expect("it acts");
    for (read, after) in [(at(2, 1, 1), at(0, 1, 2)), (at(2, 1, 2), at(0, 1, 3))] {
        let events = &mut execution.events;
        let moved = events.remove(step(events, read));
        events.insert(step(events, after) + 1, moved);
    }
    let why = made(&execution, 3).expect_err("nobody can stand where he waits for a lock");
    assert!(matches!(why, Inexpressible::NoFaults { .. }), "{why}: {:#?}", lines(&execution));
}

#[test]
fn what_only_replays_have_in_them_is_named() {
    let process = || crate::Process::new(0, 0);
    let round: crate::history::RoundName = crate::history::RoundName::new("relay".parse().unwrap(), 0, 1);
    let skew = crate::history::Skew { ahead: true, by: std::time::Duration::from_secs(1) };
    let loss = crate::history::Loss::Last;
    let of = delivery(0, 1);
    let events = [
        Event::RoundBegan { round, process: process() },
        Event::RoundEnded { round, process: process(), panicked: None },
        Event::Cancelled { task: round.into(), process: process() },
        Event::Skewed { process: process(), skew },
        Event::Forgot { store: "kv".parse().unwrap(), loss, count: 1 },
        Event::Settled { delivery: of, process: process(), how: Settlement::AckedEarly },
        Event::Settled { delivery: of, process: process(), how: Settlement::Acked },
        Event::Cancelled { task: of.into(), process: process() },
    ];
    let mut execution = Stage::new(store(), four_steps).replay(1, &[]);
    let named = events.map(|event| {
        execution.events.push(event);
        let made = made(&execution, 1);
        execution.events.pop();
        match made {
            Err(Inexpressible::Unknown(what)) => what,
            _ => "",
        }
    });
    let (work, skewed) = ("background work", "a clock that is skewed");
    let (lost, early) = ("a store that lost something", "a handler that acknowledges by itself");
    assert_eq!(named, [work, work, work, skewed, lost, early, "", ""]);
}

#[test]
fn two_replays_differ_in_an_event_in_what_is_left_or_in_a_fault_that_did_not_act() {
    let mut stage = Stage::new(store(), four_steps);
    let first = stage.replay(1, &[]);
    assert_eq!(difference(&first, &first), None);
    let told = |second: &Replay| difference(&first, second).unwrap_or_default();
    let mut shorter = first.clone();
    shorter.events.truncate(2);
    assert!(told(&shorter).starts_with("event 2 was Step"), "{}", told(&shorter));
    assert!(difference(&shorter, &first).is_some_and(|what| what.starts_with("event 2 was nothing")));
    let mut other = first.clone();
    other.observation = crate::Observation::default();
    assert!(told(&other).starts_with("in the end there was"), "{}", told(&other));
    let mut stuck = first.clone();
    stuck.end = End::Stuck(vec![0]);
    assert!(told(&stuck).contains("and then"), "{}", told(&stuck));
    let missed = stage.replay(1, &[crash(at(0, 7, 1))]);
    assert!(told(&missed).starts_with("fault 0 did not act"), "{}", told(&missed));
}
