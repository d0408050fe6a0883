//! Counterexamples are 1-minimal, small, and cheap to come by.

use super::toys::{self, AnyOrder, history};
use crate::{
    History,
    history::Fault,
    machine::trace::{Detail, Replay},
    oracle::Judgement,
    search::{Judge, Part, candidates::candidates, edit::closed_up, ladder::ladder, shrink, without},
    subject::{Job, Subject},
};

fn fails(subject: &mut dyn Subject, history: &History) -> bool {
    let replay = subject.run(Job::Replay(history), Detail::Facts).unwrap();
    AnyOrder::default().judge(subject, history, &replay).unwrap() == Judgement::Violated
}

fn replay(subject: &mut dyn Subject, history: &History) -> Replay {
    subject.run(Job::Replay(history), Detail::Facts).unwrap()
}

/// Every single removal is tried again.
fn assert_minimal(subject: &mut dyn Subject, history: &History) {
    let messages = (0..history.messages.len()).map(Part::Message);
    let faults = (0..history.faults.len()).map(Part::Fault);
    for part in messages.chain(faults).chain([Part::Process]) {
        if let Some(shorter) = without(history, part) {
            assert!(!fails(subject, &shorter), "{part:?} can be taken away:\n{history}");
        }
    }
    assert!(fails(subject, history));
}

/// A history of many faults that all act, chosen without rhyme or reason.
fn long_history(subject: &mut dyn Subject, messages: usize, faults: usize, mut seed: u64) -> History {
    let mut history = history(subject, messages, "");
    for _ in 0..faults {
        let trace = replay(subject, &history);
        let mut next: Vec<Fault> =
            candidates(&history, &trace, &ladder(&[])).into_iter().map(|candidate| candidate.fault).collect();
        if next.is_empty() {
            break;
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Rather an early one, so that there is room for more behind it.
        let near = next.len().min(12);
        history.faults.push(next.swap_remove(usize::try_from(seed >> 33).unwrap() % near));
    }
    history
}

fn shrinks_well(subject: &mut dyn Subject) {
    let mut shrunk_some = 0;
    for seed in 0..60 {
        let history = long_history(subject, 3, 8, seed);
        let trace = replay(subject, &history);
        if trace.events.len() > 60 || !fails(subject, &history) {
            continue;
        }
        let shrunk = shrink(subject, &mut AnyOrder::default(), &history).unwrap();
        assert_minimal(subject, &shrunk.history);
        assert!(shrunk.replays <= 50, "{} replays for\n{history}", shrunk.replays);
        let lines = shrunk.history.messages.len() + shrunk.history.faults.len();
        assert!(lines <= 6, "{} replays of\n{history}come to\n{}", shrunk.replays, shrunk.history);
        shrunk_some += 1;
    }
    assert!(shrunk_some >= 5, "only {shrunk_some} histories failed");
}

#[test]
fn nothing_more_can_be_taken_away() {
    shrinks_well(&mut toys::subject(toys::three_steps));
    shrinks_well(&mut toys::subject(toys::mark_first));
    shrinks_well(&mut toys::subject(toys::third_time));
    shrinks_well(&mut toys::subject(toys::forgets));
}

#[test]
fn a_fault_is_aimed_again_when_a_crash_before_it_is_gone() {
    let subject = &mut toys::subject(toys::three_steps);
    let long = history(subject, 2, "crash m1#1.1\noverlap m1#2.2\n");
    assert!(fails(subject, &long));
    let shrunk = shrink(subject, &mut AnyOrder::default(), &long).unwrap().history;
    assert_eq!(shrunk.messages.len(), 1);
    let faults: Vec<String> = shrunk.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["overlap m0#1.2"]);
    assert_eq!(shrunk.processes, History::DEFAULT_PROCESSES);
}

#[test]
fn faults_that_do_not_act_are_dropped() {
    let subject = &mut toys::subject(toys::blind);
    let long = history(subject, 1, "crash m0#7.1\nduplicate m0\nlose-ack m0#9\n");
    let shrunk = shrink(subject, &mut AnyOrder::default(), &long).unwrap();
    let faults: Vec<String> = shrunk.history.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["duplicate m0"]);
    let subject = &mut toys::subject(toys::atomic);
    let passes = history(subject, 1, "crash m0#1.2\n");
    assert_eq!(shrink(subject, &mut AnyOrder::default(), &passes).unwrap().history, passes, "it does not fail");
}

fn shrunk(subject: &mut dyn Subject, messages: usize, faults: &str) -> Vec<String> {
    let long = history(subject, messages, faults);
    assert!(fails(subject, &long), "{long}");
    let shrunk = shrink(subject, &mut AnyOrder::default(), &long).unwrap().history;
    shrunk.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_clock_jumps_no_further_than_it_must() {
    // Its mark lasts a minute, of which a second is over when it is delivered again.
    let subject = &mut toys::subject(toys::forgets);
    assert_eq!(shrunk(subject, 1, "lose-ack m0#1\nadvance m0#2.1 86401s\n"), ["lose-ack m0#1", "advance m0#2.1 59s"]);
}

#[test]
fn what_only_lets_time_go_by_is_spared_by_a_longer_jump() {
    let subject = &mut toys::subject(toys::forgets);
    let faults = "lose-ack m0#1\nfail m0#2.1\nfail m0#3.1\nadvance m0#4.1 53s\n";
    assert_eq!(shrunk(subject, 1, faults), ["lose-ack m0#1", "advance m0#2.1 59s"]);
}

#[test]
fn later_deliveries_are_counted_anew_when_what_brought_them_about_is_gone() {
    let history = history(&toys::subject(toys::blind), 2, "crash m0#1.1\nfail m1#2.1\nlose-ack m0#2\ncrash m0#3.ack\n");
    let closed_up = closed_up(&history, 0, 1);
    let faults: Vec<String> = closed_up.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["fail m1#2.1", "lose-ack m0#1", "crash m0#2.ack"]);
}
