//! What a handler promises. The oracle holds it to that and no more.

use std::collections::BTreeMap;

/// What the handler promises; [`Contract::strict`] by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub(crate) order_published: bool,
    pub(crate) allow_not_isolated: bool,
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
        Self { order_published: false, allow_not_isolated: false, effects: BTreeMap::new() }
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
}

impl Default for Contract {
    fn default() -> Self {
        Self::strict()
    }
}
