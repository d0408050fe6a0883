//! Synchronous code, stepped: a thread that holds the baton.
//!
//! The machine's thread and the stepped one never run at once: who hands the baton over waits until it comes back. The
//! stepped thread stops where the code that it runs reaches a statement ([`stop`]) or a lock, and goes on when the machine
//! says so. What a statement is, is the store's.

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use super::{quiet, trace::Injected};

/// So often the machine's thread only yields before it sleeps: waking a processor that went to sleep costs more than a
/// statement.
const YIELDS: u32 = 5_000;

/// And a stepped thread. What it waits for comes at once, or not before another one has run: those that merely yield would have
/// to be passed by at every hand-over of the others.
const YIELDS_OF_THE_STEPPED: u32 = 100;

/// A yield that takes longer, in real time, says that others want the processor, each for a slice of its own. Then who waits
/// is back sooner by sleeping, and does so at once the next so many times. Nothing depends on it but how long a check takes:
/// beside four busy processes a minute instead of two seconds.
const CROWDED: Duration = Duration::from_millis(1);
const TIMES_CROWDED: u32 = 100;

/// How long, in real time, code may run without a statement before it is given up: so many naps of this length. No figure
/// depends on it.
const NAPS: u32 = 100;
const NAP: Duration = Duration::from_millis(100);

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

/// What is said to a stepped thread.
enum Told {
    /// With so many statements that may go by.
    Work(Code, u32),
    Go(Go),
    /// There is no more work.
    Leave,
}

/// A thread that runs one piece of code at a time. Dropped between two pieces, it ends the thread.
pub(crate) struct Stepped {
    baton: Arc<Baton>,
    thread: Thread,
}

/// What passes between the two threads.
struct Baton {
    /// The stepped thread holds it.
    is_there: AtomicBool,
    told: Mutex<Option<Told>>,
    stopped: Mutex<Option<Stop>>,
    /// The thread that waits for the stepped one.
    machine: Mutex<Option<Thread>>,
    /// So many times still nobody yields.
    crowded: AtomicU32,
}

/// The stepped thread's own end.
struct Link {
    baton: Arc<Baton>,
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
        let baton = Arc::new(Baton {
            is_there: AtomicBool::new(false),
            told: Mutex::default(),
            stopped: Mutex::default(),
            machine: Mutex::default(),
            crowded: AtomicU32::new(0),
        });
        let there = Arc::clone(&baton);
        let handle = thread::spawn(move || {
            let _quiet = quiet::begin();
            first();
            there.work();
        });
        Self { baton, thread: handle.thread().clone() }
    }

    /// Gives it work, of which so many statements may go by without the machine, and waits until it stops.
    pub(crate) fn begin(&self, code: Code, free: u32) -> Stop {
        lock(&self.baton.machine).replace(thread::current());
        self.tell(Told::Work(code, free))
    }

    /// Lets it go on and waits until it stops again.
    pub(crate) fn go(&self, go: Go) -> Stop {
        self.tell(Told::Go(go))
    }

    fn tell(&self, told: Told) -> Stop {
        self.hand_over(told);
        let came_back = self.baton.wait(YIELDS, NAPS, || !self.baton.is_there.load(Ordering::Acquire));
        came_back.then(|| lock(&self.baton.stopped).take()).flatten().unwrap_or(Stop::Abandoned)
    }

    fn hand_over(&self, told: Told) {
        lock(&self.baton.told).replace(told);
        self.baton.is_there.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        // A thread that never came back is left as it is.
        if !self.baton.is_there.load(Ordering::Acquire) {
            self.hand_over(Told::Leave);
        }
    }
}

impl Baton {
    /// Waits until something is so, for so many yields and then so many naps at the most. Whether it is.
    fn wait(&self, yields: u32, naps: u32, so: impl Fn() -> bool) -> bool {
        if self.yields_until(yields, &so) {
            return true;
        }
        let mut nap = 0;
        while !so() {
            if nap == naps {
                return false;
            }
            thread::park_timeout(NAP);
            nap = nap.saturating_add(1);
        }
        true
    }

    #[expect(clippy::disallowed_methods, reason = "only who sleeps depends on the time, and no trace")]
    fn yields_until(&self, yields: u32, so: impl Fn() -> bool) -> bool {
        let crowded = self.crowded.load(Ordering::Relaxed);
        if crowded > 0 {
            self.crowded.store(crowded - 1, Ordering::Relaxed);
            return so();
        }
        for _ in 0..yields {
            if so() {
                return true;
            }
            let before = Instant::now();
            thread::yield_now();
            if before.elapsed() > CROWDED {
                self.crowded.store(TIMES_CROWDED, Ordering::Relaxed);
                break;
            }
        }
        so()
    }

    /// A stepped thread's life.
    fn work(self: Arc<Self>) {
        LINK.set(Some(Link { baton: Arc::clone(&self), free: 0, dead: false, last_words: 0 }));
        loop {
            match self.listen() {
                Told::Work(code, free) => {
                    LINK.with_borrow_mut(|link| {
                        if let Some(link) = link {
                            link.free = free;
                        }
                    });
                    let result = panic::catch_unwind(AssertUnwindSafe(code));
                    LINK.with_borrow_mut(|link| {
                        if let Some(link) = link {
                            (link.free, link.dead, link.last_words) = (0, false, 0);
                        }
                    });
                    self.give_back(Stop::Ended(result));
                }
                Told::Leave => break,
                Told::Go(_) => unreachable!("a thread without work was told to go on"),
            }
        }
    }

    /// On the stepped thread: waits for the baton.
    fn listen(&self) -> Told {
        loop {
            if self.wait(YIELDS_OF_THE_STEPPED, u32::MAX, || self.is_there.load(Ordering::Acquire))
                && let Some(told) = lock(&self.told).take()
            {
                return told;
            }
        }
    }

    /// On the stepped thread: hands the baton back.
    fn give_back(&self, stop: Stop) {
        lock(&self.stopped).replace(stop);
        let machine = lock(&self.machine).clone();
        self.is_there.store(false, Ordering::Release);
        if let Some(machine) = machine {
            machine.unpark();
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
                link.baton.give_back(Stop::Abandoned);
                loop {
                    thread::park();
                }
            }
            return Some(Go::Die);
        }
        link.baton.give_back(stop());
        let go = match link.baton.listen() {
            Told::Go(go) => go,
            // Whoever held the other end is gone: nothing may act any more.
            Told::Work(..) | Told::Leave => Go::Die,
        };
        link.dead = go == Go::Die;
        link.free = if let Go::Through(free) = go { free } else { 0 };
        Some(go)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
