//! Counterexamples are 1-minimal, small, and cheap to come by.

use super::toys::{self, AnyOrder, history};
use crate::{
    Delivery, Error, History, KeyValue,
    history::{DeliveryName, Fault},
    machine::trace::{Detail, Replay},
    oracle::Judgement,
    search::{
        Judge, Part,
        candidates::candidates,
        edit::{closed_up, plainer, with_processes},
        ladder::ladder,
        shrink, without,
    },
    subject::{Job, Subject},
};

pub(super) fn fails(subject: &mut dyn Subject, history: &History) -> bool {
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
pub(super) fn long_history(subject: &mut dyn Subject, messages: usize, faults: usize, mut seed: u64) -> History {
    let mut history = history(subject, messages, "");
    for _ in 0..faults {
        let trace = replay(subject, &history);
        let mut next: Vec<Fault> = candidates(&history, &trace, &ladder(&[]), &[], false)
            .into_iter()
            .map(|candidate| candidate.fault)
            .collect();
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

#[test]
fn processes_go_and_what_is_sent_to_one_goes_where_it_would_by_itself() {
    let subject = &mut toys::subject(toys::three_steps);
    let four = History { processes: 4, ..history(subject, 1, "") };
    for to in [None, Some(1), Some(3)] {
        let fault = Fault::Overlap { at: DeliveryName::new(0, 1).operation(2), to };
        let long = History { faults: vec![fault.clone()], ..four.clone() };
        assert_eq!(with_processes(&long, 2).validate(), Ok(()), "{fault}");
        let shrunk = shrink(subject, &mut AnyOrder::default(), &long).unwrap().history;
        assert_eq!((shrunk.processes, shrunk.faults[0].to_string().as_str()), (2, "overlap m0#1.2"), "{fault}");
    }
}

#[test]
fn faults_stand_as_early_as_they_can_and_payloads_are_the_simplest() {
    let subject = &mut toys::subject(toys::three_steps);
    // The second pass moves what the first has left.
    let long = history(subject, 3, "fail m1#1.1\noverlap m2#1.3\n");
    assert!(fails(subject, &long));
    let shrunk = shrink(subject, &mut AnyOrder::default(), &long).unwrap().history;
    assert_eq!(shrunk, history(subject, 1, "overlap m0#1.2\n"));
}

#[test]
fn a_fault_names_no_more_than_it_must() {
    let subject = &mut toys::subject(toys::three_steps);
    assert_eq!(shrunk(subject, 1, "overlap m0#1.2 to p1\n"), ["overlap m0#1.2"]);
    let until = "overlap m0#1.2\npause m0#2.2 until m0#1.ack\n";
    assert_eq!(shrunk(subject, 1, until), ["overlap m0#1.2"]);
}

#[test]
fn a_crash_stands_where_it_spares_the_fault_that_led_to_it() {
    // Both deliveries are in one process, and die with it.
    let subject = &mut toys::subject(toys::mark_first);
    assert_eq!(shrunk(subject, 1, "overlap m0#1.2 to p0\ncrash m0#2.1\n"), ["crash m0#1.2"]);
}

#[test]
fn what_cannot_be_judged_is_no_smaller_failure() {
    // Delivered again, it waits for ever unless m1 came in between.
    async fn waits_for_the_other(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        if m.id() == "m1" {
            return kv.put("other", "came").await;
        }
        if kv.get("other").await?.is_none() && m.redelivered() {
            std::future::pending::<()>().await;
        }
        kv.add("balance", *m.payload()).await.map(drop)
    }
    let subject = &mut toys::subject(waits_for_the_other);
    // Nor does the payload of m1 become that of m0: they could not be told apart any more.
    let failing = history(subject, 2, "lose-ack m0#1\n");
    assert!(fails(subject, &failing));
    assert_eq!(shrink(subject, &mut AnyOrder::default(), &failing).unwrap().history, failing);
}

#[test]
fn what_names_a_process_that_is_gone_goes_with_it_or_elsewhere() {
    let faults = |text: &str| -> Vec<String> {
        let history: History = format!("redeliver-history 1\nmodel at-least-once\nprocesses 3\nmessage m0 1\n{text}")
            .parse()
            .expect("the test's faults are well written");
        with_processes(&history, 2).faults.iter().map(ToString::to_string).collect()
    };
    let skews = ["skew p0 +1s", "skew p1 +1s", "skew p2 +1s"];
    assert_eq!(faults(&skews.join("\n")), skews[..2]);
    let overlaps = ["overlap m0#1.1 to p0", "overlap m0#1.2 to p1", "overlap m0#1.3 to p2"];
    assert_eq!(faults(&overlaps.join("\n")), [overlaps[0], overlaps[1], "overlap m0#1.3"]);
    let rounds = ["crash relay@p1#1.1", "crash relay@p2#1.1"];
    assert_eq!(faults(&rounds.join("\n")), rounds[..1]);
}

#[test]
fn a_fault_is_plainer_without_what_it_names_beyond_its_point() {
    let plain = |fault: &str| {
        let fault: Fault = fault.parse().expect("the test's faults are well written");
        plainer(&fault).map(|plainer| plainer.to_string())
    };
    assert_eq!(plain("overlap m0#1.1 to p0").as_deref(), Some("overlap m0#1.1"));
    assert_eq!(plain("pause m0#1.1 until m1#1.1").as_deref(), Some("pause m0#1.1"));
    assert_eq!(plain("forget kv m0#1.1 last 3").as_deref(), Some("forget kv m0#1.1 last 1"));
    for plainest in ["overlap m0#1.1", "pause m0#1.1", "forget kv m0#1.1 last 1", "crash m0#1.1"] {
        assert_eq!(plain(plainest), None, "{plainest}");
    }
}
