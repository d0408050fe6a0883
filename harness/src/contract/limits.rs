//! What a contract says of times, and of how much is kept.

use std::time::Duration;

use super::{Bound, Contract};
use crate::History;

impl Contract {
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
        Self { window: Some(whole_millis(window)), ..self }
    }

    /// No message is delivered again so long after its first delivery began, or later: what the queue promises (its retention,
    /// its longest redelivery) and a window has to outlast. What goes wrong in a history in which one is, is outside the
    /// promise. For ever by default. Rounded up to whole milliseconds, and tried on either side as a
    /// [`window`](Contract::window) is.
    #[must_use]
    pub fn horizon(self, horizon: Duration) -> Self {
        Self { horizon: Some(whole_millis(horizon)), ..self }
    }

    /// A handler takes at most so long, in virtual time: what a lease without fencing rests on. What goes wrong in a history in
    /// which a delivery takes longer, from its beginning until it answers, dies or is cancelled, is outside the promise.
    /// For ever by default. Rounded up to whole milliseconds, and tried on either side as a [`window`](Contract::window) is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Outcome, Verdict};
    ///
    /// /// Check, apply and mark, under a lease of a minute.
    /// async fn credit(kv: &KeyValue, m: &Delivery<i64>) -> Result<Outcome, Error> {
    ///     let me = format!("attempt {}", m.broker_id());
    ///     if !kv.put_if_absent("lease", &me, Some(Duration::from_secs(60))).await? {
    ///         return Ok(Outcome::Retry("somebody is at it".to_owned()));
    ///     }
    ///     let tx = kv.begin().await?;
    ///     if tx.get(m.id()).await?.is_none() {
    ///         tx.add("balance", *m.payload()).await?;
    ///         tx.put(m.id(), "seen").await?;
    ///     }
    ///     tx.commit().await?;
    ///     kv.compare_and_delete("lease", &me).await?;
    ///     Ok(Outcome::Done(()))
    /// }
    ///
    /// let check = |contract| {
    ///     // No isolation to speak of: the lease is all that there is.
    ///     let store = KeyValue::new("bank").isolation(redeliver_harness::Isolation::ReadCommitted).observe_key("balance");
    ///     let handler = async |kv: &KeyValue, m: &Delivery<i64>| {
    ///         credit(kv, m).await.unwrap_or_else(|error| Outcome::Retry(error.to_string()))
    ///     };
    ///     Harness::new(store).contract(contract).verdict(1..1000i64, handler)
    /// };
    /// let sooner = Contract::strict().handler_within(Duration::from_secs(59));
    /// assert!(matches!(check(sooner), Verdict::Holds(_)));
    /// let later = Contract::strict().handler_within(Duration::from_secs(90));
    /// assert_eq!(check(later).anomaly().unwrap().name(), "twice");
    /// ```
    #[must_use]
    pub fn handler_within(self, longest: Duration) -> Self {
        Self { handler_within: Some(whole_millis(longest)), ..self }
    }

    /// It keeps its promise though the clocks of two processes are up to so far apart. The search then lets the clock of a process
    /// ([`Delivery::now`](crate::Delivery::now)) run ahead and behind by that, where anybody asks it. Nothing by default:
    /// clocks agree. Rounded up to whole milliseconds; ten years at most.
    ///
    /// Where a history says `skew` by itself it is judged like any other, whatever stands here.
    ///
    /// ```
    /// use std::time::Duration;
    /// use redeliver_harness::{Contract, Delivery, Error, Harness, KeyValue, Verdict};
    ///
    /// /// Forgets a message after a minute, by the clock of whoever looks.
    /// async fn credit(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    ///     let tx = kv.begin().await?;
    ///     let now = m.now().as_secs();
    ///     let until = tx.get(m.id()).await?.map_or(0, |until| until.parse().unwrap_or(0));
    ///     if until <= now {
    ///         tx.put(m.id(), &(now + 60).to_string()).await?;
    ///         tx.add("balance", *m.payload()).await?;
    ///     }
    ///     tx.commit().await
    /// }
    ///
    /// let check = |contract: Contract| {
    ///     let store = KeyValue::new("bank").observe_key("balance");
    ///     let contract = contract.window(Duration::from_secs(60));
    ///     Harness::new(store).contract(contract).verdict(1..1000i64, credit)
    /// };
    /// assert!(matches!(check(Contract::strict()), Verdict::Holds(_)));
    /// // Whoever is two minutes ahead has forgotten what another has just done.
    /// let verdict = check(Contract::strict().clocks_apart(Duration::from_secs(120)));
    /// let Verdict::Violated(found) = verdict else { panic!("{}", verdict.report("credit")) };
    /// assert!(found.history().faults.iter().any(|fault| fault.word() == "skew"));
    /// ```
    #[must_use]
    pub fn clocks_apart(self, most: Duration) -> Self {
        Self { clocks_apart: Some(whole_millis(most).min(History::MAX_ADVANCE)).filter(|most| !most.is_zero()), ..self }
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
}

/// The clock counts whole milliseconds.
fn whole_millis(span: Duration) -> Duration {
    let past = span.subsec_nanos() % 1_000_000;
    let rest = if past == 0 { 0 } else { 1_000_000 - past };
    span.saturating_add(Duration::from_nanos(rest.into()))
}
