//! Times, randomness and the broker's ids: a reference run is supplied as one of the message's deliveries was, and ids that
//! the harness made may be renamed.

use std::time::Duration;

use super::{Bench, advance, at, crash, defer, handlers::*, history, judge, lose_ack};
use crate::{
    Contract, Delivery, Error, KeyValue, Message, Messages, Observation,
    history::{DeliveryName, Fault},
    machine::{
        Act, Operation, OperationTurn, operate,
        trace::{Answer, Detail, Event, Fate, Supplied},
    },
    oracle::{
        Judgement, Oracle,
        renaming::{Likeness, Tokens},
    },
    subject::{Job, Subject},
    world::{Boot, World},
};

/// A coupon that expires.
fn coupon() -> Bench {
    Bench::new(async |shop, m| {
        let looked = shop.step(|_| ()).await;
        let amount = if m.now() < Duration::from_secs(30) { *m.payload() } else { 0 };
        answer(looked.and(add(&shop, amount).await))
    })
}

/// Nothing is excused.
fn same(one: &Observation, other: &Observation) -> bool {
    one == other
}

#[test]
fn a_reference_run_is_made_at_the_time_of_one_of_the_deliveries() {
    let expired = history(&[100], [advance(at(0, 1, 1), 31), crash(at(0, 1, 1))]);
    coupon().assert_agrees(&expired);
    // The clock moved while the handler stood, before it looked.
    let mut looks_late = Bench::new(async |shop, m| {
        let looked = shop.step(|_| ()).await;
        let now = m.now();
        answer(looked.and(add(&shop, now.as_secs() as i64).await))
    });
    looks_late.assert_agrees(&history(&[100], [advance(at(0, 1, 1), 31)]));
}

#[test]
fn a_reference_run_is_made_at_the_time_of_nobody_else() {
    // On its second attempt it does not look at the clock and acts as if it were early.
    let mut bench = Bench::new(async |shop, m| {
        let looked = shop.step(|_| ()).await;
        let early = m.attempt() > 1 || m.now() < Duration::from_secs(30);
        answer(looked.and(add(&shop, if early { *m.payload() } else { 1 }).await))
    });
    // The deliveries of m1 began after 31 s, and neither looked; a run at the beginning of time would agree.
    let late = history(&[1, 7], [advance(at(0, 1, 1), 31), crash(at(1, 1, 1))]);
    bench.assert_violated(&late);
}

/// Finds a lock taken until it gives up.
struct Busy;

impl Operation for Busy {
    type Output = ();

    fn act(&mut self, turn: &mut OperationTurn) -> Act<()> {
        if turn.must_give_up() { Act::Done(()) } else { Act::Blocked(Duration::from_secs(5)) }
    }

    fn outside(&mut self) {}
}

#[test]
fn a_late_reference_run_waits_for_locks_as_a_replay_does() {
    let mut bench = Bench::new(async |shop, m| {
        let looked = shop.step(|_| ()).await;
        let now = m.now();
        operate(shop.process.clone(), Busy).await;
        answer(looked.and(add(&shop, now.as_secs() as i64).await))
    });
    // After the horizon of the plain run.
    bench.assert_agrees(&history(&[100], [advance(at(0, 1, 1), 7_200)]));
}

#[test]
fn a_reference_run_draws_what_one_of_the_deliveries_drew() {
    let mut bench = Bench::new(async |shop, m| {
        let id = m.random();
        answer(shop.step(|state| state.rows.push(format!("{}", id % 1_000_000))).await)
    })
    .observing(see_rows);
    bench.assert_agrees(&history(&[100], [crash(at(0, 1, 1))]));
    bench.assert_violated(&history(&[100], [lose_ack(0, 1)]));
}

#[test]
fn times_and_randomness_vary_only_where_they_were_used() {
    let runs = |mut bench: Bench| {
        let mut oracle = Oracle::new(Contract::strict());
        for fault in [crash(at(0, 1, 1)), crash(at(0, 1, 2)), advance(at(0, 1, 1), 31)] {
            assert_eq!(judge(&mut bench, &mut oracle, &history(&[100], [fault])).0, Judgement::Agrees);
        }
        bench.references.get()
    };
    let unused = Bench::new(async |shop, m| {
        let looked = shop.step(|_| ()).await;
        answer(looked.and(add(&shop, *m.payload()).await))
    });
    assert_eq!(runs(unused), 1);
    assert!(runs(coupon()) > 1);
}

#[test]
fn a_number_that_one_delivery_drew_anew_may_be_renamed() {
    let mut bench = Bench::new(async |shop, m| {
        for _ in 0..2 {
            let row = format!("{} under {:x}", m.id(), m.random());
            if shop.step(|state| state.rows.push(row.clone())).await.is_ok() {
                return Answer::DONE;
            }
        }
        Answer::Retry("disk full".to_owned())
    })
    .observing(see_rows);
    bench.assert_agrees(&history(&[100], [Fault::Fail { at: at(0, 1, 1) }]));
    bench.assert_violated(&history(&[100], [Fault::LoseReply { at: at(0, 1, 1) }]));
}

#[test]
fn a_brokers_ids_may_be_renamed() {
    let mut bench = Bench::new(async |shop, m| {
        answer(shop.step(|state| state.rows.push(format!("{} from {}", m.id(), m.broker_id()))).await)
    })
    .observing(see_rows);
    bench.assert_agrees(&history(&[100, 7], [defer(0, 1)]));
    bench.assert_violated(&history(&[100, 7], [Fault::Duplicate { message: 0, at: None }]));
}

fn rows(rows: &[&str], ordered: bool) -> Observation {
    let mut seen = Observation::default();
    seen.rows("rows", vec!["row".to_owned()], rows.iter().map(|row| vec![(*row).to_owned()]).collect(), ordered);
    seen
}

#[test]
fn a_renaming_is_one_to_one_and_keeps_what_is_not_ours() {
    let tokens = Tokens::of(&[]);
    let compare = |one: &[&str], other: &[&str]| tokens.compare(&rows(one, false), &rows(other, false), &same);
    assert_eq!(compare(&["a broker-0", "b broker-1"], &["a broker-1", "b broker-0"]), Likeness::Same);
    assert_eq!(compare(&["a broker-0", "b broker-0"], &["a broker-1", "b broker-0"]), Likeness::Different);
    assert_eq!(compare(&["a broker-0", "b broker-1"], &["a broker-0", "c broker-1"]), Likeness::Different);
    assert_eq!(compare(&["a", "b"], &["a", "c"]), Likeness::Different);
    // Each of these fits by itself, but they ask for different names of one id.
    let crossed = compare(&["a broker-0", "b broker-1", "c broker-0"], &["a broker-0", "b broker-1", "c broker-1"]);
    assert_eq!(crossed, Likeness::Different);
    let many: Vec<String> = (0..7).map(|copy| format!("row {copy} of broker-{copy}")).collect();
    let moved: Vec<String> = (0..7).map(|copy| format!("row {copy} of broker-{}", copy + 1)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
    assert_eq!(compare(&many, &moved), Likeness::Unclear);
}

#[test]
fn rows_that_are_ordered_stay_so_under_a_renaming() {
    let tokens = Tokens::of(&[]);
    let compare = |ordered| {
        let observed = rows(&["broker-0 credits", "broker-1 debits"], ordered);
        tokens.compare(&observed, &rows(&["broker-0 debits", "broker-1 credits"], ordered), &same)
    };
    assert_eq!(compare(false), Likeness::Same);
    assert_eq!(compare(true), Likeness::Different);
}

#[test]
fn what_different_messages_drew_is_kept_apart() {
    let fate = |seed| Fate { supplied: vec![Supplied { seed, drew: true, ..Supplied::default() }], ..Fate::default() };
    let drawn = |seed, at: usize| {
        let supply = crate::message::Supply::new(std::sync::Arc::default(), seed, Duration::ZERO);
        std::iter::repeat_with(|| supply.draw()).nth(at).expect("it goes on for ever").to_string()
    };
    let tokens = Tokens::of(&[fate(1), fate(2)]);
    let compare = |one: &str, other: &str| tokens.compare(&rows(&[one], false), &rows(&[other], false), &same);
    assert_eq!(compare(&drawn(1, 0), &drawn(1, 1)), Likeness::Same);
    assert_eq!(compare(&drawn(1, 0), &drawn(2, 0)), Likeness::Different);
    assert_eq!(compare(&drawn(1, 0), "100"), Likeness::Different);
}

#[test]
fn that_something_expires_is_no_steps_doing() {
    let handler = async |kv: &KeyValue, m: &Delivery<i64>| match *m.payload() {
        100 => kv.put_if_absent("session", "1", Some(Duration::from_secs(30))).await.map(|_| ()),
        _ => kv.put("not seen", "1").await,
    };
    let source = Messages::exactly([Message::new("m0", 100_i64), Message::new("m1", 7)]);
    let mut world = World::new(KeyValue::new("kv").observe_key("session"), Boot::handles(), source, handler);
    let messages =
        world.workloads(2).into_iter().map(|workload| workload.messages).find(|messages| messages.len() == 2);
    let faults = [advance(DeliveryName::new(0, 1).ack(), 31)];
    let history = crate::History { messages: messages.expect("two were given"), ..history(&[], faults) };
    let replay = world.run(Job::Replay(&history), Detail::Watched).expect("the store has no errors");
    let changed: Vec<usize> = replay
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Step { at, facts, .. } if facts.observed_change => at.message(),
            _ => None,
        })
        .collect();
    assert_eq!(changed, [0]);
}

#[test]
fn what_expires_is_seen_as_late_as_in_the_history() {
    // It is marked for ever and leaves something for half a minute: right, however late its duplicate comes.
    let handler = async |kv: &KeyValue, m: &Delivery<i64>| -> Result<(), Error> {
        let tx = kv.begin().await?;
        if tx.put_if_absent(&format!("seen:{}", m.id()), "1", None).await? {
            tx.put_if_absent(&format!("session:{}", m.id()), "1", Some(Duration::from_secs(30))).await?;
        }
        tx.commit().await
    };
    let source = Messages::exactly([Message::new("m0", 100_i64)]);
    let mut world = World::new(KeyValue::new("kv").observed(), Boot::handles(), source, handler);
    let messages = world.workloads(1).swap_remove(0).messages;
    let ack = DeliveryName::new(0, 1).ack();
    for faults in [vec![], vec![advance(ack, 31)], vec![advance(ack, 31), lose_ack(0, 1)]] {
        let history = crate::History { messages: messages.clone(), ..history(&[], faults) };
        let mut oracle = Oracle::new(Contract::strict());
        assert_eq!(judge(&mut world, &mut oracle, &history).0, Judgement::Agrees);
    }
}
