//! The broken twins of `expected.tsv`, small: each is named as it must be. Those whose store or model is not here are
//! played by what comes to the same.

use std::time::Duration;

use super::{Anomaly::*, Bench, State, advance, at, crash, handlers::*, history, lose_ack, overlap, script};
use crate::{history::Fault, machine::trace::Answer};

const FOR_EVER: Duration = Duration::MAX;

fn retry() -> Answer {
    Answer::Retry("in flight".to_owned())
}

#[test]
fn toctou_check_insert() {
    assert_eq!(check_apply_mark().named(&history(&[100], [overlap(at(0, 1, 2))])), (Twice, Some(0)));
    // Its unique table stays right though the balance is doubled, seen or not.
    let mut seen = check_apply_mark().observing(see_balance_and_marks);
    assert_eq!(seen.named(&history(&[100], [overlap(at(0, 1, 2))])), (Twice, Some(0)));
}

#[test]
fn dedup_table_without_unique() {
    let twice = history(&[100], [overlap(at(0, 1, 2))]);
    assert_eq!(check_apply_mark_without_unique().named(&twice), (Twice, Some(0)));
}

#[test]
fn process_local_guard() {
    let mut bench = Bench::new(async |shop, m| {
        if !shop.memory.borrow_mut().insert(m.id().to_owned()) {
            return Answer::DONE;
        }
        answer(add(&shop, *m.payload()).await)
    });
    assert_eq!(bench.named(&history(&[100], [overlap(at(0, 1, 1))])), (Twice, Some(0)));
    bench.assert_agrees(&history(&[100], [lose_ack(0, 1)]));
    assert_eq!(bench.named(&history(&[100], [crash(crate::history::DeliveryName::new(0, 1).ack())])), (Twice, Some(0)));
}

#[test]
fn apply_before_mark() {
    let mut bench = check_apply_mark();
    assert_eq!(bench.named(&history(&[100], [crash(at(0, 1, 3))])), (Twice, Some(0)));
    assert_eq!(bench.named(&history(&[100, 7], [crash(at(1, 1, 3))])), (Twice, Some(1)));
    bench.assert_agrees(&history(&[100], [crash(at(0, 1, 2))]));
}

#[test]
fn mark_before_apply() {
    assert_eq!(mark_then_apply().named(&history(&[100], [crash(at(0, 1, 2))])), (Lost, Some(0)));
    // Where its mark is seen as well, it is there in part.
    let mut seen = mark_then_apply().observing(see_balance_and_marks);
    assert_eq!(seen.named(&history(&[100], [crash(at(0, 1, 2))])), (Partial, Some(0)));
}

#[test]
fn orphan_claim() {
    let crashed = history(&[100], [crash(at(0, 1, 2))]);
    assert_eq!(claim(FOR_EVER, || Answer::DONE).named(&crashed), (Lost, Some(0)));
    assert_eq!(claim(FOR_EVER, retry).named(&crashed), (Stuck, Some(0)));
}

#[test]
fn ack_lost_after_apply() {
    assert_eq!(plain_add().named(&history(&[100], [lose_ack(0, 1)])), (Twice, Some(0)));
}

#[test]
fn ack_before_apply_and_offset_stored_before_processing() {
    assert_eq!(script::acked_early_and_lost().explained(), (Lost, Some(0)));
}

#[test]
fn best_effort_1pc() {
    // Two databases: the effect's commit first, or the mark's.
    assert_eq!(check_apply_mark().named(&history(&[100], [crash(at(0, 1, 3))])), (Twice, Some(0)));
    assert_eq!(mark_then_apply().named(&history(&[100], [crash(at(0, 1, 2))])), (Lost, Some(0)));
}

#[test]
fn external_effect_retried() {
    let mut bench = Bench::new(async |shop, m| {
        let sent = shop.step(|state| state.rows.push(format!("charge {}", m.payload()))).await;
        answer(sent.and(mark(&shop, m.id()).await.map(|_| ())))
    })
    .observing(see_rows);
    assert_eq!(bench.named(&history(&[100], [crash(at(0, 1, 2))])), (Twice, Some(0)));
}

#[test]
fn ambiguous_commit_rerun() {
    let mut bench = Bench::new(async |shop, m| {
        for _ in 0..3 {
            if add(&shop, *m.payload()).await.is_ok() {
                return Answer::DONE;
            }
        }
        retry()
    });
    let lost_reply = history(&[100], [Fault::LoseReply { at: at(0, 1, 1) }]);
    assert_eq!(bench.named(&lost_reply), (Twice, Some(0)));
}

#[test]
fn setnx_then_expire_and_inprogress_never_expires() {
    assert_eq!(claim(FOR_EVER, retry).named(&history(&[100, 7], [crash(at(0, 1, 2))])), (Stuck, Some(0)));
}

#[test]
fn inprogress_expiry_too_early() {
    let mut bench = claim(Duration::from_secs(30), retry);
    let expired = history(&[100], [advance(at(0, 1, 3), 31), crash(at(0, 1, 3))]);
    assert_eq!(bench.named(&expired), (Twice, Some(0)));
    bench.assert_agrees(&history(&[100], [crash(at(0, 1, 2))]));
}

#[test]
fn zombie_holder_writes() {
    let mut adds = claim(Duration::from_secs(30), retry);
    let woken = history(&[100], [advance(at(0, 1, 2), 31), overlap(at(0, 1, 2))]);
    assert_eq!(adds.named(&woken), (Twice, Some(0)));
    // The overlap is handled, then a newer message, then the holder wakes.
    let mut sets = set_value();
    let until = Fault::Pause { at: at(0, 1, 1), until: Some(crate::history::DeliveryName::new(1, 1).ack()) };
    let woken = history(&[100, 7], [overlap(at(0, 1, 1)), until]);
    assert_eq!(sets.named(&woken), (Overwrote, Some(0)));
}

#[test]
fn window_expired_before_retry() {
    let mut bench = Bench::new(async |shop, m| {
        let now = m.now();
        let credit = |state: &mut State| {
            if state.marks.get(m.id()).is_none_or(|until| *until <= now) {
                state.marks.insert(m.id().to_owned(), now + Duration::from_secs(300));
                state.balance += m.payload();
            }
        };
        answer(shop.step(credit).await)
    });
    let ack = crate::history::DeliveryName::new(0, 1).ack();
    assert_eq!(bench.named(&history(&[100], [advance(ack, 301), lose_ack(0, 1)])), (Twice, Some(0)));
    bench.assert_agrees(&history(&[100], [lose_ack(0, 1)]));
}

#[test]
fn lru_overflow() {
    let mut bench = Bench::new(async |shop, m| {
        let credit = |state: &mut State| {
            if state.rows.last().is_none_or(|last| last != m.id()) {
                state.rows = vec![m.id().to_owned()];
                state.balance += m.payload();
            }
        };
        answer(shop.step(credit).await)
    });
    assert_eq!(bench.named(&history(&[100, 7], [lose_ack(0, 1)])), (Twice, Some(0)));
}

#[test]
fn snapshot_blind_uniqueness() {
    let mut bench = Bench::new(async |shop, m| {
        let marked = shop.step(|state| state.rows.iter().any(|row| row.starts_with(m.id()))).await;
        let key = format!("{} under {}", m.id(), m.random());
        if marked == Ok(false) {
            let commit = |state: &mut State| {
                state.rows.push(key.clone());
                state.balance += m.payload();
            };
            return answer(shop.step(commit).await);
        }
        Answer::DONE
    })
    .observing(see_balance_and_rows);
    assert_eq!(bench.named(&history(&[100], [overlap(at(0, 1, 2))])), (Twice, Some(0)));
    bench.assert_agrees(&history(&[100], [crash(at(0, 1, 2))]));
}

#[test]
fn stale_overwrite() {
    assert_eq!(set_value().named(&history(&[100, 7], [lose_ack(0, 1)])), (Overwrote, Some(0)));
}

#[test]
fn aba_precondition_retry() {
    let mut bench = Bench::new(async |shop, m| {
        let amount = *m.payload();
        let before = if amount > 0 { 0 } else { 100 };
        let compare_and_set = |state: &mut State| {
            if state.balance == before {
                state.balance += amount;
            }
        };
        answer(shop.step(compare_and_set).await)
    });
    let late = history(&[100, -100], [lose_ack(0, 1)]);
    assert!([Overwrote, Twice].contains(&bench.named(&late).0));
    bench.assert_agrees(&history(&[100, -100], []));
}

#[test]
fn poison_head_of_line() {
    let mut bench = Bench::new(async |shop, m| match *m.payload() {
        0 => retry(),
        amount => answer(add(&shop, amount).await),
    });
    assert_eq!(bench.named(&history(&[0, 100], [])), (Stuck, Some(0)));
    assert_eq!(script::blocked_behind_poison().explained(), (Stuck, Some(0)));
}
