//! What clients heard against what a reference run answers, and who is told about it.

use super::{
    handlers::{add, see_balance_and_rows},
    *,
};

fn done(reply: impl std::fmt::Debug) -> Answer {
    Answer::Done(Some(format!("{reply:?}").into()))
}

/// An answer, or what a step met.
fn or_retry(answer: Result<Answer, String>) -> Answer {
    answer.unwrap_or_else(Answer::Retry)
}

/// Credits once, and replies with the number of its receipt.
fn receipts(receipt: fn(&mut State, id: &str) -> i64) -> Bench {
    Bench::new(move |shop, m| async move {
        let credit = |state: &mut State| {
            if state.marks.insert(m.id().to_owned(), Duration::MAX).is_none() {
                state.balance += m.payload();
            }
            done(receipt(state, m.id()))
        };
        or_retry(shop.step(credit).await)
    })
}

/// The next number, whenever it is asked for.
fn recomputed() -> Bench {
    receipts(|state, _| {
        state.value += 1;
        state.value
    })
}

/// The number that the message has, or else the next one.
fn stored() -> Bench {
    receipts(|state, id| {
        if !state.rows.iter().any(|row| row == id) {
            state.rows.push(id.to_owned());
        }
        state.rows.iter().position(|row| row == id).map_or(0, |at| at as i64 + 1)
    })
}

const REPLY: DeliveryModel = DeliveryModel::request_reply();

fn request(amounts: &[i64], faults: impl IntoIterator<Item = Fault>) -> History {
    History { model: REPLY, ..history(amounts, faults) }
}

fn duplicate(at: Option<Coordinate>) -> Fault {
    Fault::Duplicate { message: 0, at }
}

/// Every way in which one more answer is given.
fn once_more() -> Vec<Vec<Fault>> {
    vec![
        vec![lose_ack(0, 1)],
        vec![crash(DeliveryName::new(0, 1).ack())],
        vec![overlap(at(0, 1, 1))],
        vec![overlap(DeliveryName::new(0, 1).ack())],
        vec![duplicate(None)],
        vec![duplicate(Some(at(0, 1, 1)))],
    ]
}

#[test]
fn a_reply_that_is_computed_again_is_another_one_where_somebody_hears_it() {
    for faults in once_more() {
        assert_eq!(recomputed().named(&request(&[100], faults.clone())), (Anomaly::Reply, Some(0)), "{faults:?}");
        recomputed().assert_agrees(&history(&[100], faults));
    }
    recomputed().assert_agrees(&request(&[100, 300], []));
}

#[test]
fn a_reply_that_is_stored_is_the_same_for_each_who_asks() {
    for faults in once_more() {
        stored().assert_agrees(&request(&[100, 300], faults.clone()));
        stored().assert_agrees(&history(&[100, 300], faults));
    }
}

#[test]
fn a_reply_that_nobody_heard_is_compared_with_none() {
    // m0#2 has the first receipt, and m0#1 the second.
    let both = overlap(at(0, 1, 1));
    assert_eq!(recomputed().named(&request(&[100], [both.clone()])), (Anomaly::Reply, Some(0)));
    recomputed().assert_agrees(&request(&[100], [both.clone(), lose_ack(0, 1)]));
    recomputed().assert_agrees(&request(&[100], [both, crash(DeliveryName::new(0, 1).ack())]));
}

#[test]
fn the_report_shows_what_was_heard_and_what_should_have_been() {
    let (_, explained) = recomputed().judge(Contract::strict(), &request(&[100], [duplicate(None)]));
    let explained = explained.expect("it is violated");
    let heard = |seen: &Observation| {
        let parts = seen.parts().iter().map(|(name, seen)| match seen {
            crate::store::Seen::Value(value) => format!("{name} {value}"),
            crate::store::Seen::Rows(_) | crate::store::Seen::Performed(_) => panic!("there is no table"),
        });
        parts.collect::<Vec<_>>()
    };
    assert_eq!(heard(&explained.observed), ["balance 100", "m0#1 done: 1", "m0#2 done: 2"]);
    let (expected, order) = explained.expected.expect("there is a right run");
    assert_eq!(
        (heard(&expected), order),
        (vec!["balance 100".into(), "m0#1 done: 1".into(), "m0#2 done: 1".into()], vec![0])
    );
}

#[test]
fn an_order_that_leaves_the_same_and_replies_otherwise_is_no_match_but_another_may_be() {
    // It takes its number in one step and says so only after another.
    let takes_a_number = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            let number = shop.step(|state| {
                state.balance += m.payload();
                state.value += 1;
                state.value
            });
            let number = number.await;
            let _ = shop.step(|_| ()).await;
            or_retry(number.map(done))
        })
    };
    // m1 takes the second number, and is handled before m0 is.
    takes_a_number().assert_agrees(&request(&[100, 300], [pause(at(0, 1, 2))]));
    // And here it takes the first.
    takes_a_number().assert_agrees(&request(&[100, 300], [pause(at(0, 1, 1))]));
}

#[test]
fn that_two_messages_get_one_number_is_not_about_idempotency() {
    let races = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            let next = shop.step(|state| state.value + 1).await;
            let written = shop.step(|state| {
                state.balance += m.payload();
                state.value += 1;
            });
            or_retry(written.await.and(next).map(done))
        })
    };
    let between = request(&[100, 300], [pause(at(0, 1, 2))]);
    assert_eq!(races().named(&between), (Anomaly::NotIsolated, None));
    let allowed = Contract::strict().allow_not_isolated();
    assert_eq!(races().judge(allowed, &between).0, Judgement::Agrees);
    races().assert_agrees(&history(&[100, 300], [pause(at(0, 1, 2))]));
}

#[test]
fn who_hears_of_a_rejection_of_what_took_effect_was_answered_otherwise() {
    let refuses_to_repeat = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            let new = shop.step(|state| {
                let new = state.marks.insert(m.id().to_owned(), Duration::MAX).is_none();
                state.balance += if new { *m.payload() } else { 0 };
                new
            });
            or_retry(new.await.map(|new| if new { done("paid") } else { Answer::Reject("paid already".to_owned()) }))
        })
    };
    for faults in once_more() {
        assert_eq!(
            refuses_to_repeat().named(&request(&[100], faults.clone())),
            (Anomaly::Reply, Some(0)),
            "{faults:?}"
        );
        refuses_to_repeat().assert_agrees(&history(&[100], faults));
    }
}

#[test]
fn what_is_rejected_for_good_was_answered() {
    let rejects = || Bench::new(async |_: Shop, _: Delivery<i64>| Answer::Reject("no such account".to_owned()));
    rejects().assert_agrees(&request(&[100], []));
    rejects().assert_agrees(&request(&[100], [duplicate(Some(DeliveryName::new(0, 1).ack()))]));
}

#[test]
fn a_number_that_was_drawn_is_another_one_when_it_is_drawn_again() {
    let drawn = |stores: bool| {
        let pays = move |shop: Shop, m: Delivery<i64>| async move {
            let id = format!("{:x}", m.random());
            let paid = shop.step(|state| {
                let new = state.marks.insert(m.id().to_owned(), Duration::MAX).is_none();
                if new {
                    state.balance += m.payload();
                    state.rows.push(id.clone());
                }
                if stores { state.rows.first().cloned().unwrap_or_default() } else { id.clone() }
            });
            or_retry(paid.await.map(done))
        };
        Bench::new(pays).observing(see_balance_and_rows)
    };
    for faults in once_more() {
        drawn(true).assert_agrees(&request(&[100], faults.clone()));
        assert_eq!(drawn(false).named(&request(&[100], faults.clone())), (Anomaly::Reply, Some(0)), "{faults:?}");
    }
}

#[test]
fn a_reply_may_tell_the_time_of_the_delivery_that_took_effect() {
    let timed = |stores: bool| {
        Bench::new(move |shop, m| async move {
            let now = m.now().as_secs();
            let paid = shop.step(|state| {
                if state.marks.insert(m.id().to_owned(), Duration::MAX).is_none() {
                    state.balance += m.payload();
                    state.rows.push(now.to_string());
                }
                if stores { state.rows.first().cloned().unwrap_or_default() } else { now.to_string() }
            });
            or_retry(paid.await.map(done))
        })
    };
    let later = [overlap(at(0, 1, 1)), advance(at(0, 2, 1), 31)];
    timed(true).assert_agrees(&request(&[100], later));
    let copy = [advance(at(0, 1, 1), 31), duplicate(None)];
    timed(true).assert_agrees(&request(&[100], copy.clone()));
    assert_eq!(timed(false).named(&request(&[100], copy)), (Anomaly::Reply, Some(0)));
}

#[test]
fn a_client_that_is_put_off_for_ever_is_stuck_though_its_request_took_effect() {
    let in_flight = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            let new = shop.step(|state| {
                let new = state.marks.insert(m.id().to_owned(), Duration::MAX).is_none();
                state.balance += if new { *m.payload() } else { 0 };
                new
            });
            or_retry(new.await.map(|new| if new { done("paid") } else { Answer::Retry("in flight".to_owned()) }))
        })
    };
    assert_eq!(in_flight().named(&request(&[100], [lose_ack(0, 1)])), (Anomaly::Stuck, Some(0)));
    in_flight().assert_agrees(&request(&[100], [overlap(at(0, 1, 1))]));
    in_flight().assert_agrees(&history(&[100], [lose_ack(0, 1)]));
}

#[test]
fn what_took_effect_twice_is_called_that_whatever_was_replied() {
    let twice = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            or_retry(add(&shop, *m.payload()).await.map(|()| done(m.attempt())))
        })
    };
    assert_eq!(twice().named(&request(&[100], [lose_ack(0, 1)])), (Anomaly::Twice, Some(0)));
}
