//! What is skipped is skipped for its reason, and for no less: each rule by itself. That all of them together lose nothing is
//! tried in `counting`.

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use super::{
    counting::Kept,
    toys::{self, options},
};
use crate::{
    Delivery, Effects, Error, History, KeyValue, Messages, Observation, Process,
    history::{DeliveryName, Fault, Published},
    machine::trace::{Acted, Answer, Detail, End, Event, Facts, Fate, Injected, Origin, Replay, Supplied},
    oracle::Judgement,
    search::{
        Judge,
        alike::Alike,
        by_fault_count,
        by_fault_count::Reached,
        skip::{CrashRun, Met, Seen},
    },
    subject::{Job, Subject},
    world::{Boot, World},
};

pub(in crate::search) fn replay(events: Vec<Event>) -> Replay {
    Replay {
        state: Observation::default(),
        broken: None,
        events,
        acted: Vec::new(),
        unused: Vec::new(),
        fates: vec![Fate { supplied: vec![Supplied::default()], ..Fate::default() }],
        observation: Observation::default(),
        end: End::Drained,
        key: 1,
        standing: 2,
        waited_elsewhere: false,
        periods: Vec::new(),
        lulls: Vec::new(),
        losses: std::sync::Arc::default(),
    }
}

fn step(process: usize, facts: Facts) -> Event {
    let at = DeliveryName::new(0, 1).operation(1);
    Event::Step { at, process: Process::new(process, 0), facts, words: None }
}

/// Whether a crash at the last of these events repeats one at the first.
fn repeats(replay: &Replay) -> bool {
    let mut run = CrashRun::new(replay);
    let mut repeats = false;
    for event in &replay.events {
        repeats = run.strikes(event);
        run.passes(event);
    }
    repeats
}

#[test]
fn a_crash_repeats_the_one_before_only_past_harmless_steps_of_its_own_process() {
    let none = Facts::default();
    let past = |between: Event| repeats(&replay(vec![step(0, none), between, step(0, none)]));
    assert!(past(step(0, none)));
    assert!(past(step(0, Facts { can_fail: true, can_lose_reply: true, ..none })), "what could happen did not");
    for facts in [
        Facts { changes: true, ..none },
        Facts { locks: true, ..none },
        Facts { uses: true, ..none },
        Facts { gave_up: true, ..none },
        Facts { suffered: Some(Injected::Fail), ..none },
        Facts { suffered: Some(Injected::LoseReply), ..none },
    ] {
        assert!(!past(step(0, facts)), "{facts:?}");
    }
    assert!(past(step(0, Facts { looks: true, reads_clock: true, ..none })), "and it had before");
    let (delivery, process) = (DeliveryName::new(0, 2), Process::new(0, 0));
    for event in [
        step(1, none),
        Event::Delivered { delivery, process: process.clone(), origin: Origin::Overlap },
        Event::Blocked { at: delivery.operation(1), process: process.clone(), until: Duration::ZERO, words: None },
        Event::Returned { delivery, process: process.clone(), answer: Answer::DONE },
        Event::Crashed { process, lost: vec![delivery.into()] },
        Event::Clock { to: Duration::from_secs(1) },
    ] {
        assert!(!past(event.clone()), "{event:?}");
    }
    assert!(!repeats(&replay(vec![step(0, none), step(1, none)])), "another process dies there");
}

#[test]
fn where_nobody_can_tell_how_far_a_delivery_came_no_crash_repeats_another() {
    let mut two = replay(vec![step(0, Facts::default()), step(0, Facts::default())]);
    assert!(repeats(&two));
    two.waited_elsewhere = true;
    assert!(!repeats(&two));
}

#[test]
fn a_trace_is_known_again_and_so_is_what_further_faults_come_to_where_all_else_is_the_same() {
    let mut seen = Seen::default();
    let mut meet = |workload, key, position, standing| {
        let acted = vec![Acted { fault: 0, position }];
        let fault = Fault::LoseAck { delivery: DeliveryName::new(0, 1) };
        seen.meet(workload, &[fault], &Replay { acted, key, standing, ..replay(Vec::new()) })
    };
    assert_eq!(meet(0, 1, 3, 5), Met::New);
    assert_eq!(meet(0, 1, 3, 5), Met::SameChildren);
    assert_eq!(meet(0, 1, 3, 6), Met::SameVerdict, "the machine knew something else");
    assert_eq!(meet(0, 1, 4, 5), Met::SameVerdict, "further faults act later");
    assert_eq!(meet(0, 2, 3, 5), Met::New, "something else happened");
    assert_eq!(meet(1, 1, 3, 5), Met::New, "to other messages");
}

#[test]
fn second_copies_that_were_made_in_another_order_have_other_numbers() {
    let mut seen = Seen::default();
    let acted = [0, 1].map(|fault| Acted { fault, position: 3 }).to_vec();
    let copies = |message| Fault::Duplicate { message, at: None };
    let two = Replay { acted, ..replay(Vec::new()) };
    assert_eq!(seen.meet(0, &[copies(0), copies(1)], &two), Met::New);
    assert_eq!(seen.meet(0, &[copies(1), copies(0)], &two), Met::New);
    assert_eq!(seen.meet(0, &[copies(1), copies(0)], &two), Met::SameChildren);
}

#[test]
fn a_trace_that_was_seen_is_not_judged_again_but_goes_on_where_further_faults_may_differ() {
    let mut judge = Kept::default();
    let subject = &mut toys::subject(toys::atomic);
    let search = by_fault_count(subject, &mut judge, &options(1, 3), &mut |_| ControlFlow::Continue(())).unwrap();
    let judged: BTreeSet<String> = judge.0.iter().map(ToString::to_string).collect();
    assert_eq!(judge.0.len() as u64 + search.skipped.judged, search.searched.total());
    assert!(search.skipped.continued > 0 && search.skipped.continued < search.skipped.judged, "{search:?}");
    let of_one_that_was_not = |history: &History| {
        let mut parent = history.clone();
        parent.faults.pop().is_some() && !judged.contains(&parent.to_string())
    };
    assert!(judge.0.iter().any(of_one_that_was_not), "what was not judged anew had children that were");
}

#[test]
fn a_lull_tells_which_deliveries_were_disturbed() {
    // Whichever of two deliveries reads in vain: all else comes to the same, but only one of them may repeat its mail.
    let handler = async |(kv, outside): &(KeyValue, Effects), m: &Delivery<i64>| {
        outside.perform("mail", m.id()).await?;
        kv.get("setting").await.map_or(Ok(()), |_| Ok::<_, Error>(()))
    };
    let mut subject =
        World::new((KeyValue::new("kv"), Effects::new()), Boot::handles(), Messages::from(1..1000_i64), handler);
    let mut key = |fails: &str| {
        let history = toys::history(&subject, 1, &format!("overlap m0#1.1\nfail {fails}\n"));
        let replay = subject.run(Job::Replay(&history), Detail::Lulls).unwrap();
        assert_eq!(replay.unused, []);
        replay.lulls.last().expect("the stores can tell").key
    };
    assert_eq!(key("m0#1.2"), key("m0#1.2"));
    assert_ne!(key("m0#1.2"), key("m0#2.2"));
}

#[test]
fn a_lull_tells_which_deadlines_were_set_though_what_they_were_of_is_gone() {
    let handler = async |kv: &KeyValue, _: &Delivery<i64>| {
        let _ = kv.put_if_absent("seen", "1", Some(Duration::from_secs(30))).await;
        let _ = kv.put_if_absent("lease", "1", Some(Duration::from_secs(60))).await;
        let _ = kv.delete("lease").await;
        let _ = kv.get("setting").await;
        Ok::<_, Error>(())
    };
    let mut subject = toys::subject(handler);
    let mut key = |fails: &str| {
        let history = toys::history(&subject, 1, &format!("fail {fails}\n"));
        let replay = subject.run(Job::Replay(&history), Detail::Lulls).unwrap();
        assert_eq!(replay.unused, []);
        replay.lulls.last().expect("the store can tell").key
    };
    assert_eq!(key("m0#1.4"), key("m0#1.4"));
    assert_ne!(key("m0#1.2"), key("m0#1.4"), "the clock may be advanced to it");
}

#[test]
fn a_workload_that_was_left_out_is_taken_up_where_the_one_like_it_stands() {
    let messages = Messages::from(1..1000_i64).ordering_keys(2);
    let subject = World::new(KeyValue::new("bank"), Boot::handles(), messages, toys::atomic);
    let workloads = subject.workloads(2);
    let mut alike = Alike::of(&workloads, &options(2, 1));
    let (left_out, searched): (Vec<usize>, Vec<usize>) = (0..workloads.len()).partition(|at| alike.leaves_out(*at));
    assert!(!left_out.is_empty() && searched.len() > 1);
    // Each stands behind a fault of its own, so that it can be told from the others.
    let fault = |workload| Fault::LoseAck { delivery: DeliveryName::new(0, 1 + workload as u32) };
    let stands = |workload| Reached { workload, faults: [fault(workload)].into(), only_at: None };
    let taken_up = alike.no_longer(&searched.iter().map(|at| stands(*at)).collect::<Vec<_>>());
    assert_eq!(taken_up.iter().map(|reached| reached.workload).collect::<Vec<_>>(), left_out);
    let keyless = |workload: usize| {
        let messages = workloads[workload].messages.iter().cloned();
        messages.map(|one| Published { ordering_key: None, ..one }).collect::<Vec<_>>()
    };
    for reached in taken_up {
        let like =
            searched.iter().find(|at| reached.faults[..] == [fault(**at)]).expect("it stands behind one of these");
        assert_eq!(keyless(reached.workload), keyless(*like));
    }
    assert!(alike.no_longer(&[]).is_empty(), "once");
}

/// Says that it cannot say.
struct CannotSay;

impl Judge for CannotSay {
    fn judge(&mut self, _subject: &mut dyn Subject, _history: &History, _replay: &Replay) -> Result<Judgement, Error> {
        Ok(Judgement::Inconclusive("it is beyond me".to_owned()))
    }
}

#[test]
fn what_cannot_be_judged_is_remembered() {
    let search = by_fault_count(&mut toys::subject(toys::atomic), &mut CannotSay, &options(1, 0), &mut |_| {
        ControlFlow::Continue(())
    });
    assert_eq!(search.unwrap().inconclusive.as_deref(), Some("it is beyond me"));
}
