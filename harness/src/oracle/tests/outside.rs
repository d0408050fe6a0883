//! Effects in the outside world: what is excused, and what it is called where it is not.

use super::{Judgement, Oracle, at, crash, judge, lose_ack, overlap, pause};
use crate::{
    Anomaly::{self, Lost, Twice},
    Contract, Delivery, DeliveryModel, Effects, Error, Guarantee, Harness, History, Isolation, KeyValue, Message,
    Messages,
    history::{DeliveryName, Fault},
    subject::Subject,
    world::{Boot, World},
};
use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};

type Stores = (KeyValue, Effects);

fn messages() -> Messages<i64> {
    Messages::exactly([Message::new("m0", 100), Message::new("m1", 7)])
}

/// A handler over a store that nobody sees and an outside world.
fn outside(
    handler: impl AsyncFn(&Stores, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
) -> impl Subject {
    World::new((KeyValue::new("kv"), Effects::new()), Boot::handles(), messages(), handler)
}

fn fail(at: crate::history::Coordinate) -> Fault {
    Fault::Fail { at }
}

fn lose_reply(at: crate::history::Coordinate) -> Fault {
    Fault::LoseReply { at }
}

fn ack(message: usize, number: u32) -> crate::history::Coordinate {
    DeliveryName::new(message, number).ack()
}

/// What it is called, and whom it happens to; nothing where the replay agrees.
fn called(
    subject: &mut dyn Subject,
    contract: Contract,
    messages: usize,
    faults: &[Fault],
) -> Option<(Anomaly, Option<usize>)> {
    let of_both = subject.workloads(2).swap_remove(0).messages;
    let model = DeliveryModel::at_least_once();
    let history = History { model, processes: 2, messages: of_both[..messages].to_vec(), faults: faults.to_vec() };
    match judge(subject, &mut Oracle::new(contract), &history) {
        (Judgement::Agrees, _) => None,
        (Judgement::Violated, Some(explanation)) => Some((explanation.anomaly, explanation.message)),
        other => panic!("{other:?}"),
    }
}

fn strict() -> Contract {
    Contract::strict()
}

fn mail(guarantee: Guarantee) -> Contract {
    Contract::strict().effect("mail", guarantee)
}

/// Looks, sends and marks.
async fn marks_last((kv, outside): &Stores, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        outside.perform("mail", m.id()).await?;
        kv.put(m.id(), "sent").await?;
    }
    Ok(())
}

/// Marks and sends.
async fn marks_first((kv, outside): &Stores, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.put_if_absent(m.id(), "sent", None).await? {
        outside.perform("mail", m.id()).await?;
    }
    Ok(())
}

/// Sends.
async fn never_marks((_, outside): &Stores, m: &Delivery<i64>) -> Result<(), Error> {
    outside.perform("mail", m.id()).await.map(drop)
}

/// Looks, sends and marks while nobody else can.
async fn under_a_lock((kv, outside): &Stores, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "sent", None).await? {
        outside.perform("mail", m.id()).await?;
    }
    tx.commit().await
}

#[test]
fn a_disturbed_delivery_may_repeat_what_it_did_unless_the_contract_says_otherwise() {
    let subject = &mut outside(marks_last);
    for fault in [crash(at(0, 1, 3)), fail(at(0, 1, 3)), lose_reply(at(0, 1, 2))] {
        assert_eq!(called(subject, strict(), 1, std::slice::from_ref(&fault)), None, "{fault:?}");
        assert_eq!(called(subject, mail(AtLeastOnce), 1, std::slice::from_ref(&fault)), None, "{fault:?}");
        for guarantee in [ExactlyOnce, AtMostOnce] {
            let said = called(subject, mail(guarantee), 2, std::slice::from_ref(&fault));
            assert_eq!(said, Some((Twice, Some(0))), "{fault:?} {guarantee:?}");
        }
        let of_others = Contract::strict().effect("call", ExactlyOnce);
        assert_eq!(called(subject, of_others, 1, std::slice::from_ref(&fault)), None, "{fault:?}");
    }
    // What happened once needs no excuse.
    for fault in [crash(at(0, 1, 2)), fail(at(0, 1, 2)), lose_ack(0, 1), lose_reply(at(0, 1, 3))] {
        assert_eq!(called(subject, mail(ExactlyOnce), 1, std::slice::from_ref(&fault)), None, "{fault:?}");
    }
}

#[test]
fn nothing_else_is_an_excuse() {
    assert_eq!(called(&mut outside(marks_last), strict(), 1, &[overlap(at(0, 1, 2))]), Some((Twice, Some(0))));
    let subject = &mut outside(never_marks);
    for contract in [strict(), mail(AtLeastOnce)] {
        assert_eq!(called(subject, contract.clone(), 1, &[lose_ack(0, 1)]), Some((Twice, Some(0))));
        let held = Fault::Duplicate { message: 0, at: None };
        assert_eq!(called(subject, contract, 1, &[held]), Some((Twice, Some(0))));
    }
    // A handler that asks for the message again has only itself to thank.
    let retries = async |(_, outside): &Stores, m: &Delivery<i64>| {
        outside.perform("mail", m.id()).await?;
        if m.attempt() == 1 { Err(Error::other("not now")) } else { Ok(()) }
    };
    let again = called(&mut outside(retries), strict(), 1, &[]);
    assert!(again.is_some(), "{again:?}");
}

#[test]
fn it_may_be_repeated_only_so_often_as_a_disturbed_delivery_did_it() {
    let subject = &mut outside(never_marks);
    assert_eq!(called(subject, strict(), 1, &[crash(ack(0, 1))]), None);
    assert_eq!(called(subject, strict(), 1, &[crash(ack(0, 1)), crash(ack(0, 2))]), None);
    assert_eq!(called(subject, strict(), 1, &[crash(ack(0, 1)), lose_ack(0, 2)]), Some((Twice, Some(0))));
    // This one had not done it yet.
    assert_eq!(called(subject, strict(), 1, &[crash(at(0, 1, 1)), lose_ack(0, 2)]), Some((Twice, Some(0))));
}

#[test]
fn what_disturbed_another_message_is_no_excuse() {
    let subject = &mut outside(never_marks);
    assert_eq!(called(subject, strict(), 2, &[lose_ack(0, 1), crash(ack(1, 1))]), Some((Twice, Some(0))));
    assert_eq!(called(subject, strict(), 2, &[crash(ack(0, 1)), crash(ack(1, 1))]), None);
    // Nor where both do the very same: m1 did it once in the end, though it was disturbed, and m0 twice.
    let same = async |(kv, outside): &Stores, m: &Delivery<i64>| {
        if m.id() == "m1" && !kv.put_if_absent("m1", "sent", None).await? {
            return Ok(());
        }
        outside.perform("mail", "daily").await.map(drop)
    };
    assert_eq!(called(&mut outside(same), strict(), 2, &[lose_ack(0, 1), crash(ack(1, 1))]), Some((Twice, Some(0))));
}

#[test]
fn a_crash_disturbs_every_delivery_that_its_process_had() {
    let faults = [pause(at(0, 1, 3)), crash(at(1, 1, 1))];
    assert_eq!(called(&mut outside(marks_last), strict(), 2, &faults), None);
    assert_eq!(called(&mut outside(marks_last), mail(ExactlyOnce), 2, &faults), Some((Twice, Some(0))));
}

#[test]
fn another_may_repeat_what_a_disturbed_delivery_did() {
    // Whoever comes next sends what is noted and not known to be sent.
    let drains = async |(kv, outside): &Stores, m: &Delivery<i64>| {
        if kv.put_if_absent(&format!("noted:{}", m.id()), "yes", None).await? {
            kv.put(&format!("to send:{}", m.id()), "yes").await?;
        }
        for id in ["m0", "m1"] {
            if kv.get(&format!("to send:{id}")).await?.is_some() {
                outside.perform("mail", id).await?;
                kv.delete(&format!("to send:{id}")).await?;
            }
        }
        Ok(())
    };
    // m0#1.4 sent; m1 comes before m0 is delivered again.
    let faults = [crash(at(0, 1, 5))];
    assert_eq!(called(&mut outside(drains), strict(), 2, &faults), None);
    assert!(called(&mut outside(drains), mail(ExactlyOnce), 2, &faults).is_some());
}

#[test]
fn what_was_never_to_happen_is_no_repetition() {
    let apologises = async |(kv, outside): &Stores, m: &Delivery<i64>| {
        if kv.get(m.id()).await?.is_none() {
            outside.perform("mail", m.attempt()).await?;
            kv.put(m.id(), "sent").await?;
        }
        Ok(())
    };
    assert!(called(&mut outside(apologises), strict(), 1, &[crash(at(0, 1, 3))]).is_some());
    // Nor is what a disturbed delivery did and no other one ever does.
    let unheard = async |(_, outside): &Stores, m: &Delivery<i64>| {
        if m.attempt() > 1 {
            let _unheard = outside.perform("apology", m.id()).await;
        }
        outside.perform_once(m.id(), "mail", m.id()).await.map(drop)
    };
    assert!(called(&mut outside(unheard), strict(), 1, &[crash(at(0, 1, 1)), lose_reply(at(0, 2, 1))]).is_some());
}

#[test]
fn what_is_marked_first_is_lost_unless_it_may_be_missing() {
    let subject = &mut outside(marks_first);
    for fault in [crash(at(0, 1, 2)), fail(at(0, 1, 2)), lose_reply(at(0, 1, 1))] {
        for contract in [strict(), mail(ExactlyOnce), mail(AtLeastOnce)] {
            assert_eq!(called(subject, contract, 2, std::slice::from_ref(&fault)), Some((Lost, Some(0))), "{fault:?}");
        }
        assert_eq!(called(subject, mail(AtMostOnce), 2, std::slice::from_ref(&fault)), None, "{fault:?}");
    }
}

#[test]
fn it_may_be_missing_only_where_its_own_message_was_disturbed() {
    // Does not send while m1 is being handled, and never later.
    let gives_way = async |(kv, outside): &Stores, m: &Delivery<i64>| {
        if m.id() == "m0" {
            if kv.get("busy").await?.is_some() {
                return Ok(());
            }
            return outside.perform("mail", "m0").await.map(drop);
        }
        kv.put("busy", "yes").await?;
        outside.perform("mail", "m1").await?;
        kv.delete("busy").await.map(drop)
    };
    let faults = [pause(at(0, 1, 1)), pause(at(1, 1, 2)), fail(at(1, 1, 2))];
    assert_eq!(called(&mut outside(gives_way), mail(AtMostOnce), 2, &faults), Some((Lost, Some(0))));
}

#[test]
fn under_a_key_it_happens_exactly_once_and_a_key_that_changes_is_none() {
    let keyed =
        async |(_, outside): &Stores, m: &Delivery<i64>| outside.perform_once(m.id(), "mail", m.id()).await.map(drop);
    let faults = [crash(ack(0, 1)), lose_ack(0, 1), lose_reply(at(0, 1, 1)), fail(at(0, 1, 1)), overlap(at(0, 1, 1))];
    for fault in &faults {
        assert_eq!(called(&mut outside(keyed), strict(), 2, std::slice::from_ref(fault)), None, "{fault:?}");
    }
    let fresh_key = async |(_, outside): &Stores, m: &Delivery<i64>| {
        outside.perform_once(&format!("{}:{}", m.id(), m.attempt()), "mail", m.id()).await.map(drop)
    };
    let subject = &mut outside(fresh_key);
    assert_eq!(called(subject, strict(), 2, &[crash(ack(0, 1))]), Some((Twice, Some(0))));
    assert_eq!(called(subject, mail(AtLeastOnce), 2, &[crash(ack(0, 1))]), None, "the contract allows it");
}

#[test]
fn an_operation_that_its_store_refused_went_wrong_too() {
    let sends_before_it_commits = async |(kv, outside): &Stores, m: &Delivery<i64>| {
        let tx = kv.begin().await?;
        if tx.put_if_absent(m.id(), "sent", None).await? {
            tx.add("sent", 1).await?;
            outside.perform("mail", m.id()).await?;
        }
        tx.commit().await
    };
    let stores = || (KeyValue::new("kv").isolation(Isolation::Snapshot), Effects::new());
    let subject = &mut World::new(stores(), Boot::handles(), messages(), sends_before_it_commits);
    assert_eq!(called(subject, strict(), 2, &[pause(at(0, 1, 5))]), None);
    assert_eq!(called(subject, mail(ExactlyOnce), 2, &[pause(at(0, 1, 5))]), Some((Twice, Some(0))));
}

#[test]
fn what_is_excused_outside_excuses_nothing_inside() {
    let both = async |(kv, outside): &Stores, m: &Delivery<i64>| {
        if kv.get(m.id()).await?.is_none() {
            kv.add("balance", *m.payload()).await?;
            outside.perform("mail", m.id()).await?;
            kv.put(m.id(), "done").await?;
        }
        Ok::<_, Error>(())
    };
    let stores = (KeyValue::new("kv").observe_key("balance"), Effects::new());
    let subject = &mut World::new(stores, Boot::handles(), messages(), both);
    assert_eq!(called(subject, strict(), 2, &[crash(at(0, 1, 4))]), Some((Twice, Some(0))));
    assert_eq!(called(subject, strict(), 2, &[crash(at(0, 1, 3))]), Some((Twice, Some(0))), "the mail was sent once");
}

#[test]
fn a_receipt_that_is_kept_is_compared_as_an_id_of_the_harness() {
    let keeps = |as_number: bool| {
        let stores = (KeyValue::new("kv").observed(), Effects::new());
        World::new(stores, Boot::handles(), messages(), async move |(kv, outside): &Stores, m: &Delivery<i64>| {
            if kv.get(m.id()).await?.is_none() {
                let receipt = outside.perform("mail", m.id()).await?;
                let kept = if as_number { receipt.number.to_string() } else { receipt.to_string() };
                kv.put(m.id(), &kept).await?;
            }
            Ok::<_, Error>(())
        })
    };
    // The receipt of the second mail is kept; a reference run has only one.
    assert_eq!(called(&mut keeps(false), strict(), 2, &[crash(at(0, 1, 3))]), None);
    assert!(called(&mut keeps(true), strict(), 2, &[crash(at(0, 1, 3))]).is_some());
    assert!(called(&mut keeps(false), mail(ExactlyOnce), 2, &[crash(at(0, 1, 3))]).is_some());
}

/// The anomalies that a search finds, with how many faults, with and without skips.
fn found(
    contract: &Contract,
    handler: impl AsyncFn(&Stores, &Delivery<i64>) -> Result<(), Error> + Copy + Send + Sync + 'static,
) -> Vec<(usize, Anomaly)> {
    let [with, without] = [true, false].map(|skips| {
        let harness = Harness::new((KeyValue::new("kv"), Effects::new())).contract(contract.clone());
        let survey = harness.faults(2).skips(skips).survey(messages(), handler).expect("the stores have no errors");
        assert_eq!(survey.inconclusive, None);
        let found = survey.failing.iter().map(|(history, anomaly)| (history.faults.len(), *anomaly));
        found.collect::<std::collections::BTreeSet<_>>()
    });
    assert_eq!(with, without);
    with.into_iter().collect()
}

#[test]
fn a_search_convicts_what_the_contract_does_not_allow_and_nothing_else() {
    assert_eq!(found(&strict(), under_a_lock), []);
    assert_eq!(found(&mail(ExactlyOnce), under_a_lock)[0], (1, Twice));
    assert_eq!(found(&strict(), marks_last)[0], (1, Twice), "by an overlap");
    assert_eq!(found(&strict(), marks_first)[0], (1, Lost));
    assert_eq!(found(&mail(AtMostOnce), marks_first), []);
}
