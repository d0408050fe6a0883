//! What can strike a trace that is written down by hand: an operation that never acts, synchronous code, deliveries that were
//! acknowledged early and lost; and what a store that lost something does to background work.

use std::{ops::ControlFlow, time::Duration};

use super::{
    skipping::replay,
    toys::{self, options},
};
use crate::{
    Bounds, Contract, Delivery, Error, History, KeyValue, Messages, Process,
    history::{Coordinate, DeliveryName},
    machine::{
        Background,
        trace::{Answer, Detail, Event, Facts, Fate, Origin, Replay, Settlement, Supplied},
    },
    oracle::{Judgement, Oracle},
    search::{Judge, candidates::candidates, complete::complete, shrink},
    subject::{Job, Subject},
    world::{Boot, World},
};

fn of(message: usize, number: u32) -> DeliveryName {
    DeliveryName::new(message, number)
}

fn step(at: Coordinate, facts: Facts) -> Event {
    Event::Step { at, process: Process::new(0, 0), facts, words: None }
}

fn delivered(delivery: DeliveryName) -> Event {
    Event::Delivered { delivery, process: Process::new(0, 0), origin: Origin::First }
}

/// What can strike these events of so many messages.
fn strikes(messages: usize, events: Vec<Event>) -> Vec<String> {
    let subject = toys::subject(toys::atomic);
    let fate = Fate { supplied: vec![Supplied::default()], ..Fate::default() };
    let replay = Replay { fates: vec![fate; messages], ..replay(events) };
    let found = candidates(&toys::history(&subject, messages, ""), &replay, &[], &[], false);
    found.iter().map(|candidate| candidate.fault.to_string()).collect()
}

#[test]
fn what_gives_up_before_it_has_the_lock_can_lose_its_connection_there() {
    let at = of(0, 1).operation(1);
    let blocked = Event::Blocked { at, process: Process::new(0, 0), until: Duration::from_secs(5), words: None };
    let fails = "fail m0#1.1".to_owned();
    assert!(strikes(1, vec![delivered(of(0, 1)), blocked.clone()]).contains(&fails));
    let acts = vec![delivered(of(0, 1)), blocked, step(at, Facts::default())];
    assert!(!strikes(1, acts).contains(&fails), "what acts says itself whether it can fail");
}

#[test]
fn only_what_is_not_synchronous_can_be_cancelled() {
    let steps = |first, second| {
        let points = [(1, first), (2, second)];
        let steps = points
            .map(|(operation, stepped)| step(of(0, 1).operation(operation), Facts { stepped, ..Facts::default() }));
        let found = strikes(1, [vec![delivered(of(0, 1))], steps.to_vec()].concat());
        found.into_iter().filter(|fault| fault.starts_with("cancel")).collect::<Vec<_>>()
    };
    assert_eq!(steps(false, false), ["cancel m0#1.1", "cancel m0#1.2"]);
    assert_eq!(steps(true, false), ["cancel m0#1.2"]);
    assert_eq!(steps(false, true), ["cancel m0#1.1"]);
}

#[test]
fn a_delivery_that_was_acknowledged_early_and_lost_is_open_no_more_and_the_others_are() {
    let process = Process::new(1, 0);
    let gone = [
        Event::Crashed { process: process.clone(), lost: vec![of(1, 1).into()] },
        Event::Cancelled { task: of(1, 1).into(), process: process.clone() },
    ];
    for gone in gone {
        let acked = |delivery| Event::Settled { delivery, process: process.clone(), how: Settlement::AckedEarly };
        let events = vec![
            delivered(of(0, 1)),
            delivered(of(1, 1)),
            acked(of(0, 1)),
            acked(of(1, 1)),
            gone,
            Event::Returned { delivery: of(0, 1), process: process.clone(), answer: Answer::DONE },
            delivered(of(1, 2)),
            step(of(1, 2).operation(1), Facts::default()),
        ];
        let pauses: Vec<String> = strikes(2, events).into_iter().filter(|fault| fault.starts_with("pause")).collect();
        assert_eq!(pauses, [""; 0], "nobody else could run");
    }
}

#[test]
fn background_work_that_had_nothing_to_do_goes_on_after_a_store_lost_something() {
    let mut boot = Boot::handles();
    let work = Background { label: "relay".parse().unwrap(), period: Duration::from_secs(1) };
    assert!(boot.every(work, async |kv: &KeyValue| drop(kv.get("balance").await)));
    let handler = async |kv: &KeyValue, _: &Delivery<i64>| {
        kv.put("balance", "1").await?;
        kv.get("balance").await.map(drop)
    };
    let store = KeyValue::new("bank").observe_prefix("balance").fails_over();
    let mut subject = World::new(store, boot, Messages::from(1..1000_i64), handler);
    let history = toys::history(&subject, 1, "advance m0#1.2 2s\npause m0#1.2\nforget bank m0#1.2 last 1\n");
    let replay = subject.run(Job::Replay(&history), Detail::Facts).unwrap();
    assert_eq!(replay.unused, []);
    let lost = replay.events.iter().position(|event| matches!(event, Event::Forgot { .. })).expect("it was lost");
    let begins = |events: &[Event]| events.iter().any(|event| matches!(event, Event::RoundBegan { .. }));
    assert!(begins(&replay.events[..lost]) && begins(&replay.events[lost..]), "{:#?}", replay.events);
}

/// Says that a history fails if it has so many processes.
struct Needs(usize);

impl Judge for Needs {
    fn judge(&mut self, _subject: &mut dyn Subject, history: &History, _replay: &Replay) -> Result<Judgement, Error> {
        Ok(if history.processes >= self.0 { Judgement::Violated } else { Judgement::Agrees })
    }
}

#[test]
fn processes_go_all_at_once_or_else_one_after_the_other() {
    let shrinks = |from, needs| {
        let mut subject = toys::subject(toys::atomic);
        let history = History { processes: from, ..toys::history(&subject, 1, "") };
        let shrunk = shrink(&mut subject, &mut Needs(needs), &history).unwrap();
        (shrunk.history.processes, shrunk.replays)
    };
    assert_eq!([shrinks(6, 0), shrinks(4, 0), shrinks(3, 0)], [(2, 2), (2, 2), (2, 2)]);
    assert_eq!([shrinks(6, 4), shrinks(6, 3)], [(4, 5), (3, 5)]);
}

/// Lets go of its turn once, and is woken by itself.
async fn yields() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn a_handler_that_yields_comes_to_as_many_executions_as_one_that_does_not() {
    let executions = |times: u32| {
        let handler = async move |kv: &KeyValue, m: &Delivery<i64>| {
            for _ in 0..times {
                yields().await;
            }
            kv.add("balance", *m.payload()).await?;
            for _ in 0..times {
                yields().await;
            }
            kv.put(m.id(), "seen").await
        };
        let mut subject = toys::subject(handler);
        let bounds = Bounds::default().messages(1).processes(2).crashes(1);
        let workloads = subject.workloads(1);
        let history = bounds.history(workloads[0].messages.clone());
        let mut oracle = Oracle::new(Contract::strict());
        let met = &mut |_: &crate::search::complete::Execution<'_>, _| ControlFlow::Continue(());
        let completed = complete(&mut subject, &mut oracle, &history, &bounds, true, None, met).unwrap();
        assert_eq!(completed.inconclusive, None);
        (completed.executions, completed.cut)
    };
    assert_eq!(executions(0), executions(1));
    assert_eq!(executions(0), executions(2));
}

#[test]
fn bytes_choose_among_no_more_processes_than_there_are() {
    let mut subject = toys::subject(toys::atomic);
    let mut decoder = crate::search::FromBytes::new(&subject, crate::search::Options { processes: 3, ..options(1, 1) });
    let processes = [0, 1, 2, 3, 4, 5].map(|fewer| {
        let replayed = decoder.replayed(&mut subject, &[0, fewer]).expect("the store has no errors of its own");
        replayed.map(|replayed| replayed.history.processes)
    });
    assert_eq!(processes, [Ok(3), Ok(2), Ok(1), Ok(3), Ok(2), Ok(1)]);
}
