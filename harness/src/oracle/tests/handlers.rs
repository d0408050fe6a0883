//! Small handlers: right ones, and ones that are wrong in a known way.

use std::time::Duration;

use super::{Bench, Shop, State};
use crate::{Observation, machine::trace::Answer};

const FOR_EVER: Duration = Duration::MAX;

/// `?` of these handlers: not now, for this reason.
pub(super) fn answer(result: Result<(), String>) -> Answer {
    result.map_or_else(Answer::Retry, |()| Answer::DONE)
}

pub(super) fn see_value(state: &State, seen: &mut Observation) {
    seen.set("value", state.value);
}

pub(super) fn see_balance_and_marks(state: &State, seen: &mut Observation) {
    seen.set("balance", state.balance);
    let marks = state.marks.keys().map(|id| vec![id.clone()]).collect();
    seen.rows("marks", vec!["id".to_owned()], marks, false);
}

pub(super) fn see_balance_and_rows(state: &State, seen: &mut Observation) {
    seen.set("balance", state.balance);
    see_rows(state, seen);
}

pub(super) fn see_rows(state: &State, seen: &mut Observation) {
    let rows = state.rows.iter().map(|row| vec![row.clone()]).collect();
    seen.rows("rows", vec!["row".to_owned()], rows, false);
}

/// Check, mark and apply in one transaction.
pub(super) fn transactional() -> Bench {
    Bench::new(async |shop, m| {
        let credit = |state: &mut State| {
            if state.marks.insert(m.id().to_owned(), FOR_EVER).is_none() {
                state.balance += m.payload();
            }
        };
        answer(shop.step(credit).await)
    })
}

/// Nothing that de-duplicates.
pub(super) fn plain_add() -> Bench {
    Bench::new(async |shop, m| answer(add(&shop, *m.payload()).await))
}

pub(super) async fn add(shop: &Shop, amount: i64) -> Result<(), String> {
    shop.step(|state| state.balance += amount).await
}

/// Sets a value: idempotent by nature, if nothing newer came between.
pub(super) fn set_value() -> Bench {
    let set = async |shop: Shop, m: crate::Delivery<i64>| answer(shop.step(|state| state.value = *m.payload()).await);
    Bench::new(set).observing(see_value)
}

/// Marks, then applies; what is marked is skipped.
pub(super) fn mark_then_apply() -> Bench {
    Bench::new(async |shop, m| {
        answer(
            async {
                if mark(&shop, m.id()).await? {
                    add(&shop, *m.payload()).await?;
                }
                Ok(())
            }
            .await,
        )
    })
}

/// Whether it was not marked before.
pub(super) async fn mark(shop: &Shop, id: &str) -> Result<bool, String> {
    shop.step(|state| state.marks.insert(id.to_owned(), FOR_EVER).is_none()).await
}

/// Checks, applies, and marks under a unique key.
pub(super) fn check_apply_mark() -> Bench {
    Bench::new(async |shop, m| answer(check_apply_and_mark(&shop, m.id(), *m.payload()).await))
}

async fn check_apply_and_mark(shop: &Shop, id: &str, amount: i64) -> Result<(), String> {
    if !shop.step(|state| state.marks.contains_key(id)).await? {
        add(shop, amount).await?;
        if !mark(shop, id).await? {
            return Err("UNIQUE constraint failed".to_owned());
        }
    }
    Ok(())
}

/// Checks, applies, and marks in a table without a unique key, which is seen as well.
pub(super) fn check_apply_mark_without_unique() -> Bench {
    let handler = async |shop: Shop, m: crate::Delivery<i64>| {
        let marked = shop.step(|state| state.rows.iter().any(|row| row == m.id())).await;
        if marked == Ok(false) {
            let _ = add(&shop, *m.payload()).await;
            let _ = shop.step(|state| state.rows.push(m.id().to_owned())).await;
        }
        answer(marked.map(|_| ()))
    };
    Bench::new(handler).observing(see_balance_and_rows)
}

/// Claims, applies, confirms. What happens to a redelivery that finds a claim is for the caller to say.
pub(super) fn claim(held_for: Duration, found_claimed: fn() -> Answer) -> Bench {
    Bench::new(move |shop, m| async move {
        let now = m.now();
        let claimed = shop.step(|state| {
            let free = state.marks.get(m.id()).is_none_or(|until| *until <= now);
            if free {
                state.marks.insert(m.id().to_owned(), now.saturating_add(held_for));
            }
            free
        });
        match claimed.await {
            Ok(false) => return found_claimed(),
            Ok(true) => {}
            Err(why) => return Answer::Retry(why),
        }
        let applied = add(&shop, *m.payload()).await;
        let confirmed = shop.step(|state| state.marks.insert(m.id().to_owned(), FOR_EVER)).await.map(|_| ());
        answer(applied.and(confirmed))
    })
}

/// Reads, computes outside of any transaction, writes: right by itself, disturbed by others.
pub(super) fn read_then_write() -> Bench {
    Bench::new(async |shop, m| {
        answer(
            async {
                let read = shop.step(|state| (state.marks.contains_key(m.id()), state.balance)).await?;
                let (false, balance) = read else { return Ok(()) };
                let write = |state: &mut State| {
                    if state.marks.insert(m.id().to_owned(), FOR_EVER).is_none() {
                        state.balance = balance + m.payload();
                    }
                };
                shop.step(write).await
            }
            .await,
        )
    })
}
