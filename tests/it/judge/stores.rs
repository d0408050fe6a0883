//! Law 9: over generated programs, the stores agree.
//!
//! How many histories there are differs (SQLite keeps a transaction open where a read fails, and a lost connection does
//! not), and so may what further faults come to. What a user is told does not: whether the program breaks, with how few
//! faults, and as what.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use redeliver::{Anomaly, Delivery, Harness, IntoOutcome, Message, Messages, Sqlite, Store};

use super::{
    generate::programs,
    on_key_value::{KeyValues, key_values, over_key_values},
    on_sqlite::{by_operations, by_statements, database, databases},
    program::{Instruction, Program},
};

/// What messages carry.
const AMOUNTS: [i64; 2] = [100, 300];

/// The fewest faults with which a program breaks, and as what; nothing if it holds.
#[derive(PartialEq, Eq)]
struct Broken(Option<(usize, BTreeSet<Anomaly>)>);

/// Searches a handler over this store.
fn broken<S, O>(
    store: S,
    messages: usize,
    faults: usize,
    handler: impl AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
) -> Broken
where
    S: Store,
    O: IntoOutcome,
{
    let messages = (0..messages).map(|at| Message::new(format!("m{at}"), AMOUNTS[at]));
    let survey =
        Harness::new(store).faults(faults).survey(Messages::exactly(messages), handler).expect("the store works");
    assert_eq!(survey.inconclusive, None);
    let fewest = survey.failing.iter().map(|(history, _)| history.faults.len()).min();
    Broken(fewest.map(|fewest| {
        let failing = survey.failing.iter().filter(|(history, _)| history.faults.len() == fewest);
        (fewest, failing.map(|(_, anomaly)| *anomaly).collect())
    }))
}

fn on_key_values(program: &Program, messages: usize, faults: usize) -> Broken {
    let program = program.clone();
    broken(key_values(), messages, faults, async move |stores: &KeyValues, message: &Delivery<i64>| {
        over_key_values(&program, stores, message).await
    })
}

fn on_databases(program: &Program, messages: usize, faults: usize) -> Broken {
    let program = program.clone();
    broken(databases(), messages, faults, async move |stores: &(Sqlite, Sqlite), message: &Delivery<i64>| {
        by_operations(&program, stores, message).await
    })
}

/// By plain rusqlite code, if the program has nothing to do with the ledger.
fn on_statements(program: &Program, messages: usize, faults: usize) -> Option<Broken> {
    if program.impatient || program.body.iter().any(|one| matches!(one, Instruction::Emit | Instruction::Sleep)) {
        return None;
    }
    let program = program.clone();
    Some(broken(database(), messages, faults, async move |bank: &Sqlite, message: &Delivery<i64>| {
        let (program, id, amount) = (program.clone(), message.id().to_owned(), *message.payload());
        bank.call(move |bank| by_statements(&program, bank, &id, amount)).await
    }))
}

/// In what the stores differ, if they do.
fn difference(program: &Program, messages: usize, faults: usize) -> Option<String> {
    let key_values = on_key_values(program, messages, faults);
    let databases = on_databases(program, messages, faults);
    let statements = on_statements(program, messages, faults);
    let all_agree = key_values == databases && statements.as_ref().is_none_or(|statements| *statements == key_values);
    (!all_agree).then(|| {
        let statements = statements.map(|statements| format!(", rusqlite code {statements:?}")).unwrap_or_default();
        format!("{program:?}\nwith {messages} messages: KeyValue {key_values:?}, Sqlite {databases:?}{statements}")
    })
}

/// The same of the smallest program like this one in which they still differ.
pub fn shrunk_difference(program: &Program, messages: usize, faults: usize) -> Option<String> {
    let mut why = difference(program, messages, faults)?;
    let mut program = program.clone();
    let smaller = |program: &Program| {
        program.smaller().into_iter().find_map(|smaller| {
            let why = difference(&smaller, messages, faults)?;
            Some((smaller, why))
        })
    };
    while let Some(found) = smaller(&program) {
        (program, why) = found;
    }
    Some(why)
}

fn compare(programs_tried: usize, faults: usize) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..programs_tried {
        let program = programs().new_tree(&mut runner).expect("a program").current();
        for messages in 1..=AMOUNTS.len() {
            if let Some(why) = shrunk_difference(&program, messages, faults) {
                panic!("{why}");
            }
        }
    }
}

#[test]
fn the_stores_agree() {
    compare(20, 1);
}

#[test]
#[cfg(not(debug_assertions))] // Minutes in a debug build.
fn the_stores_agree_with_more_faults() {
    compare(60, 2);
}

impl Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("holds"),
            Some((faults, anomalies)) => write!(f, "is {anomalies:?} with {faults} faults"),
        }
    }
}
