//! Synchronous code, stepped: a thread that holds the baton.
//!
//! The machine's thread and the stepped one never run at once: who hands the baton over waits until it comes back. The
//! stepped thread stops where the code that it runs reaches a statement ([`stop`]) or a lock, and goes on when the machine
//! says so. What a statement is, is the store's.

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use super::{quiet, trace::Injected};

/// How long, in real time, code may run without a statement before it is given up. No figure depends on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// After its process died, code may still try so many statements (each fails) before its thread is abandoned.
const LAST_WORDS: u32 = 200;

/// Where a stepped thread stops.
pub(crate) enum Stop {
    /// Before the statement of this text.
    At(String),
    /// At a lock that somebody else holds.
    Locked,
    /// The code has returned or panicked.
    Ended(thread::Result<Box<dyn Any + Send>>),
    /// It will not come back: it runs without a statement, or it is dead and does not end.
    Abandoned,
}

/// What the machine says to a thread that stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    /// Do it, and suffer this fault if it can be suffered.
    On(Option<Injected>),
    /// Do it, and so many statements after it, without coming back in between.
    Through(u32),
    /// Wait no longer for the lock: the store's own error.
    GiveUp,
    /// The process is dead: nothing has an effect any more.
    Die,
}

/// A piece of code, and what it leaves.
pub(crate) type Code = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

/// A thread that runs one piece of code at a time.
pub(crate) struct Stepped {
    work: Sender<Code>,
    go: Sender<Go>,
    stops: Receiver<Stop>,
}

/// The stepped thread's own end.
struct Link {
    stops: Sender<Stop>,
    go: Receiver<Go>,
    /// Statements that may go on without the machine.
    free: u32,
    dead: bool,
    last_words: u32,
}

thread_local! {
    static LINK: RefCell<Option<Link>> = const { RefCell::new(None) };
}

impl Stepped {
    /// Starts a thread that waits for work. It calls `first` before anything else.
    #[expect(clippy::disallowed_methods, reason = "this is the stepped thread")]
    pub(crate) fn start(first: impl FnOnce() + Send + 'static) -> Self {
        let (work, to_do) = channel::<Code>();
        let (go, told) = channel();
        let (stopped, stops) = channel();
        thread::spawn(move || {
            let _quiet = quiet::begin();
            first();
            LINK.set(Some(Link { stops: stopped.clone(), go: told, free: 0, dead: false, last_words: 0 }));
            for code in to_do {
                let result = panic::catch_unwind(AssertUnwindSafe(code));
                LINK.with_borrow_mut(|link| {
                    if let Some(link) = link {
                        (link.free, link.dead, link.last_words) = (0, false, 0);
                    }
                });
                if stopped.send(Stop::Ended(result)).is_err() {
                    break;
                }
            }
        });
        Self { work, go, stops }
    }

    /// Gives it work and waits until it stops.
    pub(crate) fn begin(&self, code: Code) -> Stop {
        match self.work.send(code) {
            Ok(()) => self.wait(),
            Err(_) => Stop::Abandoned,
        }
    }

    /// Lets it go on and waits until it stops again.
    pub(crate) fn go(&self, go: Go) -> Stop {
        match self.go.send(go) {
            Ok(()) => self.wait(),
            Err(_) => Stop::Abandoned,
        }
    }

    fn wait(&self) -> Stop {
        match self.stops.recv_timeout(PATIENCE) {
            Ok(stop) => stop,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Stop::Abandoned,
        }
    }
}

/// Whether this is a stepped thread.
pub(crate) fn is_stepped() -> bool {
    LINK.with_borrow(Option::is_some)
}

/// Hands the baton over before a statement, and returns with what to do. `None` on a thread that is not stepped: the
/// statement goes on as ever.
pub(crate) fn stop(statement: impl FnOnce() -> String) -> Option<Go> {
    let is_free = LINK.with_borrow_mut(|link| {
        let free = link.as_mut().filter(|link| !link.dead).map(|link| &mut link.free);
        free.filter(|free| **free > 0).is_some_and(|free| {
            *free -= 1;
            true
        })
    });
    if is_free { Some(Go::On(None)) } else { hand_over(|| Stop::At(statement())) }
}

/// Hands the baton over at a lock. `None` on a thread that is not stepped.
pub(crate) fn locked() -> Option<Go> {
    hand_over(|| Stop::Locked)
}

fn hand_over(stop: impl FnOnce() -> Stop) -> Option<Go> {
    LINK.with_borrow_mut(|link| {
        let link = link.as_mut()?;
        if link.dead {
            link.last_words += 1;
            if link.last_words > LAST_WORDS {
                let _ = link.stops.send(Stop::Abandoned);
                loop {
                    thread::park();
                }
            }
            return Some(Go::Die);
        }
        // Whoever held the other end is gone only when the whole check is: then nothing may act any more.
        let go = link.stops.send(stop()).ok().and_then(|()| link.go.recv().ok()).unwrap_or(Go::Die);
        link.dead = go == Go::Die;
        link.free = if let Go::Through(free) = go { free } else { 0 };
        Some(go)
    })
}
