//! Bounded de-duplication state: what a handler keeps to know messages again does not grow for ever, and may forget after the
//! window that the contract declares.
//!
//! The state is a part of what is observed that is not compared with reference runs: `world` takes it out of the observation.
//! Here it is counted; that a history too long for the search is tried for it is `check`'s.

use std::time::Duration;

use super::{Anomaly, Explanation, Oracle};
use crate::{
    DeliveryModel, Error, History,
    contract::Bound,
    history::{DeliveryName, Fault},
    machine::{Activity, trace::Replay},
    subject::Subject,
};

/// A bound above this cannot be tried: histories of more messages are not judged.
const MOST_ROWS: usize = 60;

impl Oracle {
    /// The first state that has more rows than it may: more than its bound, and more than there are messages that the window
    /// keeps alive.
    pub(crate) fn exceeded(&self, replay: &Replay) -> Option<(&Bound, usize)> {
        let alive = self.contract.window.map_or(0, |window| alive(replay, window));
        self.contract.bounded.iter().find_map(|bound| {
            let rows = replay.state.count(&bound.part)?;
            (rows > bound.rows.max(alive)).then_some((bound, rows))
        })
    }

    /// What is wrong where a state has too many rows.
    pub(super) fn explain_exceeded(&self, replay: &Replay) -> Option<Explanation> {
        let (bound, _) = self.exceeded(replay)?;
        Some(Explanation {
            anomaly: Anomaly::Unbounded,
            message: None,
            expected: None,
            observed: replay.state.only(&bound.part),
            as_if: None,
        })
    }

    /// For each bound a history of more messages than it: whoever keeps a row for each has too many in the end. Where there
    /// is a window it passes before the last of them.
    ///
    /// # Errors
    /// A bound that is too large to be tried.
    pub(crate) fn histories_beyond_bounds(
        &self,
        subject: &dyn Subject,
        model: DeliveryModel,
        processes: usize,
    ) -> Result<Vec<History>, Error> {
        let mut histories = Vec::new();
        for Bound { part, rows } in &self.contract.bounded {
            if *rows > MOST_ROWS {
                return Err(Error::Other(format!(
                    "a bound of {rows} rows of `{part}` cannot be tried: it takes a message more, and histories have at \
                     most {MOST_ROWS} and a few. Let the check make the handler with a smaller one"
                )));
            }
            let mut history = History { model, processes, messages: subject.many(rows + 1), faults: Vec::new() };
            if let Some(window) = self.contract.window {
                let last_of_them = DeliveryName::new(*rows, 1);
                let by = window.saturating_add(Duration::from_millis(1));
                if by > History::MAX_ADVANCE {
                    return Err(Error::other("a window of ten years or more never passes: leave it out"));
                }
                history.messages = subject.many(rows + 2);
                history.faults.push(Fault::Advance { at: last_of_them.ack(), by });
            }
            histories.push(history);
        }
        Ok(histories)
    }

    /// Why a history beyond a bound says nothing of it, if it does not.
    pub(crate) fn says_nothing_of_bounds(&self, replay: &Replay) -> Option<String> {
        let all = replay.fates.len();
        let handled = replay.fates.iter().filter(|fate| fate.handled.is_some()).count();
        for Bound { part, .. } in &self.contract.bounded {
            match replay.state.count(part) {
                None | Some(0) => {
                    return Some(format!(
                        "`{part}` is to be bounded, and nothing of that name is seen after {all} messages: it is the text \
                         of a query, as it was given to `observe`, the name of a store, or a prefix of keys that are observed"
                    ));
                }
                Some(_) => {}
            }
        }
        (handled < all).then(|| {
            format!(
                "of {all} messages, to try whether what is kept of them is bounded, {} were not handled",
                all - handled
            )
        })
    }
}

/// How many messages the window keeps alive: those of which a delivery did something so shortly before the last message was
/// first handled. What is older can have been cleared away then, if only as part of that.
fn alive(replay: &Replay, window: Duration) -> usize {
    let activity = Activity::of(&replay.events, &replay.fates);
    let last = activity.iter().filter_map(|message| message.handled_since).max().unwrap_or_default();
    let is_alive = |active: &Duration| active.saturating_add(window) >= last;
    activity.iter().filter_map(|message| message.last).filter(is_alive).count()
}
