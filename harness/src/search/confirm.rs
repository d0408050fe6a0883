//! Whether a replay can be relied on: done again, and elsewhere, it must come to the same.
//!
//! A workload's plain run is held against itself before anything is searched, and a counterexample before it is reported,
//! together with the reference runs that it was judged by. Where anything differs, nothing can be said.

use super::Judge;
use crate::{
    Error, History,
    history::Published,
    machine::trace::{Detail, Event, Replay},
    oracle::Judgement,
    subject::{Job, Subject, Workload},
};

/// What makes a handler differ from one replay to the next.
pub(super) const CAUSES: &str = "usually a static or a thread-local that outlives a replay, the order of a hash map, a `select!` that is \
                      not `biased`, the wall clock, or randomness of the handler's own: take times, randomness and ids \
                      from the delivery";

/// So many replays must agree with the first. Two of an unbiased two-way `select!` agree by chance half of the time, and
/// nothing tells from outside that there was one.
const CONFIRMATIONS: usize = 5;

/// Whether a history is not replayed alike on this thread and in a fresh one; if so, why.
///
/// # Errors
/// What a store met, or a message that cannot be made.
pub(super) fn unsteady(subject: &mut dyn Subject, history: &History) -> Result<Option<String>, Error> {
    let first = subject.run(Job::Replay(history), Detail::Words)?;
    let again = subject.run(Job::Replay(history), Detail::Words)?;
    if let Some(difference) = differs(&first, &again) {
        return Ok(Some(nondeterminism("two replays of one history differ", &difference)));
    }
    let elsewhere = subject.run_elsewhere(Job::Replay(history), Detail::Words)?;
    Ok(differs(&first, &elsewhere)
        .map(|difference| nondeterminism("a replay of the same history in a fresh thread differs", &difference)))
}

/// Whether a failing history does not fail in the same way in fresh threads; if so, why. `judge` has judged nothing yet.
///
/// # Errors
/// What a store met, or a message that cannot be made.
pub(crate) fn confirm(
    subject: &mut dyn Subject,
    judge: &mut dyn Judge,
    history: &History,
) -> Result<Option<String>, Error> {
    let here = subject.run(Job::Replay(history), Detail::Words)?;
    for _ in 0..CONFIRMATIONS {
        let there = subject.run_elsewhere(Job::Replay(history), Detail::Words)?;
        if let Some(difference) = differs(&here, &there) {
            return Ok(Some(nondeterminism("a replay of the same history in a fresh thread differs", &difference)));
        }
    }
    let mut elsewhere = Elsewhere { subject, difference: None };
    let judgement = judge.judge(&mut elsewhere, history, &here)?;
    if let Some(difference) = elsewhere.difference {
        return Ok(Some(nondeterminism("a reference run in a fresh thread differs", &difference)));
    }
    Ok(match judgement {
        Judgement::Violated => None,
        Judgement::Inconclusive(why) => Some(why),
        Judgement::Agrees => Some(format!("the reference runs differ when they are taken again; {CAUSES}")),
    })
}

fn nondeterminism(what: &str, difference: &str) -> String {
    format!("{what}: {difference}; {CAUSES}")
}

/// What two replays first differ in, in words, if they do.
pub(super) fn differs(one: &Replay, other: &Replay) -> Option<String> {
    let mut pairs = one.events.iter().zip(&other.events);
    if let Some((one, other)) = pairs.find(|(one, other)| one != other) {
        return Some(format!("{}, and then {}", in_words(one), in_words(other)));
    }
    let longer = if one.events.len() > other.events.len() { one } else { other };
    let common = one.events.len().min(other.events.len());
    if let Some(more) = longer.events.get(common) {
        return Some(format!("{}, which does not always happen", in_words(more)));
    }
    if one.observation != other.observation || one.state != other.state {
        return Some("every operation was the same, but what is observed at the end is not".to_owned());
    }
    if one.broken != other.broken {
        return Some("every operation was the same, but not whether an invariant held".to_owned());
    }
    let alike = one.fates == other.fates && one.end == other.end;
    (!alike).then(|| "every operation was the same, but not how the replay ended".to_owned())
}

fn in_words(event: &Event) -> String {
    match event {
        Event::Step { at, words: Some(words), .. } => format!("{at} was `{}` with `{}`", words.what, words.result),
        Event::Blocked { at, words: Some(words), .. } => format!("{at}, `{}`, waited for a lock", words.what),
        Event::Step { at, .. } | Event::Blocked { at, .. } => format!("{at} was an operation"),
        Event::Delivered { delivery, process, .. } => format!("{delivery} began in p{}", process.index()),
        Event::Returned { delivery, answer, .. } => format!("{delivery} returned {answer:?}"),
        Event::Settled { delivery, how, .. } => format!("{delivery} was settled: {how:?}"),
        Event::RoundBegan { round, .. } => format!("{round} began"),
        Event::RoundEnded { round, panicked: None, .. } => format!("{round} ended"),
        Event::RoundEnded { round, panicked: Some(why), .. } => format!("{round} panicked: {why}"),
        Event::Cancelled { task, .. } => format!("{task} was cancelled"),
        Event::Crashed { process, .. } => format!("p{} crashed", process.index()),
        Event::Clock { to } => format!("the clock moved to {to:?}"),
        Event::Skewed { process, skew } => format!("the clock of p{} was {skew}", process.index()),
        Event::Forgot { store, loss, count } => format!("{store} lost its {loss} {count}"),
    }
}

/// A subject whose every run is made in a fresh thread, and held against one made here.
struct Elsewhere<'a> {
    subject: &'a mut dyn Subject,
    /// What a run first differed in, in words.
    difference: Option<String>,
}

impl Subject for Elsewhere<'_> {
    fn run(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        self.run_elsewhere(job, detail)
    }

    fn run_elsewhere(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        let detail = detail.max(Detail::Words);
        let here = self.subject.run(job, detail)?;
        let there = self.subject.run_elsewhere(job, detail)?;
        if self.difference.is_none() {
            self.difference = differs(&here, &there);
        }
        Ok(there)
    }

    fn payload(&mut self, published: &Published, place: usize) -> Result<String, Error> {
        self.subject.payload(published, place)
    }

    fn has_background(&self) -> bool {
        self.subject.has_background()
    }

    fn id(&mut self, published: &Published, place: usize) -> Result<String, Error> {
        self.subject.id(published, place)
    }

    fn ordering_key(&mut self, published: &Published, place: usize) -> Result<Option<String>, Error> {
        self.subject.ordering_key(published, place)
    }

    fn workloads(&self, at_most: usize) -> Vec<Workload> {
        self.subject.workloads(at_most)
    }

    fn many(&self, count: usize) -> Vec<Published> {
        self.subject.many(count)
    }

    fn simpler(&self, published: &Published) -> Vec<Published> {
        self.subject.simpler(published)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Delivery, KeyValue, Messages, Observation,
        machine::{
            Background,
            testing::{Given, Stage},
            trace::{Broken, End},
        },
        world::{Boot, World},
    };

    #[test]
    fn replays_that_agree_in_each_event_differ_in_what_is_left() {
        let store = KeyValue::new("kv").observed();
        let mut stage = Stage::new(store, async |kv: &KeyValue, _: &Given| kv.put("a", "1").await);
        let first = stage.replay(1, &[]);
        assert_eq!(differs(&first, &first), None);
        let told = |change: &dyn Fn(&mut Replay)| {
            let mut other = first.clone();
            change(&mut other);
            assert_eq!(differs(&first, &other), differs(&other, &first));
            differs(&first, &other).expect("they differ")
        };
        let mut seen = Observation::default();
        seen.set("a", "2".to_owned());
        let broken = Broken { position: 0, label: "positive".into(), seen: seen.clone() };
        assert!(told(&|other| drop(other.events.pop())).ends_with("which does not always happen"));
        assert!(told(&|other| other.observation = seen.clone()).contains("what is observed at the end is not"));
        assert!(told(&|other| other.state = seen.clone()).contains("what is observed at the end is not"));
        assert!(told(&|other| other.broken = Some(broken.clone())).contains("whether an invariant held"));
        assert!(told(&|other| other.fates[0].dead_lettered = true).contains("how the replay ended"));
        assert!(told(&|other| other.end = End::Stuck(vec![0])).contains("how the replay ended"));
    }

    #[test]
    fn elsewhere_a_subject_has_the_same_messages_and_the_same_background_work() {
        let mut boot = Boot::handles();
        let work = Background { label: "relay".parse().unwrap(), period: std::time::Duration::from_secs(1) };
        assert!(boot.every(work, async |kv: &KeyValue| drop(kv.get("a").await)));
        let handler = async |kv: &KeyValue, m: &Delivery<i64>| kv.put(m.id(), "1").await;
        let messages = || Messages::from(1..1000_i64).ordering_keys(2);
        let mut here = World::new(KeyValue::new("kv"), boot, messages(), handler);
        let (workloads, many) = (here.workloads(2), here.many(3));
        let published = here.drawn(2, &mut || 0x4321_1234);
        let simpler = here.simpler(&published[1]);
        let keyed = Published { ordering_key: Some("account".to_owned()), ..published[0].clone() };
        assert!(!simpler.is_empty(), "{published:?}");
        let mut there = Elsewhere { subject: &mut here, difference: None };
        assert!(there.has_background());
        let messages = |them: Vec<Workload>| them.into_iter().map(|them| them.messages).collect::<Vec<_>>();
        assert_eq!(messages(there.workloads(2)), messages(workloads));
        assert_eq!((there.many(3), there.simpler(&published[1])), (many, simpler));
        assert_eq!(there.ordering_key(&keyed, 0).unwrap().as_deref(), Some("account"));
        assert_eq!(there.ordering_key(&published[0], 0).unwrap(), published[0].ordering_key);
        let mut idle = World::new(KeyValue::new("kv"), Boot::handles(), Messages::from(1..1000_i64), handler);
        assert!(!Elsewhere { subject: &mut idle, difference: None }.has_background());
    }
}
