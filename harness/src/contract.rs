//! What a handler promises. The oracle holds it to that and no more.

/// What the handler promises; [`Contract::strict`] by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub(crate) order_published: bool,
    pub(crate) allow_not_isolated: bool,
}

impl Contract {
    /// Every message takes effect exactly once, in some order that respects real time, and is handled in the end.
    pub fn strict() -> Self {
        Self { order_published: false, allow_not_isolated: false }
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
}

impl Default for Contract {
    fn default() -> Self {
        Self::strict()
    }
}
