//! Messages that share an id and differ, and messages that differ in their id alone.

use std::time::Duration;

use super::{Bench, Shop, State, advance, at, defer, handlers::*, history, lose_ack, pause, script};
use crate::{
    Contract, Delivery, History,
    history::{DeliveryName, Fault},
    machine::trace::{Answer, Detail},
    oracle::{Anomaly::*, Explanation, Judgement, Oracle, order::Places},
    subject::{Job, Subject},
};

/// Messages with these amounts that all have the id `order`.
fn of_one_id(amounts: &[i64], faults: impl IntoIterator<Item = Fault>) -> History {
    let mut history = history(amounts, faults);
    for message in &mut history.messages {
        message.id = Some("order".to_owned());
    }
    history
}

fn contract() -> Contract {
    Contract::strict().payload_mismatch_refused()
}

fn explained(mut bench: Bench, contract: Contract, history: &History) -> Explanation {
    let (judgement, explanation) = bench.judge(contract, history);
    assert_eq!(judgement, Judgement::Violated);
    explanation.expect("a violation is explained")
}

fn agrees(mut bench: Bench, contract: Contract, history: &History) {
    assert_eq!(bench.judge(contract, history).0, Judgement::Agrees, "{history}");
}

/// What stands under an id, and what becomes of a message with another amount.
fn keeps_amounts(other: fn(&mut State, i64) -> Answer) -> Bench {
    Bench::new(move |shop: Shop, m: Delivery<i64>| async move {
        let credit = |state: &mut State| {
            let prefix = format!("{}=", m.id());
            let row = format!("{prefix}{}", m.payload());
            match state.rows.iter().find(|row| row.starts_with(&prefix)) {
                None => {
                    state.rows.push(row);
                    state.balance += m.payload();
                    Answer::DONE
                }
                Some(known) if *known == row => Answer::DONE,
                Some(_) => other(state, *m.payload()),
            }
        };
        shop.step(credit).await.unwrap_or_else(Answer::Retry)
    })
}

fn refuses() -> Bench {
    keeps_amounts(|_, _| Answer::Reject("422".to_owned()))
}

#[test]
fn another_payload_under_a_used_id_is_refused_and_leaves_nothing() {
    for faults in [
        vec![],
        vec![defer(0, 1)],
        vec![lose_ack(0, 1)],
        vec![pause(at(0, 1, 1))],
        vec![super::crash(DeliveryName::new(0, 1).ack())],
    ] {
        agrees(refuses(), contract(), &of_one_id(&[100, 7], faults));
    }
    agrees(refuses(), contract(), &of_one_id(&[100, 7, 9], [lose_ack(0, 1)]));
}

#[test]
fn one_that_is_taken_for_a_duplicate_is_a_mismatch_though_the_handler_agrees_with_itself() {
    let plain = of_one_id(&[100, 7], []);
    agrees(transactional(), Contract::strict(), &plain);
    let mismatch = explained(transactional(), contract(), &plain);
    assert_eq!((mismatch.anomaly, mismatch.message), (Mismatch, Some(1)));
    assert_eq!(mismatch.expected.expect("m0 alone is right").1, [0]);
    let the_other_way = explained(transactional(), contract(), &of_one_id(&[100, 7], [defer(0, 1)]));
    assert_eq!((the_other_way.anomaly, the_other_way.message), (Mismatch, Some(0)), "m1 was handled first");
    // To let messages disturb each other is not to let one pass for another.
    let lenient = explained(transactional(), contract().allow_not_isolated(), &plain);
    assert_eq!(lenient.anomaly, Mismatch);
}

#[test]
fn one_that_is_refused_and_leaves_a_trace_is_a_mismatch() {
    let leaves = || {
        keeps_amounts(|state, amount| {
            state.balance += amount;
            Answer::Reject("422".to_owned())
        })
    };
    agrees(leaves(), Contract::strict(), &of_one_id(&[100, 7], []));
    let mismatch = explained(leaves(), contract(), &of_one_id(&[100, 7], []));
    assert_eq!((mismatch.anomaly, mismatch.message), (Mismatch, Some(1)));
    let (expected, order) = mismatch.expected.expect("m0 alone is right");
    assert_eq!((expected.integer("balance"), &order[..]), (Some(100), &[0][..]));
    assert_eq!(mismatch.observed.integer("balance"), Some(107));
}

#[test]
fn two_that_both_pass_the_check_are_a_mismatch_and_not_only_not_isolated() {
    let races = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            let prefix = format!("{}=", m.id());
            let row = format!("{prefix}{}", m.payload());
            let known = shop.step(|state| state.rows.iter().find(|row| row.starts_with(&prefix)).cloned()).await;
            match known {
                Ok(Some(known)) if known != row => return Answer::Reject("422".to_owned()),
                Ok(Some(_)) => return Answer::DONE,
                Ok(None) => {}
                Err(why) => return Answer::Retry(why),
            }
            let apply = |state: &mut State| {
                state.rows.push(row.clone());
                state.balance += m.payload();
            };
            answer(shop.step(apply).await)
        })
    };
    agrees(races(), contract(), &of_one_id(&[100, 7], []));
    let mismatch = explained(races(), contract(), &of_one_id(&[100, 7], [pause(at(0, 1, 2))]));
    assert_eq!((mismatch.anomaly, mismatch.message), (Mismatch, Some(0)));
}

#[test]
fn what_goes_wrong_besides_keeps_its_name() {
    let twice = explained(plain_add(), contract(), &history(&[100, 7], [lose_ack(0, 1)]));
    assert_eq!((twice.anomaly, twice.message), (Twice, Some(0)));
}

#[test]
fn one_that_is_to_come_again_for_ever_is_stuck() {
    let later = || keeps_amounts(|_, _| Answer::Retry("409".to_owned()));
    let stuck = explained(later(), contract(), &of_one_id(&[100, 7], []));
    assert_eq!((stuck.anomaly, stuck.message), (Stuck, Some(1)));
}

#[test]
fn after_the_window_an_id_is_free_again() {
    let late = of_one_id(&[100, 7], [advance(at(1, 1, 1), 61)]);
    let minutes = |minutes: u64| contract().window(Duration::from_secs(60 * minutes));
    agrees(transactional(), minutes(1), &late);
    assert_eq!(explained(transactional(), minutes(2), &late).anomaly, Mismatch);
    assert_eq!(explained(transactional(), minutes(1), &of_one_id(&[100, 7], [])).anomaly, Mismatch);
}

#[test]
fn the_same_payload_under_the_same_id_is_a_duplicate_by_key() {
    agrees(transactional(), contract(), &of_one_id(&[100, 100], []));
    agrees(transactional(), contract(), &of_one_id(&[100, 100], [lose_ack(1, 1)]));
}

#[test]
fn one_that_came_first_and_was_refused_for_itself_leaves_the_id_free() {
    let only_small = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| match *m.payload() {
            amount if amount > 50 => match add(&shop, 1).await {
                Ok(()) => Answer::Reject("too much, and that has its fee".to_owned()),
                Err(why) => Answer::Retry(why),
            },
            amount => answer(add(&shop, amount).await),
        })
    };
    agrees(only_small(), contract(), &of_one_id(&[100, 7], []));
}

#[test]
fn messages_with_equal_payloads_both_count_where_the_contract_says_so() {
    let adds_up = || Contract::strict().equal_payloads_add_up();
    let by_content = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            let credit = |state: &mut State| {
                if state.marks.insert(m.payload().to_string(), Duration::MAX).is_none() {
                    state.balance += m.payload();
                }
            };
            answer(shop.step(credit).await)
        })
    };
    agrees(transactional(), adds_up(), &history(&[100, 100], []));
    agrees(by_content(), Contract::strict(), &history(&[100, 100], []));
    agrees(by_content(), adds_up(), &history(&[100, 7], []));
    agrees(by_content(), adds_up(), &of_one_id(&[100, 100], []));
    let merged = explained(by_content(), adds_up(), &history(&[7, 100, 100], []));
    assert_eq!((merged.anomaly, merged.message), (Merged, Some(2)));
    // Which of the two left nothing is seen by leaving out either.
    let the_last = Bench::new(async |shop: Shop, m: Delivery<i64>| {
        let keep = |state: &mut State| {
            let end = format!("={}", m.payload());
            state.rows.retain(|row| !row.ends_with(&end));
            state.rows.push(format!("{}{end}", m.id()));
        };
        answer(shop.step(keep).await)
    });
    let merged = explained(the_last.observing(see_rows), adds_up(), &history(&[100, 100], []));
    assert_eq!((merged.anomaly, merged.message), (Merged, Some(0)));
}

#[test]
fn of_messages_that_were_not_handled_nothing_is_to_add_up() {
    // There is money for one of them only.
    let withdraws = Bench::new(async |shop: Shop, m: Delivery<i64>| {
        let withdraw = |state: &mut State| {
            let enough = state.balance == 0;
            state.balance -= if enough { *m.payload() } else { 0 };
            enough
        };
        match shop.step(withdraw).await {
            Ok(true) => Answer::DONE,
            Ok(false) => Answer::Reject("insufficient funds".to_owned()),
            Err(why) => Answer::Retry(why),
        }
    });
    agrees(withdraws, Contract::strict().equal_payloads_add_up(), &history(&[100, 100], []));
}

#[test]
fn more_messages_than_are_judged_are_not_looked_at_by_id() {
    let many = script::Script::unordered(65, 0);
    let judged = { many }.judged(contract());
    assert_eq!(judged, Judgement::Inconclusive("more than 64 messages".to_owned()));
}

#[test]
fn one_that_is_to_be_refused_has_nothing_to_show_and_one_that_may_be_taken_has() {
    let unseen = |contract: Contract| {
        let seen = Oracle::new(contract).visibility(&mut refuses(), &of_one_id(&[100, 7], []));
        seen.expect("something is observed").unseen
    };
    assert!(unseen(contract()).is_empty());
    assert_eq!(unseen(Contract::strict()), [1]);
}

#[test]
fn what_no_workload_has_was_not_tried_and_only_what_the_contract_asks_for_is_missed() {
    let not_tried = |contract: Contract, plain: &[History]| {
        let why = Oracle::new(contract).not_tried(&mut refuses(), plain).expect("each message can be made");
        why.map(|why| why.split(',').next().unwrap_or_default())
    };
    let apart = || [history(&[100, 7], []), history(&[1, 2, 3], [])];
    assert_eq!(not_tried(Contract::strict(), &apart()), None);
    let refused = "another payload under the same id is to be refused";
    assert_eq!(not_tried(contract(), &apart()), Some(refused));
    assert_eq!(not_tried(contract(), &[apart()[0].clone(), of_one_id(&[100, 7], [])]), None);
    let add_up = || Contract::strict().equal_payloads_add_up();
    assert_eq!(not_tried(add_up(), &apart()), Some("equal payloads are to add up"));
    assert_eq!(not_tried(add_up(), &[history(&[7, 7], []), apart()[0].clone()]), None);
}

#[test]
fn that_one_was_taken_for_its_equal_shows_in_a_plain_run_of_as_many_messages_as_can_be_judged() {
    let merged = |history: &History| {
        let mut bench = set_value();
        let replay = bench.run(Job::Replay(history), Detail::Facts).expect("the bench has no errors");
        let merged = Oracle::new(Contract::strict().equal_payloads_add_up()).merged(&mut bench, history, &replay);
        merged.expect("the bench has no errors").map(|explained| explained.message)
    };
    assert_eq!(merged(&history(&[7, 7], [])), Some(Some(1)));
    assert_eq!(merged(&history(&[7, 7], [lose_ack(0, 1)])), None, "only a plain run is asked");
    assert_eq!(merged(&history(&[7; Places::MOST], [])), Some(Some(Places::MOST - 1)));
    assert_eq!(merged(&history(&[7, 8], [])), None);
}
