//! What is skipped changes nothing, and something is skipped.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
    ops::ControlFlow,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use rustc_hash::FxHasher;

use super::{
    counting::every_history,
    toys::{self, options, search},
};
use crate::{
    Contract, Delivery, DeliveryModel, Error, History, Isolation, KeyValue, Messages, Observation,
    contract::Recalled,
    history::Published,
    machine::{
        Activity, Span,
        trace::{Detail, Replay, heard},
    },
    oracle::{Judgement, Oracle},
    search::{
        Judge, Options,
        by_fault_count::{Found, by_fault_count},
    },
    subject::{Job, Subject},
    world::{Boot, World},
};

/// Takes messages of one ordering key for one message.
async fn by_key(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    apply_once(kv, m.ordering_key().unwrap_or(m.id()), m).await
}

/// The same, but only where the broker says that it delivers again.
async fn by_key_again(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if !m.redelivered() {
        return apply_once(kv, m.id(), m).await;
    }
    let key = m.ordering_key().unwrap_or("none").to_owned();
    kv.put("balance:key", &key).await?;
    apply_once(kv, m.id(), m).await
}

async fn apply_once(kv: &KeyValue, mark: &str, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(mark, "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

/// Goes wrong in a message that comes after another one was delivered again: the two faults are a lull apart.
async fn wrong_after_a_redelivery(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if m.redelivered() {
        kv.put("again", m.id()).await?;
    }
    if kv.get("again").await?.is_some() {
        return toys::blind(kv, m).await;
    }
    toys::atomic(kv, m).await
}

/// Whether another delivery of this message is in the middle of this.
async fn meets_another(kv: &KeyValue, m: &Delivery<i64>) -> Result<bool, Error> {
    let tried = format!("tried:{}", m.id());
    kv.put("begun", "yes").await?;
    let meets = !m.redelivered() && kv.get(&tried).await?.is_some();
    kv.put(&tried, "yes").await?;
    kv.get("setting").await?;
    kv.delete(&tried).await?;
    Ok(meets)
}

/// Two second copies leave another store or memory behind, and all else alike, if they met in the middle: only a message
/// after that lull goes wrong, if it is delivered twice too.
async fn harmed_by_an_earlier_meeting(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let met = kv.get("met").await?;
    if meets_another(kv, m).await? {
        kv.put("met", m.id()).await?;
    }
    if met.is_some_and(|id| id != m.id()) { toys::blind(kv, m).await } else { toys::atomic(kv, m).await }
}

/// The same, with the memory of its process in the place of the store.
fn remembers_a_meeting() -> impl Subject {
    let store = KeyValue::new("bank").observe_prefix("balance");
    let boot = Boot::with(|kv| (kv, Mutex::new(None::<String>)));
    let handler = async |(kv, met): &(KeyValue, Mutex<Option<String>>), m: &Delivery<i64>| {
        let before = met.lock().expect("nobody panics").clone();
        if meets_another(kv, m).await? {
            *met.lock().expect("nobody panics") = Some(m.id().to_owned());
        }
        if before.is_some_and(|id| id != m.id()) { toys::blind(kv, m).await } else { toys::atomic(kv, m).await }
    };
    World::new(store, boot, Messages::from(1..1000_i64), handler)
}

/// A process that remembers that it was told to deliver again, and goes wrong from then on.
struct Mind {
    kv: KeyValue,
    again: AtomicBool,
}

fn remembers() -> impl Subject {
    let store = KeyValue::new("bank").observe_prefix("balance");
    let boot = Boot::with(|kv| Mind { kv, again: AtomicBool::new(false) });
    World::new(store, boot, Messages::from(1..1000_i64), async |mind: &Mind, m: &Delivery<i64>| {
        if m.redelivered() {
            mind.again.store(true, Ordering::Relaxed);
        }
        if mind.again.load(Ordering::Relaxed) {
            toys::blind(&mind.kv, m).await
        } else {
            toys::atomic(&mind.kv, m).await
        }
    })
}

/// Looks at the clock, and does what it always does.
pub(super) async fn looks_at_the_clock(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let _ = m.now();
    toys::atomic(kv, m).await
}

/// What a handler does wrong, and with how few faults.
pub(super) fn wrongs(subject: &mut dyn Subject, options: &Options) -> BTreeMap<(Vec<Published>, Observation), usize> {
    let mut fewest = BTreeMap::new();
    for (history, observation) in search(subject, options).1 {
        // A workload that differs in ordering keys alone may be left out.
        let keyless = |one: &Published| Published { ordering_key: None, ..one.clone() };
        let messages: Vec<Published> = history.messages.iter().map(keyless).collect();
        let faults = fewest.entry((messages, observation)).or_insert(usize::MAX);
        *faults = (*faults).min(history.faults.len());
    }
    fewest
}

pub(super) fn skips_change_nothing(subject: &mut dyn Subject, messages: usize, faults: usize) {
    let with = options(messages, faults);
    let without = Options { skips: false, ..with.clone() };
    assert_eq!(wrongs(subject, &with), wrongs(subject, &without));
}

#[test]
fn what_is_skipped_changes_nothing() {
    skips_change_nothing(&mut toys::subject(toys::three_steps), 1, 3);
    skips_change_nothing(&mut toys::subject(toys::mark_first), 1, 3);
    skips_change_nothing(&mut toys::subject(toys::looks_first), 1, 2);
    skips_change_nothing(&mut toys::subject(toys::third_time), 1, 2);
    skips_change_nothing(&mut toys::subject(toys::overwrites), 2, 2);
    skips_change_nothing(&mut toys::subject(toys::forgets), 2, 1);
    skips_change_nothing(&mut toys::subject(by_key), 2, 1);
    skips_change_nothing(&mut toys::subject(by_key_again), 2, 2);
    skips_change_nothing(&mut toys::subject(wrong_after_a_redelivery), 2, 2);
    skips_change_nothing(&mut remembers(), 2, 2);
    skips_change_nothing(&mut toys::subject(harmed_by_an_earlier_meeting), 2, 2);
    skips_change_nothing(&mut remembers_a_meeting(), 2, 2);
}

#[test]
fn what_is_skipped_changes_nothing_in_partitions() {
    for model in [DeliveryModel::kafka(), DeliveryModel::kafka_blocking()] {
        let of = |messages, faults| Options { model, keys_matter: true, ..options(messages, faults) };
        let mut subjects: [(Box<dyn Subject>, Options); 6] = [
            (Box::new(toys::subject(toys::three_steps)), of(1, 3)),
            (Box::new(toys::subject(toys::looks_first)), of(1, 2)),
            (Box::new(toys::subject(toys::mark_first)), of(2, 2)),
            (Box::new(toys::subject(toys::overwrites)), of(2, 2)),
            (Box::new(toys::subject(wrong_after_a_redelivery)), of(2, 2)),
            (Box::new(toys::subject(by_key)), of(2, 1)),
        ];
        for (subject, with) in &mut subjects {
            let without = Options { skips: false, ..with.clone() };
            assert_eq!(wrongs(&mut **subject, with), wrongs(&mut **subject, &without));
        }
    }
}

#[test]
fn what_is_skipped_changes_nothing_at_weaker_levels() {
    for (isolation, lost_updates) in [(Isolation::ReadCommitted, true), (Isolation::Snapshot, false)] {
        skips_change_nothing(&mut toys::subject_at(isolation, toys::looks_first), 1, 2);
        skips_change_nothing(&mut toys::subject_at(isolation, toys::reads_and_writes_back), 2, 2);
        skips_change_nothing(&mut toys::subject_at(isolation, toys::third_time), 1, 2);
        let wrongs = wrongs(&mut toys::subject_at(isolation, toys::reads_and_writes_back), &options(2, 2));
        assert_eq!(wrongs.is_empty(), !lost_updates, "{isolation:?}: {wrongs:?}");
    }
}

#[test]
#[cfg(not(debug_assertions))] // A million replays: continuous integration runs the tests in release once more.
fn what_is_skipped_changes_nothing_in_larger_searches() {
    skips_change_nothing(&mut toys::subject(toys::three_steps), 2, 3);
    skips_change_nothing(&mut toys::subject(toys::mark_first), 2, 3);
    skips_change_nothing(&mut toys::subject(toys::looks_first), 2, 2);
    skips_change_nothing(&mut toys::subject(toys::third_time), 2, 3);
    skips_change_nothing(&mut toys::subject(toys::overwrites), 3, 3);
    skips_change_nothing(&mut toys::subject(toys::forgets), 2, 2);
    skips_change_nothing(&mut toys::subject(toys::blind), 3, 3);
}

/// Tells the balance that it came to, and how often it was asked.
fn tells_the_balance() -> impl Subject {
    let store = KeyValue::new("bank").observe_prefix("balance");
    World::new(store, Boot::handles(), Messages::from(1..1000_i64), async |kv: &KeyValue, m: &Delivery<i64>| {
        let balance = if m.attempt() == 1 { kv.add("balance", *m.payload()).await? } else { 0 };
        kv.get("setting").await?;
        Ok::<_, Error>((balance, m.attempt()))
    })
}

/// The oracle, which keeps what fails, with what was heard and what it left.
struct Hears {
    oracle: Oracle,
    failing: Vec<(History, String)>,
}

impl Judge for Hears {
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        let judgement = self.oracle.judge(subject, history, replay)?;
        if judgement == Judgement::Violated {
            let mut heard: Vec<_> = heard(&replay.events).collect();
            heard.sort_by_key(|(delivery, _)| *delivery);
            self.failing.push((history.clone(), format!("{heard:?}, {:?}", replay.observation)));
        }
        Ok(judgement)
    }
}

/// What was heard where something was wrong, and with how few faults.
fn wrongly_heard(options: &Options) -> BTreeMap<String, usize> {
    let mut hears = Hears { oracle: Oracle::new(Contract::strict()), failing: Vec::new() };
    let going_on = &mut |_: Found<'_>| ControlFlow::Continue(());
    by_fault_count(&mut tells_the_balance(), &mut hears, options, going_on)
        .expect("the store has no errors of its own");
    let mut fewest = BTreeMap::new();
    for (history, heard) in hears.failing {
        let payloads: Vec<_> = history.messages.iter().map(|message| &message.payload).collect();
        let faults = fewest.entry(format!("{payloads:?}: {heard}")).or_insert(usize::MAX);
        *faults = (*faults).min(history.faults.len());
    }
    fewest
}

#[test]
fn what_is_skipped_changes_nothing_of_what_clients_hear() {
    let with = Options { model: DeliveryModel::request_reply(), ..options(3, 2) };
    let without = Options { skips: false, ..with.clone() };
    let (with, without) = (wrongly_heard(&with), wrongly_heard(&without));
    let missing: Vec<_> = without.iter().filter(|(heard, faults)| with.get(*heard) != Some(*faults)).take(3).collect();
    assert!(missing.is_empty() && with.len() == without.len(), "{missing:#?}");
}

#[test]
fn crashes_that_cannot_differ_are_left_out() {
    let (search, _) = search(&mut toys::subject(toys::looks_first), &options(1, 1));
    // Two looks, `begin`, two steps inside of the transaction: the crashes before the second and the third repeat the
    // first, those before the fifth and the sixth the fourth.
    assert_eq!(search.skipped.untried, 4, "{search:?}");
}

#[test]
fn faults_after_a_lull_that_came_to_the_same_are_tried_once() {
    let untried = |subject: &mut dyn Subject, faults| search(subject, &options(2, faults)).0.skipped.untried;
    let crashes = untried(&mut toys::subject(toys::atomic), 1);
    let (search, _) = search(&mut toys::subject(toys::atomic), &options(2, 2));
    let (all, _) = toys::search(&mut toys::subject(toys::atomic), &Options { skips: false, ..options(2, 2) });
    assert!(search.skipped.untried > 10 * crashes, "{search:?}");
    assert!(search.searched.total() * 2 < all.searched.total(), "{search:?} of {all:?}");
}

#[test]
fn a_workload_of_one_ordering_key_is_searched_where_a_handler_looks_at_keys() {
    let keyed = |subject: &mut dyn Subject, options: &Options| {
        let searched = every_history(subject, options);
        let keyed = |history: &History| history.messages.iter().any(|message| message.ordering_key.is_some());
        searched.iter().any(|history| !history.faults.is_empty() && keyed(history))
    };
    assert!(keyed(&mut toys::subject(by_key), &options(2, 1)));
    // Looked at for the first time with one fault, and then with one fault in that workload too.
    assert!(keyed(&mut toys::subject(by_key_again), &options(2, 1)));
    assert!(!keyed(&mut toys::subject(toys::blind), &options(2, 1)));
    // The handler does not look at it, but the contract does.
    assert!(keyed(&mut toys::subject(toys::blind), &Options { keys_matter: true, ..options(2, 1) }));
}

#[test]
fn where_messages_may_be_forgotten_histories_that_came_to_the_same_lull_met_each_last_at_the_same_time() {
    let store = KeyValue::new("bank").observe_prefix("balance");
    let world = World::new(store, Boot::handles(), Messages::from(1..1000_i64), looks_at_the_clock);
    let subject = &mut world.recalling(Recalled { activity: true, spans: false });
    let histories = every_history(subject, &Options { skips: false, ..options(1, 1) });
    let mut last: BTreeMap<u64, Vec<Activity>> = BTreeMap::new();
    let mut met_late = false;
    for history in histories {
        let replay = subject.run(Job::Replay(&history), Detail::Lulls).expect("the store has no errors of its own");
        for lull in replay.lulls {
            let activity = Activity::of(&replay.events[..lull.position], &replay.fates);
            met_late |= activity.iter().any(|message| message.last > message.handled_since);
            assert_eq!(*last.entry(lull.key).or_insert_with(|| activity.clone()), activity, "{history}");
        }
    }
    assert!(met_late, "time passed while a message was being handled");
}

#[test]
fn where_a_contract_speaks_of_deliveries_histories_that_came_to_the_same_lull_had_the_same_deliveries() {
    let told_by_keys = |recalls: Recalled| {
        let world =
            World::new(KeyValue::new("bank").observed(), Boot::handles(), Messages::from(1..1000_i64), toys::atomic);
        let subject = &mut world.recalling(recalls);
        let mut deliveries: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for history in every_history(subject, &Options { skips: false, ..options(1, 2) }) {
            let replay = subject.run(Job::Replay(&history), Detail::Lulls).expect("the store has no errors of its own");
            for lull in replay.lulls {
                let mut hasher = FxHasher::default();
                Span::remember(&Span::all(&replay.events[..lull.position]), &mut hasher);
                deliveries.entry(lull.key).or_default().insert(hasher.finish());
            }
        }
        deliveries.values().all(|of_one_key| of_one_key.len() == 1)
    };
    assert!(told_by_keys(Recalled { activity: false, spans: true }));
    assert!(!told_by_keys(Recalled::default()), "this test says nothing");
}
