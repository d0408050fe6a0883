//! `redeliver` alone: every strategy and every twin, and whether each comes out as expected.
//!
//! What is expected of whom is `redeliver_strategies::trial`; here are only the table and who checks which row.

use std::{num::NonZero, sync::Mutex, thread};

use redeliver_harness::Verdict;
use redeliver_strategies::trial::{Trial, Tried, trials};

use super::{Answer, Exit, words};

/// Checks all, and prints a table.
pub(super) fn table() -> Answer {
    let mut table = words::columns(&["strategy", "model", "store", "verdict", "searched", "expected", ""]);
    let mut exit = Exit::Holds;
    let trials = trials();
    for (trial, tried) in trials.iter().zip(all_tried(&trials)) {
        if !tried.as_expected {
            exit = worse(exit, &tried.verdict);
        }
        table.add_row([
            words::name(trial.entry),
            trial.options.model.name().to_owned(),
            trial.options.store.name().to_owned(),
            verdict(&tried),
            words::extent(&tried.verdict),
            trial.charge.as_ref().map_or_else(|| "holds".to_owned(), words::charge),
            if tried.as_expected { "as expected" } else { "NOT as expected" }.to_owned(),
        ]);
    }
    let summary = match exit {
        Exit::Holds => format!("all {} as expected", trials.len()),
        _ => "NOT all as expected".to_owned(),
    };
    Answer { text: format!("{}\n{summary}\n", words::rows(&table)), exit }
}

/// What was found first, and what was found further on if that was needed.
fn verdict(tried: &Tried) -> String {
    let first = words::verdict(&tried.verdict);
    match &tried.later {
        Some((history, anomaly)) => format!("{first}; then {}", words::violation(*anomaly, history)),
        None => first,
    }
}

/// Does all trials, as many at once as the machine has room for. Each check is a world of its own: what one comes to does
/// not depend on the others.
fn all_tried(trials: &[Trial]) -> Vec<Tried> {
    let next = Mutex::new(trials.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(trials.len()));
    let work = || {
        loop {
            let taken = next.lock().expect("nobody panics with it").next();
            let Some((at, trial)) = taken else { return };
            let tried = trial.run();
            done.lock().expect("nobody panics with it").push((at, tried));
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(trials.len());
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, tried)| tried).collect()
}

/// A verdict that was wrong weighs more than one that could not be reached.
fn worse(so_far: Exit, unexpected: &Verdict) -> Exit {
    match (so_far, unexpected) {
        (Exit::Holds, Verdict::Inconclusive(_)) => Exit::Inconclusive,
        (Exit::Inconclusive, Verdict::Inconclusive(_)) => so_far,
        _ => Exit::Violated,
    }
}
