//! Mutants of the core strategies: every statement left out, every two beside each other swapped, the transaction split wherever it
//! can be, every key cut off, and some by hand. Each is no pass, or this file says why it is right.
//!
//! A handler that never adds, or takes every message for one, agrees with itself: it is convicted by the promise that equal
//! payloads add up, which is made of all but the one that sets.
//!
//! A strategy stands here as a list of its statements; a test sees to it that they are those of its module.

mod program;
mod table;

use std::{fs, path::Path};

use redeliver::{Delivery, Harness, Outcome, Sqlite, Verdict};
use redeliver_strategies::{Entry, named};

use self::{
    program::{Op, run},
    table::{CORE, Core, EXPLAINED},
};

/// A mutant: what was done to which strategy, and what came of it.
struct Mutant {
    name: String,
    program: Vec<Op>,
}

/// A check of a program with the tables, the contract and a model of its strategy.
fn verdict(core: &Core, program: Vec<Op>) -> Verdict {
    let entry: &Entry = named(core.strategy).expect("it is registered");
    let contract = (core.promises)((entry.contract)());
    let harness = Harness::new(entry.database()).contract(contract).always("it adds up", core.always);
    harness.model((core.model)()).cases(0).verdict(1..1000i64, async move |db: &Sqlite, m: &Delivery<i64>| {
        let (program, id, amount) = (program.clone(), m.id().to_owned(), *m.payload());
        match db.call(move |db| run(&program, db, &id, amount)).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Retry(error.to_string()),
        }
    })
}

/// Every mutant of a strategy, by what was done to it.
fn mutants(core: &Core) -> Vec<Mutant> {
    let ops = core.program;
    let mut all = Vec::new();
    let mut add = |what: String, program: Vec<Op>| {
        all.push(Mutant { name: format!("{}: {what}", core.strategy), program });
    };
    for at in 0..ops.len() {
        let mut program = ops.to_vec();
        program.remove(at);
        add(format!("without {}", at + 1), program);
    }
    for at in 1..ops.len() {
        let mut program = ops.to_vec();
        program.swap(at - 1, at);
        add(format!("{} and {} swapped", at, at + 1), program);
    }
    // Between two statements of one transaction.
    for at in 2..ops.len().saturating_sub(1) {
        let (before, after) = ops.split_at(at);
        add(format!("split before {}", at + 1), [before, &[Op::Commit, Op::Begin], after].concat());
    }
    for (at, op) in ops.iter().enumerate() {
        let Some(cut) = op.cut() else { continue };
        let mut program = ops.to_vec();
        program[at] = cut;
        add(format!("the key of {} cut off", at + 1), program);
    }
    add("every key cut off".to_owned(), ops.iter().map(|op| op.cut().unwrap_or(*op)).collect());
    for (what, program) in core.by_hand {
        add((*what).to_owned(), program.to_vec());
    }
    all
}

#[test]
fn the_programs_are_the_statements_of_their_strategies() {
    for core in CORE {
        let module = core.strategy.replace('-', "_");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("strategies/src/{module}/mod.rs"));
        let source = fs::read_to_string(path).expect("it is there");
        for (sql, _) in core.program.iter().filter_map(|op| op.sql()) {
            assert!(source.contains(sql), "{} has no statement `{sql}`", core.strategy);
        }
        let verdict = verdict(core, core.program.to_vec());
        assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report(core.strategy));
    }
}

#[test]
fn there_are_ten_mutants_of_each_core_strategy_at_least() {
    for core in CORE {
        let count = mutants(core).len();
        assert!(count >= 10, "{}: {count}", core.strategy);
    }
}

/// Those of one strategy.
#[track_caller]
fn no_mutant_passes_without_a_reason(strategy: &str) {
    let core = CORE.iter().find(|core| core.strategy == strategy).expect("it is in the table");
    let passes = |mutant: &Mutant| matches!(verdict(core, mutant.program.clone()), Verdict::Holds(_));
    let passing: Vec<String> = mutants(core).into_iter().filter(passes).map(|mutant| mutant.name).collect();
    let of_this = |name: &&str| name.split(": ").next() == Some(strategy);
    let explained: Vec<&str> = EXPLAINED.iter().map(|(name, _)| *name).filter(of_this).collect();
    assert_eq!(passing, explained, "what passes, and what is explained");
}

#[test]
fn no_mutant_of_natural_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("natural");
}

#[test]
fn no_mutant_of_unique_constraint_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("unique-constraint");
}

#[test]
fn no_mutant_of_record_and_check_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("record-and-check");
}

#[test]
fn no_mutant_of_stored_reply_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("stored-reply");
}

#[test]
fn every_reason_is_of_a_mutant_that_there_is() {
    let names: Vec<String> = CORE.iter().flat_map(mutants).map(|mutant| mutant.name).collect();
    for (explained, _) in EXPLAINED {
        assert!(names.iter().any(|name| name == explained), "{explained}");
    }
}
