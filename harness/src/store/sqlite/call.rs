//! [`Sqlite::call`](super::Sqlite::call) as a future: code on a stepped thread, one ticket for each of its statements.

use std::{
    any::Any,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use super::{
    hooks::Flags,
    pool::{Pool, Pooled, Thread},
    words::{Narrator, Shape},
};
use crate::{
    machine::{
        Grant, Ticket, acted_further, allowance,
        baton::{Code, Go, Stop},
        give_up, release_locks,
        trace::{Facts, Injected, Words},
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

/// Code that has begun and not ended.
struct Running {
    thread: Thread,
    /// The turn that it waits for, and the statement that it stands before.
    next: Option<(Ticket, String)>,
    /// It waits for a lock inside that statement.
    locked: bool,
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

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<T, E>> {
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
            Some(running) => match go_on(running, &this.pool, this.narrator.as_mut()) {
                Some(stop) => stop,
                None => return Poll::Pending,
            },
        };
        this.stopped(stop)
    }
}

impl<T, E, F> Call<T, E, F>
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnOnce(&mut rusqlite::Connection) -> Result<T, E> + Send + 'static,
{
    /// Puts the code on a thread, up to its first statement. Nothing, for the handle of a dead process.
    fn begin(&mut self) -> rusqlite::Result<Option<Stop>> {
        if !crate::machine::lives(&self.process) {
            return Ok(None);
        }
        let mut pooled = self.pool.check_out()?;
        pooled.step()?;
        let code = self.code.take().expect("a call is polled for the first time only once");
        let thread = self.pool.thread();
        let flags = Arc::clone(&thread.flags);
        flags.begin();
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
        let running = self.running.insert(Running { thread, next: None, locked: false });
        running.tell_further();
        if matches!(stop, Stop::Locked) {
            running.wait_for_lock(None);
            return Ok(None);
        }
        Ok(Some(stop))
    }

    fn stopped(&mut self, stop: Stop) -> Poll<Result<T, E>> {
        let running = self.running.as_mut().expect("only code that runs stops");
        match stop {
            Stop::At(statement) => {
                running.next = Ticket::register().map(|ticket| (ticket, statement));
                Poll::Pending
            }
            // Before its first statement: in memory even reading the schema waits for a writer. Later `go_on` meets it.
            Stop::Locked => {
                running.locked = true;
                running.next = Ticket::register().map(|ticket| (ticket, String::new()));
                if let Some((ticket, _)) = &running.next {
                    ticket.blocked(BUSY_TIMEOUT, None);
                }
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
                give_up("code on a stepped thread ran for 10 s without a statement: it never yields");
                Poll::Pending
            }
        }
    }

    /// The thread does not come back, nor does its connection, nor perhaps a lock.
    fn abandon(&mut self) {
        self.pool.abandon();
        if let Some(running) = self.running.take() {
            std::mem::forget(running.thread);
        }
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            self.pool.put_back(running.thread);
        }
    }
}

/// If it is its turn: lets the code go on to its next stop, and tells what its statements were.
fn go_on(running: &mut Running, pool: &Arc<Pool>, narrator: Option<&mut Narrator>) -> Option<Stop> {
    let (ticket, statement) = running.next.as_ref()?;
    let grant = ticket.granted()?;
    let narrator = narrator.filter(|_| ticket.wants_words());
    let mut narration = narrator.map(|narrator| narrator.before(statement));
    if running.locked {
        running.thread.flags.arm(grant.fault, false);
    }
    // A statement that takes the lock now fails as it does in life: somebody else has it.
    let fails = grant.fault == Some(Injected::Fail);
    let locker = fails.then(|| pool.hold_lock(Shape::of(statement))).flatten();
    let stop = running.thread.stepped.go(match grant {
        Grant { give_up: true, .. } => Go::GiveUp,
        Grant { fault: None, .. } => Go::Through(allowance()),
        Grant { fault, .. } => Go::On(fault),
    });
    running.locked = matches!(stop, Stop::Locked);
    if let (Some(narration), Some(_)) = (&mut narration, &locker) {
        narration.busy = true;
    }
    let locked_out = locker.is_some();
    drop(locker);
    if let Some(facts) = running.thread.flags.take_first() {
        let suffered = if locked_out { grant.fault } else { facts.suffered };
        let facts = Facts { gave_up: grant.give_up, suffered, ..facts };
        let words = narration.take().map(|narration| Box::new(narration.after(&facts)));
        let (ticket, _) = running.next.take()?;
        ticket.acted(facts, words);
    }
    running.tell_further();
    if !running.locked {
        return Some(stop);
    }
    running.wait_for_lock(narration.map(|narration| Box::new(narration.waits())));
    None
}

impl Running {
    /// Tells of the statements that ended beside the one whose turn it was.
    fn tell_further(&self) {
        let (done, released) = self.thread.flags.take_done();
        done.into_iter().for_each(acted_further);
        if released {
            release_locks();
        }
    }

    /// The statement that runs waits for a lock: with its own ticket, or with a new one if it came by without a turn.
    fn wait_for_lock(&mut self, words: Option<Box<Words>>) {
        self.locked = true;
        if self.next.is_none() {
            self.next = Ticket::register().map(|ticket| (ticket, String::new()));
        }
        if let Some((ticket, _)) = &self.next {
            ticket.blocked(BUSY_TIMEOUT, words);
        }
    }
}

impl<T, E, F> Drop for Call<T, E, F> {
    /// The delivery is gone, with its process or without it: nothing of the code has an effect from here on.
    fn drop(&mut self) {
        let Some(Running { thread, next, .. }) = self.running.take() else { return };
        drop(next);
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
