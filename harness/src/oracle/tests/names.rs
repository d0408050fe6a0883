//! How what is wrong is named where more than one name is near.

use super::{
    Bench, State, at, crash, handlers::*, history, judge, lose_ack, overlap, pause, records::returned, script::Script,
};
use crate::{
    Contract, Observation,
    history::Fault,
    machine::trace::{Answer, Broken, End, Supplied},
    oracle::{
        Anomaly::{self, *},
        AsIf, Explanation, Oracle,
    },
};

fn explain(mut bench: Bench, history: &crate::History) -> Explanation {
    judge(&mut bench, &mut Oracle::new(Contract::strict()), history).1.expect("it is violated")
}

fn balance(balance: i64) -> Observation {
    let mut seen = Observation::default();
    seen.set("balance", balance);
    seen
}

#[test]
fn it_says_what_is_right_what_is_seen_and_what_would_have_left_it() {
    let explained = explain(plain_add(), &history(&[100, 7], [lose_ack(0, 1)]));
    assert_eq!(explained.expected, Some((balance(107), vec![0, 1])));
    assert_eq!(explained.observed, balance(207));
    assert_eq!(explained.as_if, Some(AsIf::OneMoreLike(0)));
    let explained = explain(mark_then_apply(), &history(&[100, 7], [crash(at(0, 1, 2))]));
    // m1 was handled before m0 was.
    assert_eq!(explained.expected, Some((balance(107), vec![1, 0])));
    assert_eq!(explained.as_if, Some(AsIf::Without(0)));
    let explained = explain(set_value(), &history(&[100, 7], [lose_ack(0, 1)]));
    assert_eq!(explained.as_if, Some(AsIf::Order(vec![1, 0])));
}

#[test]
fn of_what_is_stuck_it_expects_that_it_is_handled() {
    let stuck = || Answer::Retry("in flight".to_owned());
    let explained = explain(claim(std::time::Duration::MAX, stuck), &history(&[100], [crash(at(0, 1, 2))]));
    assert_eq!(explained.expected, Some((balance(100), vec![0])));
    assert_eq!(explained.observed, balance(0));
}

#[test]
fn a_message_may_take_effect_more_than_twice() {
    let thrice = explain(plain_add(), &history(&[100], [lose_ack(0, 1), lose_ack(0, 2)]));
    assert_eq!((thrice.anomaly, thrice.message), (Twice, Some(0)));
    assert_eq!(thrice.as_if, Some(AsIf::Several(vec![AsIf::OneMoreLike(0); 2])));
}

#[test]
fn of_several_things_that_went_wrong_it_names_the_first_messages() {
    let both = explain(plain_add(), &history(&[100, 7], [lose_ack(0, 1), lose_ack(1, 1)]));
    assert_eq!((both.anomaly, both.message), (Twice, Some(0)));
    assert_eq!(both.as_if, Some(AsIf::Several(vec![AsIf::OneMoreLike(0), AsIf::OneMoreLike(1)])));
    // m0 marks first and is lost, m1 marks last and is doubled.
    let mixed = || {
        Bench::new(async |shop, m| {
            let (first, then) = (async || mark(&shop, m.id()).await, async || add(&shop, *m.payload()).await);
            if *m.payload() == 100 {
                return match first().await {
                    Ok(true) => answer(then().await),
                    other => answer(other.map(|_| ())),
                };
            }
            let applied = then().await;
            answer(applied.and(first().await.map(|_| ())))
        })
    };
    let mixed_up = explain(mixed(), &history(&[100, 7], [crash(at(0, 1, 2)), crash(at(1, 1, 2))]));
    assert_eq!((mixed_up.anomaly, mixed_up.message), (Lost, Some(0)));
    assert_eq!(mixed_up.as_if, Some(AsIf::Several(vec![AsIf::OneMoreLike(1), AsIf::Without(0)])));
}

#[test]
fn it_took_effect_twice_only_if_two_steps_on_its_behalf_changed_what_is_seen() {
    // A second attempt that adds twice at once leaves what two messages would have left.
    let doubles = Bench::new(async |shop, m| answer(add(&shop, i64::from(m.attempt()) * m.payload()).await));
    let explained = explain(doubles, &history(&[100], [crash(at(0, 1, 1))]));
    assert_eq!((explained.anomaly, explained.message), (Partial, Some(0)));
}

#[test]
fn it_is_lost_only_if_nothing_on_its_behalf_changed_what_is_seen() {
    // The second delivery takes back what the first did.
    let mut takes_back = Bench::new(async |shop, m| {
        let amount = if m.attempt() == 1 { *m.payload() } else { 0 };
        answer(shop.step(|state| state.balance = amount).await)
    });
    let explained = takes_back.named(&history(&[100], [lose_ack(0, 1)]));
    assert_ne!(explained.0, Lost);
}

#[test]
fn what_the_newer_message_never_wrote_was_not_overwritten() {
    // m1 is lost, and so the value is m0's: as if m1 had come first, but nothing of m0's came later.
    let mut marks_first = Bench::new(async |shop, m| match mark(&shop, m.id()).await {
        Ok(true) => answer(shop.step(|state| state.value = *m.payload()).await),
        other => answer(other.map(|_| ())),
    })
    .observing(see_value);
    assert_eq!(marks_first.named(&history(&[100, 7], [crash(at(1, 1, 2))])), (Lost, Some(1)));
}

#[test]
fn an_older_message_that_wrote_first_did_not_overwrite() {
    // m1's redelivery undoes its own write; m0 wrote before, and nothing of it came later.
    let mut undoes = Bench::new(async |shop, m| {
        let value = if m.attempt() == 1 { *m.payload() } else { 100 };
        answer(shop.step(|state| state.value = value).await)
    })
    .observing(see_value);
    assert_ne!(undoes.named(&history(&[100, 7], [lose_ack(1, 1)])).0, Overwrote);
}

#[test]
fn half_of_it_is_neither_lost_nor_twice() {
    let halves = || {
        Bench::new(async |shop, m| {
            if *m.payload() == 0 {
                return Answer::Reject("nothing".to_owned());
            }
            let begun = shop.step(|state| {
                let fresh = state.marks.insert(m.id().to_owned(), std::time::Duration::MAX).is_none();
                if fresh {
                    state.rows.push(format!("from {}", m.payload()));
                }
                fresh
            });
            match begun.await {
                Ok(true) => answer(shop.step(|state| state.rows.push(format!("to {}", m.payload()))).await),
                other => answer(other.map(|_| ())),
            }
        })
        .observing(see_rows)
    };
    assert_eq!(halves().named(&history(&[100], [crash(at(0, 1, 2))])), (Partial, Some(0)));
    assert_eq!(halves().named(&history(&[7, 100], [crash(at(1, 1, 2))])), (Partial, Some(1)));
    // What was refused before it had any effect is not there in part.
    assert_eq!(halves().named(&history(&[0, 100], [crash(at(1, 1, 2))])), (Partial, Some(1)));
}

#[test]
fn stuck_is_said_only_where_nothing_that_is_seen_is_wrong() {
    // It applies on every attempt and is never done.
    let mut applies = Bench::new(async |shop, m| {
        let _ = add(&shop, *m.payload()).await;
        Answer::Retry("never".to_owned())
    });
    assert_eq!(applies.named(&history(&[100], [])).0, Partial);
    let mut thrice = Bench::new(async |shop, m| {
        if m.attempt() <= 3 {
            let _ = add(&shop, *m.payload()).await;
        }
        Answer::Retry("never".to_owned())
    });
    assert_eq!(thrice.named(&history(&[100], [])), (Twice, Some(0)));
    let mut once = Bench::new(async |shop, m| {
        if m.attempt() == 1 {
            let _ = add(&shop, *m.payload()).await;
        }
        Answer::Retry("never".to_owned())
    });
    assert_eq!(once.named(&history(&[100], [])), (Stuck, Some(0)));
}

#[test]
fn a_store_without_points_is_named_by_its_deliveries() {
    // Nothing that it does is a step: the trace says only which deliveries there were.
    let without_points = |marks: bool| {
        Bench::new(move |shop, m| async move {
            let mut state = shop.state.borrow_mut();
            if !marks || state.marks.insert(m.id().to_owned(), std::time::Duration::MAX).is_none() {
                state.balance += m.payload();
                state.value = *m.payload();
            }
            Answer::DONE
        })
    };
    without_points(true).assert_agrees(&history(&[100, 7], [lose_ack(0, 1)]));
    assert_eq!(without_points(false).named(&history(&[100, 7], [lose_ack(0, 1)])), (Twice, Some(0)));
    let mut sets = without_points(false).observing(see_value);
    assert_eq!(sets.named(&history(&[100, 7], [lose_ack(0, 1)])), (Overwrote, Some(0)));
}

#[test]
fn what_nothing_explains_is_unexplained() {
    // m0's second delivery spoils what m1 left.
    let mut spoils = Bench::new(async |shop, m| {
        let spoil = |state: &mut State| match m.attempt() {
            1 => state.balance += m.payload(),
            _ => state.balance = -1,
        };
        answer(shop.step(spoil).await)
    });
    assert_eq!(spoils.named(&history(&[100, 7], [lose_ack(0, 1)])), (Unexplained, None));
}

#[test]
fn a_lost_update_is_not_isolated_whatever_explains_it() {
    let disturbed = history(&[100, 7], [pause(at(0, 1, 2))]);
    let explained = explain(read_then_write(), &disturbed);
    assert_eq!((explained.anomaly, explained.message), (NotIsolated, None));
    assert_eq!(explained.expected, Some((balance(107), vec![1, 0])));
}

#[test]
fn what_is_stuck_is_not_called_not_isolated_though_nothing_was_delivered_twice() {
    let mut script = Script::unordered(2, 50);
    script.replay.fates[1].handled = None;
    script.replay.end = End::Stuck(vec![1]);
    assert_eq!(script.explained(), (Stuck, Some(1)));
}

#[test]
fn several_older_messages_may_have_overwritten_what_is_newer_only_together() {
    // Each delivery puts its message behind all others.
    let mut last = Bench::new(async |shop, m| {
        let last = |state: &mut State| {
            state.rows.retain(|row| row != m.id());
            state.rows.push(m.id().to_owned());
        };
        answer(shop.step(last).await)
    })
    .observing(|state, seen| seen.set("order", state.rows.join(" ")));
    let history = history(&[1, 2, 3], [lose_ack(0, 1), lose_ack(1, 1)]);
    let (_, explained) = last.judge(Contract::strict(), &history);
    let explained = explained.expect("it is violated");
    assert_eq!((explained.anomaly, explained.message), (Overwrote, Some(0)));
    assert_eq!(explained.as_if, Some(AsIf::Order(vec![2, 0, 1])));
}

#[test]
fn what_deliveries_that_nothing_disturbed_left_is_told_with_what_would_have_left_it() {
    let in_one_key = |mut history: crate::History| {
        history.messages.iter_mut().for_each(|message| message.ordering_key = Some("one".to_owned()));
        history
    };
    let late = in_one_key(history(&[100, 7], [super::defer(0, 1)]));
    let (_, overwrote) = set_value().judge(Contract::strict().order_published(), &late);
    let overwrote = overwrote.expect("it is violated");
    assert_eq!((overwrote.anomaly, overwrote.as_if), (Overwrote, Some(AsIf::Order(vec![1, 0]))));
    // Twice, and nothing came twice: that is not about idempotency, and is told all the same.
    let mut twice = handled_twice(200);
    twice.replay.fates[0].supplied.truncate(1);
    let (history, replay) = (twice.history.clone(), twice.replay.clone());
    let twice = Oracle::new(Contract::strict()).explain(&mut twice, &history, &replay).unwrap();
    assert_eq!((twice.anomaly, twice.as_if), (NotIsolated, Some(AsIf::OneMoreLike(0))));
    // Where no order would have been right, the contract's is not what is broken.
    let disturbed = in_one_key(super::history(&[100, 7], [pause(at(0, 1, 2))]));
    let (_, races) = read_then_write().judge(Contract::strict().order_published(), &disturbed);
    assert_eq!(races.map(|races| races.anomaly), Some(NotIsolated));
}

/// One message that two deliveries handled.
fn handled_twice(balance_seen: i64) -> Script {
    let mut script = Script::unordered(1, balance_seen);
    script.replay.events = [1, 2].map(|number| returned(0, number, Answer::DONE)).to_vec();
    script.replay.fates[0].supplied.push(Supplied::default());
    script
}

#[test]
fn a_broken_invariant_is_told_only_where_nothing_else_explains_what_is_seen() {
    let broken = |balance_seen: i64| {
        let mut script = handled_twice(balance_seen);
        script.replay.broken =
            Some(Broken { position: 1, label: "never above 100".into(), seen: balance(balance_seen) });
        script.explained()
    };
    assert_eq!(broken(100), (Invariant, None), "it took effect once");
    assert_eq!(broken(200), (Twice, Some(0)));
    assert_eq!(broken(101), (Invariant, None), "and this nobody can explain");
}

#[test]
fn each_anomaly_has_a_name_of_its_own() {
    let all = [
        (Overwrote, "overwrote"),
        (Twice, "twice"),
        (Lost, "lost"),
        (Partial, "partial"),
        (Mismatch, "mismatch"),
        (Stuck, "stuck"),
        (Reply, "answered otherwise"),
        (NotIsolated, "not isolated"),
        (Merged, "merged"),
        (Unbounded, "unbounded"),
        (Invariant, "invariant"),
        (Unexplained, "unexplained"),
    ];
    for (anomaly, name) in all {
        assert_eq!((anomaly.name(), anomaly.to_string().as_str()), (name, name));
    }
}

#[test]
fn the_same_history_is_named_alike_by_an_oracle_that_knows_more() {
    let violated = [
        history(&[100, 7], [lose_ack(0, 1)]),
        history(&[100, 7], [overlap(at(1, 1, 1))]),
        history(&[100, 7], [Fault::LoseReply { at: at(0, 1, 1) }]),
    ];
    let names = |oracle: &mut Oracle| -> Vec<Option<(Anomaly, Option<usize>)>> {
        let name = |history| judge(&mut plain_add(), oracle, history).1.map(|named| (named.anomaly, named.message));
        violated.iter().map(name).collect()
    };
    let mut oracle = Oracle::new(Contract::strict());
    let first = names(&mut oracle);
    assert_eq!(first, names(&mut oracle));
    assert!(first.iter().all(Option::is_some));
}
