//! The one step of an outside world: when something happens there, and what can go wrong with it.
//!
//! A step can lose its connection before anything happened (`fail`), or after it did (`lose-reply`). It waits for nobody.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Receipt, ledger::Ledger};
use crate::{
    Error,
    machine::{Act, Operation, OperationTurn as Turn, footprint::Access, touches, trace::Injected},
    store::Performer,
};

/// What its client says when a connection breaks: the same before and after, as in life.
const RESET: Error = Error::Injected { cause: "connection reset" };

pub(super) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something is to happen.
pub(super) struct Perform<'a> {
    pub(super) ledger: &'a Mutex<Ledger>,
    /// The third party honours this key.
    pub(super) key: Option<&'a str>,
    pub(super) what: &'a str,
    pub(super) detail: String,
}

impl Operation for Perform<'_> {
    type Output = Result<Receipt, Error>;

    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output> {
        // Each receipt has the next number, whatever it is for.
        touches(|| [Access::write_all(std::ptr::from_ref(self.ledger).addr())]);
        turn.facts.can_fail = true;
        if turn.suffers(Injected::Fail) {
            self.say(turn, RESET.to_string());
            return Act::Done(Err(RESET));
        }
        let mut ledger = lock(self.ledger);
        let before = self.key.and_then(|key| ledger.receipt(key));
        turn.facts.changes = before.is_none();
        turn.facts.can_lose_reply = before.is_none();
        let by = Performer { on_behalf: turn.on_behalf(), by_key: self.key.is_some() };
        let number = before.unwrap_or_else(|| ledger.happens(self.key, self.what, &self.detail, by));
        let lost = before.is_none() && turn.suffers(Injected::LoseReply);
        let again = if before.is_some() { ", as before" } else { "" };
        let lost_then = if lost { ", then connection reset" } else { "" };
        self.say(turn, format!("{}{again}{lost_then}", Receipt { number }));
        Act::Done(if lost { Err(RESET) } else { Ok(Receipt { number }) })
    }

    fn outside(&mut self) -> Self::Output {
        Err(Error::OutsideReplay { operation: "an operation on the outside world" })
    }
}

impl Perform<'_> {
    fn say(&self, turn: &mut Turn, result: String) {
        let Self { key, what, detail, .. } = self;
        let changes = turn.facts.changes;
        turn.words(|words| {
            words.what = match key {
                Some(key) => format!("perform_once {key} {what} {detail}"),
                None => format!("perform {what} {detail}"),
            };
            words.result = result;
            words.writes.extend(changes.then(|| (*what).to_owned()));
        });
    }
}
