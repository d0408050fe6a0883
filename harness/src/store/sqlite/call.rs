//! [`Sqlite::call`](super::Sqlite::call) as a future: how code on a stepped thread begins and ends. What it does with each
//! turn is `running`.

mod running;

use std::{
    any::Any,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use self::running::Running;
use super::{
    hooks::Flags,
    pool::{Pool, Pooled},
    words::Narrator,
};
use crate::{
    machine::{
        allowance,
        baton::{Code, Go, Stop},
        give_up, is_asked, release_locks,
    },
    store::Process,
};

/// How long a statement waits for a lock: rusqlite's own default.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Code that runs on a stepped thread.
pub(super) struct Call<T, E, F> {
    process: Process,
    pool: Arc<Pool>,
    code: Option<F>,
    running: Option<Running>,
    narrator: Option<Narrator>,
    _answer: std::marker::PhantomData<fn() -> (T, E)>,
}

/// Dropped where code ends: its last statement is over.
struct Ending(Arc<Flags>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ends();
    }
}

/// What comes back from the thread.
type Left<T, E> = (Pooled, thread::Result<Result<T, E>>);

impl<T, E, F> Call<T, E, F> {
    pub(super) fn new(process: Process, pool: Arc<Pool>, code: F, narrator: Option<Narrator>) -> Self {
        Self { process, pool, code: Some(code), running: None, narrator, _answer: std::marker::PhantomData }
    }
}

impl<T, E, F> Future for Call<T, E, F>
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnOnce(&mut rusqlite::Connection) -> Result<T, E> + Send + Unpin + 'static,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = &mut *self;
        let stop = match &mut this.running {
            None => match this.begin() {
                Ok(Some(stop)) => stop,
                Ok(None) => return Poll::Pending,
                Err(error) => {
                    give_up(&format!("no connection could be opened for a call: {error}"));
                    return Poll::Pending;
                }
            },
            Some(running) => match running.go_on(&this.pool, this.narrator.as_mut(), context.waker()) {
                Some(stop) => stop,
                None => return Poll::Pending,
            },
        };
        this.stopped(stop, context.waker())
    }
}

impl<T, E, F> Call<T, E, F>
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnOnce(&mut rusqlite::Connection) -> Result<T, E> + Send + 'static,
{
    /// Puts the code on a thread, up to its first stop. Nothing, for the handle of a dead process.
    fn begin(&mut self) -> rusqlite::Result<Option<Stop>> {
        if !crate::machine::lives(&self.process) {
            return Ok(None);
        }
        let mut pooled = self.pool.check_out()?;
        pooled.step()?;
        let code = self.code.take().expect("a call is polled for the first time only once");
        let thread = self.pool.thread();
        let flags = Arc::clone(&thread.flags);
        flags.begin(is_asked());
        let work: Code = Box::new(move || {
            // Code that panics has ended its last statement too. Its connection goes back on the machine's thread all the
            // same: there the rollback is no step, and whoever waits for the lock hears of it.
            let ending = Ending(flags);
            let answer = panic::catch_unwind(AssertUnwindSafe(|| code(pooled.connection())));
            drop(ending);
            let left: Left<T, E> = (pooled, answer);
            Box::new(left) as Box<dyn Any + Send>
        });
        let stop = thread.stepped.begin(work, allowance());
        let running = self.running.insert(Running::new(thread));
        running.has_stopped(&stop);
        running.tell_further(&self.pool);
        Ok(Some(stop))
    }

    fn stopped(&mut self, stop: Stop, waker: &Waker) -> Poll<Result<T, E>> {
        let running = self.running.as_mut().expect("only code that runs stops");
        match stop {
            Stop::At(statement) => {
                running.stand_before(statement, waker);
                Poll::Pending
            }
            Stop::Locked => {
                running.wait_for_lock(&self.pool, None, waker);
                Poll::Pending
            }
            Stop::Ended(Ok(left)) => {
                self.end();
                let left = left.downcast::<Left<T, E>>().expect("the code left what this call gave it to leave");
                let (pooled, answer) = *left;
                drop(pooled);
                Poll::Ready(answer.unwrap_or_else(|panic| panic::resume_unwind(panic)))
            }
            Stop::Ended(Err(panic)) => {
                self.end();
                panic::resume_unwind(panic)
            }
            Stop::Abandoned => {
                self.abandon();
                give_up(
                    "code on a stepped thread ran for 10 s without a statement: it never yields, or waits for a lock of its \
                     process that another delivery holds across a statement",
                );
                Poll::Pending
            }
        }
    }

    /// The thread does not come back, nor does its connection, nor perhaps a lock.
    fn abandon(&mut self) {
        self.pool.abandon_after_waiting();
        if let Some(running) = self.running.take() {
            std::mem::forget(running.into_thread());
        }
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            self.pool.put_back(running.into_thread());
        }
    }
}

impl<T, E, F> Drop for Call<T, E, F> {
    /// The delivery is gone, with its process or without it: nothing of the code has an effect from here on.
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let thread = running.into_thread();
        thread.flags.arm(None, true);
        match thread.stepped.go(Go::Die) {
            // What it left goes back to the pool, which rolls it back.
            Stop::Ended(_) => self.pool.put_back(thread),
            // A thread that does not end keeps its connection, and with it perhaps a lock: nothing more can be said.
            _ => {
                self.pool.abandon();
                std::mem::forget(thread);
                give_up("code of a process that crashed goes on for ever: a loop that ignores errors");
            }
        }
        release_locks();
    }
}
