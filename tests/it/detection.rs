//! Law 4, detection: every registered twin is convicted as `expected.tsv` says. And law 7, the canary: where nothing can be
//! judged, nobody is convicted.

use redeliver::{Contract, History, Verdict, history::Line};
use redeliver_strategies::{
    Entry, Options, all, check, replay,
    trial::{self, Trial, trials},
};

/// The most histories until the first counterexample of a twin for which one fault is enough. The most that one takes is 30:
/// of two messages, after those of one and after the plain runs of six workloads.
const MOST_HISTORIES: u64 = 30;

fn twins() -> impl Iterator<Item = Trial> {
    trials().into_iter().filter(|trial| trial.charge.is_some())
}

#[test]
fn every_twin_is_convicted_as_expected() {
    let mut convicted = 0;
    for trial in twins() {
        let tried = trial.run();
        assert!(tried.as_expected, "{}", tried.verdict.report(trial.entry.name));
        convicted += 1;
    }
    assert!(convicted >= 6, "only {convicted} twins are registered");
}

#[test]
fn one_fault_is_found_soon() {
    for trial in twins().filter(|trial| trial.charge.as_ref().is_some_and(|charge| charge.faults == 1)) {
        let Verdict::Violated(found) = check(trial.entry, &trial.options) else { panic!("{}", trial.entry.name) };
        let histories = found.searched().total();
        assert!(histories <= MOST_HISTORIES, "{}: {histories} histories", trial.entry.name);
    }
}

#[test]
fn a_counterexample_replays_from_its_line_to_the_same_trace() {
    for trial in twins() {
        let name = trial.entry.name;
        let Verdict::Violated(found) = check(trial.entry, &trial.options) else { panic!("{name}") };
        let line = Line { test: name.to_owned(), history: found.history().clone() }.to_string();
        let (history, test) = History::parse_any(&line).expect("a printed line is read");
        assert_eq!((&history, test.as_deref()), (found.history(), Some(name)));
        let Verdict::Violated(again) = replay(trial.entry, &history, &trial.options) else { panic!("{name}") };
        assert_eq!(without_the_search(&again.to_string()), without_the_search(&found.to_string()));
        assert_eq!(again.anomaly(), found.anomaly());
    }
}

/// A report but for what only a search can say: that no history with fewer faults fails, and how far it went.
fn without_the_search(report: &str) -> String {
    let title_and_rest = |line: &str| line.split("[").next().unwrap_or_default().trim_end().to_owned();
    let lines = report.lines().filter(|line| !line.starts_with("  searched"));
    lines.enumerate().map(|(at, line)| if at == 0 { title_and_rest(line) } else { line.to_owned() } + "\n").collect()
}

#[test]
fn the_stores_agree() {
    for entry in all() {
        let one_fault = |store| check(entry, &Options { store, faults: 1, cases: 0, ..Options::default() }).anomaly();
        let [first, others @ ..] = &entry.stores().map(one_fault).collect::<Vec<_>>()[..] else {
            panic!("{} stands nowhere", entry.name)
        };
        assert!(others.iter().all(|other| other == first), "{}: {first:?}, {others:?}", entry.name);
    }
}

/// What is seen of the stores does not depend on what was done.
#[test]
fn nobody_is_convicted_where_nothing_is_seen() {
    // What happens in the outside world is always seen, and so is that a message is never handled.
    let is_stuck = |trial: &Trial| trial.charge.as_ref().is_some_and(|charge| charge.anomalies == ["stuck"]);
    let is_seen = |trial: &Trial| (trial.entry.contract)() != Contract::strict() || is_stuck(trial);
    for trial in twins().filter(|trial| !is_seen(trial)) {
        let blind: &'static Entry = Box::leak(Box::new(Entry {
            observed: &["SELECT 'whatever was done'"],
            keys: &["there is no such key"],
            ..*trial.entry
        }));
        for store in trial.entry.stores() {
            let options = Options { store, faults: 1, ..trial.options.clone() };
            let tried = Trial { entry: blind, options, charge: trial.charge.clone() }.run();
            assert!(!tried.as_expected, "{}", trial.entry.name);
            assert!(matches!(tried.verdict, Verdict::Inconclusive(_)), "{}", tried.verdict.report(blind.name));
        }
    }
}

#[test]
fn a_correct_strategy_is_not_convicted_in_place_of_its_twin() {
    for twin in twins() {
        let correct = all().iter().find(|entry| Some(entry.name) == twin.entry.twin_of).expect("it is registered");
        let options = Options { faults: twin.options.faults.min(correct.faults), ..twin.options.clone() };
        let accused = Trial { entry: correct, options, ..twin };
        assert!(!accused.run().as_expected, "{}", correct.name);
        assert!(trial::of(correct).iter().all(|trial| trial.charge.is_none()));
    }
}
