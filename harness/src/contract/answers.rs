//! What a contract says of ids, payloads and answers.

use super::Contract;

/// What somebody hears whose message is delivered again while an earlier delivery of it is still being handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InFlight {
    /// An answer, or that it should come again: as the handler likes.
    #[default]
    Either,
    /// That it should come again, [`Outcome::Retry`](crate::Outcome::Retry), for as long as the other one is not through: as
    /// the draft of the `Idempotency-Key` header field asks of a server (409).
    ComesAgain,
    /// An answer: it waits for the other one, and is not told to come again, unless an operation of its own went wrong.
    Waits,
}

impl Contract {
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

    /// An id names a message only beside others of its ordering key: a tenant, an account, a partition. Of two messages that
    /// share an id and differ in their ordering key each takes effect, so that the plain run leaves something else without
    /// either; otherwise it is [`Anomaly::Merged`](crate::Anomaly::Merged). Nor is one of them a mismatch of the other.
    ///
    /// Workloads of two such messages are searched too; of [`Messages::exactly`](crate::Messages::exactly) only what it lists.
    /// Where no workload has such messages the verdict is inconclusive.
    ///
    /// ```
    /// use redeliver_harness::{Anomaly, Contract, Delivery, Error, Harness, KeyValue, Verdict};
    ///
    /// let check = |key: fn(&Delivery<i64>) -> String| {
    ///     let store = KeyValue::new("bank").observe_key("balance");
    ///     let harness = Harness::new(store).contract(Contract::strict().ids_within_ordering_key());
    ///     harness.verdict(1..1000i64, async move |kv: &KeyValue, m: &Delivery<i64>| {
    ///         let tx = kv.begin().await?;
    ///         if tx.put_if_absent(&key(m), "seen", None).await? {
    ///             tx.add("balance", *m.payload()).await?;
    ///         }
    ///         tx.commit().await
    ///     })
    /// };
    /// assert_eq!(check(|m| m.id().to_owned()).anomaly(), Some(Anomaly::Merged));
    /// let scoped = check(|m| format!("{} of {}", m.id(), m.ordering_key().unwrap_or_default()));
    /// assert!(matches!(scoped, Verdict::Holds(_)));
    /// ```
    #[must_use]
    pub fn ids_within_ordering_key(self) -> Self {
        Self { ids_within_keys: true, ..self }
    }

    /// What a duplicate hears that comes while an earlier delivery of its message is still being handled, by
    /// [`InFlight`]. Whoever hears something else was [answered otherwise](crate::Anomaly::Reply).
    ///
    /// ```
    /// use redeliver_harness::{Anomaly, Contract, Delivery, Error, Harness, InFlight, KeyValue, Verdict};
    ///
    /// async fn credit(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    ///     let tx = kv.begin().await?;
    ///     if tx.put_if_absent(m.id(), "seen", None).await? {
    ///         tx.add("balance", *m.payload()).await?;
    ///     }
    ///     tx.commit().await?;
    ///     kv.put("last", m.id()).await // Meanwhile a duplicate is answered.
    /// }
    ///
    /// let check = |in_flight| {
    ///     let store = KeyValue::new("bank").observe_key("balance");
    ///     let contract = Contract::strict().duplicate_in_flight(in_flight);
    ///     Harness::new(store).contract(contract).faults(1).verdict(1..1000i64, credit)
    /// };
    /// assert_eq!(check(InFlight::ComesAgain).anomaly(), Some(Anomaly::Reply));
    /// ```
    #[must_use]
    pub fn duplicate_in_flight(self, hears: InFlight) -> Self {
        Self { in_flight: hears, ..self }
    }

    /// A rejection is final: once a delivery of a message ended in [`Outcome::Reject`](crate::Outcome::Reject), each later
    /// one is rejected too, with the same words, whatever has changed meanwhile. Otherwise it was
    /// [answered otherwise](crate::Anomaly::Reply). One of which an operation went wrong may ask to come again.
    #[must_use]
    pub fn final_failures_kept(self) -> Self {
        Self { final_failures_kept: true, ..self }
    }
}
