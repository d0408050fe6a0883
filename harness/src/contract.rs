//! What a handler promises. The oracle holds it to that and no more.

use std::collections::BTreeMap;

use crate::messages::Contrasts;

/// What the handler promises; [`Contract::strict`] by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub(crate) order_published: bool,
    pub(crate) allow_not_isolated: bool,
    pub(crate) mismatch_refused: bool,
    pub(crate) equal_payloads_add_up: bool,
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

impl Contract {
    /// Every message takes effect exactly once, in some order that respects real time, and is handled in the end.
    pub fn strict() -> Self {
        Self {
            order_published: false,
            allow_not_isolated: false,
            effects: BTreeMap::new(),
            mismatch_refused: false,
            equal_payloads_add_up: false,
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

    /// And another payload under an id that was used is refused: of two messages that share an id and differ, the one that
    /// comes after the other was handled is answered with [`Outcome::Reject`](crate::Outcome::Reject) and leaves no trace.
    /// Otherwise it is [`Anomaly::Mismatch`](crate::Anomaly::Mismatch). One that is told to come again for ever is stuck.
    ///
    /// Payloads differ if their `Debug` does. Messages that share an id and carry the same are duplicates by key: of them
    /// nothing is asked beyond exactly once.
    ///
    /// Workloads of two such messages are searched too; of [`Messages::exactly`](crate::Messages::exactly) only what it
    /// lists. Where no workload has such messages the verdict is inconclusive.
    ///
    /// ```
    /// use redeliver_harness::{Anomaly, Contract, Delivery, Error, Harness, KeyValue};
    ///
    /// let contract = Contract::strict().payload_mismatch_refused();
    /// let store = KeyValue::new("orders").observed();
    /// let verdict = Harness::new(store).contract(contract).verdict(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| {
    ///     // The first amount stays, and whoever sends another one hears that all is well.
    ///     kv.put_if_absent(m.id(), &m.payload().to_string(), None).await.map(drop)
    /// });
    /// assert_eq!(verdict.anomaly(), Some(Anomaly::Mismatch));
    /// ```
    #[must_use]
    pub fn payload_mismatch_refused(self) -> Self {
        Self { mismatch_refused: true, ..self }
    }

    /// And messages with equal payloads and ids of their own are told apart: each of two that are handled takes effect, so
    /// that the plain run leaves something else without either. Otherwise it is [`Anomaly::Merged`](crate::Anomaly::Merged):
    /// a handler that de-duplicates by content loses the second of two equal orders.
    ///
    /// Not for a handler that sets a value: there the second leaves what the first did. Payloads are equal if their `Debug`
    /// is. Judged on the plain run of each workload; where none has such messages the verdict is inconclusive.
    #[must_use]
    pub fn equal_payloads_add_up(self) -> Self {
        Self { equal_payloads_add_up: true, ..self }
    }

    /// The workloads that it says something of.
    pub(crate) fn contrasts(&self) -> Contrasts {
        Contrasts { shared_id: self.mismatch_refused, equal_payloads: self.equal_payloads_add_up }
    }
}

impl Default for Contract {
    fn default() -> Self {
        Self::strict()
    }
}
