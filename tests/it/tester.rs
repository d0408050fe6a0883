//! Tests of the tester: that it can fail, and that what it finds is short.

use redeliver::{
    History, Verdict,
    history::{Fault, Payload, Published},
};
use redeliver_strategies::{
    run::{Options, prepared},
    trial::{Trial, trials},
};

use crate::golden::golden;

fn twins() -> impl Iterator<Item = Trial> {
    trials().into_iter().filter(|trial| trial.charge.is_some())
}

#[test]
fn with_an_oracle_that_accepts_everything_no_twin_is_convicted() {
    let mut tried = 0;
    for Trial { entry, options, .. } in twins() {
        let options = Options { faults: 1, cases: 16, ..options };
        let verdict = prepared(entry, &options).accepting_everything().verdict();
        assert!(!matches!(verdict, Verdict::Violated(_)), "{}", verdict.report(entry.name));
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
}

/// Faults of which none matters to a counterexample, or few, beside those that are its own.
const NOISE: [&str; 14] = [
    "pause m2#1.1",
    "duplicate m2",
    "lose-ack m1#1",
    "overlap m2#1.1",
    "crash m1#1.ack",
    "advance m2#1.1 1s",
    "lose-reply m2#1.1",
    "fail m1#2.1",
    "defer m1 past m2",
    "overlap m0#1.ack",
    "crash m2#1.1",
    "cancel m1#1.1",
    "pause m0#1.1",
    "lose-ack m2#2",
];

/// A history that fails as this one does, with more messages and many faults more.
fn longer(trial: &Trial, found: &History) -> History {
    let still_fails = |history: &History| prepared(trial.entry, &trial.options).replay(history).anomaly().is_some();
    let mut history = found.clone();
    while history.messages.len() < 3 {
        let mut more = history.clone();
        let seed = history.messages.len() as u64 + 3;
        more.messages.push(Published {
            id: None,
            ordering_key: None,
            payload: Payload::Generated { seed, hash: None },
        });
        // A check that lists its messages has no others.
        if !still_fails(&more) {
            break;
        }
        history = more;
    }
    for fault in NOISE.map(|fault| fault.parse::<Fault>().expect("it is well written")) {
        for at in [0, history.faults.len()] {
            let mut more = history.clone();
            more.faults.insert(at, fault.clone());
            if more.validate().is_ok() && still_fails(&more) {
                history = more;
                break;
            }
        }
    }
    history
}

#[test]
fn a_long_history_of_each_twin_shrinks_to_what_a_person_would_have_written() {
    let mut told = String::new();
    for trial in twins() {
        let (name, mut check) = (trial.entry.name, prepared(trial.entry, &trial.options));
        let Verdict::Violated(found) = check.verdict() else { panic!("{name}") };
        let long = longer(&trial, found.history());
        let (short, replays) = check.shrunk(&long).expect("the store has no errors of its own");
        let faults: Vec<String> = short.faults.iter().map(ToString::to_string).collect();
        let lines = short.messages.len() + short.faults.len();
        assert!(lines <= 6 && replays <= 60, "{name}: {lines} lines, {replays} replays\n{long}{short}");
        let (messages, all, of) = (short.messages.len(), long.messages.len(), long.faults.len());
        let left = if faults.is_empty() { "plain".to_owned() } else { faults.join("; ") };
        told += &format!("{name}: {messages} of {all} messages, {} of {of} faults: {left}\n", faults.len());
    }
    golden("shrunk.txt", &told);
}
