//! What is done with a check: it is made with a handler and messages, and run, at once or later.

use std::{fmt, sync::Arc};

use super::Harness;
use crate::{Delivery, Error, History, IntoOutcome, Messages, Prepared, Store, Verdict, check::Survey, world::World};

impl<S: Store, C: 'static> Harness<S, C> {
    /// Checks a handler, for use in a `#[test]`.
    ///
    /// First the counterexamples that this test found before, from `redeliver-regressions/` beside the manifest; then
    /// every history with no fault, with one, with two; then random ones with more. What a passing check searched is printed, and written under
    /// `redeliver/` in the target directory. With `REDELIVER_HISTORY` set to a line of this test, only that is replayed.
    ///
    /// # Panics
    /// If a history breaks the handler, or nothing can be said: with a report that ends in the line that replays it. If a
    /// variable does not parse, with its name.
    #[track_caller]
    pub fn check<P, O, F>(self, messages: impl Into<Messages<P>>, handler: F)
    where
        P: Clone + fmt::Debug + Send + Sync + 'static,
        F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        self.prepare(messages, handler).check();
    }

    /// As [`check`](Harness::check), but answers. Writes no file and reads no variable.
    pub fn verdict<P, O, F>(self, messages: impl Into<Messages<P>>, handler: F) -> Verdict
    where
        P: Clone + fmt::Debug + Send + Sync + 'static,
        F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        self.prepare(messages, handler).verdict()
    }

    /// Searches on past the first failure: every history that fails, as it was met, with its anomaly; how far the search
    /// went; and the first thing that could not be judged. For tests of the harness itself.
    ///
    /// # Errors
    /// What a store met.
    #[doc(hidden)]
    pub fn survey<P, O, F>(self, messages: impl Into<Messages<P>>, handler: F) -> Result<Survey, Error>
    where
        P: Clone + fmt::Debug + Send + Sync + 'static,
        F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        self.prepare(messages, handler).survey()
    }

    /// Replays each of these histories, makes a history from what happened, and replays that: the history that was made, or
    /// why it is no history of the same execution. For tests of the harness itself.
    ///
    /// # Errors
    /// What a store met.
    #[doc(hidden)]
    pub fn remade<P, O, F>(
        self,
        histories: &[History],
        messages: impl Into<Messages<P>>,
        handler: F,
    ) -> Result<Vec<Result<History, String>>, Error>
    where
        P: Clone + fmt::Debug + Send + Sync + 'static,
        F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        self.prepare(messages, handler).remade(histories)
    }

    /// Replays one history. [`Verdict::Holds`] says only that this history does not break the handler.
    pub fn replay<P, O, F>(self, history: &History, messages: impl Into<Messages<P>>, handler: F) -> Verdict
    where
        P: Clone + fmt::Debug + Send + Sync + 'static,
        F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        self.prepare(messages, handler).replay(history)
    }

    /// This check with its handler and its messages, to be run later.
    pub fn prepare<P, O, F>(self, messages: impl Into<Messages<P>>, handler: F) -> Prepared
    where
        P: Clone + fmt::Debug + Send + Sync + 'static,
        F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        let contrasts = self.options.contract.contrasts();
        let state = self.options.contract.bounded.iter().map(|bound| Arc::clone(&bound.part)).collect();
        let world = World::new(self.store, self.boot, messages.into(), handler).keeping(state);
        Prepared::new(
            Box::new(
                world
                    .holding(self.invariants)
                    .looking_unseen(self.options.reads_clock)
                    .contrasting(contrasts)
                    .recalling(self.options.contract.recalls()),
            ),
            self.options,
        )
    }
}
