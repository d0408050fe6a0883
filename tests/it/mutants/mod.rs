//! Mutants of every strategy: every instruction left out, every two beside each other swapped, transactions split wherever they
//! can be, keys cut off, conditions turned round, and some by hand. Each is no pass, or `explained` says why it is right.
//!
//! A handler that never adds, or takes every message for one, agrees with itself: it is convicted by the promise that equal
//! payloads add up, which is made of all but the one that sets, or by what must always hold.
//!
//! A strategy stands here as a list of instructions; a test sees to it that they are those of its module. The core strategies
//! are lists of `statements` to SQLite, the others of `commands` to the key-value store; what is done to either is in
//! `derive`, and what came of it is written down by `page`.

mod commands;
mod derive;
mod explained;
mod page;
mod statements;

use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

use redeliver::Verdict;
use redeliver_strategies::all;

use self::{commands::table, derive::derived, explained::EXPLAINED, statements::CORE};

/// What was done to a strategy, and what comes of it.
struct Mutant {
    what: String,
    check: Box<dyn Fn() -> Verdict + Send + Sync>,
}

/// Every mutant of a strategy.
fn mutants(strategy: &str) -> Vec<Mutant> {
    let mut all = Vec::new();
    let mut add = |what: String, check: Box<dyn Fn() -> Verdict + Send + Sync>| all.push(Mutant { what, check });
    if let Some(core) = CORE.iter().find(|core| core.strategy == strategy) {
        let by_hand = core.by_hand.iter().map(|(what, program)| ((*what).to_owned(), program.to_vec()));
        for (what, program) in derived(core.program).into_iter().chain(by_hand) {
            add(what, Box::new(move || statements::checked(core, &program)));
        }
    }
    if let Some(of) = table::all().find(|of| of.strategy == strategy) {
        let (label, background) = of.background.unwrap_or(("", &[]));
        let by_hand = of.by_hand.iter().map(|(what, program)| ((*what).to_owned(), program.to_vec()));
        for (what, handler) in derived(of.handler).into_iter().chain(by_hand) {
            add(what, Box::new(move || commands::checked(of, &handler, background)));
        }
        for (what, background) in derived(background) {
            add(format!("{label} {what}"), Box::new(move || commands::checked(of, of.handler, &background)));
        }
    }
    all
}

/// What came of a mutant: what it is no pass for, if it is none.
struct Came {
    what: String,
    wrong: Option<String>,
}

/// Of every mutant of a strategy, found out once, whoever asks.
fn came(strategy: &str) -> &'static [Came] {
    static CAME: LazyLock<BTreeMap<&str, OnceLock<Vec<Came>>>> =
        LazyLock::new(|| all().iter().map(|entry| (entry.name, OnceLock::new())).collect());
    let each = |Mutant { what, check }: Mutant| {
        let wrong = match check() {
            Verdict::Holds(_) => None,
            Verdict::Violated(found) => Some(found.anomaly().to_string()),
            Verdict::Inconclusive(why) => Some(format!("inconclusive: {}", why.reason)),
        };
        Came { what, wrong }
    };
    CAME[strategy].get_or_init(|| mutants(strategy).into_iter().map(each).collect())
}

/// The mutants of a strategy that pass, and those that are explained.
#[track_caller]
fn no_mutant_passes_without_a_reason(strategy: &str) {
    let passing = came(strategy).iter().filter(|came| came.wrong.is_none()).map(|came| came.what.as_str());
    let explained = EXPLAINED.iter().filter(|(of, ..)| *of == strategy).map(|(_, what, _)| *what);
    let (passing, explained): (Vec<_>, Vec<_>) = (passing.collect(), explained.collect());
    assert_eq!(passing, explained, "of {strategy}: what passes, and what is explained");
}

#[test]
fn the_programs_are_those_of_their_strategies() {
    CORE.iter().for_each(statements::tie);
    table::all().for_each(commands::tie);
}

#[test]
fn every_reason_is_of_a_mutant_that_there_is() {
    for (strategy, what, _) in EXPLAINED {
        assert!(mutants(strategy).iter().any(|mutant| mutant.what == *what), "{strategy}: {what}");
    }
}

#[test]
fn there_are_ten_mutants_of_each_strategy_at_least() {
    for entry in all().iter().filter(|entry| entry.twin_of.is_none()) {
        let count = mutants(entry.name).len();
        assert!(count >= 10, "{}: {count}", entry.name);
    }
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
fn no_mutant_of_journal_applier_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("journal-applier");
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
fn no_mutant_of_sharded_dedup_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("sharded-dedup");
}

#[test]
fn no_mutant_of_snapshot_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("snapshot");
}

#[test]
fn no_mutant_of_two_stores_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("two-stores");
}

#[test]
fn no_mutant_of_claim_then_confirm_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("claim-then-confirm");
}

#[test]
fn no_mutant_of_window_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("window");
}

#[test]
fn no_mutant_of_lease_with_fencing_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("lease-with-fencing");
}

#[test]
fn no_mutant_of_ack_after_effect_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("ack-after-effect");
}

#[test]
fn no_mutant_of_outbox_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("outbox");
}

#[test]
fn no_mutant_of_in_process_guard_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("in-process-guard");
}

#[test]
fn no_mutant_of_in_process_claim_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("in-process-claim");
}

#[test]
fn no_mutant_of_precondition_on_value_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("precondition-on-value");
}

#[test]
fn no_mutant_of_precondition_on_version_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("precondition-on-version");
}

#[test]
fn no_mutant_of_dead_letter_passes_without_a_reason() {
    no_mutant_passes_without_a_reason("dead-letter");
}
