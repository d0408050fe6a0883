//! Outside the promise: what goes wrong in such a history is no violation, since the contract speaks of shorter times.
//!
//! A message that comes again after its window or after the horizon; a delivery that takes longer than a handler may. What a
//! crash excuses is narrower, and is part of what a right run is (`case`).

use std::time::Duration;

use super::{Oracle, mismatch::Conflicts};
use crate::machine::{Activity, Span, trace::Replay};

impl Oracle {
    /// Whether the contract says nothing of such a history.
    pub(super) fn is_outside_the_promise(&self, replay: &Replay) -> bool {
        let contract = &self.contract;
        contract.window.is_some_and(|window| is_forgotten(replay, &self.conflicts, window))
            || contract.horizon.is_some_and(|horizon| comes_again_after(replay, horizon))
            || contract.handler_within.is_some_and(|longest| takes_longer(replay, longest))
    }
}

/// Whether a message came again so late that the handler need not know it any more, or one with another payload under its id
/// did.
fn is_forgotten(replay: &Replay, conflicts: &Conflicts, window: Duration) -> bool {
    let activity = Activity::of(&replay.events, &replay.fates);
    let forgotten = |message: usize| Some(replay.fates[message].supplied.first()?.began.saturating_add(window));
    let is_late = |message: usize, of: usize| {
        activity[message].last.zip(forgotten(of)).is_some_and(|(last, forgotten)| last >= forgotten)
    };
    (0..replay.fates.len()).any(|message| {
        let came_again = replay.fates[message].supplied.len() > 1;
        came_again && is_late(message, message) || conflicts.with(message).iter().any(|of| is_late(message, of))
    })
}

/// Whether a delivery of a message began so long after its first one, or later.
fn comes_again_after(replay: &Replay, horizon: Duration) -> bool {
    replay.fates.iter().any(|fate| {
        let Some((first, later)) = fate.supplied.split_first() else { return false };
        later.iter().any(|again| again.began >= first.began.saturating_add(horizon))
    })
}

fn takes_longer(replay: &Replay, longest: Duration) -> bool {
    Span::all(&replay.events).iter().any(|span| span.took > longest)
}
