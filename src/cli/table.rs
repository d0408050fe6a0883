//! `redeliver` alone: every strategy and every twin, and whether each comes out as expected.
//!
//! A correct strategy must hold on every store; a twin must be violated on the store, and under the delivery model, that
//! `expected.tsv` names, by an anomaly and within the faults that it names.

use std::{num::NonZero, sync::Mutex, thread};

use redeliver_harness::Verdict;
use redeliver_strategies::{
    Entry, Options, StoreKind,
    expected::{self, Expected},
    registry,
};

use super::{Answer, Exit, words};

/// One check of the table.
struct Row {
    entry: &'static Entry,
    options: Options,
    charge: Option<Expected>,
}

/// Checks all, and prints a table.
pub(super) fn table() -> Answer {
    let mut table = words::columns(&["strategy", "store", "verdict", "searched", "expected", ""]);
    let mut exit = Exit::Holds;
    let rows: Vec<Row> = registry::all().iter().flat_map(|entry| rows(entry)).collect();
    for (row, verdict) in rows.iter().zip(verdicts(&rows)) {
        let as_expected = row.is_as_expected(&verdict);
        if !as_expected {
            exit = worse(exit, &verdict);
        }
        table.add_row([
            words::name(row.entry),
            row.options.store.name().to_owned(),
            words::verdict(&verdict),
            words::extent(&verdict),
            row.charge.as_ref().map_or_else(|| "holds".to_owned(), words::charge),
            if as_expected { "as expected" } else { "NOT as expected" }.to_owned(),
        ]);
    }
    let summary = match exit {
        Exit::Holds => format!("all {} as expected", rows.len()),
        _ => "NOT all as expected".to_owned(),
    };
    Answer { text: format!("{}\n{summary}\n", words::rows(&table)), exit }
}

fn rows(entry: &'static Entry) -> Vec<Row> {
    let Some(charge) = expected::of(entry.name) else {
        let on = |store| Row { entry, options: Options { store, ..Options::default() }, charge: None };
        return StoreKind::ALL.map(on).into();
    };
    let usual = Options::default();
    let options = Options {
        store: charge.store().unwrap_or(usual.store),
        model: charge.model().unwrap_or(usual.model),
        faults: charge.faults,
        ..usual
    };
    vec![Row { entry, options, charge: Some(charge) }]
}

/// Checks all rows, as many at once as the machine has room for. Each check is a world of its own: what one comes to does not
/// depend on the others.
fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let next = Mutex::new(rows.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(rows.len()));
    let work = || {
        loop {
            let taken = next.lock().expect("nobody panics with it").next();
            let Some((at, row)) = taken else { return };
            let verdict = redeliver_strategies::check(row.entry, &row.options);
            done.lock().expect("nobody panics with it").push((at, verdict));
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(rows.len());
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, verdict)| verdict).collect()
}

impl Row {
    fn is_as_expected(&self, verdict: &Verdict) -> bool {
        match (&self.charge, verdict) {
            (None, Verdict::Holds(_)) => true,
            (Some(charge), Verdict::Violated(counterexample)) => {
                charge.is_met_by(counterexample.anomaly(), counterexample.history().faults.len())
            }
            _ => false,
        }
    }
}

/// A verdict that was wrong weighs more than one that could not be reached.
fn worse(so_far: Exit, unexpected: &Verdict) -> Exit {
    match (so_far, unexpected) {
        (Exit::Holds, Verdict::Inconclusive(_)) => Exit::Inconclusive,
        (Exit::Inconclusive, Verdict::Inconclusive(_)) => so_far,
        _ => Exit::Violated,
    }
}
