//! One operation of a handle on the machine's own thread, as a future: a point, then the act.
//!
//! A store implements [`Operation`] for what its handles can do and awaits [`operate`]. Code on a stepped thread goes
//! through `baton` instead.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    desk::{Grant, Registered, Terms, Ticket},
    trace::{Facts, Injected, Words},
};
use crate::{history::TaskName, store::Process};

/// Something that a handle does as one step.
pub(crate) trait Operation {
    /// What it answers.
    type Output;

    /// Acts. Called only in the turn granted to it, and again in a later one after it was [`Act::Blocked`].
    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output>;

    /// What it answers when no replay is going on.
    fn outside(&mut self) -> Self::Output;
}

/// What came of acting.
pub(crate) enum Act<T> {
    /// It acted, or failed for good.
    Done(T),
    /// A lock is taken: try again when one is released, for at most this long. Not allowed when the turn says to give up.
    Blocked(Duration),
}

/// One granted turn: what it asks for, and what the operation tells of itself.
pub(crate) struct Turn {
    grant: Grant,
    now: Duration,
    on_behalf: TaskName,
    /// What the step was; the operation fills it in.
    pub(crate) facts: Facts,
    /// Its words, if anybody wants them.
    words: Option<Box<Words>>,
}

impl Turn {
    /// The fault that the operation is to suffer. One that it cannot suffer it ignores; one that it does, it sets in
    /// `facts.suffered`.
    pub(crate) fn fault(&self) -> Option<Injected> {
        self.grant.fault
    }

    /// Whether the operation, which can suffer this, is to suffer it: then it did.
    pub(crate) fn suffers(&mut self, fault: Injected) -> bool {
        let suffers = self.grant.fault == Some(fault);
        if suffers {
            self.facts.suffered = Some(fault);
        }
        suffers
    }

    /// It has waited for a lock as long as its store does: it returns the store's own error now.
    pub(crate) fn must_give_up(&self) -> bool {
        self.grant.give_up
    }

    /// The virtual time.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// The delivery that performs the operation.
    pub(crate) fn on_behalf(&self) -> TaskName {
        self.on_behalf
    }

    /// Whether anybody wants the words of this step.
    #[cfg(feature = "sqlite")]
    pub(crate) fn wants_words(&self) -> bool {
        self.words.is_some()
    }

    /// Fills in the words of this step, if anybody wants them.
    pub(crate) fn words(&mut self, fill: impl FnOnce(&mut Words)) {
        if let Some(words) = &mut self.words {
            fill(words);
        }
    }
}

/// Performs an operation of a handle that was opened for `process`.
pub(crate) fn operate<O: Operation + Unpin>(process: Process, operation: O) -> Operating<O> {
    Operating { process, operation, ticket: None }
}

/// An operation that waits for its turn.
pub(crate) struct Operating<O> {
    process: Process,
    operation: O,
    ticket: Option<Ticket>,
}

impl<O: Operation + Unpin> Future for Operating<O> {
    type Output = O::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O::Output> {
        let this = &mut *self;
        let Some(ticket) = &this.ticket else {
            match Ticket::register_for(&this.process, context.waker()) {
                Registered::Waits(ticket) => this.ticket = Some(ticket),
                // A dead process's handles never act again, whoever still holds them.
                Registered::Dead => {}
                Registered::Outside => return Poll::Ready(this.operation.outside()),
            }
            return Poll::Pending;
        };
        let Some(Terms { grant, now, on_behalf, wants_words }) = ticket.turn(&this.process, context.waker()) else {
            return Poll::Pending;
        };
        let facts = Facts { gave_up: grant.give_up, ..Facts::default() };
        let mut turn = Turn { grant, now, on_behalf, facts, words: wants_words.then(Box::default) };
        let act = this.operation.act(&mut turn);
        match act {
            Act::Done(output) => {
                if let Some(ticket) = this.ticket.take() {
                    ticket.acted(turn.facts, turn.words);
                }
                Poll::Ready(output)
            }
            Act::Blocked(patience) => {
                assert!(!grant.give_up, "an operation waits for a lock though it was told to give up");
                ticket.blocked(patience, turn.words);
                ticket.polled_in_vain(context.waker());
                Poll::Pending
            }
        }
    }
}
