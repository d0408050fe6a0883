//! Random histories: what is drawn acts, is valid, can be judged, and is the same each time.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::{
    counting::Kept,
    toys::{self, AnyOrder, options},
};
use crate::{
    Contract, Delivery, DeliveryModel, Error, History, KeyValue, Message, Messages, Searched,
    history::{Coordinate, Deferred, Fault, Place},
    machine::trace::{Detail, Replay},
    oracle::{Judgement, Oracle, within_caps},
    search::{
        Cases, Drawer, Judge, Options, by_fault_count,
        random::random,
        random::{Came, MOST_FAULTS, decode::Decoder, shape::Shapes},
        shrink,
    },
    subject::{Job, Subject},
    world::{Boot, World},
};

/// What was drawn, and what acted of it.
#[derive(Default)]
struct Counted {
    histories: Vec<History>,
    drawn: BTreeMap<&'static str, u64>,
    acted: BTreeMap<&'static str, u64>,
}

impl Judge for Counted {
    fn judge(&mut self, _subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        for fault in &history.faults {
            *self.drawn.entry(fault.word()).or_default() += 1;
        }
        for acted in &replay.acted {
            *self.acted.entry(history.faults[acted.fault].word()).or_default() += 1;
        }
        self.histories.push(history.clone());
        Ok(Judgement::Agrees)
    }
}

fn larger(messages: usize, processes: usize) -> Options {
    Options { processes, skips: false, ..options(messages, 2) }
}

fn drawn(subject: &mut dyn Subject, options: &Options, cases: Cases, judge: &mut dyn Judge) -> (Came, Searched) {
    let mut searched = Searched::default();
    let came = random(subject, judge, options, cases, &mut searched).expect("the store has no errors of its own");
    (came, searched)
}

fn histories(subject: &mut dyn Subject, count: u64, seed: u64) -> Counted {
    histories_with(subject, &[], count, seed)
}

/// The same, where the clocks of processes are so far apart.
fn histories_with(subject: &mut dyn Subject, skews: &[Duration], count: u64, seed: u64) -> Counted {
    let mut counted = Counted::default();
    let options = Options { skews: skews.to_vec(), ..larger(3, 3) };
    drawn(subject, &options, Cases { count, seed }, &mut counted);
    counted
}

#[test]
fn most_of_what_is_drawn_acts() {
    let mut subjects: [(&str, Box<dyn Subject>); 6] = [
        ("blind", Box::new(toys::subject(toys::blind))),
        ("three steps", Box::new(toys::subject(toys::three_steps))),
        ("mark first", Box::new(toys::subject(toys::mark_first))),
        ("atomic", Box::new(toys::subject(toys::atomic))),
        ("looks first", Box::new(toys::subject(toys::looks_first))),
        ("forgets", Box::new(toys::subject(toys::forgets))),
    ];
    for (name, subject) in &mut subjects {
        for (messages, processes) in [(1, 1), (2, 2), (4, 3)] {
            let mut counted = Counted::default();
            let cases = Cases { count: 2_000, seed: 1 };
            drawn(&mut **subject, &larger(messages, processes), cases, &mut counted);
            let sum = |of: &BTreeMap<&str, u64>| of.values().sum::<u64>();
            let (all, acted) = (sum(&counted.drawn), sum(&counted.acted));
            println!(
                "{name} {messages},{processes}: {}%  {:?} of {:?}",
                100 * acted / all,
                counted.acted,
                counted.drawn
            );
            assert!(acted * 10 >= all * 8, "{name}: {acted} of {all} act: {:?} of {:?}", counted.acted, counted.drawn);
        }
    }
}

#[test]
fn most_of_what_is_drawn_acts_in_partitions_too() {
    for keys in 0..=2 {
        for (messages, processes) in [(1, 1), (2, 2), (4, 3)] {
            let store = KeyValue::new("bank").observe_prefix("balance");
            let source = Messages::from(1..1000_i64).ordering_keys(keys);
            let mut subject = World::new(store, Boot::handles(), source, toys::mark_first);
            let mut counted = Counted::default();
            let options = Options { model: DeliveryModel::kafka(), ..larger(messages, processes) };
            drawn(&mut subject, &options, Cases { count: 2_000, seed: 1 }, &mut counted);
            let sum = |of: &BTreeMap<&str, u64>| of.values().sum::<u64>();
            let (all, acted) = (sum(&counted.drawn), sum(&counted.acted));
            let told = format!(
                "{keys} keys, {messages},{processes}: {acted} of {all}: {:?} of {:?}",
                counted.acted, counted.drawn
            );
            assert!(acted * 10 >= all * 8, "{told}");
            assert!(["crash", "overlap", "lose-ack"].iter().all(|word| counted.acted[word] * 40 >= acted), "{told}");
        }
    }
}

/// Every word that begins a fault.
fn words() -> Vec<&'static str> {
    crate::history::FAULTS
        .split(|at: char| !(at.is_ascii_lowercase() || at == '-'))
        .filter(|word| *word != "or" && !word.is_empty())
        .collect()
}

#[test]
fn every_kind_of_fault_is_drawn_and_acts_and_none_is_rare() {
    /// Asks what time it is, of its process and of a store that fails over.
    async fn asks(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        let _ = m.now();
        toys::forgets(kv, m).await
    }
    let store = KeyValue::new("bank").observe_prefix("balance").fails_over();
    let mut subject = World::new(store, Boot::handles(), Messages::from(1..1000_i64), asks);
    let counted = histories_with(&mut subject, &[Duration::from_secs(5)], 2_000, 3);
    let all: u64 = counted.acted.values().sum();
    assert!(words().len() >= 9);
    for word in words() {
        let acted = counted.acted.get(word).copied().unwrap_or_default();
        assert!(acted * 40 >= all, "{word} acted {acted} times of {all}: {:?}", counted.acted);
    }
}

#[test]
fn a_clock_that_nobody_reads_is_not_advanced() {
    let counted = histories(&mut toys::subject(toys::three_steps), 500, 3);
    assert_eq!(counted.drawn.get("advance"), None);
}

#[test]
fn the_clock_is_advanced_by_the_ladder_and_to_deadlines() {
    let counted = histories(&mut toys::subject(toys::forgets), 2_000, 3);
    let advances = counted.histories.iter().flat_map(|history| &history.faults).filter_map(|fault| match fault {
        Fault::Advance { by, .. } => Some(by.as_millis()),
        _ => None,
    });
    let amounts: BTreeSet<u128> = advances.collect();
    let all = [1_000, 31_000, 59_999, 60_000, 60_001, 301_000, 3_601_000, 86_401_000];
    assert_eq!(amounts, BTreeSet::from(all));
}

#[test]
fn what_a_fault_names_beside_its_point_is_drawn_too() {
    let counted = histories(&mut toys::subject(toys::three_steps), 2_000, 5);
    let faults: Vec<&Fault> = counted.histories.iter().flat_map(|history| &history.faults).collect();
    let any = |which: &dyn Fn(&Fault) -> bool| assert!(faults.iter().any(|fault| which(fault)));
    for number in 1..=3 {
        any(&|fault| fault.coordinate().is_some_and(|at| at.delivery().is_some_and(|of| of.number == number)));
    }
    for message in 0..3 {
        any(&|fault| fault.coordinate().is_some_and(|at| at.message() == Some(message)));
    }
    any(&|fault| matches!(fault, Fault::Crash { at: Coordinate { place: Place::Ack, .. } }));
    for process in [None, Some(0), Some(2)] {
        any(&|fault| matches!(fault, Fault::Overlap { to, .. } if *to == process));
    }
    any(&|fault| matches!(fault, Fault::Pause { until: None, .. }));
    any(&|fault| matches!(fault, Fault::Pause { until: Some(_), .. }));
    any(&|fault| matches!(fault, Fault::Duplicate { at: Some(_), .. }));
    any(&|fault| matches!(fault, Fault::Duplicate { at: None, .. }));
    any(&|fault| matches!(fault, Fault::Defer { what: Deferred::Message(_), .. }));
    any(&|fault| matches!(fault, Fault::Defer { what: Deferred::Delivery(_), .. }));
}

fn texts(counted: &Counted) -> Vec<String> {
    counted.histories.iter().map(ToString::to_string).collect()
}

#[test]
fn a_seed_makes_the_same_histories_and_more_of_them_begin_with_the_same() {
    let with = |count, seed| texts(&histories(&mut toys::subject(toys::forgets), count, seed));
    let some = with(200, 7);
    assert_eq!(with(300, 7)[..200], some);
    let other = with(200, 8);
    let shared = other.iter().filter(|history| some.contains(history)).count();
    assert!(shared < 100, "{shared} of 200 are those of another seed");
    let different: BTreeSet<&String> = some.iter().collect();
    assert!(different.len() > 150, "only {} of 200 differ", different.len());
}

#[test]
fn the_next_stretch_begins_where_one_has_4096_histories_and_has_a_number_of_its_own() {
    let subject = &mut toys::subject(toys::blind);
    let options = Options { skips: false, ..options(1, 2) };
    let mut kept = Kept::default();
    let cases = Cases { count: 4_096 + 3, seed: 7 };
    random(subject, &mut kept, &options, cases, &mut Searched::default()).expect("the store works");
    assert_eq!(kept.0.len(), 4_096 + 3);
    let mut next = Drawer::new(subject, &options, 7, 1);
    for history in &kept.0[4_096..] {
        let drawn = next.next(subject).expect("the store works").expect("it can be searched");
        assert_eq!(drawn, history);
    }
    assert_ne!(kept.0[..3], kept.0[4_096..]);
}

/// Expires after a minute, and notes when it was.
async fn notes_the_time(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
        tx.put(&format!("balance:{}", m.id()), &m.now().as_millis().to_string()).await?;
    }
    tx.commit().await
}

/// An oracle that complains of what may be too much for it.
struct WithinCaps(Oracle);

impl Judge for WithinCaps {
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        assert!(within_caps(replay), "{history}");
        self.0.judge(subject, history, replay)
    }
}

#[test]
fn whatever_is_drawn_can_be_judged() {
    let mut oracle = WithinCaps(Oracle::new(Contract::strict()));
    let mut subject = toys::subject(notes_the_time);
    let (came, searched) = drawn(&mut subject, &larger(5, 3), Cases { count: 1_000, seed: 2 }, &mut oracle);
    assert_eq!(came.inconclusive, None);
    assert!(came.fails.is_none(), "{}", came.fails.unwrap());
    assert_eq!((searched.random, searched.random_faults, searched.seed), (1_000, MOST_FAULTS, 2));
    assert!(searched.acted.iter().any(|(word, _)| *word == "advance"));
    assert!(!searched.jumps.is_empty());
}

#[test]
fn right_handlers_hold_whatever_is_drawn() {
    for seed in 0..2 {
        let cases = Cases { count: 8_000, seed };
        let options = Options { processes: 3, ..options(4, 2) };
        for subject in [&mut toys::subject(toys::atomic) as &mut dyn Subject, &mut toys::subject(toys::looks_first)] {
            let (came, _) = drawn(subject, &options, cases, &mut Oracle::new(Contract::strict()));
            assert_eq!(came.fails.map(|history| history.to_string()), None);
            assert_eq!(came.inconclusive, None);
        }
    }
}

/// Applies the message again the fourth time: takes three faults.
async fn fourth_time(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    let times = tx.add(&format!("times:{}", m.id()), 1).await?;
    if times == 1 || times == 4 {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

#[test]
fn what_takes_more_faults_than_were_enumerated_is_found_and_shrinks() {
    let mut subject = toys::subject(fourth_time);
    let stops = &mut |_: crate::search::by_fault_count::Found<'_>| std::ops::ControlFlow::Break(());
    assert!(!by_fault_count(&mut subject, &mut AnyOrder::default(), &options(2, 2), stops).unwrap().stopped);
    for seed in 0..8 {
        let judge = &mut AnyOrder::default();
        let (came, searched) = drawn(&mut subject, &options(2, 2), Cases { count: 256, seed }, judge);
        let found = came.fails.unwrap_or_else(|| panic!("seed {seed} finds nothing in {}", searched.random));
        assert!(searched.random < 256 && found.faults.len() <= MOST_FAULTS);
        let shrunk = shrink(&mut subject, judge, &found).unwrap();
        assert_eq!((shrunk.history.faults.len(), shrunk.history.messages.len()), (3, 1), "{found}{}", shrunk.history);
    }
}

#[test]
fn a_trace_that_was_seen_is_not_judged_again_and_nothing_is_lost() {
    let judged = |skips| {
        let mut kept = Kept::default();
        let options = Options { skips, ..larger(2, 2) };
        let cases = Cases { count: 2_000, seed: 1 };
        let (_, searched) = drawn(&mut toys::subject(toys::blind), &options, cases, &mut kept);
        assert_eq!(searched.random, 2_000, "each counts");
        kept.0
    };
    let (with, without) = (judged(true), judged(false));
    assert_eq!(without.len(), 2_000);
    assert!(with.len() < 1_900, "{} were judged", with.len());
    let left = |histories: &[History]| -> BTreeSet<String> {
        let mut subject = toys::subject(toys::blind);
        let end = |history| format!("{:?}", subject.run(Job::Replay(history), Detail::Facts).unwrap().observation);
        histories.iter().map(end).collect()
    };
    assert_eq!(left(&with), left(&without));
}

#[test]
fn messages_are_told_apart_and_up_to_as_many_as_were_asked_for() {
    let counted = histories(&mut toys::subject(toys::blind), 300, 1);
    let counts: BTreeSet<usize> = counted.histories.iter().map(|history| history.messages.len()).collect();
    assert_eq!(counts, BTreeSet::from([1, 2, 3]));
    for history in &counted.histories {
        let hashes: BTreeSet<_> = history.messages.iter().map(|message| message.hash()).collect();
        assert_eq!(hashes.len(), history.messages.len());
    }
}

fn over(messages: Messages<i64>) -> impl Subject {
    World::new(KeyValue::new("bank").observe_prefix("balance"), Boot::handles(), messages, toys::atomic)
}

#[test]
fn a_list_is_drawn_as_it_stands_and_of_a_long_one_the_first_five() {
    let listed = |count: i64| {
        Messages::exactly((0..count).map(|nth| Message::new(format!("order-{nth}"), 3_i64.pow(nth as u32))))
    };
    for (count, drawn) in [(3, 3), (20, 5)] {
        let counted = histories(&mut over(listed(count)), 50, 1);
        let all = 0..drawn;
        let seeds: Vec<u64> = all.collect();
        for history in &counted.histories {
            let found = history.messages.iter().map(|message| match message.payload {
                crate::history::Payload::Generated { seed, .. } => seed,
                _ => panic!("nobody wrote it"),
            });
            assert_eq!(found.collect::<Vec<_>>(), seeds);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_legal(
        messages in 1..=5_usize,
        processes in 1..=4_usize,
        numbers in proptest::collection::vec(prop_oneof![any::<u32>(), 0..64_u32, (u32::MAX - 64)..], 0..40),
    ) {
        let mut subject = toys::subject(toys::forgets);
        let published = subject.workloads(messages).pop().unwrap().messages;
        let mut history =
            History { model: DeliveryModel::at_least_once(), processes, messages: published, faults: Vec::new() };
        let shapes = Shapes::learn(&mut subject, &history, &larger(messages, processes)).unwrap().unwrap();
        Decoder::default().decode(&shapes, &numbers, &mut history);
        prop_assert_eq!(history.validate(), Ok(()));
        prop_assert_eq!(history.faults.len(), numbers.len());
        let text = history.to_string();
        prop_assert_eq!(text.parse::<History>().map(|again| again.to_string()), Ok(text));
    }
}

#[test]
fn nothing_but_zeros_is_a_lost_acknowledgement_after_the_other() {
    let mut subject = toys::subject(toys::three_steps);
    let mut history = toys::history(&subject, 2, "");
    let shapes = Shapes::learn(&mut subject, &history, &larger(2, 2)).unwrap().unwrap();
    Decoder::default().decode(&shapes, &[0, 0], &mut history);
    let faults: Vec<String> = history.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["lose-ack m0#1", "lose-ack m1#1"]);
}
