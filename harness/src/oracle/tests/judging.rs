//! The rules of the property, one by one: each test fails without its rule.

use super::{
    Bench, State, advance, at, crash, defer,
    handlers::*,
    history, judge, lose_ack, overlap, pause,
    script::{Script, acked_early_and_lost},
};
use crate::{
    Contract, History,
    history::{DeliveryName, Fault},
    machine::trace::{Answer, Event, Facts},
    oracle::{Anomaly, Judgement, Oracle},
};

fn ack(message: usize, number: u32) -> crate::history::Coordinate {
    DeliveryName::new(message, number).ack()
}

#[test]
fn a_right_handler_agrees_whatever_happens() {
    let faults = [
        lose_ack(0, 1),
        overlap(at(0, 1, 1)),
        crash(at(1, 1, 1)),
        crash(ack(1, 1)),
        pause(ack(0, 1)),
        defer(0, 1),
        Fault::Duplicate { message: 0, at: None },
        Fault::Fail { at: at(0, 1, 1) },
        Fault::LoseReply { at: at(1, 1, 1) },
        advance(at(0, 1, 1), 31),
    ];
    for fault in faults {
        transactional().assert_agrees(&history(&[100, 7], [fault]));
    }
}

#[test]
fn a_message_is_handled_though_the_broker_never_heard_of_it() {
    // Were it handled at its acknowledgement, it would be unordered with m1, and its late duplicate excused.
    set_value().assert_violated(&history(&[100, 7], [lose_ack(0, 1)]));
}

#[test]
fn a_message_that_is_handled_while_another_is_in_progress_may_come_before_or_after_it() {
    // m0 is delivered, m1 is delivered and handled, then m0 is handled and stays.
    set_value().assert_agrees(&history(&[100, 7], [pause(at(0, 1, 1))]));
    // m0 writes, then m1 does, then m0 is handled.
    let mut two_steps = Bench::new(async |shop, m| {
        let written = shop.step(|state| state.value = *m.payload()).await;
        answer(written.and(shop.step(|_| ()).await))
    })
    .observing(see_value);
    two_steps.assert_agrees(&history(&[100, 7], [pause(at(0, 1, 2))]));
}

#[test]
fn what_was_handled_must_be_present() {
    mark_then_apply().assert_violated(&history(&[100], [crash(at(0, 1, 2))]));
}

#[test]
fn what_the_handler_acknowledged_by_itself_must_be_present() {
    assert_eq!(acked_early_and_lost().judged(Contract::strict()), Judgement::Violated);
}

/// Applies so often, then refuses for good.
fn refuse_after(applied: u32) -> Bench {
    Bench::new(move |shop, m| async move {
        if m.attempt() <= applied {
            let _ = add(&shop, *m.payload()).await;
        }
        if m.attempt() < applied { Answer::Retry("later".to_owned()) } else { Answer::Reject("never".to_owned()) }
    })
}

#[test]
fn what_was_never_handled_is_present_once_or_not_at_all() {
    refuse_after(0).assert_agrees(&history(&[100], []));
    refuse_after(1).assert_agrees(&history(&[100], []));
    refuse_after(2).assert_violated(&history(&[100], []));
    // One attempt of it would have left something; what came of it was nothing.
    refuse_after(1).assert_agrees(&history(&[100], [crash(at(0, 1, 1))]));
}

#[test]
fn what_was_never_delivered_is_not_present() {
    let mut script = Script::unordered(2, 200);
    script.replay.fates[1] = crate::machine::trace::Fate { dead_lettered: true, ..Default::default() };
    assert_eq!(script.judged(Contract::strict()), Judgement::Violated);
    script.replay.observation = Script::unordered(1, 100).replay.observation;
    assert_eq!(script.judged(Contract::strict()), Judgement::Agrees);
}

#[test]
fn a_run_in_which_a_handler_fails_is_no_reference_for_what_was_handled() {
    // It applies and fails, then finds that it is done: one attempt of it leaves what is seen, but is no right run.
    let mut bench = Bench::new(async |shop, m| {
        if m.attempt() == 1 {
            let _ = add(&shop, *m.payload()).await;
            return Answer::Retry("applied, and failed".to_owned());
        }
        Answer::DONE
    });
    bench.assert_violated(&history(&[100], []));
}

fn in_one_key(amounts: &[i64], faults: impl IntoIterator<Item = Fault>) -> History {
    let mut history = history(amounts, faults);
    for message in &mut history.messages {
        message.ordering_key = Some("account 666".to_owned());
    }
    history
}

#[test]
fn within_an_ordering_key_only_publish_order_is_right_if_the_contract_says_so() {
    let mut bench = set_value();
    let late = in_one_key(&[100, 7], [defer(0, 1)]);
    bench.assert_agrees(&late);
    let (judgement, explained) = bench.judge(Contract::strict().order_published(), &late);
    assert_eq!(judgement, Judgement::Violated);
    let explained = explained.expect("a violation is explained");
    assert_eq!((explained.anomaly, explained.message), (Anomaly::Overwrote, Some(0)));
    // Other keys, and no key, are not ordered.
    let mut two_keys = late.clone();
    two_keys.messages[0].ordering_key = Some("account 777".to_owned());
    let no_key = history(&[100, 7], [defer(0, 1)]);
    for unordered in [two_keys, no_key.clone()] {
        assert_eq!(bench.judge(Contract::strict().order_published(), &unordered).0, Judgement::Agrees);
    }
    // The key may be the generator's.
    bench.keys = Some("one for all");
    assert_eq!(bench.judge(Contract::strict().order_published(), &no_key).0, Judgement::Violated);
}

#[test]
fn a_handler_that_restores_publish_order_is_right() {
    // The amount is a version: what is older than what is there is dropped.
    let mut bench = Bench::new(async |shop, m| {
        answer(shop.step(|state: &mut State| state.value = state.value.max(*m.payload())).await)
    })
    .observing(see_value);
    let late = in_one_key(&[1, 2], [defer(0, 1)]);
    assert_eq!(bench.judge(Contract::strict().order_published(), &late).0, Judgement::Agrees);
}

#[test]
fn what_messages_do_to_each_other_without_any_redelivery_is_not_isolated_and_may_be_allowed() {
    let disturbed = history(&[100, 7], [pause(at(0, 1, 2))]);
    let (judgement, explained) = read_then_write().judge(Contract::strict(), &disturbed);
    assert_eq!(judgement, Judgement::Violated);
    assert_eq!(explained.map(|explained| explained.anomaly), Some(Anomaly::NotIsolated));
    let allowed = || Contract::strict().allow_not_isolated();
    assert_eq!(read_then_write().judge(allowed(), &disturbed).0, Judgement::Agrees);
    // Delivered twice, an operation that failed, a crash: that is about idempotency after all.
    assert_eq!(plain_add().judge(allowed(), &history(&[100], [lose_ack(0, 1)])).0, Judgement::Violated);
    let mut careless = Bench::new(async |shop, m| {
        let _ = add(&shop, *m.payload()).await;
        Answer::DONE
    });
    let failed = history(&[100], [Fault::Fail { at: at(0, 1, 1) }]);
    assert_eq!(careless.judge(allowed(), &failed).0, Judgement::Violated);
    let mut crashed = Script::unordered(2, 0);
    assert_eq!(crashed.judged(allowed()), Judgement::Agrees);
    let process = crate::Process::new(0, 0);
    crashed.replay.events.push(Event::Crashed { process: process.clone(), lost: Vec::new() });
    assert_eq!(crashed.judged(allowed()), Judgement::Violated);
    let mut waited = Script::unordered(2, 0);
    let facts = Facts { gave_up: true, ..Facts::default() };
    waited.replay.events.push(Event::Step { at: at(0, 1, 1), process, facts, words: None });
    assert_eq!(waited.judged(allowed()), Judgement::Violated);
}

#[test]
fn that_messages_disturb_each_other_does_not_excuse_a_broken_publish_order() {
    let contract = || Contract::strict().allow_not_isolated().order_published();
    assert_eq!(set_value().judge(contract(), &in_one_key(&[100, 7], [defer(0, 1)])).0, Judgement::Violated);
    let disturbed = in_one_key(&[100, 7], [pause(at(0, 1, 2))]);
    assert_eq!(read_then_write().judge(contract(), &disturbed).0, Judgement::Agrees);
}

#[test]
fn what_is_never_handled_is_a_violation_though_what_is_seen_is_right() {
    let mut bench = Bench::new(async |_, _| Answer::Retry("never".to_owned()));
    let (judgement, explained) = bench.judge(Contract::strict(), &history(&[100], []));
    assert_eq!(judgement, Judgement::Violated);
    let explained = explained.expect("a violation is explained");
    assert_eq!((explained.anomaly, explained.message), (Anomaly::Stuck, Some(0)));
}

#[test]
fn what_has_no_end_cannot_be_judged() {
    let mut bench = Bench::new(async |shop, m| {
        if m.attempt() > 1 {
            std::future::pending::<()>().await;
        }
        answer(add(&shop, *m.payload()).await)
    });
    let (judgement, _) = bench.judge(Contract::strict(), &history(&[100], [crash(at(0, 1, 1))]));
    assert!(matches!(judgement, Judgement::Inconclusive(why) if why.starts_with("m0#2 waits")));
}

#[test]
fn a_message_without_which_all_is_the_same_cannot_be_judged_for_loss() {
    let mut oracle = Oracle::new(Contract::strict());
    let mut visibility = |mut bench: Bench, amounts: &[i64]| {
        oracle = Oracle::new(Contract::strict());
        oracle.visibility(&mut bench, &history(amounts, []))
    };
    let all = visibility(transactional(), &[100, 7]).expect("something is observed");
    assert_eq!((&all.unseen[..], all.nothing_can_be_seen()), (&[][..], None));
    let first = visibility(set_value(), &[100, 7]).expect("something is observed");
    assert_eq!((&first.unseen[..], first.nothing_can_be_seen()), (&[0][..], None));
    // A broker numbers its copies as they come: that another number stands there shows nothing.
    let numbered =
        Bench::new(async |shop, m| answer(shop.step(|state| state.rows = vec![m.broker_id().to_string()]).await));
    let numbered = visibility(numbered.observing(see_rows), &[100, 7]).expect("something is observed");
    assert_eq!(numbered.unseen, [0, 1]);
    let none = visibility(transactional(), &[0, 0]).expect("something is observed");
    assert_eq!(none.unseen, [0, 1]);
    let why = "nothing can be seen: the plain run leaves the same without any of its messages";
    assert_eq!(none.nothing_can_be_seen(), Some(why));
    let nothing = visibility(transactional().observing(|_, _| {}), &[100]);
    assert!(nothing.is_err_and(|error| error.to_string().starts_with("nothing is observed")));
}

#[test]
fn reference_runs_are_shared_by_the_histories_of_a_workload() {
    let (mut bench, mut oracle) = (transactional(), Oracle::new(Contract::strict()));
    let faults = [lose_ack(0, 1), crash(at(0, 1, 1)), crash(ack(1, 1)), advance(at(0, 1, 1), 31)];
    for fault in faults {
        assert_eq!(judge(&mut bench, &mut oracle, &history(&[100, 7], [fault])).0, Judgement::Agrees);
    }
    // One with m0 first; and one with m1 first, which was handled while m0 was waiting to be delivered again.
    assert_eq!(bench.references.get(), 2);
    let other_processes = History { processes: 3, ..history(&[100, 7], []) };
    assert_eq!(judge(&mut bench, &mut oracle, &other_processes).0, Judgement::Agrees);
    assert_eq!(bench.references.get(), 2);
    assert_eq!(judge(&mut bench, &mut oracle, &history(&[100, 8], [])).0, Judgement::Agrees);
    assert_eq!(bench.references.get(), 3);
}
