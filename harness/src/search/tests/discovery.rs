//! Discovery power: how many replays each search needs for a bug that hardly any schedule shows.
//!
//! The handler remembers the last [`KEPT`] messages that it handled, in the transaction of the effect. It is wrong where a process
//! dies between its commit and its acknowledgement, and comes back only when as many others were handled meanwhile.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use super::toys::{self, options};
use crate::{
    Bounds, Contract, Delivery, Error, History, KeyValue, Searched,
    machine::{
        chooser::{Choice, Chooser, MOST_PROCESSES, Open},
        footprint::Access,
        trace::Detail,
    },
    oracle::{Judgement, Oracle},
    search::{Cases, by_fault_count, complete, random::random},
    subject::{Job, Subject},
};

/// So many messages are known again.
const KEPT: usize = 2;

async fn remembers_the_last(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    // What a handler looks up before it begins: the more of it, the less likely is it that another one does all of it in one go.
    for key in ["customer", "limit", "rate", "fee", "country", "currency"] {
        kv.get(key).await?;
    }
    let tx = kv.begin().await?;
    let recent = tx.get("recent").await?.unwrap_or_default();
    let mut recent: Vec<&str> = recent.split_whitespace().collect();
    if !recent.contains(&m.id()) {
        recent.push(m.id());
        let from = recent.len().saturating_sub(KEPT);
        tx.put("recent", &recent[from..].join(" ")).await?;
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

fn oracle() -> Oracle {
    Oracle::new(Contract::strict())
}

/// Five messages, dealt once each to two processes, of which one may die once.
fn bounds() -> Bounds {
    Bounds::default().messages(5).copies(1)
}

fn dealt(subject: &dyn Subject) -> History {
    let workload = subject.workloads(5).pop().expect("there are five unlike messages");
    assert_eq!(workload.messages.len(), 5);
    bounds().history(workload.messages)
}

/// Chooses among all that can happen, each as likely as the other.
struct Uniform {
    state: Mutex<(u64, bool)>,
}

impl Chooser for Uniform {
    fn choose(&self, open: &Open) -> Option<Choice> {
        let (random, crashed) = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let among = |bits: u16| (0..MOST_PROCESSES).filter(move |process| bits & 1 << process != 0);
        let mut choices: Vec<Choice> = among(open.steps).map(Choice::Step).collect();
        if !*crashed {
            choices.extend(among(open.crashes).map(Choice::Crash));
        }
        if open.steps == 0 {
            let mut gives_up = among(open.give_up);
            choices.extend(open.clock.then(|| Choice::Clock(gives_up.next())));
        }
        // Xorshift (Marsaglia, Journal of Statistical Software, 2003).
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let chosen = *choices.get(usize::try_from(*random >> 33).ok()? % choices.len().max(1))?;
        *crashed |= matches!(chosen, Choice::Crash(_));
        Some(chosen)
    }

    fn came(&self, _choice: Choice, _acted: bool, _touched: &[Access]) {}
}

#[test]
fn fewer_than_one_in_ten_thousand_uniform_schedules_show_it() {
    let mut subject = toys::subject(remembers_the_last);
    let (history, mut oracle, mut wrong) = (dealt(&subject), oracle(), 0);
    for seed in 1..=20_000_u64 {
        let uniform = Uniform { state: Mutex::new((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), false)) };
        let replay = subject.run(Job::Chosen(&history, &uniform), Detail::Facts).expect("no store of its own errors");
        wrong += u32::from(oracle.judge(&mut subject, &history, &replay).expect("as before") == Judgement::Violated);
    }
    assert!(wrong <= 2, "{wrong} of 20,000");
}

#[test]
fn search_by_fault_count_needs_few_replays_for_it() {
    let mut subject = toys::subject(remembers_the_last);
    let mut first = None;
    let search = by_fault_count(&mut subject, &mut oracle(), &options(4, 1), &mut |found| {
        first = Some(found.history.to_string());
        ControlFlow::Break(())
    });
    let replays = search.expect("no store of its own errors").searched.total();
    let first = first.expect("one fault shows it");
    println!("{replays} replays");
    assert!(replays <= 400, "{replays}\n{first}");
}

#[test]
fn random_search_needs_few_replays_for_it() {
    let mut replays = Vec::new();
    for seed in 0..5 {
        let mut subject = toys::subject(remembers_the_last);
        let mut searched = Searched::default();
        let cases = Cases { count: 10_000, seed };
        let came = random(&mut subject, &mut oracle(), &options(4, 1), cases, &mut searched);
        assert!(came.expect("no store of its own errors").fails.is_some(), "seed {seed}");
        replays.push(searched.random);
    }
    println!("{replays:?} replays");
    assert!(replays.iter().all(|replays| *replays <= 100), "{replays:?}");
}

#[test]
fn complete_search_comes_to_it() {
    let mut subject = toys::subject(remembers_the_last);
    let history = dealt(&subject);
    let bounds = bounds().executions(200_000);
    let completed =
        complete::complete(&mut subject, &mut oracle(), &history, &bounds, true, None, &mut |_, is_wrong| {
            if is_wrong { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    let completed = completed.expect("no store of its own errors");
    println!("{completed:?}");
    assert!(completed.stopped && completed.inconclusive.is_none(), "{completed:?}");
    assert!(completed.executions <= 100, "{completed:?}");
}
