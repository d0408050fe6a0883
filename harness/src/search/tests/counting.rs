//! Every history, once, with the fewest faults first.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::{
    leaving_out::wrongs,
    toys::{self, AnyOrder, options, search},
};
use crate::{
    DeliveryModel, Error, History,
    history::{Coordinate, Deferred, DeliveryName, Fault},
    machine::trace::{Detail, Replay},
    oracle::Judgement,
    search::{Judge, Options, by_fault_count, by_fault_count::acted_in_order, candidates::rank},
    subject::{Job, Subject, Workload},
};

/// Keeps what it is asked to judge.
#[derive(Default)]
pub(super) struct Kept(pub(super) Vec<History>);

impl Judge for Kept {
    fn judge(&mut self, _subject: &mut dyn Subject, history: &History, _replay: &Replay) -> Result<Judgement, Error> {
        self.0.push(history.clone());
        Ok(Judgement::Agrees)
    }
}

pub(super) fn every_history(subject: &mut dyn Subject, options: &Options) -> Vec<History> {
    let mut kept = Kept::default();
    by_fault_count(subject, &mut kept, options, &mut |_| ControlFlow::Continue(())).unwrap();
    kept.0
}

/// Faults of the family at every point there may be, whatever a trace says. Points go up to this operation.
fn universe(messages: usize, deliveries: u32, operations: u32) -> Vec<Fault> {
    let mut all = Vec::new();
    for message in 0..messages {
        all.push(Fault::Duplicate { message, at: None });
        for past in (0..messages).filter(|past| *past != message) {
            all.push(Fault::Defer { what: Deferred::Message(message), past });
            let later = (2..=deliveries).map(|number| Deferred::Delivery(DeliveryName::new(message, number)));
            all.extend(later.map(|what| Fault::Defer { what, past }));
        }
        for delivery in (1..=deliveries).map(|number| DeliveryName::new(message, number)) {
            let points = (1..=operations).map(|operation| delivery.operation(operation));
            for at in points.clone() {
                all.extend([Fault::Duplicate { message, at: Some(at) }, Fault::Cancel { at }]);
                all.extend([Fault::Fail { at }, Fault::LoseReply { at }]);
            }
            all.push(Fault::LoseAck { delivery });
            let at_any = |at: Coordinate| {
                [Fault::Overlap { at, to: None }, Fault::Pause { at, until: None }, Fault::Crash { at }]
            };
            all.extend(points.chain([delivery.ack()]).flat_map(at_any));
        }
    }
    all
}

/// Whether at one coordinate each fault has a later rank than the one before.
fn ranks_grow(faults: &[Fault]) -> bool {
    faults.iter().enumerate().all(|(at, fault)| {
        let point = fault.coordinate();
        point.is_none() || faults[..at].iter().all(|own| own.coordinate() != point || rank(own) < rank(fault))
    })
}

/// Plain enumeration: every list of so many faults, kept if all of them act in that order. Those in which a pause paused
/// nothing are kept apart.
fn plain(subject: &mut dyn Subject, plain: &History, universe: &[Fault], faults: usize) -> [BTreeSet<String>; 2] {
    let mut kept = [BTreeSet::new(), BTreeSet::new()];
    let mut lists: Vec<(Vec<Fault>, bool)> = vec![(Vec::new(), false)];
    for _ in 0..faults {
        let mut longer = Vec::new();
        for (list, idle) in &lists {
            let before = History { faults: list.clone(), ..plain.clone() };
            let key = subject.run(Job::Replay(&before), Detail::Facts).unwrap().key;
            for fault in universe.iter().filter(|fault| !list.contains(fault)) {
                let mut history = before.clone();
                history.faults.push(fault.clone());
                let replay = subject.run(Job::Replay(&history), Detail::Facts).unwrap();
                if !ranks_grow(&history.faults) || !acted_in_order(&history, &replay) {
                    continue;
                }
                let idle = *idle || matches!(fault, Fault::Pause { .. }) && replay.key == key;
                kept[usize::from(idle)].insert(history.to_string());
                longer.push((history.faults, idle));
            }
        }
        lists = longer;
    }
    kept
}

/// Every history that plain enumeration finds is searched, and no other, and each once.
fn agrees_with_plain_enumeration(subject: &mut dyn Subject, messages: usize, faults: usize, reach: (u32, u32)) {
    let mut workloads = subject.workloads(messages).into_iter().rev();
    let last = workloads.find(|workload| workload.messages.len() == messages).unwrap();
    agrees_about(last, subject, &options(messages, faults), reach);
}

/// The same for one workload and under any model.
fn agrees_about(name: Workload, subject: &mut dyn Subject, options: &Options, reach: (u32, u32)) {
    let options = Options { skips: false, ..options.clone() };
    let of_it = |history: &History| history.messages == name.messages && !history.faults.is_empty();
    let found: Vec<String> =
        every_history(subject, &options).iter().filter(|history| of_it(history)).map(ToString::to_string).collect();
    let searched: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(searched.len(), found.len(), "a history was searched twice");
    let start =
        History { model: options.model, processes: options.processes, messages: name.messages, faults: Vec::new() };
    let mut universe = universe(start.messages.len(), reach.0, reach.1);
    universe.retain(|fault| start.admits(fault).is_ok());
    let [expected, idle] = plain(subject, &start, &universe, options.faults);
    let missed: Vec<&String> = expected.difference(&searched).collect();
    assert!(missed.is_empty(), "{} missed, such as {}", missed.len(), missed[0]);
    let beyond: Vec<&String> = searched.iter().filter(|one| !expected.contains(*one) && !idle.contains(*one)).collect();
    assert!(beyond.is_empty(), "{} that plain enumeration does not find, such as {}", beyond.len(), beyond[0]);
}

#[test]
fn plain_enumeration_finds_the_same_histories_of_one_message() {
    agrees_with_plain_enumeration(&mut toys::subject(toys::three_steps), 1, 2, (4, 4));
    agrees_with_plain_enumeration(&mut toys::subject(toys::atomic), 1, 2, (4, 5));
    agrees_with_plain_enumeration(&mut toys::subject(toys::blind), 1, 3, (5, 2));
}

#[test]
fn plain_enumeration_finds_the_same_histories_of_two_messages() {
    agrees_with_plain_enumeration(&mut toys::subject(toys::mark_first), 2, 2, (4, 3));
    agrees_with_plain_enumeration(&mut toys::subject(toys::atomic), 2, 2, (4, 5));
}

#[test]
fn plain_enumeration_finds_the_same_histories_of_three_messages() {
    agrees_with_plain_enumeration(&mut toys::subject(toys::blind), 3, 2, (4, 2));
}

#[test]
fn plain_enumeration_finds_the_same_histories_of_partitions() {
    let options = Options { model: DeliveryModel::kafka(), keys_matter: true, ..options(2, 2) };
    for (at, toy) in [true, false].into_iter().enumerate() {
        let mut subject: Box<dyn Subject> =
            if toy { Box::new(toys::subject(toys::mark_first)) } else { Box::new(toys::subject(toys::atomic)) };
        for name in ["one message", "two unlike", "two of one ordering key"] {
            let mut workloads = subject.workloads(2).into_iter();
            let workload = workloads.find(|workload| workload.name == name).expect("it is of the family");
            agrees_about(workload, &mut *subject, &options, (4, 3 + 2 * at as u32));
        }
    }
}

#[test]
fn the_first_history_that_fails_has_the_fewest_faults() {
    let fewest = |subject: &mut dyn Subject| wrongs(subject, &options(1, 2)).values().min().copied();
    assert_eq!(fewest(&mut toys::subject(toys::three_steps)), Some(1));
    assert_eq!(fewest(&mut toys::subject(toys::mark_first)), Some(1));
    assert_eq!(fewest(&mut toys::subject(toys::third_time)), Some(2));
    assert_eq!(fewest(&mut toys::subject(toys::forgets)), Some(1));
    assert_eq!(fewest(&mut toys::subject(toys::atomic)), None);
    let mut counts = Vec::new();
    let subject = &mut toys::subject(toys::three_steps);
    for history in every_history(subject, &options(2, 2)) {
        counts.push(history.faults.len());
    }
    assert!(counts.is_sorted(), "all workloads at one fault count before the next");
}

#[test]
fn a_search_stops_where_it_is_told_to() {
    let subject = &mut toys::subject(toys::third_time);
    let stops = &mut |_: crate::search::by_fault_count::Found<'_>| ControlFlow::Break(());
    let search = by_fault_count(subject, &mut AnyOrder::default(), &options(2, 3), stops).unwrap();
    assert!(search.stopped);
    assert_eq!(search.searched.faults, 1, "every history with one fault, but not with two");
    assert_eq!(search.searched.histories.len(), 3);
}

#[test]
fn each_kind_of_fault_acts_and_is_counted() {
    let (search, _) = search(&mut toys::subject(toys::forgets), &options(2, 1));
    let words: Vec<&str> = search.searched.acted.iter().map(|(word, _)| *word).collect();
    let all =
        ["advance", "cancel", "crash", "defer", "duplicate", "fail", "lose-ack", "lose-reply", "overlap", "pause"];
    // With one fault nothing is there to be put off but a first delivery.
    assert_eq!(words, all);
    assert_eq!(search.inconclusive, None);
}

/// An oracle that is switched off.
struct AlwaysAgrees;

impl Judge for AlwaysAgrees {
    fn judge(&mut self, _subject: &mut dyn Subject, _history: &History, _replay: &Replay) -> Result<Judgement, Error> {
        Ok(Judgement::Agrees)
    }
}

/// Whether every wrong handler is convicted by this judge.
fn detects(mut judge: impl FnMut() -> Box<dyn Judge>) -> bool {
    let mut wrong: [(Box<dyn Subject>, usize); 4] = [
        (Box::new(toys::subject(toys::blind)), 1),
        (Box::new(toys::subject(toys::three_steps)), 1),
        (Box::new(toys::subject(toys::mark_first)), 1),
        (Box::new(toys::subject(toys::third_time)), 2),
    ];
    wrong.iter_mut().all(|(subject, faults)| {
        let stops = &mut |_: crate::search::by_fault_count::Found<'_>| ControlFlow::Break(());
        by_fault_count(&mut **subject, &mut *judge(), &options(1, *faults), stops).unwrap().stopped
    })
}

#[test]
fn wrong_handlers_are_convicted() {
    assert!(detects(|| Box::new(AnyOrder::default())));
}

#[test]
fn canary_with_the_oracle_switched_off_nobody_is_convicted() {
    assert!(!detects(|| Box::new(AlwaysAgrees)));
}
