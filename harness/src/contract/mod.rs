//! What a handler promises. The oracle holds it to that and no more.
//!
//! Here is the type, and what is said of orders, crashes and effects. What is said of ids, payloads and answers is in `answers`;
//! of times and of how much is kept, in `limits`. What follows from it for a verdict is the oracle's.

mod answers;
mod limits;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use answers::InFlight;

use crate::{History, messages::Contrasts};

/// What the handler promises; [`Contract::strict`] by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub(crate) order_published: bool,
    pub(crate) allow_not_isolated: bool,
    pub(crate) mismatch_refused: bool,
    pub(crate) equal_payloads_add_up: bool,
    pub(crate) ids_within_keys: bool,
    pub(crate) may_lose_on_crash: bool,
    pub(crate) may_repeat_on_crash: bool,
    pub(crate) in_flight: InFlight,
    pub(crate) final_failures_kept: bool,
    pub(crate) window: Option<Duration>,
    pub(crate) horizon: Option<Duration>,
    pub(crate) handler_within: Option<Duration>,
    pub(crate) clocks_apart: Option<Duration>,
    pub(crate) bounded: Vec<Bound>,
    /// What is said of effects, by what they are.
    pub(crate) effects: BTreeMap<String, Guarantee>,
}

/// How often an effect in the outside world has to happen, for each time that it happens where every message is delivered
/// once and nothing goes wrong.
///
/// A *disturbance* is what happens to the delivery that lets it happen: its process crashes, or one of its operations fails
/// or loses its reply. A lost acknowledgement is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guarantee {
    /// Exactly so often, even across a disturbance: only a third party that honours a key can do that.
    ExactlyOnce,
    /// Once more for each time that a disturbed delivery let it happen. Exactly so often otherwise.
    AtLeastOnce,
    /// Not at all, perhaps, where a delivery of its message was disturbed. Exactly so often otherwise.
    AtMostOnce,
}

/// What of a record a verdict depends on, beside what is left in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recalled {
    /// When something was last done for each message.
    pub(crate) activity: bool,
    /// When each delivery was made, how long it took and how it ended.
    pub(crate) spans: bool,
}

/// How much may be kept to know messages again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The part of what is observed that is it.
    pub(crate) part: Arc<str>,
    pub(crate) rows: usize,
}

impl Contract {
    /// Every message takes effect exactly once, in some order that respects real time, and is handled in the end.
    pub fn strict() -> Self {
        Self {
            order_published: false,
            allow_not_isolated: false,
            effects: BTreeMap::new(),
            mismatch_refused: false,
            equal_payloads_add_up: false,
            ids_within_keys: false,
            may_lose_on_crash: false,
            may_repeat_on_crash: false,
            in_flight: InFlight::Either,
            final_failures_kept: false,
            window: None,
            horizon: None,
            handler_within: None,
            clocks_apart: None,
            bounded: Vec::new(),
        }
    }

    /// And within one ordering key only publish order will do, however the messages were delivered.
    #[must_use]
    pub fn order_published(self) -> Self {
        Self { order_published: true, ..self }
    }

    /// An anomaly that shows with no message delivered twice, no crash and no failed operation is no violation: that two
    /// different messages disturb each other is not what this check is for.
    #[must_use]
    pub fn allow_not_isolated(self) -> Self {
        Self { allow_not_isolated: true, ..self }
    }

    /// How often an effect has to happen that [`Effects`](crate::Effects) were asked for under this name. Unless this says
    /// otherwise, what was asked for with `perform` at least once, what was asked for with `perform_once` exactly once.
    ///
    /// ```
    /// use redeliver_harness::{Contract, Guarantee};
    ///
    /// // The mail is sent before it is noted that it was: a crash in between repeats it, and that will not do.
    /// let contract = Contract::strict().effect("mail", Guarantee::ExactlyOnce);
    /// # let _ = contract;
    /// ```
    #[must_use]
    pub fn effect(mut self, what: &str, guarantee: Guarantee) -> Self {
        self.effects.insert(what.to_owned(), guarantee);
        self
    }

    /// A message of which a delivery was cut short, since its process crashed or its handler was cancelled, may be lost: what at
    /// most once promises. It is present once or not at all, and may be taken for handled when it comes again. One that is told
    /// to come again for ever is stuck all the same, and what is lost without a crash, lost.
    ///
    /// ```
    /// use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Verdict};
    ///
    /// async fn mark_then_apply(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    ///     if kv.put_if_absent(m.id(), "seen", None).await? {
    ///         // Whatever goes wrong with it, it is not tried again.
    ///         let _ = kv.add("balance", *m.payload()).await;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let check = |contract| {
    ///     let bank = KeyValue::new("bank").observe_key("balance");
    ///     Harness::new(bank).contract(contract).faults(1).verdict(1..1000i64, mark_then_apply)
    /// };
    /// assert_eq!(check(Contract::strict()).anomaly().unwrap().name(), "lost");
    /// let verdict = check(Contract::strict().may_lose_on_crash());
    /// // A mark whose reply is lost loses it too, and that is no crash.
    /// let Verdict::Violated(found) = verdict else { panic!("a lost reply is no excuse") };
    /// assert_eq!(found.history().faults[0].word(), "lose-reply");
    /// ```
    #[must_use]
    pub fn may_lose_on_crash(self) -> Self {
        Self { may_lose_on_crash: true, ..self }
    }

    /// A message of which a delivery was cut short, since its process crashed or its handler was cancelled, may take effect once
    /// more for each time that this happened, also where it was only the acknowledgement that was missing: what at least once
    /// promises, with no de-duplication across a crash. A late repetition may then overwrite what is newer. What is repeated
    /// without a crash is repeated for no reason.
    #[must_use]
    pub fn may_repeat_on_crash(self) -> Self {
        Self { may_repeat_on_crash: true, ..self }
    }

    /// The workloads that it says something of.
    pub(crate) fn contrasts(&self) -> Contrasts {
        Contrasts {
            shared_id: self.mismatch_refused,
            equal_payloads: self.equal_payloads_add_up,
            shared_id_apart: self.ids_within_keys,
        }
    }

    /// What a verdict depends on beside what is left in the end.
    pub(crate) fn recalls(&self) -> Recalled {
        let in_answers = self.in_flight != InFlight::Either || self.final_failures_kept;
        let in_crashes = self.may_lose_on_crash || self.may_repeat_on_crash;
        Recalled { activity: self.window.is_some(), spans: in_answers || in_crashes || self.handler_within.is_some() }
    }

    /// The spans of time that it speaks of: the clock is made to jump to just before their ends, and past them.
    pub(crate) fn periods(&self) -> Vec<Duration> {
        let spoken_of = [self.window, self.horizon, self.handler_within];
        spoken_of.into_iter().flatten().filter(|period| *period < History::MAX_ADVANCE).collect()
    }
}

impl Default for Contract {
    fn default() -> Self {
        Self::strict()
    }
}
