//! What a handler promises. The oracle holds it to that and no more.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::messages::Contrasts;

/// What the handler promises; [`Contract::strict`] by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub(crate) order_published: bool,
    pub(crate) allow_not_isolated: bool,
    pub(crate) mismatch_refused: bool,
    pub(crate) equal_payloads_add_up: bool,
    pub(crate) window: Option<Duration>,
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
            window: None,
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

    /// A message is known again for so long after its first delivery began, and may be forgotten then: what goes wrong in a
    /// history in which it comes again later is outside the promise, and no violation. So it is with another payload under
    /// its id. For ever by default. Rounded up to whole milliseconds.
    ///
    /// The clock is made to jump to just before the end of the window and past it, where anything reads a clock. A lease
    /// is such a window too: one that is as long as this is not tried beyond its end.
    ///
    /// ```
    /// use std::time::Duration;
    /// use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Verdict};
    ///
    /// async fn credit(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    ///     let tx = kv.begin().await?;
    ///     if tx.put_if_absent(&format!("seen:{}", m.id()), "1", Some(Duration::from_secs(60))).await? {
    ///         tx.add("balance", *m.payload()).await?;
    ///     }
    ///     tx.commit().await
    /// }
    ///
    /// let check = |contract| {
    ///     let store = KeyValue::new("bank").observe_key("balance").observe_prefix("seen:");
    ///     Harness::new(store).contract(contract).verdict(1..1000i64, credit)
    /// };
    /// let minute = Contract::strict().window(Duration::from_secs(60)).bounded("seen:", 10);
    /// assert!(matches!(check(minute), Verdict::Holds(_)));
    /// let hour = Contract::strict().window(Duration::from_secs(3600)).bounded("seen:", 10);
    /// assert_eq!(check(hour).anomaly().unwrap().name(), "twice");
    /// ```
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        let past = window.subsec_nanos() % 1_000_000;
        let rest = if past == 0 { 0 } else { 1_000_000 - past };
        Self { window: Some(window.saturating_add(Duration::from_nanos(rest.into()))), ..self }
    }

    /// A part of what is observed is what the handler keeps to know messages again. It is not compared with reference runs,
    /// and has at most so many rows. `part` is the text of a query as it was given to `observe`, the name of a
    /// [`KeyValue`](crate::KeyValue) store, or a prefix of keys that are observed. Several may be given.
    ///
    /// In every history: at most so many in the end; or, where there is a [`window`](Contract::window), as many as messages
    /// were handled within it, if that is more. And the plain run of one message more than that, where there is a window with
    /// one more after it has passed. Otherwise it is [`Anomaly::Unbounded`](crate::Anomaly::Unbounded).
    ///
    /// # Limits
    /// What is older than the window is to be gone once a further message was handled: whoever clears up more rarely, or
    /// beside the handler, has to allow for that in `rows`. A handler that keeps several rows for each message has to as
    /// well. No more than 60 rows can be tried, since it takes as many messages: let the check make the handler with a
    /// smaller bound. The ids of further messages are the generator's, or listed ones with `~2` behind them. Where part of
    /// them is not handled, or nothing is found under that name, the verdict is inconclusive.
    #[must_use]
    pub fn bounded(mut self, part: &str, rows: usize) -> Self {
        self.bounded.push(Bound { part: part.into(), rows });
        self
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
