//! What a handler answers.

use std::fmt;

/// How a handler ended one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R = ()> {
    /// Settled; the broker may forget the message.
    Done(R),
    /// Not now: the broker delivers it again (a negative acknowledgement, 409 in flight, 503).
    Retry(String),
    /// Never: put aside as a dead letter (422, poison).
    Reject(String),
}

/// What a handler may return: an [`Outcome`], or a `Result` whose error means "not now".
///
/// ```
/// use redeliver_harness::{IntoOutcome, Outcome};
///
/// let answer: Result<u32, String> = Err("database is locked".into());
/// assert_eq!(answer.into_outcome(), Outcome::Retry("database is locked".into()));
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler answers with a `Result` or an `Outcome`, not with `{Self}`",
    note = "end it with `Ok(())`"
)]
pub trait IntoOutcome {
    /// What a handled message is answered with.
    type Reply: fmt::Debug + PartialEq + 'static;

    /// The same answer as an [`Outcome`].
    fn into_outcome(self) -> Outcome<Self::Reply>;
}

impl<R: fmt::Debug + PartialEq + 'static> IntoOutcome for Outcome<R> {
    type Reply = R;

    fn into_outcome(self) -> Outcome<R> {
        self
    }
}

impl<R: fmt::Debug + PartialEq + 'static, E: fmt::Display> IntoOutcome for Result<R, E> {
    type Reply = R;

    fn into_outcome(self) -> Outcome<R> {
        match self {
            Ok(reply) => Outcome::Done(reply),
            Err(error) => Outcome::Retry(error.to_string()),
        }
    }
}
