//! Law 2, its other half: the history made from an execution replays to its trace.
//!
//! Executions are had by replaying histories, most of them drawn at random, against generated handlers. What is made of each
//! must be a history that can be, whose faults all act, and whose replay has the same events, leaves the same and ends alike.

use std::time::Duration;

use proptest::{
    collection::vec,
    option,
    prelude::*,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use redeliver::{
    Delivery, DeliveryModel, Error, Harness, History, KeyValue, Message, Messages, Outcome, Sqlite,
    history::{Coordinate, Deferred, DeliveryName, Fault},
};

use crate::judge::{
    generate::programs,
    on_key_value::{KeyValues, key_values, over_key_values},
    on_sqlite::{by_operations, by_statements, database, databases},
    program::{Instruction, Program},
};

/// What messages carry.
const AMOUNTS: [i64; 3] = [100, 300, 900];

fn messages(how_many: usize) -> Messages<i64> {
    let amounts = AMOUNTS[..how_many].iter().enumerate();
    Messages::exactly(amounts.map(|(at, amount)| Message::new(format!("m{at}"), *amount)))
}

// ---- histories that reach something

fn point(messages: usize) -> impl Strategy<Value = Coordinate> {
    let number = prop_oneof![4 => Just(1), 2 => Just(2), 1 => Just(3_u32)];
    let place = prop_oneof![5 => (1..=6_u32).prop_map(Some), 1 => Just(None)];
    (0..messages, number, place).prop_map(|(message, number, place)| {
        let delivery = DeliveryName::new(message, number);
        place.map_or(delivery.ack(), |n| delivery.operation(n))
    })
}

fn fault(messages: usize, processes: usize) -> impl Strategy<Value = Fault> {
    let at = move || point(messages);
    let advance = |(at, seconds)| Fault::Advance { at, by: Duration::from_secs(seconds) };
    let defer = |(message, past, later): (usize, usize, bool)| Fault::Defer {
        what: match later {
            false => Deferred::Message(message),
            true => Deferred::Delivery(DeliveryName::new(message, 2)),
        },
        past,
    };
    prop_oneof![
        4 => (at(), option::of(at())).prop_map(|(at, until)| Fault::Pause { at, until }),
        3 => (at(), option::of(0..processes)).prop_map(|(at, to)| Fault::Overlap { at, to }),
        1 => (0..messages).prop_map(|message| Fault::Duplicate { message, at: None }),
        1 => (0..messages, at()).prop_map(|(message, at)| Fault::Duplicate { message, at: Some(at) }),
        1 => (0..messages, 0..messages, any::<bool>()).prop_map(defer),
        1 => at().prop_map(|at| Fault::Crash { at }),
        1 => at().prop_map(|at| Fault::Cancel { at }),
        1 => at().prop_map(|at| Fault::LoseAck { delivery: at.delivery().expect("in a delivery") }),
        1 => at().prop_map(|at| Fault::Fail { at }),
        1 => at().prop_map(|at| Fault::LoseReply { at }),
        1 => (at(), prop_oneof![Just(1_u64), Just(2), Just(4), Just(6), Just(31)]).prop_map(advance),
    ]
}

fn models() -> impl Strategy<Value = DeliveryModel> {
    prop_oneof![
        4 => Just(DeliveryModel::at_least_once()),
        1 => Just(DeliveryModel::at_most_once()),
        2 => Just(DeliveryModel::request_reply()),
    ]
}

fn histories() -> impl Strategy<Value = History> {
    let size = (models(), 1..=AMOUNTS.len(), prop_oneof![1 => Just(1_usize), 6 => Just(2), 1 => Just(3)]);
    size.prop_flat_map(|(model, messages, processes)| {
        vec(fault(messages, processes), 0..=8).prop_map(move |faults| {
            let mut history = History::builder(model).processes(processes);
            for amount in &AMOUNTS[..messages] {
                history = history.message(amount);
            }
            let mut history = history.build().expect("a history without faults");
            for fault in faults {
                history.faults.push(fault);
                if history.validate().is_err() {
                    history.faults.pop();
                }
            }
            history
        })
    })
}

// ---- what is made of them

type Remade = Vec<Result<History, String>>;

fn on_key_values(program: &Program, histories: &[History]) -> Remade {
    let (program, source) = (program.clone(), messages(histories[0].messages.len()));
    let remade = Harness::new(key_values()).remade(
        histories,
        source,
        async move |stores: &KeyValues, message: &Delivery<i64>| over_key_values(&program, stores, message).await,
    );
    remade.expect("the store works")
}

fn on_databases(program: &Program, histories: &[History]) -> Remade {
    let (program, source) = (program.clone(), messages(histories[0].messages.len()));
    let remade = Harness::new(databases()).remade(
        histories,
        source,
        async move |stores: &(Sqlite, Sqlite), message: &Delivery<i64>| by_operations(&program, stores, message).await,
    );
    remade.expect("the store works")
}

/// By plain rusqlite code, which has no ledger.
fn on_statements(program: &Program, histories: &[History]) -> Remade {
    let body = program.body.iter().copied().filter(|instruction| *instruction != Instruction::Emit);
    let (program, source) =
        (Program { body: body.collect(), ..program.clone() }, messages(histories[0].messages.len()));
    let remade =
        Harness::new(database()).remade(histories, source, async move |bank: &Sqlite, message: &Delivery<i64>| {
            let (program, id, amount) = (program.clone(), message.id().to_owned(), *message.payload());
            bank.call(move |bank| by_statements(&program, bank, &id, amount)).await
        });
    remade.expect("the store works")
}

/// Takes faults away from a history as long as what is made of its execution is still wrong.
fn smallest(mut history: History, remade: &dyn Fn(&[History]) -> Remade) -> String {
    let wrong = |history: &History| remade(std::slice::from_ref(history)).remove(0).err();
    let mut why = wrong(&history).unwrap_or_default();
    let mut at = 0;
    while at < history.faults.len() {
        let mut smaller = history.clone();
        smaller.faults.remove(at);
        match wrong(&smaller) {
            Some(now) => (history, why) = (smaller, now),
            None => at += 1,
        }
    }
    format!("{history}{why}")
}

/// Tries so many random histories with a handler.
fn hold(runner: &mut TestRunner, how_many: usize, remade: &dyn Fn(&[History]) -> Remade) {
    for _ in 0..how_many {
        let history = histories().new_tree(runner).expect("a history").current();
        match remade(std::slice::from_ref(&history)).remove(0) {
            Ok(made) => assert_eq!(made.validate(), Ok(())),
            Err(_) => panic!("{}", smallest(history, remade)),
        }
    }
}

/// Tries so many generated handlers with so many random histories each, always the same ones.
fn hold_for_programs(how_many: usize, each: usize, remade: impl Fn(&Program, &[History]) -> Remade) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..how_many {
        let program = patient().new_tree(&mut runner).expect("a program").current();
        println!("{program:?}");
        hold(&mut runner, each, &|histories| remade(&program, histories));
    }
}

#[test]
fn the_history_made_from_an_execution_replays_to_its_trace() {
    hold_for_programs(100, 10, on_key_values);
}

#[test]
fn and_so_on_sqlite_by_operations() {
    hold_for_programs(10, 5, on_databases);
}

#[test]
fn and_so_on_sqlite_by_plain_code() {
    hold_for_programs(10, 5, on_statements);
}

#[test]
#[cfg(not(debug_assertions))] // Minutes in a debug build.
fn and_so_with_many_more() {
    hold_for_programs(10_000, 10, on_key_values);
    hold_for_programs(500, 5, on_databases);
    hold_for_programs(500, 5, on_statements);
}

// ---- handlers that are not generated

/// Takes two locks, in an order that is not always the same.
async fn two_locks((one, two): &KeyValues, m: &Delivery<i64>) -> Result<(), Error> {
    let (first, second) = if m.id() == "m1" { (two, one) } else { (one, two) };
    let (first, second) = (first.begin().await?, second.begin().await?);
    first.add("balance", *m.payload()).await?;
    first.commit().await?;
    second.add("sum", *m.payload()).await?;
    second.commit().await
}

/// Answers in every way, and drops a transaction.
async fn every_answer((one, two): &KeyValues, m: &Delivery<i64>) -> Outcome<()> {
    if m.id() == "m2" && m.attempt() == 1 {
        return Outcome::Retry("before it did anything".to_owned());
    }
    let Ok(tx) = one.begin().await else { return Outcome::Retry("locked".to_owned()) };
    let added = tx.add("balance", *m.payload()).await;
    assert!(added.is_ok(), "no connection");
    if m.attempt() > 2 {
        return Outcome::Reject("too often".to_owned());
    }
    if m.id() == "m1" {
        drop(tx);
        let _ = two.add("sum", 1).await;
    } else {
        let _ = tx.commit().await;
    }
    Outcome::Done(())
}

#[test]
fn who_waits_for_one_lock_is_not_let_go_on_by_another() {
    hold(&mut TestRunner::deterministic(), 300, &|histories| {
        let source = messages(histories[0].messages.len());
        Harness::new(key_values()).remade(histories, source, two_locks).expect("the store works")
    });
}

#[test]
fn whatever_a_handler_answers_can_be_made_to_happen_again() {
    hold(&mut TestRunner::deterministic(), 300, &|histories| {
        let source = messages(histories[0].messages.len());
        Harness::new(key_values()).remade(histories, source, every_answer).expect("the store works")
    });
}

async fn credit(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "1", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

#[test]
fn every_history_that_the_search_visits_is_made_again_from_its_execution() {
    let harness = || Harness::new(KeyValue::new("bank").observe_key("balance"));
    for model in DeliveryModel::names().into_iter().map(|name| DeliveryModel::named(name).expect("it is its name")) {
        let survey =
            harness().model(model).skips(false).faults(2).survey(messages(2), credit).expect("the store works");
        let visited: Vec<History> = survey.judged.into_iter().map(|(history, _)| history).collect();
        let remade = harness().remade(&visited, messages(2), credit).expect("the store works");
        if [DeliveryModel::kafka(), DeliveryModel::kafka_blocking()].contains(&model) {
            let said = |made: Result<History, String>| made.is_err_and(|why| why.contains("partitions"));
            assert!(!visited.is_empty() && remade.into_iter().all(said), "{}", model.name());
            continue;
        }
        for (history, made) in visited.iter().zip(remade) {
            let made = made.unwrap_or_else(|why| panic!("{history}{why}"));
            assert!(made.faults.len() <= history.faults.len(), "{history}became\n{made}");
        }
        // After a handler has returned its process can still die, whoever hears of it.
        let crash = Fault::Crash { at: DeliveryName::new(0, 1).ack() };
        assert!(visited.iter().any(|history| history.faults.contains(&crash)), "{}", model.name());
        // Where nothing is delivered twice there is less that can go wrong.
        let enough = if model == DeliveryModel::at_most_once() { 100 } else { 1_000 };
        assert!(visited.len() > enough, "{}: {}", model.name(), visited.len());
    }
}

/// Programs that wait for no timer: of executions with timers no history is made.
fn patient() -> impl Strategy<Value = Program> {
    programs().prop_map(|program| {
        let body = program.body.into_iter().filter(|instruction| *instruction != Instruction::Sleep);
        Program { body: body.collect(), impatient: false, ..program }
    })
}
