//! Law 6 for the complete search: over generated programs it and plain enumeration of the same dealt workload come to the same
//! final states, as right or as wrong.

use std::collections::BTreeSet;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use redeliver::{Bounds, Delivery, Explored, Harness, Message, Messages, Prepared, Sqlite};

use super::{
    generate::{leasing_programs, programs},
    on_key_value::{KeyValues, key_values, over_key_values},
    on_sqlite::{by_statements, database},
    program::{Instruction, Program},
};

/// What messages carry.
const AMOUNTS: [i64; 2] = [100, 300];
/// More schedules than this nobody goes through one by one.
const MOST: u64 = 4_000;

type On = fn(&Program, usize) -> Option<Prepared>;

fn messages(count: usize) -> Messages<i64> {
    Messages::exactly((0..count).map(|at| Message::new(format!("m{at}"), AMOUNTS[at])))
}

fn on_key_values(program: &Program, count: usize) -> Option<Prepared> {
    let program = program.clone();
    let handler = async move |stores: &KeyValues, m: &Delivery<i64>| over_key_values(&program, stores, m).await;
    Some(Harness::new(key_values()).prepare(messages(count), handler))
}

/// By plain rusqlite code, if the program has nothing to do with the ledger.
fn on_statements(program: &Program, count: usize) -> Option<Prepared> {
    if program.body.contains(&Instruction::Emit) {
        return None;
    }
    let program = program.clone();
    let handler = async move |bank: &Sqlite, m: &Delivery<i64>| {
        let (program, id, amount) = (program.clone(), m.id().to_owned(), *m.payload());
        bank.call(move |bank| by_statements(&program, bank, &id, amount)).await
    };
    Some(Harness::new(database()).prepare(messages(count), handler))
}

fn ends(explored: &Explored) -> BTreeSet<&(String, bool)> {
    explored.states.keys().collect()
}

/// In what the two differ, if they do; nothing at all where there are too many schedules to tell.
fn difference(on: On, program: &Program, count: usize, bounds: Bounds) -> Option<Option<String>> {
    let explored = |reduces, remake| {
        let mut prepared = on(program, count)?;
        Some(prepared.explored(bounds.executions(MOST), reduces, remake).expect("the stores work"))
    };
    let all = explored(false, 0)?;
    if all.stopped {
        return None;
    }
    let some = explored(true, 20)?;
    let told = |what: String| Some(Some(format!("{program:?}\n{bounds}: {what}")));
    if some.inconclusive.is_some() || all.inconclusive.is_some() {
        return told(format!("{:?}, {:?}", some.inconclusive, all.inconclusive));
    }
    if ends(&some) != ends(&all) {
        return told(format!("complete {:?}\nplain {:?}", some.states, all.states));
    }
    if some.executions > all.executions {
        return told(format!("{} executions of {}", some.executions, all.executions));
    }
    if let Some(why) = some.not_made {
        return told(why);
    }
    Some(None)
}

/// Whether the clock of tokio has to do with it, which a complete search does not control.
fn waits(program: &Program) -> bool {
    program.impatient || program.body.contains(&Instruction::Sleep)
}

fn compare(on: On, generated: impl Strategy<Value = Program>, programs: usize, cells: &[(usize, usize)]) -> usize {
    let mut runner = TestRunner::deterministic();
    let mut compared = 0;
    for _ in 0..programs {
        let mut program = generated.new_tree(&mut runner).expect("a program").current();
        if waits(&program) {
            continue;
        }
        for (messages, crashes) in cells {
            let bounds = Bounds::default().messages(*messages).crashes(*crashes);
            let Some(found) = difference(on, &program, *messages, bounds) else { continue };
            compared += 1;
            let Some(mut why) = found else { continue };
            let smaller = |program: &Program| {
                let differs = |smaller: Program| {
                    let why = difference(on, &smaller, *messages, bounds)??;
                    Some((smaller, why))
                };
                program.smaller().into_iter().filter(|smaller| !waits(smaller)).find_map(differs)
            };
            while let Some(found) = smaller(&program) {
                (program, why) = found;
            }
            panic!("{why}");
        }
    }
    println!("{compared} cells compared");
    compared
}

#[test]
fn the_complete_search_comes_to_what_plain_enumeration_comes_to() {
    assert!(compare(on_key_values, programs(), 40, &[(1, 0), (1, 1), (2, 0)]) > 40);
}

#[test]
fn and_so_where_a_lease_ends_by_itself() {
    assert!(compare(on_key_values, leasing_programs(), 20, &[(1, 0), (1, 1)]) > 10);
}

#[test]
fn and_so_over_sqlite() {
    assert!(compare(on_statements, programs(), 16, &[(1, 0)]) > 5);
}
