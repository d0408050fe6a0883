//! Points and steps themselves.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{
    drive::to_its_end,
    host::{self, Acted, Fault, Granted, Host, Registered, Turn},
};

thread_local! {
    /// A step is being polled to its end on this thread.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// A place where other deliveries may run, and where the process may crash.
///
/// Outside of a harness, and within a [`step`], it does nothing.
pub async fn point(label: &str) {
    let place = Step { changes: false, ..step(label, async { Ok::<(), ()>(()) }) };
    // It has no error to return.
    let _ = place.await;
}

/// Somebody else's operation as one step: a point, then the operation to its end while nothing else runs.
///
/// Outside of a harness it is the operation, and within another step it is a part of that one. Without
/// [`or_fail`](Step::or_fail) it cannot be made to fail, for nobody knows with what error.
///
/// A harness assumes that the operation changes what is durable. It must not wait for anything that the same thread has to
/// do meanwhile, such as another delivery's turn: a step that has not ended after about ten seconds of wall time panics.
pub fn step<T, E, F: Future<Output = Result<T, E>>>(label: &str, op: F) -> Step<'_, F> {
    Step { label, op: Box::pin(op), error: None, changes: true, state: State::New }
}

/// An operation that is to be one step, from [`step`].
#[must_use = "a step does nothing unless it is awaited"]
pub struct Step<'a, F: Future> {
    label: &'a str,
    op: Pin<Box<F>>,
    error: Option<Failure<F::Output>>,
    changes: bool,
    state: State,
}

type Failure<T> = Box<dyn FnOnce() -> T + Send>;

impl<T, E, F: Future<Output = Result<T, E>>> Step<'_, F> {
    /// A history may let it fail, or lose its reply, with this error. Nobody calls it outside of a harness.
    ///
    /// `fail` does not run the operation at all; `lose-reply` runs it and drops what it returned.
    pub fn or_fail(self, error: impl FnOnce() -> E + Send + 'static) -> Self {
        Self { error: Some(Box::new(|| Err(error()))), ..self }
    }
}

enum State {
    New,
    /// No harness decides when it acts.
    Free,
    Waits(Box<dyn Turn>),
    /// It has acted.
    Over,
}

impl<T, E, F: Future<Output = Result<T, E>>> Future for Step<'_, F> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = &mut *self;
        if let State::New = this.state {
            this.state = match host::current().filter(|_| !WITHIN.get()) {
                None => State::Free,
                Some(host) => match host.register(context.waker()) {
                    Registered::Waits(turn) => State::Waits(turn),
                    Registered::Dead => State::Over,
                    // A drop guard as its process crashes, most likely. It must not wait for ever either.
                    Registered::Never => return Poll::Ready(this.refuse()),
                },
            };
            if let State::Waits(_) | State::Over = this.state {
                return Poll::Pending;
            }
        }
        match &this.state {
            State::Free => this.op.as_mut().poll(context),
            State::New | State::Over => Poll::Pending,
            State::Waits(turn) => match turn.granted(context.waker()) {
                None => Poll::Pending,
                Some(granted) => match std::mem::replace(&mut this.state, State::Over) {
                    State::Waits(turn) => Poll::Ready(this.act(turn, granted)),
                    _ => Poll::Pending,
                },
            },
        }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Step<'_, F> {
    /// Does not act, and says so if it can.
    fn refuse(&mut self) -> Result<T, E> {
        match self.error.take() {
            Some(error) => error(),
            // Nobody needs a turn for doing nothing.
            None if !self.changes => to_its_end(self.label, self.op.as_mut()),
            None => panic!("the step `{}` has no turn: only what a handler awaits acts", self.label),
        }
    }

    fn act(&mut self, turn: Box<dyn Turn>, Granted { fault }: Granted) -> Result<T, E> {
        let (changes, can_fail) = (self.changes, self.error.is_some());
        let acted = Acted { label: self.label, result: "panicked", can_fail, changes, suffered: None };
        let mut report = Report { turn: Some(turn), acted };
        // What it cannot suffer it does not.
        let fault = fault.zip(self.error.take());
        report.acted.suffered = fault.as_ref().map(|(fault, _)| *fault);
        if let Some((Fault::Fail, error)) = fault {
            report.acted = Acted { result: "failed", changes: false, ..report.acted };
            return error();
        }
        let output = {
            let _within = Within::begin();
            to_its_end(self.label, self.op.as_mut())
        };
        if let Some((_, error)) = fault {
            report.acted.result = "done, and its reply lost";
            return error();
        }
        report.acted.result = if output.is_ok() { "ok" } else { "error" };
        output
    }
}

/// Tells what a step did with its turn when it is dropped, so that one that panics is told of too.
struct Report<'a> {
    turn: Option<Box<dyn Turn>>,
    acted: Acted<'a>,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            turn.acted(self.acted);
        }
    }
}

/// While it lives, a step is being polled to its end.
struct Within(Option<&'static dyn Host>);

impl Within {
    fn begin() -> Self {
        WITHIN.set(true);
        let host = host::current();
        if let Some(host) = host {
            host.stepping(true);
        }
        Self(host)
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        WITHIN.set(false);
        if let Some(host) = self.0 {
            host.stepping(false);
        }
    }
}
